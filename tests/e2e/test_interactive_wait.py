"""A segment is drawn before its audio is transcribed: the editor's request, without the editor."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness import SAMPLES
from harness.aws import LocalAWS, local_aws
from harness.backend import Server
from harness.label_studio import LabelStudio
from harness.waiting import wait_until
from tests.e2e.projects import BUCKET, connected, template

LATENCY = 4.0  # seconds that every job takes


@pytest.fixture
def slow_stand_in(log_file: Callable[[str], Path]) -> Iterator[LocalAWS]:
    """A stand-in whose jobs take a while, with one recording."""
    with local_aws("--latency", str(LATENCY), log=log_file("slow-stand-in")) as aws:
        aws.s3.create_bucket(Bucket=BUCKET)
        aws.s3.upload_file(str(SAMPLES / "goforward.wav"), BUCKET, "late-words.wav")
        yield aws


def test_a_late_transcript_is_waited_for_and_after_a_time_out_asked_for_again(
    studio: LabelStudio, slow_stand_in: LocalAWS, start_backend: Callable[..., Server]
) -> None:
    settings = {"AWS_ENDPOINT_URL": slow_stand_in.url, "PREFETCH_MAX_TASKS": "0"}
    hasty = start_backend(**settings, INTERACTIVE_WAIT_SECONDS="1")
    project = connected(studio, slow_stand_in, hasty, "Late", template("automatic_speech_recognition_using_segments"))
    studio.import_tasks(project, [{"audio": f"s3://{BUCKET}/late-words.wav"}])
    click = _clicks(studio, project)

    asked = time.monotonic()
    assert click()["result"] == []
    assert 1 <= time.monotonic() - asked < LATENCY
    answer = wait_until(lambda: click()["result"], 30, "a click finds the words")
    assert [part["type"] for part in answer] == ["labels", "textarea"]
    assert answer[1]["value"]["text"] == ["late words."]


def test_a_click_waits_for_the_job_that_it_starts(
    studio: LabelStudio, slow_stand_in: LocalAWS, start_backend: Callable[..., Server]
) -> None:
    patient = start_backend(AWS_ENDPOINT_URL=slow_stand_in.url, PREFETCH_MAX_TASKS="0")
    project = connected(studio, slow_stand_in, patient, "Late", template("automatic_speech_recognition_using_segments"))
    studio.import_tasks(project, [{"audio": f"s3://{BUCKET}/late-words.wav"}])
    answer = _clicks(studio, project)()["result"]
    assert answer[1]["value"]["text"] == ["late words."]


def _clicks(studio: LabelStudio, project: int) -> Callable[[], dict[str, Any]]:
    """What the editor sends when a region without text is clicked; returns what it gets."""
    (task,) = studio.tasks(project)
    (backend,) = studio.backends(project)
    bounds = {"start": 0.0, "end": 60.0, "channel": 0, "labels": ["Speech"]}
    region = {"id": "drawn", "from_name": "labels", "to_name": "audio", "type": "labels", "value": bounds}
    body = {"task": task["id"], "context": {"result": [region]}}

    def click() -> dict[str, Any]:
        answer = studio.call("POST", f"/api/ml/{backend['id']}/interactive-annotating", json=body)
        data: dict[str, Any] = answer["data"]
        return data

    return click
