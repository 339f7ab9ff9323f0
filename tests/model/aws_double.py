"""AWS as far as our adapters ask it, in memory, behind boto3's method names: S3, Transcribe, STS and their nasty sides.

It has no opinion on parameters: that is what the stand-in and the contract tests are for.
"""

import hashlib
import io
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from boto3.exceptions import S3UploadFailedError
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

REGION = "us-east-1"
FAIR = "fair"
WEATHER = (FAIR, "throttled", "full", "broken", "expired", "denied", "away", "lossy", "repeated")
"""`full`: LimitExceeded for every start; `lossy`: writes take effect, their answers are lost; `repeated`: boto3 sends a
start twice, because the first answer was lost."""
_URL = f"https://s3.{REGION}.amazonaws.com"
_ARN = f"arn:aws:transcribe:{REGION}:111122223333:vocabulary/"
_WRITES = {"start_transcription_job", "upload_file", "put_object"}
_PAGE = 2  # AWS may send fewer than were asked for, and filters what it has paged

Around = Callable[[Callable[[], Any]], Any]
"""Wraps one request of one process."""


@dataclass
class Job:
    """A transcription job; `what` is its audio and options without its name."""

    name: str
    request: dict[str, Any]
    what: str
    started: float
    ended: float = float("inf")
    failed: bool = False

    def state(self, at: float) -> str:
        """What AWS said of it at a time, "" before its start."""
        if at < self.started:
            return ""
        return "IN_PROGRESS" if at < self.ended else "FAILED" if self.failed else "COMPLETED"


@dataclass
class Lags:
    """Seconds by which AWS is late: lists, Get, and the transcript of a COMPLETED job."""

    lists: float = 0.0
    get: float = 0.0
    transcript: float = 0.0


