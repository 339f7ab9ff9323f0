"""SDK 1.0.9's own Flask app around the model, in this process; tests/hosts has all hosts as programs."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from label_studio_ml.api import init_app

from harness import protocol
from transcribe_backend.backend import Backend
from transcribe_backend.model import AWSTranscribe


@pytest.fixture
def sdk(make_backend: Callable[..., Backend], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FlaskClient]:
    """A client of the app, with the real backend."""
    made = make_backend()
    monkeypatch.setattr("transcribe_backend.model.backend", lambda: made)
    app = init_app(AWSTranscribe, model_dir=str(tmp_path / "sdk"))
    with app.test_client() as client:
        yield client


def setup(client: Any, config: str, project: str = "7.1795327464") -> Any:
    return client.post("/setup", json=protocol.setup(config, project))


def test_it_answers_as_our_own_server(
    sdk: FlaskClient, client: FlaskClient, put_audio: Callable[[str], str], caplog: pytest.LogCaptureFixture
) -> None:
    for config in (protocol.PLAIN, protocol.SEGMENTS):
        assert setup(sdk, config).json == setup(client, config).json
    tasks = [protocol.task(None, put_audio("hosted.wav"))]
    body = protocol.predict(tasks, protocol.PLAIN)  # not the config that was set up last
    assert sdk.post("/predict", json=body).json["results"] == client.post("/predict", json=body).json["results"]
    assert caplog.text.count("Hosted by Label Studio's SDK") == 1


def test_refusals_are_those_of_our_own_server(sdk: FlaskClient, client: FlaskClient) -> None:
    unfillable = "<View><Audio name='a' value='$a'/></View>"
    setup(sdk, protocol.PLAIN)
    said, ours = setup(sdk, unfillable), setup(client, unfillable)
    assert (said.status, said.json) == (ours.status, ours.json)
    assert said.status_code == 422
    body = protocol.predict([protocol.task(None, "s3://b/c.wav")], unfillable)
    said, ours = sdk.post("/predict", json=body), client.post("/predict", json=body)
    assert (said.status, said.json) == (ours.status, ours.json)


@pytest.mark.parametrize("project", ["../../1", "1.2.3", "x"])
def test_a_project_that_is_none_is_refused(sdk: FlaskClient, project: str) -> None:
    setup(sdk, protocol.PLAIN)
    answer = sdk.post("/predict", json=protocol.predict([], protocol.PLAIN, project))
    assert (answer.status_code, answer.json) == (400, {"detail": "project must be <id>.<created>."})
