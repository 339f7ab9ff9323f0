"""The main job with real parts: Label Studio sends audio tasks, the annotator sees their transcripts."""

import argparse
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import requests
from playwright.sync_api import Page, expect

from harness import SAMPLES
from harness.aws import CREDENTIALS, LocalAWS
from harness.backend import Server
from harness.label_studio import LabelStudio
from harness.protocol import newest_prediction
from harness.transcripts import row, text_of, word_error_rate
from harness.waiting import wait_until
from tests.e2e.projects import BUCKET
from transcribe_backend.commands import connect

StartBackend = Callable[..., Server]
REFERENCES: dict[str, str] = json.loads((SAMPLES / "refs.json").read_text())


def speech_project(studio: LabelStudio, stand_in: LocalAWS, backend: Server, files: Sequence[str]) -> int:
    """A project with one task per file, whose audio Label Studio can play, connected by our command."""
    project = studio.create_project("Prelabel")
    studio.set_storage(project, BUCKET, stand_in.url, CREDENTIALS)
    parser = argparse.ArgumentParser()
    connect.add_arguments(parser)
    target = ["--url", studio.url, "--api-key", studio.account.token, "--project", str(project)]
    assert connect.run(parser.parse_args([*target, "--backend-url", backend.url])) == 0
    studio.import_tasks(project, [{"audio": f"s3://{BUCKET}/{name}", "file": name} for name in files])
    return project


def test_all_samples_are_prelabeled_and_shown(
    studio: LabelStudio, stand_in: LocalAWS, start_backend: StartBackend, page: Page
) -> None:
    project = speech_project(studio, stand_in, start_backend(), sorted(REFERENCES))
    studio.retrieve_predictions(project)

    tasks = studio.tasks(project)
    rows = [row(task, REFERENCES[task["data"]["file"]]) for task in tasks]
    assert len(rows) == len(REFERENCES)
    assert all(each.confidence and 0 < each.confidence < 1 for each in rows)
    assert word_error_rate(rows) <= 0.1

    task = next(task for task in tasks if task["data"]["file"] == "jfk.wav")
    _shows_text_and_plays(page, studio, project, task)


def test_the_status_page_knows_this_label_studio(studio: LabelStudio, start_backend: StartBackend) -> None:
    studio.create_project("Known by its title")
    address = f"{start_backend().url}/status.json"

    def found() -> dict[str, Any] | None:
        (told,) = (
            each for each in requests.get(address, timeout=30).json()["health"] if each["name"] == "Label Studio"
        )
        return told if told["state"] != "unknown" else None

    health = wait_until(found, 60, "Label Studio is looked at")
    assert health["state"] == "good", health


def _shows_text_and_plays(page: Page, studio: LabelStudio, project: int, task: dict[str, Any]) -> None:
    prediction = newest_prediction(task)
    assert prediction
    with page.expect_response(lambda response: "/jfk.wav" in response.url and response.ok) as audio:
        page.goto(studio.page(project, task["id"]))
    assert audio.value.headers["content-type"].startswith("audio/")
    expect(page.get_by_text(text_of(prediction)).first).to_be_visible(timeout=30_000)
    length = page.get_by_role("textbox", name="__:__:__:___").last
    expect(length).to_have_value(re.compile("^00:00:11"), timeout=30_000)  # the editor has decoded all of it


def test_a_missing_audio_leaves_the_others_alone(
    studio: LabelStudio, stand_in: LocalAWS, start_backend: StartBackend
) -> None:
    backend = start_backend()
    files = ["cards_001.wav", "no-such-file.wav", "cards_003.wav"]
    project = speech_project(studio, stand_in, backend, files)
    studio.retrieve_predictions(project)

    tasks = studio.tasks(project)
    predicted = [bool(newest_prediction(task)) for task in tasks]
    assert predicted == [True, False, True]
    lines = [line for line in backend.log.splitlines() if re.search(rf"\btask {tasks[1]['id']}\b", line)]
    assert any("no-such-file.wav" in line for line in lines)


def test_another_backend_finds_what_is_already_paid_for(
    studio: LabelStudio, stand_in: LocalAWS, start_backend: StartBackend, tmp_path: Path
) -> None:
    def predict(backend: Server) -> int:
        project = speech_project(studio, stand_in, backend, ["goforward.wav"])
        studio.retrieve_predictions(project)
        assert all(newest_prediction(task) for task in studio.tasks(project))
        return stand_in.count("StartTranscriptionJob")

    started = predict(start_backend())
    assert predict(start_backend(MODEL_DIR=str(tmp_path / "other disk"))) == started
