"""ADAPTER: the model versions that /setup has answered lately, for GET /versions."""

import time
from collections.abc import Callable

from transcribe_backend.ledger import Ledger

_SHOWN = 20


class Versions:
    """Shared by all processes; Label Studio's request names no project, so these are all projects' versions."""

    def __init__(self, ledger: Ledger, clock: Callable[[], float] = time.time) -> None:
        self._ledger = ledger
        self._clock = clock

    def add(self, version: str) -> None:
        """This version was answered now."""
        self._ledger.put(version, {"at": self._clock()})
        for old in self._newest_first()[_SHOWN:]:
            self._ledger.delete(old)

    def recent(self) -> list[str]:
        """The newest first, twenty at most."""
        return self._newest_first()[:_SHOWN]

    def _newest_first(self) -> list[str]:
        known = sorted(self._ledger.items(), key=lambda item: -float(item[1]["at"]))
        return [version for version, _ in known]
