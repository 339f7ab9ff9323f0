"""What people write with boto3 instead of using a backend: the usual loop, what a good engineer writes in an hour, and
what public backends and operators do, which start everything and then ask for each job.

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
    client = _patient(aws)

    def transcribe(number: int) -> None:
        name = f"threaded-{number}"
        _start(client, name, uris[number])
        _poll(client, name, _POLL_SECONDS)

    with ThreadPoolExecutor(_THREADS) as pool:
        list(pool.map(transcribe, range(len(uris))))


def polling(aws: LocalAWS, uris: list[str]) -> None:
    """Starts all jobs, then asks for each every 5 s until all have ended; adaptive retries, 25 threads."""
    client = _patient(aws)
    waiting = [f"polling-{number}" for number in range(len(uris))]
    with ThreadPoolExecutor(_THREADS) as pool:
        list(pool.map(lambda name, uri: _start(client, name, uri), waiting, uris))
        while waiting:
            ended = list(pool.map(lambda name: _has_ended(client, name), waiting))
            waiting = [name for name, done in zip(waiting, ended, strict=True) if not done]
            time.sleep(_POLL_SECONDS if waiting else 0)


def _patient(aws: LocalAWS) -> Any:
    """A client whose threads share adaptive retries."""
    retries = Config(retries={"mode": "adaptive", "max_attempts": 10}, max_pool_connections=_THREADS)
    return aws.client("transcribe", config=retries)


def _start(client: Any, name: str, uri: str) -> None:
    client.start_transcription_job(TranscriptionJobName=name, LanguageCode="en-US", Media={"MediaFileUri": uri})


def _poll(client: Any, name: str, seconds: float) -> None:
    while not _has_ended(client, name):
        time.sleep(seconds)


def _has_ended(client: Any, name: str) -> bool:
    job = client.get_transcription_job(TranscriptionJobName=name)["TranscriptionJob"]
    return job["TranscriptionJobStatus"] in _ENDED
