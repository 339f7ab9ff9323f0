"""AWS on a bad day: request rates and errors, for Transcribe only."""

import random
import threading
from collections.abc import Mapping

from local_aws.errors import InternalFailure, LimitExceeded
from local_aws.scheduler import Clock


class TokenBucket:
    """At most `rate` requests a second, with a burst of as many."""

    def __init__(self, rate: float, clock: Clock) -> None:
        self._rate, self._clock = rate, clock
        self._tokens, self._filled = max(1.0, rate), clock()
        self._lock = threading.Lock()

    def take(self) -> bool:
        """Is there room for one more request now?"""
        with self._lock:
            now = self._clock()
            self._tokens = min(max(1.0, self._rate), self._tokens + (now - self._filled) * self._rate)
            self._filled = now
            if self._tokens < 1:
                return False
            self._tokens -= 1
            return True


class Faults:
    """Refuses what comes too fast and, at random, a share of the rest."""

    def __init__(self, rates: Mapping[str, float], error_rate: float, clock: Clock) -> None:
        """`rates` in requests per second by operation; `error_rate` between 0 and 1."""
        self._buckets = {operation: TokenBucket(rate, clock) for operation, rate in rates.items() if rate > 0}
        self._error_rate = error_rate
        self._random = random.Random(0)  # noqa: S311 (the same faults at every start)

    def strike(self, operation: str) -> None:
        """Raises LimitExceeded over the operation's rate, InternalFailure by chance."""
        bucket = self._buckets.get(operation)
        if bucket and not bucket.take():
            raise LimitExceeded("Rate exceeded")
        if self._random.random() < self._error_rate:
            raise InternalFailure(
                "There was an internal error. Check the error message, correct the issue, and try your request again."
            )
