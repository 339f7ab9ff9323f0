"""/predict: one slot per task, in order, whatever the tasks are."""

import logging
from collections.abc import Callable
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from harness import protocol
from harness.aws import LocalAWS
from tests.api import recorded
from tests.api.conftest import AUDIO_BUCKET
from tests.servers import Server
from transcribe_backend.backend import Backend

NINE = "03_predict_retrieve_9_tasks_all_import_kinds"


def starts(stand_in: LocalAWS) -> int:
    """How many jobs were paid so far."""
    return int(stand_in.calls()["transcribe"].get("StartTranscriptionJob", 0))


@pytest.mark.usefixtures("spoken")
def test_nine_tasks_of_all_import_kinds(studio_client: FlaskClient, web_files: Server) -> None:
    body = recorded.body(NINE)
    for task in body["tasks"]:
        task["data"]["audio"] = task["data"]["audio"].replace("https://example.com", web_files.url)
    version = studio_client.post("/setup", json=recorded.body(NINE, "/setup")).json["model_version"]
    results = studio_client.post("/predict", json=body).json["results"]
    assert len(results) == 9
    assert {result["model_version"] for result in results} == {version}
    assert not any("Authorization" in request.headers for request in web_files.requests)
    assert all(0 < result["score"] <= 1 for result in results)
    said = {task["id"]: protocol.texts(result) for task, result in zip(body["tasks"], results, strict=True)}
    assert said == {
        1: ["Hello world again"], 2: ["hello."], 3: ["Hello world again"], 4: ["Hello world again"],
        5: ["Hello world again"], 6: ["Hello world again"], 7: ["hello."], 8: ["tone."], 9: ["second."],
    }  # fmt: skip


def test_a_batch_of_250_tasks_is_answered_in_order(
    client: FlaskClient, put_audio: Callable[[str], str], stand_in: LocalAWS
) -> None:
    body = recorded.body("05_predict_batch_250")
    words = ("alpha", "bravo", "charlie", "delta", "echo")
    uris = [put_audio(f"batch/{word}.wav") for word in words]
    pattern = body["tasks"][0]
    body["tasks"] = [{**pattern, "id": n, "data": {"audio": uris[n % 5]}} for n in range(250)]
    before = starts(stand_in)
    results = client.post("/predict", json=body).json["results"]
    assert [protocol.texts(result) for result in results] == [[f"{words[n % 5]}."] for n in range(250)]
    assert starts(stand_in) == before + 5


def test_the_recorded_batch_without_a_network_leaves_every_slot_empty(client: FlaskClient) -> None:
    body = recorded.body("05_predict_batch_3")
    for task in body["tasks"]:
        task["data"]["audio"] = task["data"]["audio"].replace("example.com", "nowhere.invalid")
    assert client.post("/predict", json=body).json == {"results": [[], [], []]}


def test_one_audio_in_many_tasks_is_paid_once(
    client: FlaskClient, put_audio: Callable[[str], str], stand_in: LocalAWS
) -> None:
    uri = put_audio("twice.wav")
    before = starts(stand_in)
    results = client.post("/predict", json=protocol.predict(protocol.task(n, uri) for n in (1, 2, 3))).json["results"]
    assert [protocol.texts(result) for result in results] == [["twice."]] * 3
    assert starts(stand_in) == before + 1


def test_the_same_task_twice_in_a_request_has_two_slots(client: FlaskClient, put_audio: Callable[[str], str]) -> None:
    task = protocol.task(41, put_audio("same.wav"))
    results = client.post("/predict", json=protocol.predict([task, task])).json["results"]
    assert [protocol.texts(result) for result in results if result] == [["same."]]
    assert len(results) == 2


def test_no_tasks_no_results(client: FlaskClient) -> None:
    assert client.post("/predict", json=protocol.predict([])).json == {"results": []}


