"""The arrows between the rooms: who may import whom."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "transcribe_backend"
# From the bottom to the top: a room imports what is named beside it, itself, and nothing else of ours.
_BASE = {"asking", "errors", "settings", "home", "memory"}
_PURE = {"speech", "labeling"}
_ADAPTERS = {"telemetry", "download", "aws", "studio", "work"}
_MIDDLE = {"transcribing", "prelabeling", "learning"}
ALLOWED = {
    "speech": {"errors"},
    "labeling": {"errors", "speech"},
    "telemetry": _BASE,
    "download": _BASE | {"telemetry"},
    "work": _BASE | {"telemetry"},
    "studio": _BASE | {"telemetry", "download"},
    "aws": _BASE | _PURE | {"telemetry"},
    "transcribing": _BASE | _PURE | _ADAPTERS,
    "prelabeling": _BASE | _PURE | _ADAPTERS | {"transcribing"},
    "learning": _BASE | _PURE | _ADAPTERS | {"transcribing", "prelabeling"},
    "web": _BASE | _PURE | _ADAPTERS | _MIDDLE | {"backend"},
    "commands": _BASE | _PURE | _ADAPTERS | _MIDDLE | {"backend", "web"},
}
LOOSE = {
    "__init__",
    "__main__",
    "asking",
    "backend",
    "errors",
    "gunicorn_conf",
    "home",
    "memory",
    "model",
    "settings",
    "wsgi",
}
IMPURE = {
    "boto3",
    "botocore",
    "requests",
    "flask",
    "psycopg",
    "sqlite3",
    "os",
    "socket",
    "threading",
    "time",
    "pathlib",
}


def imports(path: Path) -> set[str]:
    """Dotted names that a module imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def modules(room: str) -> list[Path]:
    return sorted((PACKAGE / room).glob("**/*.py"))


def rooms(path: Path) -> set[str]:
    names = (name.split(".") for name in imports(path) if name.startswith("transcribe_backend."))
    return {parts[1] for parts in names}


@pytest.mark.parametrize("room", ALLOWED)
def test_a_room_imports_only_what_lies_below_it(room: str) -> None:
    assert modules(room)
    for path in modules(room):
        assert rooms(path) <= ALLOWED[room] | {room, "__version__"}, path


def test_every_room_has_its_place_and_no_module_stands_loose() -> None:
    assert {path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__"} == set(ALLOWED)
    assert {path.stem for path in PACKAGE.glob("*.py")} == LOOSE


@pytest.mark.parametrize("room", ["speech", "labeling"])
def test_pure_rooms_touch_nothing_outside(room: str) -> None:
    for path in modules(room):
        assert not {name.partition(".")[0] for name in imports(path)} & IMPURE, path


def test_only_the_web_room_and_the_server_know_flask() -> None:
    knowing = {path for path in PACKAGE.glob("**/*.py") if any(name.startswith("flask") for name in imports(path))}
    assert {path.parent.name for path in knowing if path.stem != "wsgi"} == {"web"}


def test_the_model_is_short_and_knows_no_aws_client() -> None:
    model = PACKAGE / "model.py"
    assert len(model.read_text().splitlines()) < 150
    assert not any(name.startswith(("boto3", "botocore")) for name in imports(model))


def test_nobody_imports_the_stand_in() -> None:
    for path in PACKAGE.glob("**/*.py"):
        assert not any(name.startswith(("local_aws", "demo", "harness", "moto")) for name in imports(path)), path


OURS = {"transcribe_backend", "local_aws", "harness", "demo", "tests", "benchmarks"}
PROGRAMS = {
    "harness": {"harness"},
    "demo": {"harness", "transcribe_backend"},
    "benchmarks": {"harness", "transcribe_backend"},
    "tests": {"harness", "transcribe_backend", "local_aws"},
}


@pytest.mark.parametrize("folder", PROGRAMS)
def test_programs_are_started_by_the_harness_alone(folder: str) -> None:
    files = sorted((ROOT / folder).glob("**/*.py"))
    assert files
    for path in files:
        subject = {"demo"} if path.name.startswith("test_demo") else set()
        assert {name.partition(".")[0] for name in imports(path)} & OURS <= PROGRAMS[folder] | {folder} | subject, path


def test_text_files_are_read_and_written_in_an_encoding_of_ours() -> None:
    """Where the machine's is another one, a finished transcript could not be written, and labels would be misread."""
    calls = (
        (path.name, node)
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    )
    texts = [(name, node) for name, node in calls if ast.unparse(node.func).endswith(("read_text", "write_text"))]
    assert len(texts) > 3
    assert [name for name, node in texts if "encoding" not in {word.arg for word in node.keywords}] == []
