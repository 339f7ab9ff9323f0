"""A real Label Studio with the model class under the servers of its SDK."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.aws import LocalAWS
from harness.backend import Server
from harness.hosts import FIRST, SECOND, hosted
from harness.label_studio import LabelStudio
from harness.processes import ProgramError
from harness.protocol import newest_prediction
from harness.transcripts import text_of
from tests.e2e.projects import BUCKET, connected, predicted, template

SAMPLES = ("cards_001.wav", "cards_003.wav", "jfk.wav")


@pytest.fixture(params=[FIRST, SECOND])
def sdk(request: pytest.FixtureRequest, stand_in: LocalAWS, studio: LabelStudio, tmp_path: Path) -> Iterator[Server]:
    """The server of either SDK."""
    known = {"LABEL_STUDIO_URL": studio.url, "LABEL_STUDIO_API_KEY": studio.account.token}
    settings = {**stand_in.env, **known, "S3_BUCKET": BUCKET, "MODEL_DIR": str(tmp_path / "model")}
    with hosted(request.param, {**settings, "PREDICT_WAIT_SECONDS": "0"}, tmp_path) as server:
        yield server


def test_every_task_gets_one_prediction_however_often_label_studio_asks(
    studio: LabelStudio, stand_in: LocalAWS, sdk: Server
) -> None:
    project = connected(studio, stand_in, sdk, "Hosted", template("automatic_speech_recognition"))
    studio.import_tasks(project, [{"audio": f"s3://{BUCKET}/{name}"} for name in SAMPLES])
    studio.retrieve_predictions(project)
    predicted(studio, project)  # delivered late
    for _ in range(2):
        studio.retrieve_predictions(project)
    tasks = studio.tasks(project)
    assert [len(task["predictions"]) for task in tasks] == [1, 1, 1]
    versions = {prediction["model_version"] for task in tasks for prediction in task["predictions"]}
    assert len(versions) == 1 and versions.pop().startswith("transcribe-en-US@")
    said = newest_prediction(tasks[-1])
    assert said and "ask not what your country" in text_of(said)


def test_label_studio_shows_why_a_config_cannot_be_filled(studio: LabelStudio, stand_in: LocalAWS, sdk: Server) -> None:
    with pytest.raises(ProgramError, match="Nothing in the labeling config can be filled"):
        connected(studio, stand_in, sdk, "Unfillable", template("signal_quality_detection"))
