"""A job's life: a slot, recognition, at least the configured latency, the output, COMPLETED or FAILED."""

import fnmatch
import logging
import math
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import uuid4

from local_aws import output
from local_aws.documents import Documents
from local_aws.errors import TOO_SMALL, UNREADABLE, UNSUPPORTED, JobFailure, LimitExceeded
from local_aws.faults import Faults
from local_aws.jobs import COMPLETED, FAILED, IN_PROGRESS, QUEUED, Job, Jobs
from local_aws.recognizers import Clip, Recognition, Recognizer
from local_aws.scheduler import Scheduler
from local_aws.storage import ACCOUNT, Storage, bucket_and_key

_DEFERRED_SHARE = 0.9
_LONGEST_QUEUE = 10_000

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Pace:
    """How busy AWS is: seconds a job takes at least, concurrent jobs, media keys whose jobs fail."""

    latency: float = 0.0
    slots: int = 250
    fail_pattern: str | None = None


@dataclass(frozen=True, slots=True)
class Hints:
    """The vocabulary and filter of a job, as they were when it was started."""

    hotwords: tuple[str, ...] = ()
    filter: output.Filter | None = None


class Lifecycle:
    """Runs the jobs of one region: recognition in one worker thread in order, everything timed on the scheduler."""

    def __init__(
        self,
        jobs: Jobs,
        lock: threading.RLock,
        recognizer: Recognizer,
        worker: ThreadPoolExecutor,
        scheduler: Scheduler,
        storage: Storage,
        documents: Documents,
        pace: Pace,
        faults: Faults,
    ) -> None:
        self._jobs, self._lock = jobs, lock
        self._recognizer, self._worker = recognizer, worker
        self._scheduler, self._storage, self._documents = scheduler, storage, documents
        self._pace, self._faults = pace, faults
        self._hints: dict[Job, Hints] = {}

    def require_room(self, request: Mapping[str, Any]) -> None:
        """Raises LimitExceeded when all slots are taken and the request does not allow to wait (or too many do)."""
        deferrable = (request.get("JobExecutionSettings") or {}).get("AllowDeferredExecution")
        if self._jobs.running >= self._pace.slots and not deferrable:
            raise LimitExceeded(
                "You have reached the limit of concurrent transcription jobs. Wait until one ends and try again."
            )
        if len(self._jobs.waiting) >= _LONGEST_QUEUE:
            raise LimitExceeded(f"You have reached the limit of {_LONGEST_QUEUE} queued transcription jobs.")

    def start(self, job: Job, hints: Hints) -> None:
        """Begin at once, or queue the job until slots are free."""
        self._hints[job] = hints
        if self._jobs.running < self._pace.slots:
            self._begin(job)
        else:
            job.status = QUEUED
            self._jobs.waiting.append(job)

    def _begin(self, job: Job) -> None:
        job.status, job.started = IN_PROGRESS, self._scheduler.clock()
        self._jobs.running += 1
        self._worker.submit(self._work, job, self._hints.pop(job), job.started + self._pace.latency)

    def _work(self, job: Job, hints: Hints, due: float) -> None:
        try:
            recognition = self._recognizer.recognize(self._clip(job, hints))
            results = output.results(job.request, recognition, hints.filter)
            redacted = output.redacted(job.request, recognition, hints.filter)
            end = partial(self._complete, job, recognition, results, redacted)
        except JobFailure as failure:
            end = partial(self._fail, job, str(failure))
        except Exception:
            _log.exception("Recognition of %s failed", job.name)
            end = partial(self._fail, job, "Internal failure. Try your request again.")
        self._scheduler.at(due, partial(self._end, job, end))

    def _clip(self, job: Job, hints: Hints) -> Clip:
        location = bucket_and_key(job.request["Media"]["MediaFileUri"])
        content = self._storage.read(*location) if location else None
        if location is None or content is None:
            raise JobFailure(UNREADABLE)
        bucket, key = location
        if self._pace.fail_pattern and fnmatch.fnmatchcase(key, self._pace.fail_pattern):
            raise JobFailure(UNSUPPORTED)
        if not content:
            raise JobFailure(TOO_SMALL)
        return Clip(key, content, job.request, hints.hotwords, lambda suffix: self._storage.read(bucket, key + suffix))

    def _end(self, job: Job, end: Callable[[], None]) -> None:
        with self._lock:
            try:
                end()
            except JobFailure as failure:
                self._fail(job, str(failure))
            self._jobs.running -= 1
            while self._jobs.waiting and self._jobs.running < math.ceil(_DEFERRED_SHARE * self._pace.slots):
                self._begin(self._jobs.waiting.popleft())

    def _fail(self, job: Job, reason: str) -> None:
        job.finish(FAILED, self._scheduler.clock(), reason)

    def _complete(
        self, job: Job, recognition: Recognition, results: Mapping[str, Any], redacted: Mapping[str, Any]
    ) -> None:
        job.learned = _learned(job.request, recognition, results)
        redaction = (job.request.get("ContentRedaction") or {}).get("RedactionOutput")
        if redaction != "redacted":
            content = output.document(job.name, results)
            job.transcripts["TranscriptFileUri"] = self._deliver(job, "", content)
        if redaction:
            content = output.document(job.name, redacted, redacted=True)
            job.transcripts["RedactedTranscriptFileUri"] = self._deliver(job, "redacted-", content)
        job.finish(COMPLETED, self._scheduler.clock())

    def _deliver(self, job: Job, prefix: str, content: bytes) -> tuple[str | None, str]:
        """Write a document, or have it written when the lag in reading has passed; where it is (to be)."""
        bucket, key = self._place(job, prefix)
        write = partial(self._write, job, bucket, key, content)
        weather = self._faults.weather
        if weather.read_lag:
            self._faults.hold((bucket or self._documents.bucket, key))
            self._scheduler.at(self._scheduler.clock() + weather.list_lag + weather.read_lag, write)
        else:
            write()
        return bucket, key

    def _place(self, job: Job, prefix: str) -> tuple[str | None, str]:
        bucket = job.request.get("OutputBucketName")
        if not bucket:
            return None, f"{ACCOUNT}/{job.name}/{uuid4()}/{prefix}asrOutput.json"
        if self._storage.region(bucket) is None:
            raise JobFailure("The specified S3 output bucket can't be accessed. Check its permissions and try again.")
        folder, _, name = output_key(job.request).rpartition("/")
        return bucket, f"{folder}/{prefix}{name}" if folder else f"{prefix}{name}"

    def _write(self, job: Job, bucket: str | None, key: str, content: bytes) -> None:
        self._faults.release((bucket or self._documents.bucket, key))
        if bucket:
            self._storage.write(bucket, key, content)
        elif not job.deleted:
            self._documents.write(key, content)


def output_key(request: Mapping[str, Any]) -> str:
    """Where the output goes: OutputKey when it ends in .json, else <job>.json, in OutputKey as a folder if given."""
    wanted, name = str(request.get("OutputKey") or ""), request["TranscriptionJobName"]
    if wanted.endswith(".json"):
        return wanted
    return f"{wanted.rstrip('/')}/{name}.json" if wanted else f"{name}.json"


def _learned(request: Mapping[str, Any], recognition: Recognition, results: Mapping[str, Any]) -> dict[str, Any]:
    learned: dict[str, Any] = {}
    if recognition.media_format:
        learned["MediaFormat"] = recognition.media_format
    if recognition.sample_rate:
        learned["MediaSampleRateHertz"] = recognition.sample_rate
    if request.get("IdentifyLanguage"):
        scores = results.get("language_identification") or []
        learned["LanguageCode"] = results.get("language_code") or output.language(request)
        learned["IdentifiedLanguageScore"] = float(scores[0]["score"]) if scores else 1.0
    if request.get("IdentifyMultipleLanguages"):
        learned["LanguageCodes"] = [
            {"LanguageCode": code["language_code"], "DurationInSeconds": code["duration_in_seconds"]}
            for code in results.get("language_codes") or []
        ]
    return learned
