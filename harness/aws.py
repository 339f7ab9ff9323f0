"""The stand-in for AWS as a program, and how it is asked."""

import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
import requests

from harness import ROOT
from harness.processes import Program, environment, running
from harness.waiting import until

CREDENTIALS = ("test", "test")
REGION = "us-east-1"
_READY = re.compile(r"^local_aws listens on (\S+)\n", re.MULTILINE)
_PATIENCE = 120  # seconds: Whisper on a busy machine


@dataclass(frozen=True)
class LocalAWS:
    """A running stand-in: `env` leads the AWS SDK of any process to it."""

    url: str
    program: Program

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self.url.rpartition(":")[2])

    @property
    def env(self) -> dict[str, str]:
        """Environment variables that make any AWS SDK use it, and nothing else."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": CREDENTIALS[0],
            "AWS_SECRET_ACCESS_KEY": CREDENTIALS[1],
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        }

    def client(self, service: str, **options: Any) -> Any:
        """A boto3 client of it."""
        keys = {"aws_access_key_id": CREDENTIALS[0], "aws_secret_access_key": CREDENTIALS[1]}
        make: Any = boto3.client
        return make(service, endpoint_url=self.url, **{"region_name": REGION, **keys, **options})

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

    def jobs(self, **filters: str) -> list[str]:
        """Names of all jobs that were ever started, or of those that `filters` (as Status="COMPLETED") leave."""
        names: list[str] = []
        token: dict[str, str] = {}
        while True:
            page = self.transcribe.list_transcription_jobs(MaxResults=100, **filters, **token)
            names += [job["TranscriptionJobName"] for job in page["TranscriptionJobSummaries"]]
            if "NextToken" not in page:
                return names
            token = {"NextToken": page["NextToken"]}

    def calls(self) -> dict[str, Any]:
        """How often each operation was called so far."""
        report: dict[str, Any] = requests.get(f"{self.url}/_local_aws/calls", timeout=30).json()
        return report

    def count(self, operation: str) -> int:
        """How often an operation of Transcribe was called so far."""
        return int(self.calls()["transcribe"].get(operation, 0))

    def switch(self, **sides: Any) -> None:
        """Switch nasty sides of AWS by name; `nasty=False` ends all of them."""
        requests.post(f"{self.url}/_local_aws/faults", json=sides, timeout=10).raise_for_status()

    def fired(self, side: str) -> int:
        """How often a nasty side has struck so far."""
        return int(self.calls()["faults"][side])


@contextmanager
def local_aws(*flags: str, port: int = 0, log: Path | None = None) -> Iterator[LocalAWS]:
    """`python -m local_aws` with these flags, from listening until the end of the block; port 0 is any free one.

    `--recognizer scripted` unless the flags say otherwise.
    """
    if "--recognizer" not in flags:
        flags = ("--recognizer", "scripted", *flags)
    with ExitStack() as stack:
        log = log or Path(stack.enter_context(tempfile.TemporaryDirectory()), "local_aws.log")
        command = [sys.executable, "-m", "local_aws", "--port", str(port), *flags]

        def address() -> str | None:
            found = _READY.search(log.read_text())
            return found and found[1]

        ready = running(
            "The stand-in for AWS", command, lambda: bool(address()),
            env=environment({}), log=log, timeout=_PATIENCE, cwd=ROOT,
        )  # fmt: skip
        program = stack.enter_context(ready)
        yield LocalAWS(address() or "", program)
