"""COMPOSES: tasks -> predictions within a deadline; interactive regions."""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass
from typing import Any, Protocol

from transcribe_backend.aws.transcripts import TranscriptStore
from transcribe_backend.errors import AudioError, QueueError, TranscribeBackendError, TranscriptError
from transcribe_backend.failures import Failures
from transcribe_backend.labeling import regions
from transcribe_backend.labeling.predictions import predictions
from transcribe_backend.ledger import Ledger
from transcribe_backend.prelabeling.project import Project
from transcribe_backend.settings import Settings
from transcribe_backend.transcribing.transcriber import Transcriber

_log = logging.getLogger(__name__)

Task = Mapping[str, Any]
Prediction = dict[str, Any]

_URGENT_TASKS = 3  # an annotator opens one task; imports and the Data Manager send many
_SPARE_THREADS = 8  # for /health, /setup and webhooks
_QUICK_SECONDS = 0.25
_STORING_SECONDS = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Wish:
    """One task, and the future name of the job that transcribes its audio."""

    task: Task
    value: Any
    job: "Future[str]"

    @property
    def task_id(self) -> Any:
        """Label Studio's id of the task; None for one that is not stored."""
        return self.task.get("id")

    @property
    def late(self) -> bool:
        """Whether a prediction may still come: the job runs, or failed for a reason that passes."""
        if not self.job.done():
            return True
        error = self.job.exception()
        return isinstance(error, TranscribeBackendError) and error.retryable


class Pending(Protocol):
    """Keeps and finishes what a request cannot answer in time (deliver.py)."""

    def remember(self, project: Project, wishes: Iterable[Wish], until: float) -> None:
        """These wait for a transcript; their request answers them until the time `until`."""

    def forget(self, project: Project, wishes: Iterable[Wish]) -> None:
        """These are being answered now, or never can be; should the process die before they are sent, they count."""

    def finish(self, project: Project, wishes: Iterable[Wish]) -> None:
        """These were answered with `[]`: push their predictions when their jobs end."""


def wish(transcriber: Transcriber, task: Task, project: Project, *, urgent: bool = False) -> Wish:
    """Start, or adopt, the transcription that a task needs."""
    key, data = project.interface.data_key, task.get("data")
    value = data.get(key) if isinstance(data, Mapping) else None
    if value is None:
        return Wish(task, None, _without_audio(key))
    task_id = task.get("id")
    return Wish(task, value, transcriber.transcribe(value, task_id, project.recognition, urgent=urgent))


def predict(store: TranscriptStore, job: str, project: Project) -> list[Prediction]:
    """The predictions that a finished job gives in a project, best first. Raises TranscriptError."""
    transcript = store.get(job)
    try:
        made = predictions(project.interface, transcript)
    except Exception as error:  # a defect of ours on one transcript must not cost the other tasks of the request
        _log.exception("The transcript of %s cannot be made into predictions", job)
        raise TranscriptError(
            f"The transcript of {job} cannot be made into predictions: {error!r}",
            remedy="Please report this, with the log, to the maintainers of the backend.",
        ) from error
    return [{**prediction, "model_version": project.version} for prediction in made]


def claim_key(project: Project, task_id: Any) -> str:
    """Names the right to hand out the predictions of a task in a version."""
    return f"{project.id}|{task_id}|{project.version}"


