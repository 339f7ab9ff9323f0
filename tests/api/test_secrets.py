"""With every log level on and everything going wrong: no secret in the output or in an answer."""

import base64
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from harness import protocol
from harness.aws import LocalAWS
from harness.backend import backend
from tests.api import recorded
from tests.api.conftest import AUDIO, AUDIO_BUCKET, BUCKET
from tests.servers import Reply, Request, Server, serve

AWS_ID, AWS_SECRET = "AKIAQWERTYUIOPASDFGH", "s3cr3t/of+AWS/0123456789abcdefghijklmnop"
SESSION = "FwoGZXIvYXdzEJr//////////wEaDHNlc3Npb24tdG9rZW4+Q/x=="
USER, PASSWORD = "label-studio-caller", "basic-auth-p4ssw0rd"
LEGACY = "fedcba9876543210fedcba9876543210fedcba98"
REFRESH = "eyJhbGciOiJIUzI1NiJ9.eyJ0b2tlbl90eXBlIjoicmVmcmVzaCJ9.cmVmcmVzaC1zaWduYXR1cmU"
ACCESS = "eyJhbGciOiJIUzI1NiJ9.eyJ0b2tlbl90eXBlIjoiYWNjZXNzIn0.YWNjZXNzLXNpZ25hdHVyZQ"
SETUP_TOKEN = "aaaabbbbccccddddeeeeffff0000111122223333"
URL_PASSWORD = "url-pa55word"
SIGNATURE = "5f0e1d2c3b4a59687766554433221100ffeeddccbbaa99887766554433221100"
SIGNED = (
    "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAPRESIGNEDPRESIGN%2F20261122%2Fus-east-1%2Fs3%2Faws4_request"
    f"&X-Amz-Date=20261122T060000Z&X-Amz-Expires=60&X-Amz-Signature={SIGNATURE}"
)
SECRETS = (
    AWS_ID, AWS_SECRET, SESSION, PASSWORD, LEGACY, REFRESH, ACCESS, SETUP_TOKEN, URL_PASSWORD, SIGNATURE,
    "AKIAPRESIGNEDPRESIGN", base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode(),
)  # fmt: skip
_LEAK = re.compile(
    r"(?i)X-Amz-(?:Signature|Credential|Security-Token)(?:=|%3D)(?!\[redacted\])|\bSignature=[0-9a-f]{8}"
)


@pytest.fixture(scope="module")
def studio() -> Iterator[Server]:
    """A Label Studio that knows both kinds of token, redirects to signed URLs, and fails with talkative errors."""

    def answer(request: Request) -> Reply:
        if request.path.startswith("/api/token/refresh"):
            return Reply(200, f'{{"access": "{ACCESS}"}}'.encode())
        if request.headers.get("Authorization") not in (f"Token {LEGACY}", f"Bearer {ACCESS}"):
            return Reply(401, b'{"detail": "no"}')
        if "resolve" in request.path:
            return Reply(303, headers={"Location": f"http://127.0.0.1:9/away.wav?{SIGNED}"})
        if request.path.startswith("/data/upload"):
            return Reply(200, AUDIO)
        return Reply(500, f"Failed with {request.headers['Authorization']}".encode())

    with serve(answer) as server:
        yield server


@pytest.mark.parametrize(("key", "bucket"), [(LEGACY, BUCKET), (REFRESH, BUCKET), (LEGACY, "")])
def test_nothing_secret_is_said(
    aws_env: dict[str, str], stand_in: LocalAWS, studio: Server, web_files: Server, tmp_path: Path,
    put_audio: Callable[[str], str], key: str, bucket: str,
) -> None:  # fmt: skip
    env = {
        **aws_env, "AWS_ACCESS_KEY_ID": AWS_ID, "AWS_SECRET_ACCESS_KEY": AWS_SECRET, "AWS_SESSION_TOKEN": SESSION,
        "S3_BUCKET": bucket, "MODEL_DIR": str(tmp_path / "model"), "LOG_LEVEL": "DEBUG",
        "BASIC_AUTH_USER": USER, "BASIC_AUTH_PASS": PASSWORD, "LABEL_STUDIO_URL": studio.url,
        "LABEL_STUDIO_API_KEY": key, "ALLOWED_AUDIO_HOSTS": "127.0.0.1", "PREDICT_WAIT_SECONDS": "5",
    }  # fmt: skip
    put_audio("said.wav")
    with backend(env, tmp_path / "backend.log") as running:
        answers = list(conversation(running.url, stand_in, web_files))
        said = running.log + "\n".join(answers)
    assert "[DEBUG]" in said
    assert "botocore" in said
    assert [secret for secret in SECRETS if secret in said] == []
    leaks = [said[max(0, found.start() - 200) : found.end() + 60] for found in _LEAK.finditer(said)]
    assert leaks == []


def conversation(url: str, stand_in: LocalAWS, web: Server) -> Iterator[str]:
    """All that the backend answers, headers included, to good and bad requests full of secrets."""
    auth = (USER, PASSWORD)
    signed = stand_in.s3.generate_presigned_url("get_object", {"Bucket": AUDIO_BUCKET, "Key": "said.wav"})
    values = (
        f"s3://{AUDIO_BUCKET}/said.wav",
        signed,
        f"https://{AUDIO_BUCKET}.s3.amazonaws.com/none.wav?{SIGNED}",
        f"{web.url}/call.wav?{SIGNED}",
        f"http://127.0.0.1:9/call.wav?{SIGNED}",
        f"http://caller:{URL_PASSWORD}@127.0.0.1:9/call.wav",
        f"http://169.254.169.254/x?{SIGNED}",
        f"ftp://caller:{URL_PASSWORD}@host/call.wav?{SIGNED}",
        f"http://[::1/broken?{SIGNED}",
        "/data/upload/1/hello.wav",
        "/data/local-files/?d=failing.wav",
        "gs://bucket/call.wav",
    )
    body = protocol.predict([protocol.task(number, value) for number, value in enumerate(values)])
    body["params"] |= {"login": "someone", "password": URL_PASSWORD}
    setup = {**protocol.setup(), "access_token": SETUP_TOKEN}
    event = recorded.body("14_webhook_TASKS_CREATED", "/webhook")
    event["project"]["token"] = SETUP_TOKEN
    event["tasks"][0]["data"]["audio"] = f"http://127.0.0.1:9/call.wav?{SIGNED}"
    for path, sent, who in (
        ("/setup", setup, auth),
        ("/setup", {**setup, "schema": f"<View>{SIGNED}"}, auth),
        ("/predict", body, auth),
        ("/predict", {**body, "tasks": [{"id": SIGNATURE, "data": {}}]}, auth),
        ("/webhook", event, auth),
        ("/webhook", {"action": f"X {SIGNED}"}, auth),
        ("/predict", body, (USER, "guess")),
        (f"/nothing?{SIGNED}", {}, auth),
    ):
        yield spoken(requests.post(f"{url}{path}", json=sent, auth=who, timeout=60))
    yield spoken(requests.post(f"{url}/predict", data=f"{{{SIGNED}", auth=auth, timeout=60))
    for path in ("/", "/health", "/versions", "/metrics", "/status", f"/predict?{SIGNED}"):
        yield spoken(requests.get(f"{url}{path}", auth=auth, timeout=60))


def spoken(answer: requests.Response) -> str:
    """Everything of an answer that a person may see."""
    headers: Any = answer.headers
    return f"{answer.status_code} {answer.reason}\n{headers}\n{answer.text}"
