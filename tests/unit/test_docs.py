"""What README and docs say can be done, can be done: their commands are parsed, their messages are in the code."""

import ast
import re
import shlex
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import botocore.session
import pytest
from botocore import xform_name

from harness.label_studio import VIRTUALENV
from transcribe_backend.backend import Backend
from transcribe_backend.commands.parser import parser
from transcribe_backend.labeling import interface
from transcribe_backend.model import AWSTranscribe
from transcribe_backend.settings import Settings
from transcribe_backend.web.app import create_app

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
TROUBLES = (ROOT / "docs" / "troubleshooting.md").read_text()
CODE = sorted([*(ROOT / "transcribe_backend").glob("**/*.py")])
_KNOWN = {"git", "cd", "export", "source", "sed"}
_OF_LABEL_STUDIO = re.compile(r"<!-- messages of Label Studio -->(.*?)<!-- /", re.DOTALL)


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of a language."""
    found = re.findall(rf"^ *```{language}\n(.*?)^ *```", page.read_text(), re.MULTILINE | re.DOTALL)
    return [str(block) for block in found]


def commands() -> Iterator[tuple[str, list[str]]]:
    """Each command of each page, as words; a quotation may go over several lines."""
    for page in PAGES:
        for block in blocks(page, "bash"):
            begun = ""
            for line in block.replace("\\\n", " ").splitlines():
                begun = f"{begun}\n{line}".strip()
                try:
                    words = shlex.split(begun, comments=True)
                except ValueError:
                    continue  # within a quotation
                begun = ""
                if words:
                    yield page.name, words


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_blocks_are_bash(page: Path) -> None:
    for block in blocks(page, "bash"):
        parsed = subprocess.run(["bash", "-n"], input=block, text=True, capture_output=True, check=False)
        assert parsed.returncode == 0, parsed.stderr


@pytest.mark.parametrize(("page", "words"), list(commands()), ids=lambda it: it if isinstance(it, str) else it[0])
def test_every_command_is_one(page: str, words: list[str]) -> None:
    while words and re.fullmatch(r"[A-Z_]+=.*", words[0], re.DOTALL):
        words = words[1:]
    assert words, page
    check(words)


def check(words: list[str]) -> None:
    """Raises AssertionError for a command that is none."""
    if words[:3] == ["docker", "compose", "exec"]:
        assert f"\n  {words[3]}:\n" in (ROOT / "docker-compose.yml").read_text()
    if "transcribe_backend" in words:
        ours(words[words.index("transcribe_backend") + 1 :])
    elif words[0] == "make":
        assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE), words
    elif words[0] == "curl":
        assert_answered(words[1])
    elif words[0] == "aws":
        of_aws(words[1], words[2])
    elif words[0] == "docker":
        assert words[1:3] == ["compose", "up"] or words[1] == "network", words
    elif words[0] == "kubectl":
        assert all((ROOT / word).is_file() for word in words if word.startswith("deploy/"))
    elif words[0].endswith("python"):
        assert (ROOT / words[1]).is_file(), words
    else:
        assert words[0] in _KNOWN, words


def ours(words: list[str]) -> None:
    """A command of `python -m transcribe_backend`."""
    given = ["--url", "http://studio", "--api-key", "x"] if words[0] in ("connect", "disconnect") else []
    assert parser().parse_args([words[0], *given, *words[1:]]).command == words[0]


def of_aws(service: str, operation: str) -> None:
    """A command of AWS's own command line, by its service model."""
    if service == "cloudformation" and operation == "deploy":
        return  # the command line's own
    name = "s3" if service == "s3api" else service
    model = botocore.session.get_session().get_service_model(name)
    assert operation.replace("-", "_") in {xform_name(each) for each in model.operation_names}, operation


@cache
def routes() -> frozenset[str]:
    """What the server answers."""
    backend = Backend(Settings())
    return frozenset(rule.rule for rule in create_app(AWSTranscribe, backend).url_map.iter_rules())


def assert_answered(address: str) -> None:
    assert address.removeprefix("http://localhost:9090") in routes(), address


# The config to paste


def test_the_config_to_paste_can_be_filled() -> None:
    (config,) = [block for block in blocks(ROOT / "README.md", "xml") if block.startswith("<View>")]
    assert interface.read(config, "en-US").recognition.language == "en-US"


# Messages


@cache
def said() -> tuple[str, ...]:
    """Every text in the code, with an … for what is filled in."""
    trees = [ast.parse(path.read_text()) for path in CODE]
    return tuple(text for tree in trees for node in ast.walk(tree) if (text := _text(node)))


def _text(node: ast.AST) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) or "…" for part in node.values)
    return ""


def messages(text: str) -> list[str]:
    """The first column of the tables."""
    return re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE)


OURS = messages(_OF_LABEL_STUDIO.sub("", TROUBLES))


@pytest.mark.parametrize("message", OURS)
def test_every_message_is_in_the_code_word_for_word(message: str) -> None:
    pattern = re.compile(r"[^.]*?".join(map(re.escape, message.split("…"))))
    assert any(pattern.search(text) for text in said()), message


def test_there_are_messages() -> None:
    assert len(OURS) > 20


@pytest.mark.skipif(not VIRTUALENV.exists(), reason="Label Studio is not installed (make install-label-studio)")
def test_messages_of_label_studio_are_in_its_code() -> None:
    (package,) = VIRTUALENV.glob("lib/python*/site-packages/label_studio")
    rooms = [path for room in ("ml", "core/utils") for path in (package / room).glob("*.py")]
    code = " ".join("".join(path.read_text().split()) for path in rooms)
    for message in messages("".join(_OF_LABEL_STUDIO.findall(TROUBLES))):
        assert message.replace(" ", "") in code.replace("'f'", "").replace("''", ""), message


# Links


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        assert target.startswith("http") or (page.parent / target).exists(), target
