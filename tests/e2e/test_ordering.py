"""`connect --order least-certain`: the label stream of a real Label Studio, also after a vocabulary was promoted."""

import argparse
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from harness import ROOT
from harness.aws import LocalAWS
from harness.backend import Server
from harness.label_studio import LabelStudio
from harness.processes import environment
from harness.waiting import wait_until
from tests.e2e.projects import BUCKET
from transcribe_backend.commands import connect
from transcribe_backend.labeling.templates import SPEECH_RECOGNITION

_PATIENCE = 300.0  # seconds: Whisper on a busy machine
RECORDINGS = (*(f"cards_{number:03}.wav" for number in range(1, 6)), "goforward.wav", "jfk.wav")


def order_of(studio: LabelStudio, project: int) -> str:
    """The version by whose scores Label Studio orders."""
    return str(studio.call("GET", f"/api/projects/{project}")["model_version"])


def scores(studio: LabelStudio, project: int, version: str) -> dict[int, float]:
    """By task, of its prediction of that version."""
    return {
        task["id"]: prediction["score"]
        for task in studio.tasks(project)
        for prediction in task["predictions"]
        if prediction["model_version"] == version
    }


def labeled(studio: LabelStudio, project: int, count: int) -> list[int]:
    """What an annotator gets who presses Label All Tasks and submits so many."""
    given = []
    for _ in range(count):
        task = studio.call("GET", f"/api/projects/{project}/next")
        text = task["predictions"][0]["result"]
        studio.call("POST", f"/api/tasks/{task['id']}/annotations", json={"result": text})
        given.append(int(task["id"]))
    return given


def test_the_least_certain_comes_first_also_after_a_promotion(
    studio: LabelStudio, stand_in: LocalAWS, start_backend: Callable[..., Server], tmp_path: Path
) -> None:
    backend = start_backend()
    project = studio.create_project("Order", SPEECH_RECOGNITION)
    parser = argparse.ArgumentParser()
    connect.add_arguments(parser)
    known = ["--url", studio.url, "--api-key", studio.account.token, "--project", str(project)]
    asked = parser.parse_args([*known, "--backend-url", backend.url, "--order", "least-certain"])
    wait_until(lambda: connect.run(asked) == 0, _PATIENCE, "the stand-in is quick enough for /setup")
    studio.import_tasks(project, [{"audio": f"s3://{BUCKET}/{name}"} for name in RECORDINGS])
    wait_until(lambda: order_of(studio, project).startswith("transcribe-"), _PATIENCE, "the project is ordered")
    before = scores(studio, project, order_of(studio, project))
    assert len(before) == len(RECORDINGS) and len(set(before.values())) > 3
    expected = sorted(before, key=lambda task: before[task])
    assert labeled(studio, project, 3) == expected[:3] != sorted(before)[:3]

    env = stand_in.env | {"LABEL_STUDIO_URL": studio.url, "LABEL_STUDIO_API_KEY": studio.account.token}
    env |= {"S3_BUCKET": BUCKET, "MODEL_DIR": str(tmp_path / "model")}
    command = [sys.executable, "-m", "transcribe_backend", "vocabulary", "pin", "Xochitl", "--project", str(project)]
    subprocess.run(command, check=True, env=environment(env), cwd=ROOT, capture_output=True)
    wait_until(lambda: "+v1@" in order_of(studio, project), _PATIENCE, "it is ordered by the new version")
    after = scores(studio, project, order_of(studio, project))
    assert sorted(after) == sorted(expected[3:]), "what is labeled is not transcribed again"
    assert labeled(studio, project, 3) == sorted(after, key=lambda task: after[task])[:3]