@dataclass
class Aws:
    """One account. `slots` is how many jobs run at once; audio whose key holds "bad" makes its job FAILED."""

    clock: Callable[[], float]
    slots: int = 3
    weather: str = FAIR
    lags: Lags = field(default_factory=Lags)
    objects: dict[str, bytes] = field(default_factory=dict)
    jobs: dict[str, Job] = field(default_factory=dict)
    vocabularies: dict[str, dict[str, str]] = field(default_factory=dict)
    """Their tags by name, the oldest first; all are READY."""
    calls: Counter[str] = field(default_factory=Counter)
    struck: Counter[str] = field(default_factory=Counter)

    def client(self, around: Around) -> Any:
        """All services for one process, as boto3 clients are called."""
        return _Client(self, around)

    def running(self) -> list[Job]:
        """The jobs that have not ended, the oldest first."""
        return [job for job in self.jobs.values() if job.ended == float("inf")]

    def end(self, job: Job) -> None:
        """The job ends now; its transcript can be read a little later."""
        job.ended, job.failed = self.clock(), "bad" in job.request["Media"]["MediaFileUri"]

    def call(self, operation: str, do: Callable[[], Any]) -> Any:
        """One request, in the present weather."""
        self.calls[operation] += 1
        refusal = self._refusal(operation)
        if refusal:
            self.struck[self.weather] += 1
            raise refusal
        answer = do()
        if self.weather == "lossy" and operation in _WRITES:
            self.struck[self.weather] += 1
            raise ReadTimeoutError(endpoint_url=_URL)
        if self.weather == "repeated" and operation == "start_transcription_job":
            self.struck[self.weather] += 1
            return _repeated(do)
        return answer

    def _refusal(self, operation: str) -> Exception | None:
        s3 = operation.startswith(("head", "list_objects")) or operation.endswith(("_object", "_file"))
        if self.weather == "away":
            return EndpointConnectionError(endpoint_url=_URL)
        if self.weather == "full":
            return _error(429, "LimitExceededException") if operation.startswith("start") else None
        if self.weather == "denied":  # of S3 it would mean that another's object may not be looked at
            return None if s3 else _error(400, "AccessDeniedException")
        status, code, of_s3 = {
            "throttled": (400, "ThrottlingException", (503, "SlowDown")),
            "broken": (500, "InternalFailureException", (500, "InternalError")),
            "expired": (400, "ExpiredTokenException", (400, "ExpiredToken")),
        }.get(self.weather, (0, "", (0, "")))
        if s3:
            status, code = of_s3
        if operation.startswith("head"):
            code = str(status)  # there is no body that could say more
        return _error(status, code) if status else None

    # Transcribe

    def start_transcription_job(self, **request: Any) -> Any:
        name = request["TranscriptionJobName"]
        if name in self.jobs:
            raise _error(409, "ConflictException")
        if len(self.running()) >= self.slots:
            self.struck["no slot"] += 1
            raise _error(429, "LimitExceededException")
        told = {key: value for key, value in request.items() if key not in ("TranscriptionJobName", "OutputKey")}
        self.jobs[name] = Job(name, request, json.dumps(told, sort_keys=True), self.clock())
        return {"TranscriptionJob": self._described(self.jobs[name], "IN_PROGRESS")}

    def get_transcription_job(self, **request: Any) -> Any:
        job = self.jobs.get(request["TranscriptionJobName"])
        state = job.state(self.clock() - self.lags.get) if job else ""
        if job is None or not state:
            raise _error(400, "BadRequestException", "The requested job couldn't be found.")
        return {"TranscriptionJob": self._described(job, state)}

    def list_transcription_jobs(self, **request: Any) -> Any:
        """Newest first, filtered after paging."""
        begin, at = int(request.get("NextToken", 0)), self.clock() - self.lags.lists
        known = [job for job in reversed(self.jobs.values()) if job.state(at)]
        page = [job for job in known[begin : begin + _PAGE] if job.state(at) == request["Status"]]
        answer: dict[str, Any] = {"TranscriptionJobSummaries": [self._described(job, job.state(at)) for job in page]}
        return {**answer, "NextToken": str(begin + _PAGE)} if begin + _PAGE < len(known) else answer

    def _described(self, job: Job, state: str) -> dict[str, Any]:
        described: dict[str, Any] = {"TranscriptionJobName": job.name, "TranscriptionJobStatus": state}
        described["Media"] = job.request["Media"]
        described["CreationTime"] = datetime.fromtimestamp(job.started, UTC)
        if state == "FAILED":
            described["FailureReason"] = "The media format isn't valid."
        if state == "COMPLETED":
            place = f"https://s3.{REGION}.amazonaws.com/{job.request['OutputBucketName']}/{job.request['OutputKey']}"
            described["Transcript"] = {"TranscriptFileUri": place}
        return described

    def list_vocabularies(self, **request: Any) -> Any:
        names = [name for name in self.vocabularies if request.get("NameContains", "").lower() in name.lower()]
        return {"Vocabularies": [{"VocabularyName": name, "VocabularyState": "READY"} for name in names]}

    def list_tags_for_resource(self, **request: Any) -> Any:
        tags = self.vocabularies[request["ResourceArn"].removeprefix(_ARN)]
        return {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}

    def get_caller_identity(self) -> Any:
        return {"Account": "111122223333", "Arn": "arn:aws:iam::111122223333:user/backend"}

    # S3

    def head_bucket(self, **request: Any) -> Any:
        return {"ResponseMetadata": {"HTTPHeaders": {"x-amz-bucket-region": REGION}}}

    def list_objects_v2(self, **request: Any) -> Any:
        return {"Contents": []}

    def head_object(self, **request: Any) -> Any:
        body = self._object(request)
        if body is None:
            raise _error(404, "404")
        return {"ETag": f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"', "ContentLength": len(body)}

    def get_object(self, **request: Any) -> Any:
        body = self._object(request)
        if body is None:
            raise _error(404, "NoSuchKey")
        return {"Body": io.BytesIO(body)}

    def upload_file(self, path: str, bucket: str, key: str, **_: Any) -> None:
        self.objects[f"{bucket}/{key}"] = Path(path).read_bytes()

    def _object(self, request: dict[str, Any]) -> bytes | None:
        place = f"{request['Bucket']}/{request['Key']}"
        written = (
            _transcript(job.name)
            for job in self.jobs.values()
            if place == f"{job.request['OutputBucketName']}/{job.request['OutputKey']}"
            and job.state(self.clock() - self.lags.transcript) == "COMPLETED"
        )
        return self.objects.get(place) or next(written, None)


class _Client:
    meta = SimpleNamespace(endpoint_url=_URL)

    def __init__(self, aws: Aws, around: Around) -> None:
        self._aws = aws
        self._around = around

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        do = getattr(self._aws, operation)

        def request(*args: Any, **kwargs: Any) -> Any:
            return self._around(lambda: self._aws.call(operation, lambda: do(*args, **kwargs)))

        return _uploading(request) if operation == "upload_file" else request


def _uploading(request: Callable[..., Any]) -> Callable[..., Any]:
    def upload(*args: Any, **kwargs: Any) -> Any:
        try:
            return request(*args, **kwargs)
        except ClientError as error:
            raise S3UploadFailedError("Failed to upload") from error

    return upload


def _error(status: int, code: str, message: str = "said AWS") -> ClientError:
    body: Any = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(body, "Operation")


def _repeated(do: Callable[[], Any]) -> Any:
    try:
        return do()
    except ClientError as error:
        error.response["ResponseMetadata"]["RetryAttempts"] = 1
        raise


def _transcript(name: str) -> bytes:
    alternatives = [{"confidence": "0.9", "content": "hello"}]
    items = [{"type": "pronunciation", "start_time": "0.0", "end_time": "0.4", "alternatives": alternatives}]
    return json.dumps({"jobName": name, "results": {"transcripts": [{"transcript": "hello"}], "items": items}}).encode()
