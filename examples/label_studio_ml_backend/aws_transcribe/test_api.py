"""
The API of the model, without credentials: AWS is moto, which takes jobs but does not listen, so the test writes what
AWS Transcribe would have heard. `pip install -r requirements-test.txt`, then `pytest` in this folder.
"""

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import requests
from flask.testing import FlaskClient
from moto.server import ThreadedMotoServer

PROJECT = {"id": 62075, "created_at": "2024-04-08T15:04:47.000000Z"}
PROJECT_ID = "62075.1712588687"
LABEL_CONFIG = """
<View>
  <Audio name="audio" value="$audio" />
  <TextArea name="transcription" toName="audio" rows="4" editable="true" maxSubmissions="1" />
</View>
"""
WORDS = (("Hello", 0.2, 0.45, "0.98"), ("world", 0.5, 0.8, "0.9"))
JOB_SECONDS, PATIENCE = 2, 60


@pytest.fixture(scope="module")
def aws() -> Iterator[str]:
    """The address of an AWS whose jobs take two seconds."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    transition = {"progression": "time", "seconds": JOB_SECONDS}
    job = {"model_name": "transcribe::transcriptionjob", "transition": transition}
    requests.post(
        f"{url}/moto-api/state-manager/set-transition", json=job, timeout=10
    ).raise_for_status()
    yield url
    server.stop()


@pytest.fixture(scope="module")
def client(aws: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    """The SDK's server with the model; settings are those of docker-compose.yml."""
    # For good: the model works in the background until the process ends.
    os.environ.update(settings(aws, tmp_path_factory.mktemp("models")))
    from _wsgi import init_app
    from model import AWSTranscribe

    app = init_app(model_class=AWSTranscribe)
    app.config["TESTING"] = True
    boto3.client(
        "transcribe"
    ).list_transcription_jobs()  # moto loads it now, not in a request that has a deadline
    s3().create_bucket(Bucket="calls")
    s3().put_object(Bucket="calls", Key="hello.wav", Body=b"RIFF")
    with app.test_client() as made:
        yield made


def settings(aws: str, folder: Path) -> dict[str, str]:
    """The environment."""
    return {
        "AWS_ENDPOINT_URL": aws,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "S3_BUCKET": "calls",
        "MODEL_DIR": str(folder),
        "LABEL_STUDIO_URL": "",
        "LABEL_STUDIO_API_KEY": "",
        "BASIC_AUTH_USER": "",
        "BASIC_AUTH_PASS": "",
        "PREDICT_OPEN_SECONDS": "0",
    }


def s3() -> Any:
    """S3 of the environment."""
    return boto3.client("s3")


def heard() -> bytes:
    """The document that AWS Transcribe writes."""
    items = [
        {
            "type": "pronunciation",
            "start_time": str(start),
            "end_time": str(end),
            "alternatives": [{"content": word, "confidence": confidence}],
        }
        for word, start, end, confidence in WORDS
    ]
    text = " ".join(word for word, *_ in WORDS)
    results = {"transcripts": [{"transcript": text}], "items": items}
    return json.dumps({"results": results, "status": "COMPLETED"}).encode()


def until(condition: Callable[[], Any], what: str) -> Any:
    """The first true value of the condition."""
    deadline = time.monotonic() + PATIENCE
    while not (value := condition()):
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(0.2)
    return value


def write_transcript() -> None:
    """What AWS Transcribe does at the end of the only job."""
    transcribe = boto3.client("transcribe")
    (job,) = until(
        lambda: transcribe.list_transcription_jobs()["TranscriptionJobSummaries"],
        "a job is started",
    )
    key = f"label-studio-transcribe/transcripts/{job['TranscriptionJobName']}.json"
    s3().put_object(Bucket="calls", Key=key, Body=heard())


def predict(client: FlaskClient) -> Any:
    """One request of Label Studio for one task."""
    task = {"id": 1, "data": {"audio": "s3://calls/hello.wav"}}
    body = {
        "tasks": [task],
        "project": PROJECT_ID,
        "label_config": LABEL_CONFIG,
        "params": {"login": None, "password": None, "context": None},
    }
    answer = client.post("/predict", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json["results"]


def version(client: FlaskClient) -> str:
    """What /setup answers."""
    answer = client.post("/setup", json={"project": PROJECT_ID, "schema": LABEL_CONFIG})
    assert answer.status_code == 200, answer.text
    return answer.json["model_version"]


def test_health(client: FlaskClient) -> None:
    """
    Scenario: Label Studio looks whether the model is there.
    Checks  : 200, and the name of the class.
    """
    assert client.get("/health").json == {
        "status": "UP",
        "model_class": "AWSTranscribe",
    }


def test_setup_says_what_is_wrong_with_a_labeling_config(client: FlaskClient) -> None:
    """
    Scenario: a project whose labeling config has no place for a text.
    Checks  : the reason phrase, which Label Studio shows, says so.
    """
    config = '<View><Audio name="a" value="$a"/><Rating name="r" toName="a"/></View>'
    answer = client.post("/setup", json={"project": PROJECT_ID, "schema": config})
    assert answer.status_code == 422
    assert "TextArea" in answer.status


def test_fit_then_predict(client: FlaskClient) -> None:
    """
    Scenario: an annotation is submitted, then a task is opened whose job takes a while, then it is opened again.
    Steps   : /webhook (fit), /predict, AWS Transcribe ends the job, /predict.
    Checks  : nothing while the job runs, then its text, score and the version that /setup answers.
    """
    submitted = {"id": 7, "task": 1, "result": [], "was_cancelled": False}
    event = {
        "action": "ANNOTATION_CREATED",
        "project": {**PROJECT, "label_config": LABEL_CONFIG},
        "task": {"id": 1, "data": {"audio": "s3://calls/hello.wav"}},
        "annotation": submitted,
    }
    assert client.post("/webhook", json=event).status_code == 201

    assert predict(client) == [[]]
    write_transcript()
    (prediction,) = until(lambda: [each for each in predict(client) if each], "text")
    (region,) = prediction["result"]
    assert region["value"] == {"text": ["Hello world"]}
    assert (region["from_name"], region["to_name"]) == ("transcription", "audio")
    assert 0 < prediction["score"] <= 1
    assert prediction["model_version"] == version(client)
