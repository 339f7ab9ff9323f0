"""/health and /setup: the only voice that a user of Label Studio hears."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from harness import protocol
from harness.aws import LocalAWS
from harness.waiting import until
from tests.api import recorded
from tests.servers import Reply, serve
from transcribe_backend.backend import Backend

LONGEST = 400
DENIED = b'{"__type":"AccessDeniedException","Message":"User is not authorized to perform that"}'


def reason(client: FlaskClient, config: str = protocol.PLAIN, code: int = 503) -> str:
    """The reason phrase of a refused /setup, fit for an HTTP status line."""
    answer = client.post("/setup", json=protocol.setup(config))
    assert answer.status_code == code
    phrase = answer.status.partition(" ")[2]
    assert 0 < len(phrase) <= LONGEST
    assert phrase.encode("latin-1").decode("latin-1").isprintable()
    assert "Traceback" not in answer.text
    return phrase


@pytest.mark.parametrize("path", ["/", "/health"])
def test_health_needs_neither_aws_nor_labels(client: FlaskClient, path: str, stand_in: LocalAWS) -> None:
    before = stand_in.calls()
    answer = client.get(path)
    assert answer.status_code == 200
    assert answer.json == {"status": "UP", "model_class": "AWSTranscribe"}
    assert stand_in.calls() == before


def test_the_recorded_connect_is_answered_with_a_version(client: FlaskClient) -> None:
    versions = [client.post("/setup", json=body).json for body in recorded.bodies("01_connect_health_setup", "/setup")]
    assert versions[0] == versions[1]
    assert versions[0]["model_version"].startswith("transcribe-en-US@")


def test_setup_and_predict_give_the_same_version(client: FlaskClient, put_audio: Callable[[str], str]) -> None:
    for config in (protocol.PLAIN, protocol.SEGMENTS):
        version = client.post("/setup", json=protocol.setup(config)).json["model_version"]
        (made,) = client.post(
            "/predict", json=protocol.predict([protocol.task(None, put_audio("version.wav"))], config)
        ).json["results"]
        assert made["model_version"] == version


def test_a_restart_keeps_the_version_and_another_config_changes_it(make_client: Callable[..., FlaskClient]) -> None:
    first, again = (make_client().post("/setup", json=protocol.setup()).json for _ in range(2))
    other = make_client().post(
        "/setup", json=protocol.setup(protocol.PLAIN.replace("<Audio", '<Audio model_language="es-US"'))
    )
    assert first == again
    assert other.json != first


@pytest.mark.parametrize("extra", [{"lang": "en"}, '{"lang":"en"}', "", None])
def test_extra_params_may_be_anything_that_label_studio_stores(client: FlaskClient, extra: object) -> None:
    assert client.post("/setup", json={**protocol.setup(), "extra_params": extra}).status_code == 200


@pytest.mark.parametrize(
    ("config", "named"),
    [
        ('<View><Image name="i" value="$i"/><TextArea name="t" toName="i"/></View>', "Audio"),
        ('<View><Audio name="a" value="$a"/><Rating name="r" toName="a"/></View>', "TextArea"),
        ('<View><Audio name="a" value="$a"/>', "config"),
        ("", "config"),
        (protocol.PLAIN.replace("<Audio", '<Audio model_language="Klingon"'), "Klingon"),
        (protocol.PLAIN.replace("<Audio", '<Audio model_language="Ж 語 ñ"'), "Use a code such as en-US"),
        (protocol.PLAIN.replace("<Audio", f'<Audio model_speakers="{"9" * 3000}"'), "... Change model_speakers."),
    ],
)
def test_a_config_that_cannot_be_filled_says_what_is_missing(client: FlaskClient, config: str, named: str) -> None:
    assert named.lower() in reason(client, config, code=422).lower()


def test_no_credentials(make_client: Callable[..., FlaskClient], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    assert "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY" in reason(make_client())


def test_no_region(make_client: Callable[..., FlaskClient], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    assert "Set AWS_DEFAULT_REGION" in reason(make_client())


def test_access_denied_names_the_policy(
    make_client: Callable[..., FlaskClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve(lambda request: Reply(400, DENIED, {"Content-Type": "application/x-amz-json-1.1"})) as aws:
        monkeypatch.setenv("AWS_ENDPOINT_URL", aws.url)
        said = reason(make_client())
    assert "does not allow" in said
    assert "deploy/iam-policy.json" in said


def test_a_bucket_that_does_not_exist(make_client: Callable[..., FlaskClient]) -> None:
    assert reason(make_client(s3_bucket="no-such-bucket")) == (
        "S3_BUCKET no-such-bucket does not exist. Create it or correct S3_BUCKET."
    )


def test_a_bucket_of_somebody_else(make_client: Callable[..., FlaskClient], monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(lambda request: Reply(403)) as s3:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", s3.url)
        said = reason(make_client())
    assert "denies the backend s3:ListBucket on S3_BUCKET transcripts" in said
    assert "deploy/iam-policy.json" in said


def test_an_unreachable_aws(make_client: Callable[..., FlaskClient], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    assert "AWS_ENDPOINT_URL" in reason(make_client())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AWS_ENDPOINT_URL", "localhost:5000"),
        ("AWS_DEFAULT_REGION", "us east 1"),
        ("AWS_PROFILE", "nobody"),
        ("AWS_CONFIG_FILE", __file__),
    ],
)
def test_what_boto3_cannot_read_is_said(
    make_client: Callable[..., FlaskClient], monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    said = reason(make_client())
    assert value in said or name in said


def test_a_bucket_name_that_is_none(make_client: Callable[..., FlaskClient]) -> None:
    assert "my bucket" in reason(make_client(s3_bucket="my bucket"))


def test_without_a_bucket_none_is_looked_for(make_client: Callable[..., FlaskClient]) -> None:
    assert make_client(s3_bucket="").post("/setup", json=protocol.setup()).status_code == 200


def test_a_slow_answer_is_there_when_setup_is_asked(make_backend: Callable[..., Backend], stand_in: LocalAWS) -> None:
    """Label Studio takes a refused /setup for a backend that is away: its user finds an empty editor."""
    running, before = make_backend(), stand_in.count("ListTranscriptionJobs")
    stand_in.switch(answer_latency=1.5)
    try:
        running.diagnosis.begin()
        until(lambda: stand_in.count("ListTranscriptionJobs"), lambda count: count > before)
        running.diagnosis.check()
    finally:
        stand_in.switch(nasty=False)


def test_aws_is_asked_once_a_minute(make_backend: Callable[..., Backend], stand_in: LocalAWS) -> None:
    running = make_backend()
    before = stand_in.calls()["transcribe"].get("ListTranscriptionJobs", 0)
    for _ in range(20):
        running.diagnosis.check()
    assert stand_in.calls()["transcribe"]["ListTranscriptionJobs"] == before + 1