class Prelabel:
    """Answers prediction requests: one slot per task, in order, within the deadline."""

    def __init__(
        self,
        transcriber: Transcriber,
        pending: Pending,
        claims: Ledger,
        failures: Failures,
        settings: Settings,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._transcriber = transcriber
        self._pending = pending
        self._claims = claims
        self._failures = failures
        self._settings = settings
        self._clock = clock
        self._sleep = sleep
        self._waiters = threading.BoundedSemaphore(settings.threads - _SPARE_THREADS)

    def answer(self, tasks: Sequence[Task], project: Project) -> list[list[Prediction]]:
        """The predictions of each task; an empty list for one that is pending or failed.

        Label Studio stores nothing for an empty list and asks again; every other way to say "not now" costs the whole
        batch or is stored as an empty prediction (Label Studio 1.23 ml/models.py).
        """
        arrived = self._clock()
        urgent = len(tasks) <= _URGENT_TASKS
        wishes = [wish(self._transcriber, task, project, urgent=urgent) for task in tasks]
        slow = self._wait(project, wishes, arrived + self._settings.predict_wait)
        slots = [self._slot(wish, project) for wish in wishes]
        slots = self._claimed(wishes, slots, project, arrived)
        self._note(self._pending.forget, project, [wish for wish in slow if not wish.late])
        return slots

    def interactive(self, task: Task, project: Project, context: Mapping[str, Any]) -> Prediction:
        """The words of an annotator's new regions; no result when there is nothing to fill or no transcript yet."""
        if not regions.wanted(project.interface, context):
            return {"result": []}
        asked = wish(self._transcriber, task, project, urgent=True)
        self._patiently({asked.job}, self._settings.interactive_wait)
        try:
            if not asked.job.done():
                return {"result": []}
            transcript = self._transcriber.store.get(asked.job.result())
            return {**regions.fill(project.interface, transcript, context), "model_version": project.version}
        except TranscribeBackendError as error:
            self._failures.tell(project.id, asked.task_id, asked.value, error)
            return {"result": []}

    def _wait(self, project: Project, wishes: Sequence[Wish], deadline: float) -> list[Wish]:
        """Returns those that were remembered, whatever became of them."""
        if len(wishes) <= _URGENT_TASKS:
            self._patiently({wish.job for wish in wishes}, _QUICK_SECONDS)  # spares a record for what is known
        slow = [wish for wish in wishes if wish.late]
        if slow:
            # Before the wait: should this process be killed meanwhile, the tasks are not forgotten.
            self._note(self._pending.remember, project, slow, deadline)
            self._patiently({wish.job for wish in slow}, deadline - self._clock())
            self._note(self._pending.finish, project, [wish for wish in slow if wish.late])
        return slow

    def _note(self, note: Callable[..., None], *args: Any) -> None:
        """A queue that is down costs the late deliveries, not what can be answered now."""
        try:
            note(*args)
        except QueueError as error:
            _log.error("Predictions that are late will not be delivered: %s", error.advice)

    def _patiently(self, jobs: "set[Future[str]]", seconds: float) -> None:
        """Wait, unless too many threads wait already."""
        if all(job.done() for job in jobs) or not self._waiters.acquire(blocking=False):
            return
        try:
            wait(jobs, max(0.0, seconds))
        finally:
            self._waiters.release()

    def _slot(self, wish: Wish, project: Project) -> list[Prediction]:
        if not wish.job.done():
            return []
        try:
            made = predict(self._transcriber.store, wish.job.result(), project)
        except TranscribeBackendError as error:
            self._failures.tell(project.id, wish.task_id, wish.value, error)
            self._again(wish, project, error)
            return []
        return made

    def _again(self, wish: Wish, project: Project, error: TranscribeBackendError) -> None:
        """A finished transcript that cannot be read at this moment: the cache is damaged, AWS still has it."""
        if error.retryable and not wish.late:
            self._note(self._pending.remember, project, [wish], self._clock())
            self._note(self._pending.finish, project, [wish])

    def _claimed(
        self, wishes: Sequence[Wish], slots: list[list[Prediction]], project: Project, arrived: float
    ) -> list[list[Prediction]]:
        """Drop what another request has answered since this one arrived.

        Label Studio has no lock: three people who open one task make three requests, and it stores every answer. The
        one that gets nothing is answered a moment later, when Label Studio has stored the other's prediction.
        """
        yielded = False
        for place, (wish, made) in enumerate(zip(wishes, slots, strict=True)):
            if made and not self._claim(wish, project, arrived):
                slots[place], yielded = [], True
        if yielded and len(wishes) <= _URGENT_TASKS and self._waiters.acquire(blocking=False):
            try:
                self._sleep(_STORING_SECONDS)
            finally:
                self._waiters.release()
        return slots

    def _claim(self, wish: Wish, project: Project, arrived: float) -> bool:
        if wish.task_id is None:
            return True
        try:
            return self._claims.claim(claim_key(project, wish.task_id), arrived)
        except QueueError as error:
            _log.error("Requests for the same task may all be answered: %s", error.advice)
            return True


def _without_audio(key: str) -> "Future[str]":
    future: Future[str] = Future()
    future.set_exception(
        AudioError(
            f"The task has no {key!r} in its data.", remedy=f"Import tasks whose data names the audio as {key!r}."
        )
    )
    return future
