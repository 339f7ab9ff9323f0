"""AWS Transcribe jobs as AWS sees them: name, start, list, get, fetch. No state, no threads."""

import hashlib
import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache, partial
from itertools import islice
from typing import Any

import requests
from botocore.exceptions import ClientError

from transcribe_backend.aws.clients import AWSClients, aws_errors, error_code
from transcribe_backend.aws.media import Media
from transcribe_backend.aws.transcripts import REDACTED, TranscriptStore
from transcribe_backend.errors import AccessDenied, AWSError, JobFailed
from transcribe_backend.home import command
from transcribe_backend.settings import Settings
from transcribe_backend.speech.recognition import Recognition

PREFIX = "ls-"
NAME = re.compile(rf"(?:{PREFIX}|{REDACTED})[0-9a-f]{{40}}")
"""What all our jobs are called."""
_PAGE = 100
_YOUNG_SECONDS = 60.0
_NOT_FOUND = frozenset({"NotFoundException", "BadRequestException"})
_UNREADABLE = "S3 URI that you provided can't be accessed"
_UNWRITABLE = "output bucket can't be accessed"


@dataclass(frozen=True, slots=True)
class Job:
    """One transcription: this audio with these options. Equal jobs have equal names, in every process and project."""

    media: Media
    recognition: Recognition

    @property
    def name(self) -> str:
        """TranscriptionJobName."""
        return job_names(self.recognition)(self.media.identity)


@lru_cache(maxsize=64)
def job_names(recognition: Recognition) -> Callable[[str], str]:
    """What jobs with these options are called, by the identity of their media."""
    return partial(_named, REDACTED if recognition.redact else PREFIX, recognition.key())


@lru_cache(maxsize=20_000)
def _named(prefix: str, options: str, identity: str) -> str:
    """`ls-` and a digest of the media's identity and the recognition options."""
    return prefix + hashlib.sha256(json.dumps([identity, options]).encode()).hexdigest()[:40]


@dataclass(frozen=True, slots=True)
class JobStatus:
    """What AWS says of a job: QUEUED, IN_PROGRESS, COMPLETED or FAILED, with its reason, its audio and its output, and
    when (Unix time) it was created."""

    name: str
    state: str
    reason: str = ""
    audio: str = ""
    output: str = ""
    created: float = field(default=0.0, compare=False)


