"""Interactive requests as the editor of a real Label Studio made them: never overwrite a human."""

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from harness import protocol
from tests.api import recorded

pytestmark = pytest.mark.usefixtures("spoken")


def answer(client: FlaskClient, body: Any) -> Any:
    """The one slot of an interactive answer: an object, since the editor reads `.result` of it."""
    (slot,) = client.post("/predict", json=body).json["results"]
    assert isinstance(slot, dict)
    return slot


def test_a_plain_config_has_no_region_to_fill(studio_client: FlaskClient) -> None:
    assert answer(studio_client, recorded.body("07_interactive_rest")) == {"result": []}


def test_a_drawn_region_gets_its_words_under_its_own_id(studio_client: FlaskClient) -> None:
    body = recorded.body("08_interactive_ui_draw_region")
    (drawn,) = body["params"]["context"]["result"]
    slot = answer(studio_client, body)
    label, text = slot["result"]
    assert label == drawn | {"score": pytest.approx(text["score"], abs=1e-4)}
    assert (text["id"], text["type"], text["from_name"]) == (drawn["id"], "textarea", "transcription")
    assert text["value"] == {"start": drawn["value"]["start"], "end": drawn["value"]["end"], "channel": 0} | {
        "text": ["Hello world"]
    }
    assert 0 < text["score"] <= 1


@pytest.mark.parametrize(
    "case",
    [
        "09_interactive_ui_second_region",
        "10_interactive_ui_human_typed_text",
        "11_interactive_ui_global_textarea",
        "12_interactive_ui_click_existing_region",
    ],
)
def test_regions_with_text_are_never_answered(studio_client: FlaskClient, case: str) -> None:
    body = recorded.body(case)
    results = body["params"]["context"]["result"]
    with_text = {result["id"] for result in results if result["type"] == "textarea"}
    without = {result["id"] for result in results} - with_text
    answered = {result["id"] for result in answer(studio_client, body)["result"]}
    assert with_text
    assert answered <= without


def test_words_are_there_at_once_when_the_task_was_pre_labeled(
    client: FlaskClient, put_audio: Callable[[str], str]
) -> None:
    task = protocol.task(3, put_audio("already-known.wav"))
    client.post("/predict", json=protocol.predict([task], protocol.SEGMENTS))
    region = {"id": "r", "from_name": "labels", "to_name": "audio", "type": "labels"}
    region["value"] = {"start": 0.0, "end": 60.0, "labels": ["Speech"]}
    slot = answer(client, protocol.predict([task], protocol.SEGMENTS, context={"result": [region]}))
    assert protocol.texts(slot) == ["already known."]


def test_a_missing_audio_leaves_the_region_as_it_is(client: FlaskClient) -> None:
    body = recorded.body("08_interactive_ui_draw_region")
    body["tasks"][0]["data"]["audio"] = "s3://audio-bucket/nothing/here.wav"
    assert answer(client, body) == {"result": []}


@pytest.mark.parametrize("context", [{"result": "x"}, {"result": [1]}, {"result": {"a": 1}}])
def test_a_context_that_is_none_is_a_bad_request(client: FlaskClient, context: Any) -> None:
    sent = client.post(
        "/predict", json=protocol.predict([protocol.task(1, "s3://b/k.wav")], protocol.SEGMENTS, context=context)
    )
    assert sent.status_code == 400
    assert "context.result" in sent.json["detail"]
