"""One watcher per process follows every pending job by listing, a hundred jobs a request."""

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from transcribe_backend.aws.jobs import Job, TranscribeJobs, failed
from transcribe_backend.errors import AWSError, TranscribeBackendError, TranscriptError

_log = logging.getLogger(__name__)

_YOUNG = 60.0
_PERIOD = 0.8
_SLOWEST_PERIOD = 15.0
_FAILED_PAGES = 3
_SINGLE_LOOKUPS = 8
_PATIENT_LOOKS = 3


@dataclass(slots=True)
class _Pending:
    job: Job
    future: Future[str]
    since: float
    riddles: int = field(default=0)
    """How often it neither ran nor had a transcript nor was among the newest FAILED jobs."""


class Watch:
    """Resolves futures when their jobs end: to the job's name, or to JobFailed with AWS's reason.

    What runs is listed (`Status=IN_PROGRESS`: never longer than the account's slots, however many jobs it has had);
    what is no longer listed has ended and its transcript is fetched. Seconds late at most: about 1 while the youngest
    job is under a minute old, then growing with its age to 15.
    """

    def __init__(self, jobs: TranscribeJobs, clock: Callable[[], float] = time.monotonic) -> None:
        self._jobs = jobs
        self._clock = clock
        self._pending: dict[str, _Pending] = {}
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._fetchers = ThreadPoolExecutor(8, "transcript-fetch")
        self._listing = threading.Lock()
        self._running: dict[str, tuple[float, frozenset[str]]] = {}
        self._queues: set[str] = set()
        self._closed = False

    def follow(self, job: Job, future: "Future[str]") -> None:
        """Resolve `future` when the job ends."""
        with self._changed:
            self._pending[job.name] = _Pending(job, future, self._clock())
            if self._thread is None:
                self._thread = threading.Thread(target=self._follow_all, name="transcribe-watch", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def close(self) -> None:
        """Look no more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def running(self, region: str, max_age: float = 2.0) -> frozenset[str]:
        """Names of the jobs of ours that AWS runs now, known to be true within the last `max_age` seconds."""
        with self._listing:
            taken, names = self._running.get(region, (float("-inf"), frozenset()))
            if self._clock() - taken > max_age:
                taken, names = self._list(region)
            return names

    def __len__(self) -> int:
        return len(self._pending)

    def _list(self, region: str) -> tuple[float, frozenset[str]]:
        asked = self._clock()
        states = ("IN_PROGRESS", "QUEUED") if region in self._queues else ("IN_PROGRESS",)
        names = frozenset(status.name for state in states for status in self._jobs.listing(region, state=state))
        self._running[region] = (asked, names)
        return asked, names

    def _follow_all(self) -> None:
        trouble = 0.0
        while not self._closed:
            with self._changed:
                self._changed.wait_for(lambda: self._pending or self._closed)
            begun = self._clock()
            trouble = 0.0 if self._tick() else min(max(1.0, trouble * 2), _SLOWEST_PERIOD)
            self._pause(max(self._period(), trouble) - (self._clock() - begun))

    def _pause(self, seconds: float) -> None:
        with self._changed:
            before = len(self._pending)
            self._changed.wait_for(
                lambda: self._closed or (len(self._pending) > before and self._period() < seconds), max(seconds, 0.05)
            )

    def _period(self) -> float:
        youngest = max((pending.since for pending in self._pending.copy().values()), default=self._clock())
        age = self._clock() - youngest
        return _PERIOD if age < _YOUNG else min(age / _YOUNG, _SLOWEST_PERIOD)

    def _tick(self) -> bool:
        """Look once into each region; False when that did not succeed in all of them."""
        by_region = defaultdict(list)
        for pending in self._pending.copy().values():
            by_region[pending.job.media.region].append(pending)
        return all([self._look(region, group) for region, group in by_region.items()])

    def _look(self, region: str, group: list[_Pending]) -> bool:
        try:
            with self._listing:
                asked, running = self._list(region)
            self._collect(region, [p for p in group if p.since <= asked and p.job.name not in running])
        except TranscribeBackendError as error:
            _log.warning("Pending transcription jobs cannot be followed now: %s", error.advice)
            return False
        except Exception:
            _log.exception("Following the pending transcription jobs failed; trying again")
            return False
        return True

    def _collect(self, region: str, ended: list[_Pending]) -> None:
        unexplained = [pending for pending in self._fetchers.map(self._fetch, ended) if pending]
        if unexplained:
            unexplained = self._fail(region, unexplained)
        for pending in unexplained[:_SINGLE_LOOKUPS]:
            self._look_up(region, pending)

    def _fetch(self, pending: _Pending) -> _Pending | None:
        try:
            if not self._jobs.fetch(pending.job):
                return pending
            self._resolve(pending)
        except TranscribeBackendError as error:
            if error.retryable:
                _log.warning("The transcript of %s cannot be fetched now: %s", pending.job.name, error.advice)
            else:
                self._resolve(pending, error)
        except Exception as error:
            _log.exception("The transcript of %s cannot be read", pending.job.name)
            self._resolve(pending, TranscriptError(f"The transcript of {pending.job.name} is unreadable: {error!r}."))
        return None

    def _fail(self, region: str, unexplained: list[_Pending]) -> list[_Pending]:
        """Explain by the newest FAILED jobs; returns those that are not among them."""
        reasons = {s.name: s.reason for s in self._jobs.listing(region, state="FAILED", pages=_FAILED_PAGES)}
        for pending in unexplained:
            if pending.job.name in reasons:
                self._resolve(pending, failed(pending.job, reasons[pending.job.name]))
        return [pending for pending in unexplained if pending.job.name not in reasons]

    def _look_up(self, region: str, pending: _Pending) -> None:
        status = next(iter(self._jobs.listing(region, name=pending.job.name, pages=1)), None)
        pending.riddles += 1
        if status is None and pending.riddles >= _PATIENT_LOOKS:  # a list may not yet know what was just started
            self._resolve(pending, AWSError(f"The job {pending.job.name} is gone from AWS Transcribe.", retryable=True))
        elif status is None:
            return
        elif status.state == "FAILED":
            self._resolve(pending, failed(pending.job, status.reason))
        elif status.state == "QUEUED":
            self._queues.add(region)
        elif status.state == "COMPLETED":
            self._fetch_elsewhere(pending)

    def _fetch_elsewhere(self, pending: _Pending) -> None:
        """COMPLETED but not in our folder: S3 may lag one look; after that the job was started with other settings."""
        if pending.riddles < 2:
            return
        try:
            if self._jobs.fetch_from_service_bucket(pending.job):
                self._resolve(pending)
        except TranscribeBackendError as error:
            self._resolve(pending, error)

    def _resolve(self, pending: _Pending, error: TranscribeBackendError | None = None) -> None:
        with self._changed:
            self._pending.pop(pending.job.name, None)
        if error is None:
            pending.future.set_result(pending.job.name)
        else:
            pending.future.set_exception(error)
