"""With a password set, no sequence of anonymous requests reads a byte, starts a job or leaves a record."""

import base64
import hashlib
import json
import random
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness import grammar, protocol
from harness.aws import LocalAWS
from harness.waiting import until
from model import AWSTranscribe
from tests.api.conftest import API_KEY
from tests.servers import Server
from transcribe_backend.backend import Backend
from transcribe_backend.web.app import create_app

USER, PASSWORD = "label-studio", "open sesame"
OPEN = {"/", "/health"}
PATHS = (
    *grammar.ROUTES, "//predict", "/predict/", "/predict?a=b", "/health/../predict", "/health//../status", "/./status",
    "/%70redict", "/predict%00", "/health%2f..%2fpredict", "/health;/predict", "/static/../predict", "/HEALTH",
)  # fmt: skip


def basic(user: str, password: str) -> str:
    """An Authorization header."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


AUTHORIZATIONS = (
    "", "Basic", "Basic Og==", f"Token {API_KEY}", f"Bearer {PASSWORD}", PASSWORD, basic(USER, "open sesam"),
    basic(USER + "\x00", PASSWORD), basic("", PASSWORD), basic(USER, ""), "Digest " + basic(USER, PASSWORD),
)  # fmt: skip
HEADERS = (
    *(("Authorization", value) for value in AUTHORIZATIONS), ("Proxy-Authorization", basic(USER, PASSWORD)),
    ("X-Forwarded-User", USER), ("X-Forwarded-For", "127.0.0.1"), ("X-Original-URL", "/health"),
    ("X-Rewrite-URL", "/health"), ("X-HTTP-Method-Override", "GET"), ("Host", "127.0.0.1"),
    ("Origin", "http://localhost:9090"), ("Cookie", "session=1"),
)  # fmt: skip


def bodies(seed: int) -> Any:
    """What would read, start or leave something, if it were let in."""
    return grammar.request(random.Random(seed))[2]  # noqa: S311 - not for secrets


REQUEST = st.tuples(
    st.sampled_from(grammar.METHODS),
    st.sampled_from(PATHS),
    st.lists(st.sampled_from(HEADERS), max_size=3, unique_by=lambda header: header[0]),
    st.one_of(st.just(protocol.setup()), st.builds(bodies, st.integers(0, 10**6)), st.none()),
)


@pytest.fixture
def known(make_backend: Callable[..., Backend], put_audio: Callable[[str], str]) -> str:
    """A backend has transcribed something before, and failed at something: the text that nobody may read."""
    others = set(threading.enumerate())
    tasks = [protocol.task(1, put_audio("confidential.wav")), protocol.task(2, "s3://audio-bucket/no.wav")]
    earlier = make_backend(predict_wait=20.0)
    answer = create_app(AWSTranscribe, earlier).test_client().post("/predict", json=protocol.predict(tasks))
    assert protocol.texts(answer.json["results"][0]) == ["confidential."]
    earlier.close()
    begun = [each for each in threading.enumerate() if each not in others and each.name.startswith("work-")]
    until(lambda: [each for each in begun if each.is_alive()], lambda left: not left)
    return "confidential"


@pytest.fixture
def running(known: str, make_backend: Callable[..., Backend], studio_files: Server) -> Backend:
    """A backend over the same MODEL_DIR that has everything to lose."""
    return make_backend(
        basic_auth_user=USER,
        basic_auth_pass=PASSWORD,
        label_studio_url=studio_files.url,
        label_studio_api_key=API_KEY,
        allowed_audio_hosts=frozenset({"127.0.0.1"}),
    )


def kept(folder: Path) -> dict[str, str]:
    """Every file below a folder, by a digest of its content."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_no_sequence_of_anonymous_requests_does_anything(
    running: Backend, known: str, stand_in: LocalAWS, studio_files: Server
) -> None:
    client = create_app(AWSTranscribe, running).test_client()
    assert kept(running.settings.model_dir)
    before = kept(running.settings.model_dir), stand_in.calls(), len(studio_files.requests)

    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(REQUEST, min_size=1, max_size=8))
    def nothing_happens(requests: list[Any]) -> None:
        for method, path, headers, body in requests:
            data = body if isinstance(body, bytes) else json.dumps(body)
            name, _, query = path.partition("?")
            asked = {"PATH_INFO": unquote(name), "QUERY_STRING": query}  # as a server would, which has no base URL
            answer = client.open(
                method=method, headers=headers, data=data, content_type="application/json", environ_overrides=asked
            )
            assert answer.status_code in ((200, 405) if name in OPEN else (401,)), (method, path, headers)
            assert known not in answer.text

    nothing_happens()
    assert (kept(running.settings.model_dir), stand_in.calls(), len(studio_files.requests)) == before


def test_the_same_requests_with_the_password_do_something(
    running: Backend, known: str, put_audio: Callable[[str], str], stand_in: LocalAWS
) -> None:
    """Or the test above would prove nothing."""
    client = create_app(AWSTranscribe, running).test_client()
    before = kept(running.settings.model_dir), stand_in.calls()
    body = protocol.predict([protocol.task(3, put_audio("another.wav"))])
    client.post("/predict", json=body, auth=(USER, PASSWORD))
    assert kept(running.settings.model_dir) != before[0]
    assert stand_in.calls() != before[1]
