"""Every transcription that this process wants: each job at most once, whoever asks and however often."""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from transcribe_backend.aws.jobs import Job, TranscribeJobs
from transcribe_backend.aws.pacing import RateLimiter
from transcribe_backend.aws.transcripts import TranscriptStore
from transcribe_backend.aws.watch import Watch
from transcribe_backend.errors import AWSError, JobFailed, LimitExceeded, TranscribeBackendError
from transcribe_backend.settings import Settings

_log = logging.getLogger(__name__)

_OWN_SHARE = 0.9  # of the account's start rate: even spacing at exactly the quota is throttled by every jitter
_REMEMBERED_FAILURES = 5_000
_FAILURE_SECONDS = 60.0
_WAIT, _LONGEST_WAIT = 1.0, 8.0
_FAILURES, _TOLD = 4, 4

Count = Callable[[str], None]
"""Called with what became of a job: "cached", "started", "adopted", "completed" or "failed"."""


class Transcriptions:
    """`request` a job and wait for its future: the result is the job's name once the store holds its transcript.

    A finished transcript is found in memory, on disk or in S3_BUCKET before AWS Transcribe is asked. A running job is
    adopted, a FAILED one stays failed. Starts keep under the account's rate and slots; LimitExceededException is
    waited out. `urgent` jobs (somebody waits in front of the screen) do not queue behind bulk ones.
    """

    def __init__(
        self, jobs: TranscribeJobs, store: TranscriptStore, settings: Settings, count: Count = lambda what: None
    ) -> None:
        self.store = store
        self._jobs = jobs
        self._count = count
        self.watch = Watch(jobs)
        self._lock = threading.Lock()
        self._wanted: dict[str, Future[str]] = {}
        self._failed: OrderedDict[str, tuple[float, JobFailed]] = OrderedDict()
        self._pace = RateLimiter(settings.start_rate * _OWN_SHARE)
        self._slots = threading.BoundedSemaphore(settings.max_jobs)
        self._closed = threading.Event()
        self._lookups = ThreadPoolExecutor(12, "transcript-lookup")
        self._bulk = ThreadPoolExecutor(8, "transcribe-start")
        self._urgent = ThreadPoolExecutor(4, "transcribe-start-urgent")
        # Apart: starts may wait long for a slot, and a finished transcript must not wait behind them.
        self._urgent_lookups = ThreadPoolExecutor(4, "transcript-lookup-urgent")

    def request(self, job: Job, *, urgent: bool = False) -> "Future[str]":
        """The future of this job; it fails with JobFailed, AWSError or TranscriptError."""
        if self.store.has(job.name):
            self._count("cached")
            return _done(job.name)
        with self._lock:
            if failure := self._remembered_failure(job.name):
                return _failed(failure)
            if job.name in self._wanted:
                return self._wanted[job.name]
            future = self._wanted[job.name] = Future()
        future.add_done_callback(lambda ended: self._forget(job.name, ended))
        lookups, starts = (self._urgent_lookups, self._urgent) if urgent else (self._lookups, self._bulk)
        lookups.submit(self._settle, future, self._look_up, job, future, starts)
        return future

    def __len__(self) -> int:
        return len(self._wanted)

    def close(self) -> None:
        """Start nothing more; running jobs go on in AWS and are adopted by whoever asks next."""
        self._closed.set()
        self.watch.close()
        for pool in (self._lookups, self._urgent_lookups, self._bulk, self._urgent):
            pool.shutdown(wait=False, cancel_futures=True)

    def _settle(self, future: "Future[str]", step: Callable[..., None], *args: Any) -> None:
        try:
            self._check_open()
            step(*args)
        except TranscribeBackendError as error:
            future.set_exception(error)
        except Exception as error:
            _log.exception("A transcription failed before its job ran")
            future.set_exception(AWSError(f"Transcribing failed: {error}", retryable=True))

    def _look_up(self, job: Job, future: "Future[str]", starts: ThreadPoolExecutor) -> None:
        # In this order: what ends in between is in the list or in the bucket, and is not started a second time.
        running = self.watch.running(job.media.region)
        if job.name in running:
            if self._slots.acquire(blocking=False):
                future.add_done_callback(lambda _: self._slots.release())
            self._follow(job, future, "adopted")
        elif self.store.fetch(job.name, job.media.region or None):
            self._count("cached")
            future.set_result(job.name)
        else:
            starts.submit(self._settle, future, self._start, job, future)

    def _start(self, job: Job, future: "Future[str]") -> None:
        while not self._slots.acquire(timeout=0.5):
            self._check_open()
        future.add_done_callback(lambda _: self._slots.release())
        if self._started(job):
            self._follow(job, future, "started")
        elif self._jobs.fetch_ended(job):
            self._count("cached")
            future.set_result(job.name)
        else:
            self._follow(job, future, "adopted")

    def _follow(self, job: Job, future: "Future[str]", how: str) -> None:
        self._count(how)
        self.watch.follow(job, future)

    def _started(self, job: Job) -> bool:
        """Waits out a full account for as long as it takes, and AWS's own failures a few times."""
        attempts, failures = 0, 0
        while True:
            attempts += 1
            self._pace.wait()
            self._check_open()
            try:
                return self._jobs.start(job)
            except AWSError as error:
                failures += not isinstance(error, LimitExceeded)
                if not error.retryable or failures >= _FAILURES:
                    raise
                _log.log(logging.WARNING if attempts == _TOLD else logging.INFO, "%s Waiting.", error)
            self._closed.wait(min(_WAIT * attempts, _LONGEST_WAIT))

    def _check_open(self) -> None:
        if self._closed.is_set():
            raise AWSError("The backend is shutting down.", retryable=True)

    def _forget(self, name: str, ended: "Future[str]") -> None:
        error = ended.exception()
        with self._lock:
            self._wanted.pop(name, None)
            if isinstance(error, JobFailed):
                self._failed[name] = (time.monotonic(), error)
                while len(self._failed) > _REMEMBERED_FAILURES:
                    self._failed.popitem(last=False)
        self._count("failed" if error else "completed")

    def _remembered_failure(self, name: str) -> JobFailed | None:
        since, failure = self._failed.get(name, (float("-inf"), None))
        return failure if time.monotonic() - since < _FAILURE_SECONDS else None


def _done(name: str) -> "Future[str]":
    future: Future[str] = Future()
    future.set_result(name)
    return future


def _failed(error: JobFailed) -> "Future[str]":
    future: Future[str] = Future()
    future.set_exception(error)
    return future
