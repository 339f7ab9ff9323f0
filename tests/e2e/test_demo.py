"""`make demo`, on a data folder of its own."""

import json
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from harness import ROOT
from harness.label_studio import ACCOUNT, empty_database
from harness.processes import environment, free_port, listens

COMMAND = [sys.executable, "-m", "demo"]


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, str]:
    """The demo's environment, as if its Label Studio had been started before."""
    state = tmp_path / "demo"
    shutil.copytree(empty_database(), state / "label-studio")
    (state / "account.json").write_text(json.dumps(asdict(ACCOUNT)))
    ports = {f"DEMO_{name}_PORT": str(free_port()) for name in ("LABEL_STUDIO", "BACKEND", "AWS")}
    return environment({"DEMO_DIR": str(state), **ports})


def listening(settings: dict[str, str]) -> list[str]:
    """Which of the demo's ports somebody listens on."""
    ports = {name: int(port) for name, port in settings.items() if name.startswith("DEMO_") and name.endswith("_PORT")}
    return [name for name, port in ports.items() if listens(port)]


def test_a_second_demo_shows_the_same_and_pays_nothing(settings: dict[str, str]) -> None:
    first, second = (
        subprocess.run([*COMMAND, "--exit"], env=settings, cwd=ROOT, capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    )
    [(rate, jobs)] = re.findall(r"Word error rate ([\d.]+)%; transcription jobs started now: (\d+)", first)
    assert float(rate) <= 10
    assert int(jobs) == 12 + 24, "the segments are made of the samples' transcripts"
    assert "Three things to try" in first and f"http://localhost:{settings['DEMO_BACKEND_PORT']}/status" in first
    assert "transcription jobs started now: 0" in second
    assert table_of(first) == table_of(second)
    assert listening(settings) == []


def table_of(output: str) -> str:
    return output[output.index("\nfile ") : output.index("\nWord error rate")]


def test_being_terminated_stops_everything(settings: dict[str, str]) -> None:
    with subprocess.Popen(COMMAND, env=settings, cwd=ROOT, stdout=subprocess.PIPE, text=True) as demo:
        assert demo.stdout
        assert any("Ctrl-C stops everything" in line for line in demo.stdout)
        assert len(listening(settings)) == 3
        demo.send_signal(signal.SIGTERM)
        assert "Stopping …" in demo.stdout.read()
    assert demo.returncode == 0
    assert listening(settings) == []
