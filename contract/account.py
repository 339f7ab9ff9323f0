"""The AWS that is looked at: what a run creates there has names of its own, and is deleted again whatever happens."""

import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

PREFIX = "ls-contract-"
"""How everything that a run creates begins."""
ENDED = ("COMPLETED", "FAILED")
_PATIENCE = 900.0  # seconds for a job or a vocabulary
_LAG = 60.0  # so long what was just created may still seem to be missing
_ATTEMPTS = {"mode": "adaptive", "total_max_attempts": 10}


class Stopped(BaseException):  # noqa: N818 - as KeyboardInterrupt, which it follows from
    """The run is being ended; nothing more is created."""


@dataclass(eq=False)
class Account:
    """An account in one region; thread-safe. `endpoint` is the stand-in's, None for AWS."""

    region: str
    endpoint: str | None = None
    credentials: tuple[str, str] | None = None
    run: str = field(default_factory=lambda: uuid.uuid4().hex[:8])

    def __post_init__(self) -> None:
        self._stop = threading.Event()
        self._lock = threading.RLock()
        self._created: list[tuple[str, str]] = []
        self._there: set[str] = set()
        self._clients: dict[tuple[str, str], Any] = {}
        self._made: dict[str, tuple[threading.Lock, list[Any]]] = {}

    # Whom to ask

    @property
    def transcribe(self) -> Any:
        """The Transcribe client."""
        return self.client("transcribe")

    @property
    def s3(self) -> Any:
        """The S3 client."""
        return self.client("s3")

    def client(self, service: str, region: str | None = None) -> Any:
        """A boto3 client of any service and region."""
        key = (service, region or self.region)
        with self._lock:
            if key not in self._clients:
                keys = dict(zip(("aws_access_key_id", "aws_secret_access_key"), self.credentials or (), strict=False))
                config = Config(retries=_ATTEMPTS, max_pool_connections=32)  # type: ignore[arg-type]
                make: Any = boto3.client
                self._clients[key] = make(service, key[1], endpoint_url=self.endpoint, config=config, **keys)
            return self._clients[key]

    # What is created

    def name(self, what: str) -> str:
        """A name of this run."""
        return f"{PREFIX}{self.run}-{what}"

    def once(self, what: str, make: Callable[[], Any]) -> Any:
        """What several tests look at is made by the first of them."""
        with self._lock:
            making, made = self._made.setdefault(what, (threading.Lock(), []))
        with making:
            if not made:
                made.append(make())
            return made[0]

    def _make_bucket(self) -> str:
        name, place = self.name("bucket"), {"CreateBucketConfiguration": {"LocationConstraint": self.region}}
        place = {} if self.region == "us-east-1" else place
        return self._create("bucket", name, self.s3.create_bucket, Bucket=name, **place)

    @property
    def bucket(self) -> str:
        """The bucket of this run, made when it is first asked for."""
        return str(self.once("bucket", self._make_bucket))

    def put(self, key: str, content: bytes) -> str:
        """An object in the bucket; its URI."""
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=content)
        return f"s3://{self.bucket}/{key}"

    def start(self, what: str, uri: str, **request: Any) -> str:
        """Start a job, in US English unless the request says otherwise; its name."""
        if not any(name in request for name in ("LanguageCode", "IdentifyLanguage", "IdentifyMultipleLanguages")):
            request["LanguageCode"] = "en-US"
        name = self.name(what)
        start = self.transcribe.start_transcription_job
        return self._create("job", name, start, TranscriptionJobName=name, Media={"MediaFileUri": uri}, **request)

    def job(self, name: str) -> dict[str, Any]:
        """A job as it is now."""
        return dict(self.transcribe.get_transcription_job(TranscriptionJobName=name)["TranscriptionJob"])

    def ended(self, name: str) -> dict[str, Any]:
        """A job once it is COMPLETED or FAILED."""
        return dict(self.until(lambda: self.job(name), lambda job: job["TranscriptionJobStatus"] in ENDED))

    def transcribed(self, what: str, uri: str, **request: Any) -> dict[str, Any]:
        """The `results` of a job that writes to the bucket; raises RuntimeError with the reason when it fails."""
        key = f"{what}/out.json"
        name = self.start(what, uri, OutputBucketName=self.bucket, OutputKey=key, **request)
        return self.results(self.ended(name), f"{what}/{'redacted-' if 'ContentRedaction' in request else ''}out.json")

    def results(self, job: dict[str, Any], key: str) -> dict[str, Any]:
        """The `results` of a job that has ended, once its output is readable."""
        if job["TranscriptionJobStatus"] == "FAILED":
            raise RuntimeError(f"FAILED: {job.get('FailureReason')}")
        document = self.until(lambda: self.read(key), lambda content: content is not None)
        return dict(json.loads(document or b"")["results"])

    def read(self, key: str) -> bytes | None:
        """An object of the bucket; None when it is not there."""
        try:
            return bytes(self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read())
        except ClientError as error:
            if error.response["Error"]["Code"] in ("NoSuchKey", "404"):
                return None
            raise

    def vocabulary(self, what: str, language: str, **source: Any) -> str:
        """Create a custom vocabulary; its name."""
        name = self.name(what)
        make = self.transcribe.create_vocabulary
        return self._create("vocabulary", name, make, VocabularyName=name, LanguageCode=language, **source)

    def made(self, name: str) -> dict[str, Any]:
        """A vocabulary once it is READY or FAILED."""
        ask = self.transcribe.get_vocabulary
        found = self.until(lambda: ask(VocabularyName=name), lambda found: found["VocabularyState"] != "PENDING")
        return dict(found)

    def filter(self, what: str, language: str, *words: str) -> str:
        """Create a vocabulary filter; its name."""
        name, make = self.name(what), self.transcribe.create_vocabulary_filter
        request = {"VocabularyFilterName": name, "LanguageCode": language, "Words": list(words)}
        return self._create("filter", name, make, **request)

    def _create(self, kind: str, name: str, operation: Callable[..., Any], **request: Any) -> str:
        """Noted before it is created, so that nothing stays; its name."""
        with self._lock:
            if self._stop.is_set():
                raise Stopped
            self._created.append((kind, name))
        operation(**request)
        self._there.add(name)
        return name

    # Waiting

    def until(
        self, ask: Callable[[], Any], holds: Callable[[Any], bool], patience: float = _PATIENCE, pause: float = 1.0
    ) -> Any:
        """The first answer for which the condition holds; raises TimeoutError, or Stopped."""
        deadline = time.monotonic() + patience
        while not holds(answer := ask()):
            if time.monotonic() > deadline:
                raise TimeoutError(f"still {answer!r} after {patience:.0f} s")
            if self._stop.wait(min(pause, 0.05) if self.endpoint else pause):
                raise Stopped
        return answer

    def seconds(self, ask: Callable[[], Any], holds: Callable[[Any], bool], patience: float) -> float:
        """How long it takes until the condition holds."""
        begun = time.monotonic()
        self.until(ask, holds, patience, pause=0.3)
        return time.monotonic() - begun

    def stop(self) -> None:
        """Nothing more is created, and nobody waits any more."""
        self._stop.set()

    # Cleaning up

    def clean(self, tell: Callable[[str], None]) -> list[str]:
        """Delete all that this run has created, the bucket last; what could not be."""
        self.stop()
        with self._lock:
            created = sorted(self._created[::-1], key=lambda each: each[0] == "bucket")
        return [name for kind, name in created if not self._gone(kind, name, tell)]

    def leftovers(self) -> Iterator[tuple[str, str]]:
        """What any run has left behind, by kind and name."""
        kinds = {
            "job": ("list_transcription_jobs", "JobNameContains", "TranscriptionJobSummaries", "TranscriptionJobName"),
            "vocabulary": ("list_vocabularies", "NameContains", "Vocabularies", "VocabularyName"),
            "filter": ("list_vocabulary_filters", "NameContains", "VocabularyFilters", "VocabularyFilterName"),
        }
        for kind, (operation, part, entries, name) in kinds.items():
            for entry in self.pages(operation, entries, **{part: PREFIX}):
                yield kind, entry[name]
        for bucket in self.s3.list_buckets()["Buckets"]:
            if bucket["Name"].startswith(PREFIX):
                yield "bucket", bucket["Name"]

    def pages(self, operation: str, entries: str, **request: Any) -> Iterator[Any]:
        """All entries of a List of Transcribe."""
        while True:
            page = getattr(self.transcribe, operation)(MaxResults=100, **request)
            yield from page.get(entries, [])
            if not page.get("NextToken"):
                return
            request["NextToken"] = page["NextToken"]

    def delete(self, kind: str, name: str) -> None:
        """Delete one thing, as soon as AWS lets it be deleted; raises ClientError for what cannot be."""
        if not name.startswith(PREFIX):
            raise ValueError(f"{name} was not created by a contract run")
        {"job": self._delete_job, "vocabulary": self._delete_vocabulary, "filter": self._delete_filter,
         "bucket": self._delete_bucket}[kind](name)  # fmt: skip
        self._there.discard(name)

    def _gone(self, kind: str, name: str, tell: Callable[[str], None]) -> bool:
        patience = time.monotonic() + (_LAG if name in self._there else 0.0)
        while True:
            try:
                self.delete(kind, name)
                tell(f"deleted the {kind} {name}")
                return True
            except (ClientError, BotoCoreError, TimeoutError) as error:
                if time.monotonic() > patience:
                    if not _is_missing(error):
                        tell(f"could not delete the {kind} {name}: {error}")
                    return _is_missing(error)
            time.sleep(1)

    def _delete_job(self, name: str) -> None:
        _until(lambda: self.job(name)["TranscriptionJobStatus"] in ENDED)
        self.transcribe.delete_transcription_job(TranscriptionJobName=name)

    def _delete_vocabulary(self, name: str) -> None:
        _until(lambda: self.transcribe.get_vocabulary(VocabularyName=name)["VocabularyState"] != "PENDING")
        self.transcribe.delete_vocabulary(VocabularyName=name)

    def _delete_filter(self, name: str) -> None:
        self.transcribe.delete_vocabulary_filter(VocabularyFilterName=name)

    def _delete_bucket(self, name: str) -> None:
        while objects := self.s3.list_objects_v2(Bucket=name).get("Contents"):
            for each in objects:
                self.s3.delete_object(Bucket=name, Key=each["Key"])
        self.s3.delete_bucket(Bucket=name)


def _until(holds: Callable[[], bool]) -> None:
    """Also when the run is being ended: only what has ended can be deleted."""
    deadline = time.monotonic() + _PATIENCE
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError("it does not end")
        time.sleep(0.5)


def _is_missing(error: Exception) -> bool:
    if not isinstance(error, ClientError):
        return False
    code, message = error.response["Error"].get("Code", ""), error.response["Error"].get("Message", "")
    return code in ("NotFoundException", "NoSuchBucket") or "couldn't be found" in message
