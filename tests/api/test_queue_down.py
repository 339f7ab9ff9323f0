"""A queue that does not answer: what is ready is still answered, and /setup says what is wrong."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from harness import protocol
from tests.api import recorded


@pytest.fixture
def queueless(make_client: Callable[..., FlaskClient]) -> FlaskClient:
    """A client of an app whose PostgreSQL is not there."""
    return make_client(queue_url="postgresql://nobody@127.0.0.1:1/none")


def test_setup_says_so(queueless: FlaskClient) -> None:
    answer = queueless.post("/setup", json=protocol.setup())
    assert answer.status_code == 503
    assert "queue does not answer" in answer.status and "QUEUE_URL" in answer.status


def test_predictions_are_answered(queueless: FlaskClient, put_audio: Callable[[str], str]) -> None:
    body = protocol.predict([protocol.task(1, put_audio("without-queue.wav"))])
    (made,) = queueless.post("/predict", json=body).json["results"]
    assert protocol.texts(made) == ["without queue."]


def test_metrics_are_shown(queueless: FlaskClient) -> None:
    answer = queueless.get("/metrics")
    assert answer.status_code == 200 and "transcribe_pending_jobs" in answer.text


def test_webhooks_are_refused_with_the_reason(queueless: FlaskClient) -> None:
    answer = queueless.post("/webhook", json=recorded.body("14_webhook_TASKS_CREATED", "/webhook"))
    assert answer.status_code == 503 and "QUEUE_URL" in answer.json["detail"]
