"""/webhook: hints of Label Studio, taken in and left to the background."""

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from harness import protocol
from harness.aws import LocalAWS
from harness.studio_double import API_KEY, studio_double
from harness.waiting import until
from model import AWSTranscribe
from tests.api import recorded
from transcribe_backend.backend import Backend
from transcribe_backend.web.app import create_app


@pytest.mark.parametrize("case", ["13_start_training", *recorded.cases("14_webhook_*")])
def test_recorded_events_are_taken_without_asking_aws(client: FlaskClient, case: str, stand_in: LocalAWS) -> None:
    before = stand_in.calls()
    answer = client.post("/webhook", json=recorded.body(case, "/webhook"))
    assert answer.status_code // 100 == 2
    assert stand_in.calls() == before


def test_new_tasks_are_transcribed_ahead_in_the_background(
    make_backend: Callable[..., Backend], put_audio: Callable[[str], str]
) -> None:
    with studio_double() as studio:
        running = make_backend(label_studio_url=studio.url, label_studio_api_key=API_KEY)
        client = create_app(AWSTranscribe, running).test_client()
        body = recorded.body("14_webhook_TASKS_CREATED", "/webhook")
        (task,) = studio.add_tasks([put_audio("prefetched.wav")])
        body |= {"project": studio.described(), "tasks": [task]}
        assert client.post("/webhook", json=body).status_code == 200
        running.start()
        until(studio.counts, lambda counts: counts == {1: 1})
        assert protocol.texts(studio.stored[1][0]) == ["prefetched."]


@pytest.mark.parametrize("action", ["LABEL_LINK_CREATED", "PROJECT_DELETED", "SOMETHING_NEW", "x" * 10_000])
def test_unknown_events_are_ignored(client: FlaskClient, action: str) -> None:
    answer = client.post("/webhook", json={"action": action, "anything": [1]})
    assert answer.status_code // 100 == 2


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "action"),
        ({"action": 7}, "action"),
        ({"action": "TASKS_CREATED"}, "project"),
        ({"action": "TASKS_CREATED", "project": {"id": 1}, "tasks": []}, None),
        ({"action": "TASKS_CREATED", "project": {"id": 1}, "tasks": [{"id": 1}]}, "created_at"),
        ({"action": "TASKS_DELETED", "project": {"id": 1}, "tasks": "all"}, "tasks"),
    ],
)
def test_a_payload_that_is_none_is_a_bad_request(client: FlaskClient, body: Any, field: str | None) -> None:
    answer = client.post("/webhook", json=body)
    assert answer.status_code == (400 if field else 200)
    assert field is None or field in answer.json["detail"]


PATHS = ("1/../../api/users", "1?x=", "1", 1.5, True, -1, 2**63, [1], {"id": 1}, None, "\ud800")


@pytest.mark.parametrize("hostile", PATHS)
@pytest.mark.parametrize("action", ["TASKS_CREATED", "TASKS_DELETED", "ANNOTATION_CREATED", "START_TRAINING"])
@pytest.mark.parametrize("place", ["project", "tasks", "annotation"])
def test_an_id_that_is_no_number_is_refused(client: FlaskClient, action: str, place: str, hostile: Any) -> None:
    body: dict[str, Any] = {
        "action": action,
        "project": {"id": 1, "created_at": "2026-01-01T00:00:00Z", "label_config": protocol.PLAIN},
        "tasks": [{"id": 1, "data": {}}],
        "annotation": {"id": 1},
    }
    (body[place][0] if place == "tasks" else body[place])["id"] = hostile
    answer = client.post("/webhook", json=body)
    assert answer.status_code == 400
    assert answer.json["detail"].startswith(f"{place}.id")


@pytest.mark.parametrize("project", ["1/../2", "..", "a.b", "1.2.3", "-1", "1" * 20, "1.1795327464?x"])
def test_a_project_is_two_numbers(client: FlaskClient, project: str) -> None:
    for path, body in (
        ("/setup", protocol.setup(project=project)),
        ("/predict", protocol.predict([], project=project)),
    ):
        answer = client.post(path, json=body)
        assert answer.status_code == 400
        assert "project must be <id>.<created>" in answer.json["detail"]
