"""The arrows between the rooms: who may import whom."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "transcribe_backend"
ALLOWED = {
    "speech": {"speech", "errors"},
    "labeling": {"labeling", "speech", "errors"},
    "telemetry": {"telemetry", "errors", "settings"},
    "download": {"download", "telemetry", "errors", "settings"},
    "aws": {"aws", "speech", "labeling", "errors", "settings"},
    "studio": {"studio", "download", "telemetry", "errors", "settings"},
}
IMPURE = {"boto3", "botocore", "requests", "flask", "huey", "os", "socket", "threading", "time", "pathlib"}


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
        assert rooms(path) <= ALLOWED[room] | {"__version__"}, path


@pytest.mark.parametrize("room", ["speech", "labeling"])
def test_pure_rooms_touch_nothing_outside(room: str) -> None:
    for path in modules(room):
        assert not {name.partition(".")[0] for name in imports(path)} & IMPURE, path


def test_only_the_web_room_and_the_server_know_flask() -> None:
    knowing = {path for path in PACKAGE.glob("**/*.py") if any(name.startswith("flask") for name in imports(path))}
    assert {path.parent.name for path in knowing} == {"web"}


def test_the_model_is_short_and_knows_no_aws_client() -> None:
    model = PACKAGE.parent / "model.py"
    assert len(model.read_text().splitlines()) < 150
    assert not any(name.startswith(("boto3", "botocore")) for name in imports(model))


def test_nobody_imports_the_stand_in() -> None:
    for path in PACKAGE.glob("**/*.py"):
        assert not any(name.startswith(("local_aws", "demo", "moto")) for name in imports(path)), path
