"""`python -m transcribe_backend transcribe`: what it writes is what Label Studio imports and shows."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from harness import ROOT
from harness.aws import CREDENTIALS, LocalAWS
from harness.label_studio import LabelStudio
from harness.processes import environment
from harness.transcripts import text_of
from tests.e2e import recordings
from tests.e2e.editor import Editor
from tests.e2e.projects import BUCKET, template, upload


@pytest.fixture
def transcribe(stand_in: LocalAWS, tmp_path: Path) -> Any:
    """Runs the command on an object of the bucket; returns the file's content."""

    def run(name: str, *options: str) -> list[dict[str, Any]]:
        env = environment({**stand_in.env, "S3_BUCKET": BUCKET, "MODEL_DIR": str(tmp_path)})
        command = [sys.executable, "-m", "transcribe_backend", "transcribe", f"s3://{BUCKET}/{name}", *options]
        output = tmp_path / "tasks.json"
        subprocess.run([*command, "-o", str(output)], env=env, cwd=ROOT, check=True, timeout=100)
        tasks: list[dict[str, Any]] = json.loads(output.read_text())
        return tasks

    return run


def imported(studio: LabelStudio, stand_in: LocalAWS, config: str, tasks: list[dict[str, Any]]) -> tuple[int, int]:
    """The project and the task made by importing such a file as it is."""
    project = studio.create_project("Imported", template(config))
    studio.set_storage(project, BUCKET, stand_in.url, CREDENTIALS)
    files = {"file": ("tasks.json", json.dumps(tasks), "application/json")}
    studio.call("POST", f"/api/projects/{project}/import", files=files)
    (task,) = studio.tasks(project)
    return project, task["id"]


def test_tasks_json_is_imported_as_it_is(studio: LabelStudio, stand_in: LocalAWS, transcribe: Any, page: Page) -> None:
    tasks = transcribe("jfk.wav")
    project, task = imported(studio, stand_in, "automatic_speech_recognition", tasks)
    editor = Editor(page, studio, project, task, seconds=11)
    expect(editor.texts).to_have_text(text_of(tasks[0]["predictions"][0]))


def test_dialogue_is_shown_by_the_conversational_template(
    studio: LabelStudio, stand_in: LocalAWS, transcribe: Any, page: Page
) -> None:
    answer = recordings.silence(11.5) + recordings.in_a_row([recordings.austen(880)])
    upload(stand_in, {"dialogue.wav": recordings.stereo(recordings.kennedy(), answer)})
    tasks = transcribe("dialogue.wav", "--dialogue")
    turns = tasks[0]["data"]["text"]
    assert [turn["author"] for turn in turns] == ["spk_0", "spk_1"]

    project, task = imported(studio, stand_in, "conversational_analysis", tasks)
    Editor(page, studio, project, task, seconds=len(answer) / recordings.RATE)
    phrases = page.locator("[data-testid^='phrase:']")
    for place, turn in enumerate(turns):
        expect(phrases.nth(place)).to_contain_text(turn["author"])
        expect(phrases.nth(place)).to_contain_text(turn["text"])
