"""The stand-in for AWS and the backend as programs, for the demo and the end-to-end tests."""

import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import boto3

from demo.processes import Program, answers, environment, running

ROOT = Path(__file__).resolve().parent.parent
CREDENTIALS = ("demo", "demo-secret")
REGION = "us-east-1"


def stand_in(port: int, log: Path, *options: str) -> AbstractContextManager[Program]:
    """Run `local_aws`, by default with Whisper, at http://127.0.0.1:`port`."""
    command = [sys.executable, "-m", "local_aws", "--port", str(port), *(options or ("--recognizer", "whisper"))]
    return _running("The stand-in for AWS", command, f"http://127.0.0.1:{port}/_local_aws/calls", {}, log)


def backend(port: int, log: Path, settings: Mapping[str, str]) -> AbstractContextManager[Program]:
    """Run the backend as it runs in production, under gunicorn, at http://localhost:`port`."""
    command = [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", "_wsgi:app"]
    settings = {"PORT": str(port), **settings}
    return _running("The backend", command, f"http://127.0.0.1:{port}/health", settings, log)


def aws_settings(endpoint: str) -> dict[str, str]:
    """What points any AWS SDK to the stand-in at `endpoint`, and to nothing else."""
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": CREDENTIALS[0],
        "AWS_SECRET_ACCESS_KEY": CREDENTIALS[1],
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    }


def s3_client(endpoint: str) -> Any:
    """A boto3 client of the stand-in at `endpoint`."""
    return boto3.Session(*CREDENTIALS, region_name=REGION).client("s3", endpoint_url=endpoint)


def _running(
    name: str, command: list[str], url: str, settings: Mapping[str, str], log: Path
) -> AbstractContextManager[Program]:
    def up() -> bool:
        return answers(url)

    return running(name, command, up, env=environment(settings), log=log, timeout=120, cwd=ROOT)
