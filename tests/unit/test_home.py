"""MODEL_DIR, and how a command of ours is named."""

import os
import shlex
import subprocess
from pathlib import Path

import pytest

from harness import ROOT
from transcribe_backend import __version__
from transcribe_backend.home import command


@pytest.mark.parametrize("folder", [ROOT, Path("/")], ids=["in the checkout", "elsewhere"])
def test_a_command_can_be_pasted_as_it_is_shown(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    words = shlex.split(command("--version"))
    said = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert (said.returncode, said.stdout.strip()) == (0, __version__)
