"""Prometheus metrics, right with several gunicorn workers (PROMETHEUS_MULTIPROC_DIR, set by gunicorn.conf.py)."""

import os
import struct
import time
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector

from transcribe_backend.errors import QueueError

_READS, _READ_PAUSE = 5, 0.02
_REQUEST_SECONDS = (0.005, 0.02, 0.1, 0.5, 1, 5, 15, 30, 60, 100)
_JOB_SECONDS = (5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600, 7200)
_TEXT_SECONDS = (1, 5, 10, 30, 60, 300, 900, 1800, 3600, 7200, 21_600, 86_400)
_STORE_SECONDS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10)


@dataclass(frozen=True, slots=True)
class Standing:
    """What stands in the store: jobs that run (and the seconds of the oldest), owed predictions, items by queue and
    cause (the name of an error's class, "" for none), seconds of audio today and the limit of a day (0 for none).
    """

    jobs: int = 0
    oldest: float = 0.0
    undelivered: int = 0
    owed: Mapping[tuple[str, str], int] = field(default_factory=dict)
    audio: float = 0.0
    most_audio: float = 0.0


class _Histogram(Histogram):
    """With many equal observations at once: a request may have a hundred tasks."""

    def observe_all(self, amount: float, count: int) -> None:
        """The same as `observe`, `count` times."""
        self._sum.inc(amount * count)
        self._buckets[bisect_left(self._upper_bounds, amount)].inc(count)


class Metrics:
    """What the backend counts; one object per process. `throttled` are the error codes of calls that were too many."""

    def __init__(self, throttled: Collection[str] = (), sleep: Callable[[float], None] = time.sleep) -> None:
        self._throttled = throttled
        self._sleep = sleep
        self._registry = CollectorRegistry()
        self._requests = Histogram(
            "transcribe_request_seconds",
            "Requests of Label Studio by route and HTTP status",
            ["route", "status"],
            buckets=_REQUEST_SECONDS,
            registry=self._registry,
        )
        self._jobs = Counter(
            "transcribe_jobs",
            "Transcriptions: started (billed), adopted, cached, completed, failed; reused by a task they were not for",
            ["state"],
            registry=self._registry,
        )
        self._billed = Counter(
            "transcribe_billed_seconds", "Seconds of audio that AWS bills (estimate)", registry=self._registry
        )
        self._saved = Counter(
            "transcribe_reused_seconds",
            "Seconds that AWS would have billed without reuse (estimate)",
            registry=self._registry,
        )
        self._ran = Histogram(
            "transcribe_job_seconds",
            "Transcription jobs from start to end",
            ["state"],
            buckets=_JOB_SECONDS,
            registry=self._registry,
        )
        self._texts = _Histogram(
            "transcribe_text_seconds",
            "From the import of a task (or the first request for it) to its text in Label Studio",
            buckets=_TEXT_SECONDS,
            registry=self._registry,
        )
        self._aws = Counter(
            "transcribe_aws_calls",
            "Calls of AWS by outcome",
            ["service", "operation", "outcome"],
            registry=self._registry,
        )
        self._throttles = Counter(
            "transcribe_aws_throttles", "Calls that AWS throttled", ["service", "operation"], registry=self._registry
        )
        self._deliveries = Counter(
            "transcribe_deliveries",
            "Predictions pushed into Label Studio, or why not",
            ["outcome"],
            registry=self._registry,
        )
        self._store = Histogram(
            "transcribe_store_seconds",
            "Transactions and queries of the store, with the wait for their turn",
            ["kind"],
            buckets=_STORE_SECONDS,
            registry=self._registry,
        )
        self._gauges: Callable[[], Standing] = Standing
        self._standing = Standing()

    def request(self, route: str, status: int, seconds: float) -> None:
        """One answered request."""
        self._requests.labels(route, str(status)).observe(seconds)

    def job(self, state: str, ran: float = 0.0, billed: float = 0.0, jobs: int = 1) -> None:
        """One step of so many transcriptions (transcribing/watch.py, Count)."""
        self._jobs.labels(state).inc(jobs)
        if state in ("completed", "failed"):
            self._ran.labels(state).observe(ran)
        if billed:
            (self._saved if state == "reused" else self._billed).inc(billed)

    def text(self, seconds: float, tasks: int = 1) -> None:
        """So many tasks have their text."""
        self._texts.observe_all(seconds, tasks)

    def aws_call(self, service: str, operation: str, error: str) -> None:
        """One HTTP attempt at AWS (clients.Observer)."""
        self._aws.labels(service, operation, error or "ok").inc()
        if error in self._throttled:
            self._throttles.labels(service, operation).inc()

    def delivery(self, outcome: str) -> None:
        """What became of one delivery."""
        self._deliveries.labels(outcome).inc()

    def store(self, kind: str, seconds: float) -> None:
        """One transaction ("write") or query ("read")."""
        self._store.labels(kind).observe(seconds)

    def watch(self, gauges: Callable[[], Standing]) -> None:
        """What the gauges show."""
        self._gauges = gauges

    def exposition(self) -> bytes:
        """All processes' metrics in Prometheus's text format."""
        with suppress(QueueError):  # while the store is down its last figures stand
            self._standing = self._gauges()
        return self._counted() + generate_latest(_Gauges(self._standing))

    def _counted(self) -> bytes:
        if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
            return generate_latest(self._registry)
        for _ in range(_READS - 1):
            try:
                return _together()
            except (struct.error, RuntimeError):  # another process is making or enlarging its file at this moment
                self._sleep(_READ_PAUSE)
        return _together()


class _Gauges(CollectorRegistry):
    """A standing as metrics. They are not summed over processes: each is told the same by the store."""

    def __init__(self, standing: Standing) -> None:
        super().__init__()
        self._standing = standing

    def collect(self) -> Iterator[Metric]:
        """One family each."""
        for name, about, value in (
            ("transcribe_pending_jobs", "Transcription jobs that run, of all processes", self._standing.jobs),
            ("transcribe_undelivered", "Owed predictions, of all processes", self._standing.undelivered),
            ("transcribe_oldest_job_seconds", "Age of the job that runs longest", self._standing.oldest),
            ("transcribe_audio_today_seconds", "Audio of the jobs started today (UTC)", self._standing.audio),
            ("transcribe_audio_limit_seconds", "MAX_AUDIO_HOURS_PER_DAY; 0: no limit", self._standing.most_audio),
        ):
            yield GaugeMetricFamily(name, about, value=value)
        owed = GaugeMetricFamily(
            "transcribe_owed", "Items by queue and by what they wait for or failed with", labels=["queue", "cause"]
        )
        for labels, count in sorted(self._standing.owed.items()):
            owed.add_metric(list(labels), count)
        yield owed


def _together() -> bytes:
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)
