"""`make demo`, on a data folder of its own."""

import json
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest

from demo.processes import environment, free_port
from tests.e2e.parts import ACCOUNT, ROOT

COMMAND = [sys.executable, "-m", "demo"]


@pytest.fixture
def settings(label_studio_data: Path, tmp_path: Path, log_file: Callable[[str], Path]) -> dict[str, str]:
    """The demo's environment, as if its Label Studio had been started before."""
    state = tmp_path / "demo"
    shutil.copytree(label_studio_data, state / "label-studio")
    (state / "account.json").write_text(json.dumps(asdict(ACCOUNT)))
    ports = {f"DEMO_{name}_PORT": str(free_port()) for name in ("LABEL_STUDIO", "BACKEND", "AWS")}
    return environment({"DEMO_DIR": str(state), **ports})


def listening(settings: dict[str, str]) -> list[str]:
    """Which of the demo's ports somebody listens on."""
    busy = []
    for name, port in settings.items():
        if name.startswith("DEMO_") and name.endswith("_PORT"):
            with socket.socket() as probe:
                busy += [name] if probe.connect_ex(("127.0.0.1", int(port))) == 0 else []
    return busy


def test_a_second_demo_shows_the_same_and_pays_nothing(settings: dict[str, str]) -> None:
    first, second = (
        subprocess.run([*COMMAND, "--exit"], env=settings, cwd=ROOT, capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    )
    [(rate, jobs)] = re.findall(r"Word error rate ([\d.]+)%; transcription jobs started now: (\d+)", first)
    assert float(rate) <= 10
    assert int(jobs) == 12
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
