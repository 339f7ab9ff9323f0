"""The page for people: what failed, why, and what to do; nothing of it can be forged or leaks."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from harness import protocol
from tests.api.conftest import AUDIO_BUCKET


def predict(client: FlaskClient, value: str) -> None:
    client.post("/predict", json=protocol.predict([protocol.task(1, value)]))


def test_a_fresh_backend_has_nothing_to_tell(client: FlaskClient) -> None:
    page = client.get("/status")
    assert page.status_code == 200
    assert page.mimetype == "text/html"
    assert "None." in page.text
    assert "nothing is delivered late" in page.text


def test_an_address_without_a_token_delivers_nothing(make_client: Callable[..., FlaskClient]) -> None:
    page = make_client(label_studio_url="http://studio:8080").get("/status").text
    assert "LABEL_STUDIO_API_KEY is not set: nothing is delivered late" in page


def test_failures_are_shown_with_their_remedies(client: FlaskClient) -> None:
    predict(client, f"s3://{AUDIO_BUCKET}/no-such-call.wav")
    page = client.get("/status").text
    assert f"s3://{AUDIO_BUCKET}/no-such-call.wav" in page
    assert "404 Not Found" in page
    assert "Check the bucket and the key" in page


def test_what_a_task_says_is_text_and_signatures_stay_secret(client: FlaskClient) -> None:
    predict(client, "<script>alert(1)</script>")
    assert "<script>" not in client.get("/status").text
    predict(client, f"https://{AUDIO_BUCKET}.s3.amazonaws.com/gone.wav?X-Amz-Signature=sesame")
    assert "sesame" not in client.get("/status").text


def test_answered_versions_are_shown(client: FlaskClient) -> None:
    version = client.post("/setup", json=protocol.setup()).json["model_version"]
    assert version in client.get("/status").text


@pytest.mark.parametrize(
    "start", ["gs://", "s3://", "/data/", "https://", "data:audio/wav;base64,", "", "\ud800", "gs://\ud800"]
)
def test_no_value_makes_the_page_long_or_breaks_it(client: FlaskClient, start: str) -> None:
    before = len(client.get("/status").data)
    values = [start + "\ud800" * 3 + "x" * 1_000_000 for _ in range(3)]
    client.post(
        "/predict", json=protocol.predict([protocol.task(number, value) for number, value in enumerate(values, 1)])
    )
    page = client.get("/status")
    assert page.status_code == 200
    assert page.mimetype == "text/html"
    assert len(page.data) - before < 5000 * len(values)
