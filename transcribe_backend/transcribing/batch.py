"""Many transcripts for one caller who waits for them: the batch command, an evaluation."""

from collections.abc import Callable, Iterator, Sequence

from transcribe_backend.aws.jobs import Job
from transcribe_backend.errors import TranscribeBackendError
from transcribe_backend.transcribing.owed import ENDS, TRANSCRIBE, Owed
from transcribe_backend.work.engine import Engine
from transcribe_backend.work.items import BULK, FAILED, New

_KEPT_SECONDS = 120.0  # so long after its caller has died is an audio still worked on
_KEEP_SECONDS, _LOOK_SECONDS = 20.0, 1.0


class Failed(TranscribeBackendError):
    """An audio could not be transcribed; the same words as the error that said so first."""


class Batch:
    """Owes transcripts as long as somebody waits, and no longer."""

    def __init__(self, engine: Engine) -> None:
        self._work = engine.work
        self._bell = engine.bell
        self._wake = engine.wake

    def transcribe(
        self, wanted: Sequence[Owed], seen: Callable[[int], None] = lambda count: None
    ) -> Iterator[tuple[Owed, str, TranscribeBackendError | None]]:
        """Each with the name of its job or with its error, as they end; closing the iterator gives up the rest.

        `seen` is told how many have ended. Raises QueueError.
        """
        waiting: dict[str, list[Owed]] = {}
        for each in wanted:
            waiting.setdefault(each.key, []).append(each)
        total, kept = len(waiting), self._work.now()
        self._add(waiting)
        try:
            while waiting:
                gone = total - len(waiting)
                until = self._work.now() + _LOOK_SECONDS
                states = self._bell.wait(list(waiting), until, ENDS, lambda ended, gone=gone: seen(gone + ended))  # type: ignore[misc]
                there = self._work.states(list(waiting))
                given_up = {key: each for key, each in waiting.items() if key not in states and key not in there}
                if given_up:  # by somebody else who waited for it too
                    self._add(given_up)
                for key in [key for key in waiting if key in states or (key in there and there[key].queue == FAILED)]:
                    job = states[key].job if key in states and states[key].queue in ENDS else ""
                    for each in waiting.pop(key):
                        yield each, job, None if job else self._error(key)
                if self._work.now() - kept > _KEEP_SECONDS:
                    kept = self._work.now()
                    self._work.keep(waiting, kept + _KEPT_SECONDS)
        finally:
            self._work.forget(waiting)

    def ensure(self, jobs: Sequence[Job], project: str = "") -> Iterator[tuple[Job, TranscribeBackendError | None]]:
        """Each job as it ends, on a project's account; without an error its transcript is in the store of whoever
        looked, or in S3.
        """
        by_owed = {Owed(job.media.uri, job.recognition, project, media=job.media): job for job in jobs}
        for each, _, error in self.transcribe(list(by_owed)):
            yield by_owed[each], error

    def _add(self, waiting: dict[str, list[Owed]]) -> None:
        expires = self._work.now() + _KEPT_SECONDS
        self._work.add(New(key, TRANSCRIBE, each[0].body(), BULK, expires=expires) for key, each in waiting.items())
        self._wake()

    def _error(self, key: str) -> TranscribeBackendError:
        problem, remedy = self._work.failure(key) or ("The work was given up before it ended.", "Run it again.")
        return Failed(problem, remedy=remedy)
