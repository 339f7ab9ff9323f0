"""No target of the Makefile leaves something that git would show."""

import re
import subprocess
from pathlib import Path

import pytest

from harness import ROOT

WRITTEN = (
    ".venv", ".venv-label-studio", ".cache/pythons/3.12/x", ".bench/bulk.svg", ".demo/x", "tests/artifacts/x.png",
    "dist/x.whl", "build/x", "label_studio_aws_transcribe.egg-info/x", "sbom.cdx.json", "contract-report.md",
    "data/queue.sqlite", ".cache/coverage/data",
)  # fmt: skip


def git(*arguments: str) -> subprocess.CompletedProcess[str]:
    if not (ROOT / ".git").exists():
        pytest.skip("not a checkout")
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("path", WRITTEN)
def test_what_is_written_is_ignored_and_not_in_the_repository(path: str) -> None:
    assert git("check-ignore", "--quiet", path).returncode == 0
    assert git("ls-files", "--", path).stdout == ""


def test_what_clean_removes_is_ignored() -> None:
    (removed,) = re.findall(r"^clean:\n\trm -rf (.*)$", Path(ROOT / "Makefile").read_text(), re.MULTILINE)
    for path in removed.split():
        assert git("check-ignore", "--quiet", f"{path}/x").returncode == 0 and git("ls-files", path).stdout == ""