def test_a_missing_audio_costs_its_own_slot_only_and_is_told(
    client: FlaskClient, put_audio: Callable[[str], str], caplog: pytest.LogCaptureFixture
) -> None:
    missing = f"s3://{AUDIO_BUCKET}/no/such/call.wav"
    tasks = [
        protocol.task(1, put_audio("left.wav")),
        protocol.task(2, missing),
        protocol.task(3, put_audio("right.wav")),
    ]
    with caplog.at_level(logging.ERROR):
        results = client.post("/predict", json=protocol.predict(tasks)).json["results"]
    assert [result and protocol.texts(result) for result in results] == [["left."], [], ["right."]]
    (told,) = [record.getMessage() for record in caplog.records]
    assert "task 2 " in told
    assert missing in told
    assert "The S3 URI that you provided can't be accessed" in told
    assert "Check the bucket and the key" in told


@pytest.mark.parametrize("value", [None, "", 7, [], {"url": "s3://b/k.wav"}, "file:///etc/passwd", "s3://", "s3:///x"])
def test_what_is_no_audio_is_an_empty_slot(client: FlaskClient, value: object) -> None:
    assert client.post("/predict", json=protocol.predict([protocol.task(1, value)])).json == {"results": [[]]}


def test_a_failed_job_is_not_started_by_the_next_request(
    make_client: Callable[..., FlaskClient],
    put_audio: Callable[[str], str],
    stand_in: LocalAWS,
    caplog: pytest.LogCaptureFixture,
) -> None:
    body = protocol.predict([protocol.task(1, put_audio("broken.wav"))])
    before = starts(stand_in)
    for _ in range(2):
        client = make_client()  # a restart forgets nothing that AWS knows
        for _ in range(2):
            assert client.post("/predict", json=body).json == {"results": [[]]}
    assert starts(stand_in) == before + 1
    assert "Unsupported media format" in caplog.text
    assert "transcribe_backend retry ls-" in caplog.text


def test_a_finished_transcript_survives_the_loss_of_all_local_data(
    make_client: Callable[..., FlaskClient], put_audio: Callable[[str], str], stand_in: LocalAWS, tmp_path: Path
) -> None:
    body = protocol.predict([protocol.task(None, put_audio("survivor.wav"))])
    first = make_client().post("/predict", json=body).json
    before = starts(stand_in)
    again = make_client().post("/predict", json=body).json
    elsewhere = make_client(model_dir=tmp_path / "another").post("/predict", json=body).json
    assert protocol.texts(first["results"][0]) == ["survivor."]
    assert first == again == elsewhere
    assert starts(stand_in) == before


def test_alternatives_are_several_predictions_of_one_slot(client: FlaskClient, put_audio: Callable[[str], str]) -> None:
    config = protocol.PLAIN.replace("<Audio", '<Audio model_alternatives="2"')
    (slot,) = client.post(
        "/predict", json=protocol.predict([protocol.task(1, put_audio("one-or-two.wav"))], config)
    ).json["results"]
    assert [protocol.texts(prediction) for prediction in slot][0] == ["one or two."]
    assert len(slot) == 2


def test_a_config_that_cannot_be_filled_is_refused_with_a_detail(client: FlaskClient) -> None:
    answer = client.post("/predict", json=protocol.predict([protocol.task(1, "s3://b/k.wav")], "<View/>"))
    assert answer.status_code == 422
    assert "Audio" in answer.json["detail"]


def test_without_a_bucket_transcripts_come_from_the_service(
    make_client: Callable[..., FlaskClient], put_audio: Callable[[str], str]
) -> None:
    client = make_client(s3_bucket="")
    body = protocol.predict(
        [protocol.task(1, put_audio("service.wav")), protocol.task(2, "http://93.184.215.14/a.wav")]
    )
    results = client.post("/predict", json=body).json["results"]
    assert protocol.texts(results[0]) == ["service."]
    assert results[1] == []


def test_recent_failures_are_recorded_with_what_to_do(make_backend: Callable[..., Backend]) -> None:
    from model import AWSTranscribe
    from transcribe_backend.web.app import create_app

    running = make_backend()
    client = create_app(AWSTranscribe, running).test_client()
    client.post("/predict", json=protocol.predict([protocol.task(5, "ftp://host/a.wav?X-Amz-Signature=beef")]))
    (failure,) = running.work.failures()
    assert failure["task"] == 5
    assert failure["remedy"]
    assert "beef" not in str(failure)
