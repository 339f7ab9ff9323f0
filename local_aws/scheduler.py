"""One thread and one heap of timers: thousands of waiting jobs cost no thread each."""

import heapq
import itertools
import logging
import threading
import time
from collections.abc import Callable

_log = logging.getLogger(__name__)

Clock = Callable[[], float]


class Scheduler:
    """Runs callbacks at their time, in order of time, one after the other. Times are seconds of `clock`."""

    def __init__(self, clock: Clock = time.time) -> None:
        self.clock = clock
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._changed = threading.Condition()
        threading.Thread(target=self._run, name="local_aws-scheduler", daemon=True).start()

    def at(self, due: float, callback: Callable[[], None]) -> None:
        """Run `callback` at `due`, or as soon as possible when that has passed."""
        with self._changed:
            heapq.heappush(self._timers, (due, next(self._order), callback))
            self._changed.notify()

    def _run(self) -> None:
        while True:
            callback = self._next()
            try:
                callback()
            except Exception:
                _log.exception("A timer failed")

    def _next(self) -> Callable[[], None]:
        with self._changed:
            while True:
                wait = self._timers[0][0] - self.clock() if self._timers else None
                if wait is not None and wait <= 0:
                    return heapq.heappop(self._timers)[2]
                self._changed.wait(wait)
