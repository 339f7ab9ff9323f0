"""Real parts for tests: the stand-in for AWS as a subprocess."""

import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import boto3
import requests

Answer = TypeVar("Answer")

ROOT = Path(__file__).parents[1]
REGION = "us-east-1"
_READY = "local_aws listens on "
_PATIENCE = 60  # seconds: Whisper on a busy machine


@dataclass(frozen=True)
class LocalAWS:
    """A running stand-in: `env` leads the AWS SDK of any process to it."""

    url: str
    process: subprocess.Popen[str]

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self.url.rpartition(":")[2])

    @property
    def env(self) -> dict[str, str]:
        """Environment variables that make boto3 use it."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": REGION,
        }

    def client(self, service: str, **options: Any) -> Any:
        """A boto3 client of it."""
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        return boto3.client(service, endpoint_url=self.url, **{"region_name": REGION, **keys, **options})

    @cached_property
    def s3(self) -> Any:
        """A boto3 client of S3."""
        return self.client("s3")

    @cached_property
    def transcribe(self) -> Any:
        """A boto3 client of Transcribe."""
        return self.client("transcribe")

    def started(self, name: str, uri: str, **request: Any) -> dict[str, Any]:
        """The TranscriptionJob of a start in en-US (unless the request says otherwise)."""
        if not any(key.startswith("Identify") for key in request):
            request.setdefault("LanguageCode", "en-US")
        reply = self.transcribe.start_transcription_job(
            TranscriptionJobName=name, Media={"MediaFileUri": uri}, **request
        )
        return dict(reply["TranscriptionJob"])

    def job(self, name: str) -> dict[str, Any]:
        """A job as it is now."""
        return dict(self.transcribe.get_transcription_job(TranscriptionJobName=name)["TranscriptionJob"])

    def ended(self, name: str) -> dict[str, Any]:
        """A job once it is COMPLETED or FAILED."""
        return until(lambda: self.job(name), lambda job: job["TranscriptionJobStatus"] in ("COMPLETED", "FAILED"))

    def calls(self) -> dict[str, Any]:
        """How often each operation was called so far."""
        report: dict[str, Any] = requests.get(f"{self.url}/_local_aws/calls", timeout=10).json()
        return report

    def switch(self, **sides: Any) -> None:
        """Switch nasty sides of AWS by name; `nasty=False` ends all of them."""
        answer = requests.post(f"{self.url}/_local_aws/faults", json=sides, timeout=10)
        assert answer.ok, answer.text

    def fired(self, side: str) -> int:
        """How often a nasty side has struck so far."""
        return int(self.calls()["faults"][side])


@contextmanager
def local_aws(*flags: str) -> Iterator[LocalAWS]:
    """`python -m local_aws` with these flags on a free port, from listening until the end of the block.

    `--recognizer scripted` unless the flags say otherwise.
    """
    if "--recognizer" not in flags:
        flags = ("--recognizer", "scripted", *flags)
    command = [sys.executable, "-m", "local_aws", "--port", "0", *flags]
    environ = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield LocalAWS(_url(process), process)
        finally:
            process.send_signal(signal.SIGTERM)
            _end(process)


def _url(process: subprocess.Popen[str]) -> str:
    """Waits for the line that says where it listens."""
    assert process.stdout
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        line = process.stdout.readline() if selector.select(_PATIENCE) else ""
    if not line.startswith(_READY):
        process.kill()
        raise RuntimeError(f"local_aws did not start: {line or 'it said nothing'!r}")
    return line.removeprefix(_READY).strip()


def _end(process: subprocess.Popen[str]) -> None:
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()


def until(ask: Callable[[], Answer], holds: Callable[[Answer], bool], patience: float = 60) -> Answer:
    """The first answer for which the condition holds; fails after `patience` seconds."""
    deadline = time.monotonic() + patience
    while not holds(answer := ask()):
        assert time.monotonic() < deadline, f"still {answer!r} after {patience} s"
        time.sleep(0.02)
    return answer
