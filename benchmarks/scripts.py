"""What people write with boto3 instead of using a backend: the usual loop, and what a good engineer writes in an hour.

Each transcribes `uris` to the end, and calls nothing but AWS Transcribe.
"""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from botocore.config import Config

from harness.aws import LocalAWS

_THREADS, _POLL_SECONDS = 25, 5.0
_LOOP_SECONDS = 10.0  # of the loop in AWS's own examples
_ENDED = ("COMPLETED", "FAILED")


def sequential(aws: LocalAWS, uris: list[str]) -> None:
    """File after file: Get, Start, then Get and sleep 10 s until the job has ended."""
    for number, uri in enumerate(uris):
        name = f"sequential-{number}"
        try:
            aws.transcribe.get_transcription_job(TranscriptionJobName=name)
        except aws.transcribe.exceptions.ClientError:
            _start(aws.transcribe, name, uri)
        _poll(aws.transcribe, name, _LOOP_SECONDS)


def threaded(aws: LocalAWS, uris: list[str]) -> None:
    """25 threads with adaptive retries; each starts a job and asks for it every 5 s until it has ended."""
    retries = Config(retries={"mode": "adaptive", "max_attempts": 10}, max_pool_connections=_THREADS)
    client = aws.client("transcribe", config=retries)

    def transcribe(number: int) -> None:
        name = f"threaded-{number}"
        _start(client, name, uris[number])
        _poll(client, name, _POLL_SECONDS)

    with ThreadPoolExecutor(_THREADS) as pool:
        list(pool.map(transcribe, range(len(uris))))


def _start(client: Any, name: str, uri: str) -> None:
    client.start_transcription_job(TranscriptionJobName=name, LanguageCode="en-US", Media={"MediaFileUri": uri})


def _poll(client: Any, name: str, seconds: float) -> None:
    while True:
        job = client.get_transcription_job(TranscriptionJobName=name)["TranscriptionJob"]
        if job["TranscriptionJobStatus"] in _ENDED:
            return
        time.sleep(seconds)
