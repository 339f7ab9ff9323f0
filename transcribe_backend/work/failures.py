"""Each failure is told once: a line in the log, and the item itself, kept for people to see."""

import logging

from transcribe_backend.errors import TranscribeBackendError
from transcribe_backend.telemetry.redact import redact, shown
from transcribe_backend.work.items import Item, Work

_log = logging.getLogger(__name__)

_KEPT_SECONDS, _KEPT = 7 * 24 * 3600.0, 1000
_SHOWN = 300


class Failures:
    """Which tasks could not be pre-labeled, why, and what to do."""

    def __init__(self, work: Work) -> None:
        self._work = work

    def tell(self, item: Item, error: TranscribeBackendError) -> None:
        """Keep it as failed and log it; the same failure of the same task within an hour is kept quiet."""
        problem, remedy = redact(error.problem), redact(error.remedy)
        audio = redact(shown(str(item.body.get("audio", ""))))[:_SHOWN]
        if self._work.fail(item, error, problem=problem, remedy=remedy, body={**item.body, "audio": audio}):
            _log.error(
                "No prediction for task %s of project %s (audio %s): %s %s",
                item.body.get("task"), item.body.get("project", ""), audio, problem, remedy,
            )  # fmt: skip

    def prune(self) -> None:
        """Forget what is older than a week or beyond the newest thousand."""
        self._work.prune(_KEPT_SECONDS, _KEPT)
