"""Closed until opened: who can reach the backend as it is first started, and who can read what it keeps."""

import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import requests

from harness import ROOT, protocol
from harness.backend import Server, backend
from harness.processes import environment, free_port
from tests.api.conftest import BUCKET
from transcribe_backend.errors import SettingsError
from transcribe_backend.home import make_private
from transcribe_backend.settings import Settings

PASSWORD = {"BASIC_AUTH_USER": "label-studio", "BASIC_AUTH_PASS": "open sesame"}


@pytest.fixture
def settings(aws_env: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """The environment of a backend as it is first started."""
    return {**aws_env, "S3_BUCKET": BUCKET, "MODEL_DIR": str(tmp_path / "model"), "PREDICT_WAIT_SECONDS": "5"}


EVERYWHERE = {"0.0.0.0", "::"}  # noqa: S104 - of both kinds where there is IPv6


def listening(server: Server) -> set[str]:
    """The addresses that its processes accept connections on."""
    master = psutil.Process(server.program.process.pid)
    processes = [master, *master.children(recursive=True)]
    sockets = [each for process in processes for each in process.net_connections("inet")]
    return {each.laddr.ip for each in sockets if each.status == psutil.CONN_LISTEN}


@pytest.mark.parametrize(
    ("changes", "addresses", "said"),
    [
        ({}, {"127.0.0.1"}, "Only this machine can reach"),
        (PASSWORD, EVERYWHERE, "open to all who give BASIC_AUTH_USER and BASIC_AUTH_PASS"),
        ({"BACKEND_OPEN": "true"}, EVERYWHERE, "open to everybody who reaches it, without a password"),
        ({"BACKEND_OPEN": "false"}, {"127.0.0.1"}, "Only this machine can reach"),
    ],
)
def test_it_listens_to_others_only_when_told_how(
    settings: dict[str, str], tmp_path: Path, changes: dict[str, str], addresses: set[str], said: str
) -> None:
    with backend({**settings, **changes}, tmp_path / "backend.log") as server:
        assert listening(server) <= addresses
    assert len([line for line in server.log.splitlines() if said in line]) == 1
    assert PASSWORD["BASIC_AUTH_PASS"] not in server.log


def test_the_development_server_is_not_opened_by_a_flag(settings: dict[str, str]) -> None:
    command = [sys.executable, "_wsgi.py", "--host", "0.0.0.0", "--port", str(free_port())]  # noqa: S104
    ended = subprocess.run(
        command, cwd=ROOT, env=environment(settings), capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 2
    assert "BACKEND_OPEN=true" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_nobody_else_reads_what_it_keeps(
    settings: dict[str, str], tmp_path: Path, put_audio: Callable[[str], str]
) -> None:
    (tmp_path / "model").mkdir(mode=0o755)  # as an earlier version has made it
    with backend(settings, tmp_path / "backend.log") as server:
        body = protocol.predict(
            [protocol.task(1, put_audio("kept.wav")), protocol.task(2, "s3://audio-bucket/gone.wav")]
        )
        made, failed = requests.post(f"{server.url}/predict", json=body, timeout=60).json()["results"]
        assert protocol.texts(made) == ["kept."]
        kept = [tmp_path / "model", *(tmp_path / "model").rglob("*")]
        assert any(path.is_file() for path in kept)
        assert {path: oct(path.stat().st_mode & 0o077) for path in kept if path.stat().st_mode & 0o077} == {}


def test_a_folder_that_all_share_stays_as_it_is(tmp_path: Path) -> None:
    tmp_path.chmod(0o1777)
    make_private(tmp_path)
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o1777


def test_an_open_backend_is_a_word_and_not_a_guess() -> None:
    assert Settings.from_env({"BACKEND_OPEN": "TRUE"}).backend_open
    with pytest.raises(SettingsError, match="BACKEND_OPEN: 'yes please' must be true or false"):
        Settings.from_env({"BACKEND_OPEN": "yes please"})
