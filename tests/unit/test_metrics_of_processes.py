"""Metrics of several processes, read while another one writes."""

from pathlib import Path

import pytest

from transcribe_backend.telemetry.metrics import Metrics


def test_a_file_that_another_process_is_just_making_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    unfinished = tmp_path / "counter_1.db"
    unfinished.touch()
    pauses = []

    def finish(seconds: float) -> None:
        pauses.append(seconds)
        unfinished.unlink()

    assert Metrics(sleep=finish).exposition() == b""
    assert len(pauses) == 1
