"""AWS Transcribe jobs as AWS sees them: name, start, list, get, fetch. No state, no threads."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import requests
from botocore.exceptions import ClientError

from transcribe_backend.aws.clients import AWSClients, aws_errors, error_code
from transcribe_backend.aws.media import Media
from transcribe_backend.aws.pacing import RateLimiter
from transcribe_backend.aws.transcripts import REDACTED, TranscriptStore
from transcribe_backend.errors import AWSError, JobFailed
from transcribe_backend.settings import Settings
from transcribe_backend.speech.recognition import Recognition

PREFIX = "ls-"
_LISTS_PER_SECOND = 4.5  # AWS Transcribe quotas: 5 ListTranscriptionJobs per second
_PAGE = 100
_NOT_FOUND = frozenset({"NotFoundException", "BadRequestException"})


@dataclass(frozen=True, slots=True)
class Job:
    """One transcription: this audio with these options. Equal jobs have equal names, in every process and project."""

    media: Media
    recognition: Recognition

    @property
    def name(self) -> str:
        """TranscriptionJobName: `ls-` and a digest of the media's identity and the recognition options."""
        what = json.dumps([self.media.identity, self.recognition.key()])
        prefix = REDACTED if self.recognition.redact else PREFIX
        return prefix + hashlib.sha256(what.encode()).hexdigest()[:40]


@dataclass(frozen=True, slots=True)
class Status:
    """What AWS says of a job: QUEUED, IN_PROGRESS, COMPLETED or FAILED, with its reason."""

    name: str
    state: str
    reason: str = ""
    uri: str = ""


class TranscribeJobs:
    """The requests to AWS Transcribe, each of them safe to repeat."""

    def __init__(self, clients: AWSClients, store: TranscriptStore, settings: Settings) -> None:
        self._clients = clients
        self._store = store
        self._settings = settings
        self._lists = RateLimiter(_LISTS_PER_SECOND)

    def start(self, job: Job) -> bool:
        """Start the job; False when AWS has one of that name already: then it is ours to adopt.

        Raises AWSError (retryable for LimitExceededException: all slots of the account are taken).
        """
        with aws_errors(f"start the transcription of {job.media.uri}"):
            try:
                self._clients.starts(job.media.region or None).start_transcription_job(**self._request(job))
            except ClientError as error:
                if error_code(error) == "ConflictException":
                    return False
                raise
        return True

    def listing(self, region: str, *, state: str = "", name: str = PREFIX, pages: int = 100_000) -> Iterator[Status]:
        """Jobs whose name contains `name`, newest first, at most `pages` pages of 100."""
        wanted: dict[str, Any] = {"JobNameContains": name, "MaxResults": _PAGE}
        if state:
            wanted["Status"] = state
        for _ in range(pages):
            self._lists.wait()
            with aws_errors("list transcription jobs"):
                page = self._clients.transcribe(region or None).list_transcription_jobs(**wanted)
            for summary in page.get("TranscriptionJobSummaries", []):
                yield _status(summary)
            if not page.get("NextToken"):
                return
            wanted["NextToken"] = page["NextToken"]

    def get(self, name: str, region: str) -> Status | None:
        """The job with a fresh TranscriptFileUri (valid 15 minutes); None when AWS knows no such job."""
        with aws_errors(f"look at the transcription job {name}"):
            try:
                answer = self._clients.transcribe(region or None).get_transcription_job(TranscriptionJobName=name)
            except ClientError as error:
                if error_code(error) in _NOT_FOUND:
                    return None
                raise
        return _status(answer["TranscriptionJob"])

    def fetch(self, job: Job) -> bool:
        """Bring a finished job's transcript into the store; False when it has none there yet.

        Raises JobFailed with AWS's reason when the job turns out to be FAILED.
        """
        if self._store.fetch(job.name, job.media.region or None):
            return True
        if self._settings.s3_bucket:
            return False
        return self.fetch_from_service_bucket(job)

    def fetch_ended(self, job: Job) -> bool:
        """The transcript of a job that somebody else started, wherever it was written; False while it runs.

        Raises JobFailed with AWS's reason.
        """
        return self._store.fetch(job.name, job.media.region or None) or self.fetch_from_service_bucket(job)

    def fetch_from_service_bucket(self, job: Job) -> bool:
        """The transcript through TranscriptFileUri, with a fresh one when the first is refused (403)."""
        for _ in range(2):
            status = self.get(job.name, job.media.region)
            if status is None or status.state in ("QUEUED", "IN_PROGRESS"):
                return False
            if status.state == "FAILED":
                raise failed(job, status.reason)
            answer = _download(status.uri)
            if answer.status_code == requests.codes.ok:
                self._store.put(job.name, answer.content)
                return True
        raise AWSError(
            f"The transcript of {job.name} is at a place that refuses us (HTTP {answer.status_code}).",
            remedy="It was written with another S3_BUCKET: set that again. Or delete the job, to pay for a new one: "
            f"`aws transcribe delete-transcription-job --transcription-job-name {job.name}`.",
        )

    def delete(self, name: str, region: str) -> None:
        """Forget a job in AWS, so that the next request starts it again (and pays it)."""
        with aws_errors(f"delete the transcription job {name}"):
            self._clients.transcribe(region or None).delete_transcription_job(TranscriptionJobName=name)

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


def failed(job: Job, reason: str) -> JobFailed:
    """The error of a FAILED job. It stays failed: the same audio with the same options has the same name."""
    return JobFailed(
        f"AWS Transcribe failed on {job.media.uri}: {reason or 'no reason given'}",
        remedy=f"Mend the audio, or run `python -m transcribe_backend retry {job.name}` to try the same audio again.",
    )


def _status(described: Any) -> Status:
    return Status(
        name=described["TranscriptionJobName"],
        state=described.get("TranscriptionJobStatus", ""),
        reason=described.get("FailureReason", ""),
        uri=_place(described.get("Transcript", {})),
    )


def _place(transcript: Any) -> str:
    return str(transcript.get("TranscriptFileUri") or transcript.get("RedactedTranscriptFileUri") or "")


def _download(uri: str) -> requests.Response:
    try:
        return requests.get(uri, timeout=(5, 30))
    except requests.RequestException as error:
        raise AWSError("AWS's transcript bucket does not answer.", retryable=True) from error
