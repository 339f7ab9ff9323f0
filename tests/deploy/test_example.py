"""The example for HumanSignal's repository of models has the form that its CI and documentation expect.

`make example-test` builds it and runs its own tests inside.
"""

import ast
import re
from pathlib import Path

import yaml

from harness import ROOT
from transcribe_backend import __version__

EXAMPLE = ROOT / "examples" / "label_studio_ml_backend" / "aws_transcribe"
FRONT_MATTER = {
    "title", "type", "tier", "order", "hide_menu", "hide_frontmatter_title", "meta_title", "meta_description",
    "categories", "image",
}  # fmt: skip
SECTIONS = (
    "Before you begin",
    "Labeling interface",
    "Running with Docker (recommended)",
    "Building from source (advanced)",
    "Running without Docker (advanced)",
    "Configuration",
    "Customization",
)


def text(name: str) -> str:
    return (EXAMPLE / name).read_text()


def test_the_service_is_called_as_the_folder_and_built_with_tests_on_request() -> None:
    ((name, service),) = yaml.safe_load(text("docker-compose.yml"))["services"].items()
    assert name == EXAMPLE.name
    assert service["ports"] == ["9090:9090"]
    assert service["build"]["args"] == {"TEST_ENV": "${TEST_ENV}"}
    assert "ARG TEST_ENV" in text("Dockerfile") and "\nUSER backend\n" in text("Dockerfile")
    assert not any(volume.startswith(".") for volume in service["volumes"]), "made by root, not for the user"


def test_it_installs_this_version_and_copies_nothing_of_it() -> None:
    assert text("requirements.txt") == f"label-studio-aws-transcribe=={__version__}\n"
    assert sum(len(path.read_text().splitlines()) for path in (EXAMPLE / "model.py", EXAMPLE / "_wsgi.py")) < 60


def test_the_documentation_can_read_the_readme() -> None:
    matter = re.match(r"<!--\n---\n(.*?)\n---\n-->\n\n# ", text("README.md"), re.DOTALL)
    assert matter and set(yaml.safe_load(matter[1])) == FRONT_MATTER
    headings = re.findall(r"^## (.*)$", text("README.md"), re.MULTILINE)
    assert tuple(headings) == SECTIONS
    assert [path.name for path in EXAMPLE.glob("**/README*")] == ["README.md"]


def test_its_tests_fit_and_then_predict() -> None:
    names = {node.name for node in ast.parse(text("test_api.py")).body if isinstance(node, ast.FunctionDef)}
    assert "test_fit_then_predict" in names


def test_the_image_gets_programs_and_requirements_only() -> None:
    kept = [line.removeprefix("!") for line in text(".dockerignore").split() if line.startswith("!")]
    sent = {path.name for pattern in kept for path in EXAMPLE.glob(pattern)}
    assert sent == {path.name for path in EXAMPLE.iterdir() if path.suffix in (".py", ".txt")}
    assert Path(EXAMPLE / "requirements-test.txt").read_text().split()[:2] == ["pytest", "pytest-cov"]
