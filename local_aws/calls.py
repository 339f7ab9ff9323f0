"""How often each operation was called, so that checks can prove what AWS was (not) asked for."""

import threading
from collections import Counter, defaultdict, deque
from collections.abc import Mapping
from typing import Any

from local_aws.errors import Throttling
from local_aws.scheduler import Clock

ACCEPTED, REFUSED, THROTTLED, ERRORS = "accepted", "refused", "throttled", "errors"


def outcome(status: int, headers: Mapping[str, str]) -> str:
    """The kind of answer that an HTTP status and its headers are."""
    if status == 429 or headers.get("x-amzn-ErrorType") == Throttling.code:
        return THROTTLED
    if status >= 500:
        return ERRORS
    return REFUSED if status >= 400 else ACCEPTED


class Calls:
    """Counts by outcome, service and operation; and the most calls that came within any one second."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._counts: dict[str, dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
        self._recent: dict[tuple[str, str], deque[float]] = defaultdict(deque)
        self._peaks: dict[str, Counter[str]] = defaultdict(Counter)

    def arrived(self, service: str, operation: str) -> None:
        """A request came, whatever its answer will be."""
        with self._lock:
            now, recent = self._clock(), self._recent[service, operation]
            recent.append(now)
            while recent[0] <= now - 1:
                recent.popleft()
            self._peaks[service][operation] = max(self._peaks[service][operation], len(recent))

    def answered(self, service: str, operation: str, status: int, headers: Mapping[str, str]) -> None:
        """It was answered with this HTTP status."""
        with self._lock:
            self._counts[outcome(status, headers)][service][operation] += 1

    def report(self) -> dict[str, Any]:
        """`{"transcribe": {"StartTranscriptionJob": 3}, "s3": {…}, "sqs": {…}}` of the accepted calls; below
        `refused` (4xx), `throttled` (429, and 400 ThrottlingException), `errors` (5xx) and `peak_per_second` the
        same of the others."""
        with self._lock:
            accepted = {service: dict(self._counts[ACCEPTED][service]) for service in ("transcribe", "s3", "sqs")}
            others = {
                kind: {service: dict(counts) for service, counts in self._counts[kind].items()}
                for kind in (REFUSED, THROTTLED, ERRORS)
            }
            peaks = {service: dict(counts) for service, counts in self._peaks.items()}
            return {**accepted, **others, "peak_per_second": peaks}
