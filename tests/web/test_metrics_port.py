"""A worker's metrics: on METRICS_PORT, for those whom the server would let in."""

import socket
from pathlib import Path

import pytest
import requests

from harness.processes import free_port
from transcribe_backend.backend import Backend
from transcribe_backend.errors import SettingsError
from transcribe_backend.settings import Settings
from transcribe_backend.web.metrics_port import metrics_port


def backend(folder: Path, **settings: object) -> Backend:
    return Backend(Settings(model_dir=folder, **settings))  # type: ignore[arg-type]


def test_a_worker_shows_its_metrics(tmp_path: Path) -> None:
    port = free_port()
    made = backend(tmp_path, metrics_port=port)
    with metrics_port(made):
        made.engine.database.now()
        told = requests.get(f"http://127.0.0.1:{port}/metrics", timeout=10).text
        assert "transcribe_pending_jobs 0.0" in told and 'transcribe_store_seconds_count{kind="read"}' in told
        assert requests.get(f"http://127.0.0.1:{port}/health", timeout=10).json() == {"status": "UP"}
        assert requests.get(f"http://127.0.0.1:{port}/status", timeout=10).status_code == 404
        foreign = requests.get(f"http://127.0.0.1:{port}/metrics", headers={"Host": "evil.example"}, timeout=10)
        assert foreign.status_code == 403
    with pytest.raises(requests.ConnectionError):
        requests.get(f"http://127.0.0.1:{port}/metrics", timeout=10)
    made.close()


def test_with_a_password_it_asks_for_it(tmp_path: Path) -> None:
    port = free_port()
    made = backend(tmp_path, metrics_port=port, basic_auth_user="u", basic_auth_pass="p")
    with metrics_port(made):
        assert requests.get(f"http://127.0.0.1:{port}/metrics", timeout=10).status_code == 401
        assert requests.get(f"http://127.0.0.1:{port}/metrics", auth=("u", "p"), timeout=10).status_code == 200
    made.close()


def test_a_port_that_is_taken_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        made = backend(tmp_path, metrics_port=taken.getsockname()[1])
        with pytest.raises(SettingsError, match="METRICS_PORT"), metrics_port(made):
            pass
        made.close()


def test_none_is_opened_unasked(tmp_path: Path) -> None:
    made = backend(tmp_path)
    with metrics_port(made):
        assert made.settings.metrics_port == 0
    made.close()