class TranscribeJobs:
    """The requests to AWS Transcribe, each of them safe to repeat. Every method raises AWSError."""

    def __init__(self, clients: AWSClients, store: TranscriptStore, settings: Settings) -> None:
        self._clients = clients
        self._store = store
        self._settings = settings

    def start(self, job: Job) -> bool:
        """Start the job; False when AWS has one of that name already: then it is ours to adopt.

        Raises LimitExceeded when requests or jobs are too many, or the file is too long: AWS does not say which.
        """
        with aws_errors(f"start the transcription of {job.media.uri}"):
            try:
                self._clients.starts(job.media.region or None).start_transcription_job(**self._request(job))
            except ClientError as error:
                if error_code(error) == "ConflictException":
                    # A try before this one may have been accepted, and its answer lost.
                    return error.response["ResponseMetadata"].get("RetryAttempts", 0) > 0 and self._is_young(job)
                raise self._without_access(job, error) or error from error
        return True

    def listing(
        self, region: str, state: str, pages: int, next_page: Callable[[], object] = lambda: None
    ) -> Iterator[JobStatus]:
        """Our jobs in a state, newest first, from at most `pages` pages of 100. `next_page` is called before each
        page but the first: it keeps the rate. A page may be empty and still not be the last (docs/aws.md).
        """
        return self._listed(region, pages, next_page, JobNameContains=PREFIX, Status=state)

    def running(self, region: str, most: int) -> int:
        """How many jobs the account runs, ours or not; counted to `most`, among the newest jobs that it has had."""
        pages = most // _PAGE + 2
        return sum(1 for _ in islice(self._listed(region, pages, Status="IN_PROGRESS"), most))

    def _listed(
        self, region: str, pages: int, next_page: Callable[[], object] = lambda: None, **wanted: Any
    ) -> Iterator[JobStatus]:
        for page in range(pages):
            if page:
                next_page()
            with aws_errors("list transcription jobs"):
                answer = self._clients.transcribe(region or None).list_transcription_jobs(MaxResults=_PAGE, **wanted)
            yield from map(_status, answer.get("TranscriptionJobSummaries", []))
            if not answer.get("NextToken"):
                return
            wanted["NextToken"] = answer["NextToken"]

    def get(self, name: str, region: str) -> JobStatus | None:
        """The job with a fresh place of its output (valid for 15 minutes); None when AWS knows no such job."""
        with aws_errors(f"look at the transcription job {name}"):
            try:
                answer = self._clients.transcribe(region or None).get_transcription_job(TranscriptionJobName=name)
            except ClientError as error:
                if error_code(error) in _NOT_FOUND:
                    return None
                raise
        return _status(answer["TranscriptionJob"])

    def fetch(self, job: Job) -> bool:
        """Bring the transcript of a job that may have ended into the store; False when there is none yet.

        Raises JobFailed with AWS's reason when the job turns out to be FAILED.
        """
        region = job.media.region
        if self._store.fetch(job.name, region or None):
            return True
        status = self.get(job.name, region)
        if status is not None and status.state == "FAILED":
            raise failed(status)
        if status is None or status.state != "COMPLETED":
            return False
        # It may have ended after the look into S3.
        return self._store.fetch(job.name, region or None) or self.fetch_elsewhere(status)

    def fetch_elsewhere(self, status: JobStatus) -> bool:
        """The output of a COMPLETED job that was written to AWS's own bucket; False when it is in a bucket of ours or
        is refused, since a place there is no signed URL.
        """
        if "X-Amz-Signature=" not in status.output and "Signature=" not in status.output:
            return False
        answer = _download(status.output)
        if answer.status_code != requests.codes.ok:
            return False
        self._store.put(status.name, answer.content)
        return True

    def delete(self, name: str, region: str) -> None:
        """Forget a job in AWS, so that the next request starts it again, at AWS's price."""
        with aws_errors(f"delete the transcription job {name}"):
            self._clients.transcribe(region or None).delete_transcription_job(TranscriptionJobName=name)

    def _is_young(self, job: Job) -> bool:
        """Whether a job that AWS has was made within the last minute: Get need not know it yet."""
        status = self.get(job.name, job.media.region)
        return status is None or time.time() - status.created < _YOUNG_SECONDS

    def _without_access(self, job: Job, error: ClientError) -> AccessDenied | None:
        """AWS Transcribe reads and writes with the caller's permissions, and does not name the one that is missing."""
        told = error.response["Error"].get("Message", "")
        if _UNREADABLE in told:
            audio = job.media.uri.removeprefix("s3://").partition("/")[0]
            return AccessDenied(
                f"AWS Transcribe may not read {job.media.uri} for the backend: {told}",
                remedy=f"Allow s3:GetObject on bucket {audio} to the backend's user or role; and s3:ListBucket, without"
                " which S3 does not tell whether the audio is there at all.",
            )
        if _UNWRITABLE in told:
            return AccessDenied(
                f"AWS Transcribe may not write into S3_BUCKET {self._settings.s3_bucket} for the backend: {told}",
                remedy=f"Allow s3:PutObject on {self._settings.s3_folder}/* there to the backend's user or role.",
            )
        return None

    def _request(self, job: Job) -> dict[str, Any]:
        request = {
            "TranscriptionJobName": job.name,
            "Media": {"MediaFileUri": job.media.uri},
            **job.recognition.request(),
        }
        if self._settings.s3_bucket:
            request |= {"OutputBucketName": self._settings.s3_bucket, "OutputKey": self._store.key(job.name)}
            if self._settings.s3_kms_key:
                request["OutputEncryptionKMSKeyId"] = self._settings.s3_kms_key
        return request


def failed(status: JobStatus) -> JobFailed:
    """The error of a FAILED job. It stays failed: the same audio with the same options has the same name."""
    mend = "Allow s3:GetObject on its bucket, then" if _UNREADABLE in status.reason else "Fix the audio, or"
    return JobFailed(
        f"AWS Transcribe failed{f' on {status.audio}' if status.audio else ''}: {status.reason or 'no reason given'}",
        remedy=f"{mend} run `{command('retry', status.name)}` where the backend runs, to try the same audio again.",
    )


def _status(described: Any) -> JobStatus:
    return JobStatus(
        name=described["TranscriptionJobName"],
        state=described.get("TranscriptionJobStatus", ""),
        reason=described.get("FailureReason", ""),
        audio=described.get("Media", {}).get("MediaFileUri", ""),
        output=_place(described.get("Transcript", {})),
        created=described["CreationTime"].timestamp() if "CreationTime" in described else 0.0,
    )


def _place(transcript: Any) -> str:
    return str(transcript.get("TranscriptFileUri") or transcript.get("RedactedTranscriptFileUri") or "")


def _download(uri: str) -> requests.Response:
    try:
        return requests.get(uri, timeout=(5, 30))
    except requests.RequestException as error:
        raise AWSError("AWS's transcript bucket does not answer.", retryable=True) from error
