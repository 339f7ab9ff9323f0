"""The threads that work the queue and keep house."""

import logging
import threading
import time
from collections.abc import Callable

from huey.api import Huey

from transcribe_backend.errors import QueueError

_log = logging.getLogger(__name__)

_PERIOD = 4.0
_WORKERS = 4
_ROUNDS_BETWEEN_TIDYING = 60

Chore = Callable[[], None]


class Background:
    """One per process. Every `_PERIOD` seconds the `chores` are done; where the queue is worked, its `sweeps` as well,
    and now and then the `tidying`.
    """

    def __init__(
        self, queue: Huey, chores: list[Chore], sweeps: list[Chore], tidying: list[Chore], *, consume: bool
    ) -> None:
        self._queue = queue
        self._chores = [*chores, *(sweeps if consume else [])]
        self._tidying = tidying if consume else []
        self._consume = consume

    def start(self) -> None:
        """Start the threads; they end with the process."""
        if self._consume:
            consumer = self._queue.create_consumer(workers=_WORKERS, periodic=False, max_delay=1.0)
            for thread in (consumer.scheduler, *(worker for _, worker in consumer.worker_threads)):
                thread.start()
        threading.Thread(target=self._keep_house, name="housekeeping", daemon=True).start()

    def _keep_house(self) -> None:
        rounds = 0
        while True:
            for chore in self._chores + (self._tidying if rounds % _ROUNDS_BETWEEN_TIDYING == 0 else []):
                _do(chore)
            rounds += 1
            time.sleep(_PERIOD)


def _do(chore: Chore) -> None:
    try:
        chore()
    except QueueError as error:
        _log.error("Housekeeping waits: %s", error.advice)
    except Exception:
        _log.exception("Housekeeping failed; it is tried again")
