"""Corrections of annotators in a real Label Studio become a vocabulary that Whisper, in AWS's place, hears better with.

Whisper stands for AWS's recogniser: what is shown is the whole way of a correction, not how much AWS gains.
"""

import json
import random
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import requests

from harness import SAMPLES
from harness.aws import LocalAWS
from harness.backend import Server
from harness.label_studio import LabelStudio
from harness.protocol import newest_prediction
from harness.transcripts import text_of
from harness.waiting import wait_until
from tests.e2e import rare_names
from tests.e2e.projects import BUCKET
from transcribe_backend.labeling.templates import SPEECH_RECOGNITION
from transcribe_backend.prelabeling.project import project_id
from transcribe_backend.speech.wer import rate, score

StartBackend = Callable[..., Server]
_PATIENCE = 900.0  # seconds: Whisper hears fifty recordings on a busy machine
_FOLDER = "label-studio-transcribe"


@pytest.fixture(scope="module")
def texts(stand_in: LocalAWS, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What is said in each recording in the bucket: cards, Austen, and forty sentences with rare names."""
    if not shutil.which("espeak-ng"):
        pytest.skip("No espeak-ng here: apt-get install espeak-ng")
    folder = tmp_path_factory.mktemp("rare-names")
    said = rare_names.speak(folder)
    for file in said:
        stand_in.s3.upload_file(str(folder / file), BUCKET, f"rare/{file}")
    samples: dict[str, str] = json.loads((SAMPLES / "refs.json").read_text())
    known = {file: text for file, text in samples.items() if file.startswith(("cards_", "sense_"))}
    return known | {f"rare/{file}": text for file, text in said.items()}


def connected_project(studio: LabelStudio, backend: Server, texts: Mapping[str, str]) -> int:
    """A project with all recordings, each with a prediction."""
    project = studio.create_project("Learning", SPEECH_RECOGNITION)
    studio.connect_backend(project, backend.url)
    studio.import_tasks(project, [{"audio": f"s3://{BUCKET}/{file}", "file": file} for file in texts])
    studio.retrieve_predictions(project)
    wait_until(
        lambda: all(newest_prediction(task) for task in studio.tasks(project)), _PATIENCE, "all tasks are predicted", 1
    )
    return project


def annotate(studio: LabelStudio, project: int, write: Callable[[dict[str, Any]], str]) -> None:
    """Submit what `write` says of each task."""
    for task in studio.tasks(project):
        value = {"text": [write(task)]}
        result = {"from_name": "transcription", "to_name": "audio", "type": "textarea", "value": value}
        studio.call("POST", f"/api/tasks/{task['id']}/annotations", json={"result": [result]})


def press_start_training(studio: LabelStudio, project: int) -> None:
    """Settings > Model > Start Training."""
    studio.call("POST", f"/api/ml/{studio.backends(project)[0]['id']}/train")


def report_of(model_dir: Path, project: int) -> dict[str, Any]:
    """The report of the project's training, once there is one."""
    path = wait_until(
        lambda: next(iter(sorted((model_dir / "reports").glob(f"p{project}.*.json"))), None),
        _PATIENCE,
        "it is trained",
        1,
    )
    report: dict[str, Any] = json.loads(path.read_text())
    return report


def version_of(studio: LabelStudio, backend: Server, project: int) -> str:
    """What /setup answers."""
    described = studio.call("GET", f"/api/projects/{project}")
    body = {"project": project_id(described), "schema": described["label_config"], "hostname": studio.url}
    answer = requests.post(f"{backend.url}/setup", json=body, timeout=30)
    answer.raise_for_status()
    return str(answer.json()["model_version"])


def vocabularies(stand_in: LocalAWS, project: int) -> dict[str, str]:
    """Names and states of the project's vocabularies."""
    listed = stand_in.transcribe.list_vocabularies(NameContains=f"ls-p{project}-", MaxResults=100)
    return {each["VocabularyName"]: each["VocabularyState"] for each in listed["Vocabularies"]}


def rows(stand_in: LocalAWS, name: str) -> set[str]:
    """The Phrase column of a vocabulary."""
    key = f"{_FOLDER}/vocabularies/{name}.txt"
    table = stand_in.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read().decode()
    return {line.split("\t")[0] for line in table.splitlines()[1:]}


def predicted_rate(studio: LabelStudio, project: int, texts: Mapping[str, str], tasks: set[int]) -> float:
    """Word error rate of the newest predictions of `tasks`."""
    scores = []
    for task in studio.tasks(project):
        prediction = newest_prediction(task)
        assert prediction
        if task["id"] in tasks:
            scores.append(score(texts[task["data"]["file"]], text_of(prediction)))
    return rate(scores)


def retrieve(studio: LabelStudio, project: int, tasks: set[int]) -> None:
    """Data Manager > select > Retrieve Predictions."""
    query = {"id": "retrieve_tasks_predictions", "project": project}
    studio.call(
        "POST", "/api/dm/actions", params=query, json={"selectedItems": {"all": False, "included": sorted(tasks)}}
    )


def newest_versions(studio: LabelStudio, project: int, tasks: set[int]) -> set[str]:
    """What is not there when the request ends is delivered later."""
    newest = [newest_prediction(task) for task in studio.tasks(project) if task["id"] in tasks]
    return {prediction["model_version"] for prediction in newest if prediction}


def test_corrections_make_later_transcripts_better(
    studio: LabelStudio, stand_in: LocalAWS, start_backend: StartBackend, texts: dict[str, str], tmp_path: Path
) -> None:
    backend = start_backend()
    project = connected_project(studio, backend, texts)
    before = version_of(studio, backend, project)
    annotate(studio, project, lambda task: texts[task["data"]["file"]])
    press_start_training(studio, project)
    report = report_of(tmp_path / "model", project)

    assert report["outcome"] == "promoted", report["reason"]
    assert report["wer"]["candidate"] <= 0.9 * report["wer"]["champion"]
    name = report["vocabulary"]
    assert vocabularies(stand_in, project)[name] == "READY"
    assert rows(stand_in, name) <= set(rare_names.NAMES), "nothing but names is learnt"
    assert len(rows(stand_in, name)) >= len(rare_names.NAMES) / 2
    assert rows(stand_in, name) <= {phrase["phrase"] for phrase in report["phrases"]}

    after = version_of(studio, backend, project)
    assert after.startswith(f"transcribe-en-US+{name.rpartition('-')[2]}@") and after != before
    held_out = set(report["held_out"])
    worse = predicted_rate(studio, project, texts, held_out)
    retrieve(studio, project, held_out)
    wait_until(lambda: newest_versions(studio, project, held_out) == {after}, 600, "all are predicted anew", 1.0)
    assert predicted_rate(studio, project, texts, held_out) <= 0.9 * worse


def test_noise_changes_nothing(
    studio: LabelStudio, stand_in: LocalAWS, start_backend: StartBackend, texts: dict[str, str], tmp_path: Path
) -> None:
    draw = random.Random(6)  # noqa: S311
    words = sorted({word for text in texts.values() for word in text.split()})
    backend = start_backend()
    project = connected_project(studio, backend, texts)
    annotate(studio, project, lambda task: " ".join(draw.sample(words, 9)))
    press_start_training(studio, project)
    report = report_of(tmp_path / "model", project)
    assert report["outcome"] in ("rejected", "not trained")
    assert "+" not in version_of(studio, backend, project)


def test_a_killed_worker_goes_on_and_ends_in_the_same_state(
    studio: LabelStudio, stand_in: LocalAWS, start_backend: StartBackend, texts: dict[str, str], tmp_path: Path
) -> None:
    backend = start_backend()
    project = connected_project(studio, backend, texts)
    annotate(studio, project, lambda task: texts[task["data"]["file"]])
    press_start_training(studio, project)
    wait_until(lambda: re.search(r"Training of project \S+, estimated", backend.log), _PATIENCE, "it is evaluated")
    backend.program.kill()
    again = start_backend()
    report = report_of(tmp_path / "model", project)
    assert report["outcome"] == "promoted", report["reason"]
    name = report["vocabulary"]
    assert vocabularies(stand_in, project)[name] == "READY"
    assert version_of(studio, again, project).startswith(f"transcribe-en-US+{name.rpartition('-')[2]}@")
    assert report["tasks"]["evaluated"] == len(report["held_out"]) <= report["cost"]["jobs"]
