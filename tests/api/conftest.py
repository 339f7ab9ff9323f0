"""The Flask app with the real backend behind it, which talks to the stand-in for AWS."""

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from harness import ROOT
from harness.aws import LocalAWS, local_aws
from model import AWSTranscribe
from tests.servers import Reply, Request, Server, serve
from transcribe_backend.backend import Backend
from transcribe_backend.settings import Settings
from transcribe_backend.web.app import create_app

AUDIO = (ROOT / "samples" / "cards_001.wav").read_bytes()
AUDIO_BUCKET = "audio-bucket"  # as in the recordings
BUCKET = "transcripts"
RECORDED_KEYS = ("calls/hello.wav", "calls/tone440.wav", "other/second.wav")
API_KEY = "0123456789abcdef0123456789abcdef01234567"
_OURS = ("AWS_", "LABEL_STUDIO_", "BASIC_AUTH_", "S3_", "TRANSCRIBE_", "PROMETHEUS_")
_WORDS = (("Hello", 0.2, 0.45, "0.98"), ("world", 0.5, 0.8, "0.90"), ("again", 1.2, 1.6, "0.5"))


@pytest.fixture(scope="session")
def stand_in() -> Iterator[LocalAWS]:
    """The stand-in with the buckets and the objects that the recordings name."""
    with local_aws("--fail-pattern", "broken*") as running:
        for bucket in (AUDIO_BUCKET, BUCKET):
            running.s3.create_bucket(Bucket=bucket)
        for key in RECORDED_KEYS:
            running.s3.put_object(Bucket=AUDIO_BUCKET, Key=key, Body=AUDIO)
        yield running


@pytest.fixture(scope="session")
def aws_env(stand_in: LocalAWS) -> dict[str, str]:
    """What leads boto3 to the stand-in, and to no account of the person who runs the tests."""
    away = {
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }
    return {**stand_in.env, **away}


@pytest.fixture(autouse=True)
def environment(aws_env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the stand-in is known."""
    for name in list(os.environ):
        if name.startswith(_OURS):
            monkeypatch.delenv(name)
    for name, value in aws_env.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def make_backend(tmp_path: Path) -> Iterator[Callable[..., Backend]]:
    """Makes a backend; keywords are fields of Settings."""
    with ExitStack() as stack:

        def make(**changes: Any) -> Backend:
            settings = Settings(**{"s3_bucket": BUCKET, "model_dir": tmp_path / "model", **changes})
            made = Backend(settings)
            stack.callback(made.close)
            return made

        yield make


@pytest.fixture
def make_client(make_backend: Callable[..., Backend]) -> Callable[..., FlaskClient]:
    """Makes a client of an app; keywords are fields of Settings."""

    def make(**changes: Any) -> FlaskClient:
        return create_app(AWSTranscribe, make_backend(**changes)).test_client()

    return make


@pytest.fixture
def client(make_client: Callable[..., FlaskClient]) -> FlaskClient:
    """A client of the app with the settings of most tests."""
    return make_client()


@pytest.fixture
def put_audio(stand_in: LocalAWS) -> Callable[[str], str]:
    """Puts speech into S3 under a key and returns its address."""

    def put(key: str) -> str:
        stand_in.s3.put_object(Bucket=AUDIO_BUCKET, Key=key, Body=AUDIO)
        return f"s3://{AUDIO_BUCKET}/{key}"

    return put


@pytest.fixture(scope="session")
def studio_files() -> Iterator[Server]:
    """Serves speech under every path to those who know Label Studio's key."""

    def answer(request: Request) -> Reply:
        known = request.headers.get("Authorization") == f"Token {API_KEY}"
        return Reply(200, AUDIO, {"Content-Type": "audio/x-wav"}) if known else Reply(401)

    with serve(answer) as server:
        yield server


@pytest.fixture(scope="session")
def web_files() -> Iterator[Server]:
    """Serves speech under every path, as a plain web server."""
    with serve(lambda request: Reply(200, AUDIO, {"Content-Type": "audio/x-wav"})) as server:
        yield server


@pytest.fixture
def studio_client(make_client: Callable[..., FlaskClient], studio_files: Server) -> FlaskClient:
    """A client of an app that knows a Label Studio to fetch uploads from."""
    return make_client(
        label_studio_url=studio_files.url,
        label_studio_api_key=API_KEY,
        allowed_audio_hosts=frozenset({"127.0.0.1"}),
    )


@pytest.fixture
def spoken(stand_in: LocalAWS) -> None:
    """What is said in audio that is staged: "Hello world again" at 0.2, 0.5 and 1.2 s."""
    key = f"label-studio-transcribe/media/{hashlib.sha256(AUDIO).hexdigest()}.wav.transcript.json"
    stand_in.s3.put_object(Bucket=BUCKET, Key=key, Body=json.dumps({"results": _results()}))


def _results() -> dict[str, Any]:
    items = [
        {
            "type": "pronunciation",
            "start_time": str(start),
            "end_time": str(end),
            "alternatives": [{"content": word, "confidence": confidence}],
        }
        for word, start, end, confidence in _WORDS
    ]
    return {"transcripts": [{"transcript": " ".join(word for word, *_ in _WORDS)}], "items": items}
