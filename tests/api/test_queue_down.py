"""A queue that does not answer: what is ready is still answered, and /setup says what is wrong."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from harness import protocol
from harness.studio_double import API_KEY
from harness.waiting import until
from tests.api import recorded

NOWHERE = "postgresql://nobody@127.0.0.1:1/none"


@pytest.fixture
def queueless(make_client: Callable[..., FlaskClient]) -> FlaskClient:
    """A client of an app whose PostgreSQL is not there."""
    return make_client(queue_url=NOWHERE)


def test_setup_says_so(queueless: FlaskClient) -> None:
    answer = until(  # AWS is asked first, and has two seconds
        lambda: queueless.post("/setup", json=protocol.setup()), lambda answer: "AWS does not" not in answer.status
    )
    assert answer.status_code == 503
    assert "store of owed work does not answer" in answer.status and "QUEUE_URL" in answer.status


def test_what_is_transcribed_is_answered_and_the_rest_is_asked_for_again(
    queueless: FlaskClient, make_client: Callable[..., FlaskClient], put_audio: Callable[[str], str]
) -> None:
    known = protocol.task(1, put_audio("without-store.wav"))
    make_client().post("/predict", json=protocol.predict([known]))
    body = protocol.predict([known, protocol.task(2, put_audio("never-heard.wav"))])
    made, pending = queueless.post("/predict", json=body).json["results"]
    assert (protocol.texts(made), pending) == (["without store."], [])


def test_metrics_are_shown(queueless: FlaskClient) -> None:
    answer = queueless.get("/metrics")
    assert answer.status_code == 200 and "transcribe_pending_jobs" in answer.text


def test_webhooks_are_refused_with_the_reason(make_client: Callable[..., FlaskClient]) -> None:
    studio = {"label_studio_url": "http://127.0.0.1:1", "label_studio_api_key": API_KEY}
    body = recorded.body("14_webhook_TASKS_CREATED", "/webhook")
    answer = make_client(queue_url=NOWHERE, **studio).post("/webhook", json=body)
    assert answer.status_code == 503 and "QUEUE_URL" in answer.json["detail"]
