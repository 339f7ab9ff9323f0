"""Requests of this process wait here for items that somebody, here or elsewhere, brings to their end."""

import threading
from collections.abc import Callable, Iterable, Sequence

from transcribe_backend.work.items import FAILED, State, Work

_LOOK_SECONDS = 0.4  # what other processes have done is found by looking
_TOGETHER_SECONDS = 0.2


class Bell:
    """`ring` wakes whoever waits for these items in this process."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._lock = threading.Lock()
        self._waiting: dict[str, set[threading.Event]] = {}

    def ring(self, keys: Iterable[str]) -> None:
        """These have come to their end."""
        with self._lock:
            events = {event for key in keys for event in self._waiting.get(key, ())}
        for event in events:
            event.set()

    def wait(
        self, keys: Sequence[str], until: float, ends: frozenset[str], seen: Callable[[int], None] = lambda count: None
    ) -> dict[str, State]:
        """Where the items stand when all of them are in a queue of `ends`, failed or gone, or at the Unix time `until`.

        `seen` is called with the number that has ended after each look. Raises QueueError.
        """
        event, keys = threading.Event(), list(dict.fromkeys(keys))
        with self._lock:
            for key in keys:
                self._waiting.setdefault(key, set()).add(event)
        try:
            return self._wait(event, keys, until, ends | {FAILED}, seen)
        finally:
            with self._lock:
                for key in keys:
                    self._waiting[key].discard(event)
                    if not self._waiting[key]:
                        del self._waiting[key]

    def _wait(
        self,
        event: threading.Event,
        keys: Sequence[str],
        until: float,
        ends: frozenset[str],
        seen: Callable[[int], None],
    ) -> dict[str, State]:
        found: dict[str, State] = {}
        pending = list(keys)
        while True:
            event.clear()
            states = self._work.states(pending)
            found |= {key: state for key, state in states.items() if state.queue in ends}
            pending = [key for key in pending if key in states and key not in found]
            seen(len(keys) - len(pending))
            left = until - self._work.now()
            if not pending or left <= 0:
                return found
            if event.wait(min(_LOOK_SECONDS, left)) and len(pending) > 1:
                threading.Event().wait(min(_TOGETHER_SECONDS, left))  # of many, more end in the same moment
