"""Keeping under AWS's request rates."""

import threading
import time
from collections.abc import Callable


class RateLimiter:
    """Lets `rate` callers per second pass, evenly spaced, whatever thread they come from.

    Evenly, because AWS counts requests per second and not per our second: a burst at a boundary is throttled.
    """

    def __init__(
        self, rate: float, *, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._interval = 1.0 / rate
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._next = 0.0

    def wait(self) -> None:
        """Sleep until it is this caller's turn."""
        with self._lock:
            now = self._clock()
            turn = max(now, self._next)
            self._next = turn + self._interval
        if turn > now:
            self._sleep(turn - now)
