"""Prometheus metrics, right with several gunicorn workers (PROMETHEUS_MULTIPROC_DIR, set by gunicorn.conf.py)."""

import os
import struct
import time
from collections.abc import Callable, Collection
from contextlib import suppress

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from transcribe_backend.errors import QueueError

_READS, _READ_PAUSE = 5, 0.02
_REQUEST_SECONDS = (0.005, 0.02, 0.1, 0.5, 1, 5, 15, 30, 60, 100)


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
            "Transcriptions asked for: started (paid), adopted, cached (reused), completed, failed",
            ["state"],
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
        self._pending = Gauge(
            "transcribe_pending_jobs",
            "Transcription jobs that run, of all processes",
            registry=self._registry,
            multiprocess_mode="livemax",
        )
        self._undelivered = Gauge(
            "transcribe_undelivered",
            "Owed predictions, of all processes",
            registry=self._registry,
            multiprocess_mode="livemax",
        )
        self._gauges: Callable[[], tuple[int, int]] | None = None

    def request(self, route: str, status: int, seconds: float) -> None:
        """One answered request."""
        self._requests.labels(route, str(status)).observe(seconds)

    def job(self, state: str, jobs: int = 1) -> None:
        """One step of so many transcriptions."""
        if jobs:
            self._jobs.labels(state).inc(jobs)

    def aws_call(self, service: str, operation: str, error: str) -> None:
        """One HTTP attempt at AWS (clients.Observer)."""
        self._aws.labels(service, operation, error or "ok").inc()
        if error in self._throttled:
            self._throttles.labels(service, operation).inc()

    def delivery(self, outcome: str) -> None:
        """What became of one delivery."""
        self._deliveries.labels(outcome).inc()

    def watch(self, gauges: Callable[[], tuple[int, int]]) -> None:
        """What the gauges show: running jobs and owed predictions."""
        self._gauges = gauges

    def measure(self) -> None:
        """Bring the gauges up to date."""
        if self._gauges:
            with suppress(QueueError):  # while the store is down its last figures stand
                running, owed = self._gauges()
                self._pending.set(running)
                self._undelivered.set(owed)

    def exposition(self) -> bytes:
        """All processes' metrics in Prometheus's text format."""
        self.measure()
        if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
            return generate_latest(self._registry)
        for _ in range(_READS - 1):
            try:
                return _together()
            except (struct.error, RuntimeError):  # another process is making or enlarging its file at this moment
                self._sleep(_READ_PAUSE)
        return _together()


def _together() -> bytes:
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)
