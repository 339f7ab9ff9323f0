"""Metrics of several processes, read while another one writes."""

from pathlib import Path

import pytest

from transcribe_backend.errors import QueueError
from transcribe_backend.telemetry.metrics import Metrics, Standing


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

    assert b"counter" not in Metrics(sleep=finish).exposition()
    assert len(pauses) == 1


def test_what_the_store_says_is_shown_as_it_is_now() -> None:
    metrics = Metrics()
    standings = [Standing(jobs=3, owed={("push", "StudioDenied"): 7, ("push", ""): 1}), Standing(jobs=2)]
    metrics.watch(lambda: standings.pop(0))
    assert 'transcribe_owed{cause="StudioDenied",queue="push"} 7.0' in metrics.exposition().decode()
    later = metrics.exposition().decode()
    assert "transcribe_pending_jobs 2.0" in later and "StudioDenied" not in later


def test_while_the_store_is_down_its_last_figures_stand() -> None:
    metrics = Metrics()
    metrics.watch(lambda: Standing(jobs=3))
    metrics.exposition()

    def down() -> Standing:
        raise QueueError("The store does not answer.")

    metrics.watch(down)
    assert "transcribe_pending_jobs 3.0" in metrics.exposition().decode()


def test_jobs_and_texts_are_counted_and_timed() -> None:
    metrics = Metrics()
    metrics.job("started")
    metrics.job("completed", ran=45.0, billed=61.0)
    metrics.job("reused", billed=30.0)
    metrics.text(20.0)
    metrics.text(0.5, tasks=99)
    metrics.store("write", 0.002)
    told = metrics.exposition().decode()
    for line in (
        "transcribe_billed_seconds_total 61.0",
        "transcribe_reused_seconds_total 30.0",
        'transcribe_job_seconds_bucket{le="60.0",state="completed"} 1.0',
        'transcribe_text_seconds_bucket{le="30.0"} 100.0',
        "transcribe_text_seconds_count 100.0",
        "transcribe_text_seconds_sum 69.5",
        'transcribe_store_seconds_bucket{kind="write",le="0.003"} 1.0',
    ):
        assert line in told.splitlines()
