"""What `make test` says at its start that it will skip."""

import subprocess
import sys
from collections.abc import Iterable

import pytest

from harness import ROOT
from harness.debian import PACKAGES, missing
from tests.conftest import _skipped


def test_without_any_program_all_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.debian._is_here", lambda program: False)
    assert set(missing()) == {package for package, _ in PACKAGES.values()}
    said = "\n".join(_skipped(missing(), None))
    assert "sudo apt-get install --no-install-recommends make chromium" in said
    assert "TRANSCRIPTS_DIR" in said


def test_with_everything_nothing_is_said() -> None:
    assert list(_skipped({}, "/transcripts")) == []


def test_ci_asks_without_anything_installed() -> None:
    command = [sys.executable, "-I", "-S", "harness/debian.py"]
    told: Iterable[str] = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    assert set(told) == set(missing())
