"""The main job with real parts: Label Studio sends audio tasks, the annotator sees their transcripts."""

import argparse
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import requests
from playwright.sync_api import Page, expect

from demo import programs
from demo.report import newest_prediction, row, text_of, word_error_rate
from demo.studio import LabelStudio
from tests.e2e.parts import BUCKET, SAMPLES, Server
from transcribe_backend.commands import connect

StartBackend = Callable[..., Server]
REFERENCES: dict[str, str] = json.loads((SAMPLES / "refs.json").read_text())


def speech_project(studio: LabelStudio, stand_in: Server, backend: Server, files: Sequence[str]) -> int:
    """A project with one task per file, whose audio Label Studio can play, connected by our command."""
    project = studio.create_project("Prelabel")
    studio.set_storage(project, BUCKET, stand_in.url, programs.CREDENTIALS)
    parser = argparse.ArgumentParser()
    connect.add_arguments(parser)
    target = ["--url", studio.url, "--api-key", studio.account.token, "--project", str(project)]
    assert connect.run(parser.parse_args([*target, "--backend-url", backend.url])) == 0
    studio.import_tasks(project, [{"audio": f"s3://{BUCKET}/{name}", "file": name} for name in files])
    return project


def test_all_samples_are_prelabeled_and_shown(
    studio: LabelStudio, stand_in: Server, start_backend: StartBackend, page: Page
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
    studio: LabelStudio, stand_in: Server, start_backend: StartBackend
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
    studio: LabelStudio, stand_in: Server, start_backend: StartBackend, tmp_path: Path
) -> None:
    def predict(backend: Server) -> int:
        project = speech_project(studio, stand_in, backend, ["goforward.wav"])
        studio.retrieve_predictions(project)
        assert all(newest_prediction(task) for task in studio.tasks(project))
        return _started_jobs(stand_in)

    started = predict(start_backend())
    assert predict(start_backend(MODEL_DIR=str(tmp_path / "other disk"))) == started


def _started_jobs(stand_in: Server) -> int:
    calls = requests.get(f"{stand_in.url}/_local_aws/calls", timeout=10).json()
    return int(calls["transcribe"].get("StartTranscriptionJob", 0))
