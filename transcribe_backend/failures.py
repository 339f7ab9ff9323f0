"""COMPOSES: each failure told once: a line in the log and a durable record of the recent ones."""

import logging
import time
from collections.abc import Callable
from typing import Any

from transcribe_backend.errors import QueueError, TranscribeBackendError
from transcribe_backend.ledger import Ledger
from transcribe_backend.telemetry.redact import redact

_log = logging.getLogger(__name__)

_QUIET_SECONDS = 3600.0
_KEPT_SECONDS = 7 * 24 * 3600.0
_KEPT = 1000
_READ = 3000  # characters of an address that may be a data: URI of many megabytes


class Failures:
    """Which tasks could not be pre-labeled, why, and what to do."""

    def __init__(self, ledger: Ledger, clock: Callable[[], float] = time.time) -> None:
        self._ledger = ledger
        self._clock = clock

    def tell(self, project: str, task: Any, audio: Any, error: TranscribeBackendError) -> None:
        """Log and record; the same failure of the same task again within an hour is kept quiet."""
        record = {
            "at": self._clock(),
            "project": project,
            "task": task,
            "audio": redact(str(audio)[:_READ])[:300],
            "problem": redact(error.problem),
            "remedy": redact(error.remedy),
        }
        key = f"{project}|{task}"
        if not self._news(key, record):
            return
        _log.error(
            "No prediction for task %s of project %s (audio %s): %s %s",
            task, project, record["audio"], record["problem"], record["remedy"],
        )  # fmt: skip

    def _news(self, key: str, record: dict[str, Any]) -> bool:
        try:
            known = self._ledger.get(key)
            if known and known["problem"] == record["problem"] and record["at"] - known["at"] < _QUIET_SECONDS:
                return False
            self._ledger.put(key, record)
        except QueueError as error:
            _log.error("A failure is not recorded: %s", error.advice)
        return True

    def clear(self, project: str, task: Any) -> None:
        """Forget a failure that has passed."""
        self._ledger.delete(f"{project}|{task}")

    def recent(self) -> list[dict[str, Any]]:
        """The newest first."""
        return sorted((record for _, record in self._ledger.items()), key=lambda r: -float(r["at"]))

    def prune(self) -> None:
        """Drop what is older than a week or beyond the newest thousand."""
        oldest = self._clock() - _KEPT_SECONDS
        for place, record in enumerate(self.recent()):
            if place >= _KEPT or record["at"] < oldest:
                self.clear(record["project"], record["task"])
