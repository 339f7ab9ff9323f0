"""Requests for predictions: one slot per task, in order, within the deadline; what is not ready stays owed."""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from transcribe_backend.errors import AudioError, QueueError, StudioError, TranscribeBackendError
from transcribe_backend.labeling import regions
from transcribe_backend.prelabeling.deliveries import doubled
from transcribe_backend.prelabeling.live_projects import LiveProjects
from transcribe_backend.prelabeling.predictions import Prediction, Predictions
from transcribe_backend.prelabeling.project import Project
from transcribe_backend.prelabeling.tally import Tally
from transcribe_backend.settings import Settings
from transcribe_backend.transcribing.owed import ENDS, PUSH, TRANSCRIBE, Owed
from transcribe_backend.transcribing.transcriber import Transcriber
from transcribe_backend.work.engine import Engine
from transcribe_backend.work.items import BULK, URGENT, New

_log = logging.getLogger(__name__)

Task = Mapping[str, Any]

_URGENT_TASKS = 3  # an annotator opens one task; imports and the Data Manager send many
_SPARE_THREADS = 8  # for /health, /setup and webhooks
_UNWANTED_SECONDS = 24 * 3600.0  # how long a transcript is worked on for which nobody waits and that nobody is owed
_SELECTING_SECONDS = 5.0  # between Label Studio's look for tasks without a prediction and our getting its request
_STORING_SECONDS, _STORING_EACH, _STORING_MOST = 5.0, 0.1, 300.0
_LOOK_SECONDS = 0.5
_BUILDING_SECONDS, _LONGEST_SECONDS = 20.0, 97.0  # what ended in the last moment is built as well; in 100 s we are late
_MOST_RESULTS = 50_000  # of one answer: some fifty megabytes


def storing_seconds(tasks: int) -> float:
    """How long Label Studio may take to store an answer to so many tasks; 2,000 took it a minute."""
    return min(_STORING_SECONDS + _STORING_EACH * tasks, _STORING_MOST)


@dataclass(slots=True)
class _Asked:
    """One task of a request: what it needs, the job with its transcript once that is there, the predictions made of it.

    `remembered` says that it is an item of owed work, `yielded` that somebody else hands out its prediction.
    """

    owed: Owed
    job: str = ""
    made: tuple[Prediction, ...] = ()
    remembered: bool = False
    yielded: bool = False

    @property
    def key(self) -> str:
        return self.owed.key


class Answers:
    """Answers prediction requests.

    A task whose transcript is here is answered at once. Any other becomes an item of owed work before the request
    waits for it: should this process die, or the wait end, its prediction is delivered all the same (deliveries.py).
    An item that was answered is not done before Label Studio holds the prediction.
    """

    def __init__(
        self,
        engine: Engine,
        transcriber: Transcriber,
        predictions: Predictions,
        live: LiveProjects,
        tally: Tally,
        settings: Settings,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._tally = tally
        self._work = engine.work
        self._claims = engine.claims
        self._bell = engine.bell
        self._wake = engine.wake
        self._transcriber = transcriber
        self.predictions = predictions
        self._live = live
        self._settings = settings
        self._waiters = threading.BoundedSemaphore(settings.threads - _SPARE_THREADS)

    def answer(self, tasks: Sequence[Task], project: Project) -> list[tuple[Prediction, ...]]:
        """The predictions of each task, best first; none for one that is pending or failed.

        Label Studio stores nothing for an empty slot and asks again; every other way to say "not now" costs the whole
        batch or is stored as an empty prediction (Label Studio 1.23 ml/models.py).
        """
        until = self._clock() + min(self._settings.predict_wait + _BUILDING_SECONDS, _LONGEST_SECONDS)
        asked = self._asked(tasks, project, urgent=len(tasks) <= _URGENT_TASKS)
        known, begun = {id(each) for each in asked if each.job}, self._clock()
        try:
            arrived = self._await_late(asked)
            unbuilt = self._build(asked, project, until)
            self._push_later(unbuilt, 0.0)
            self._claim(asked, arrived)
        except QueueError as error:
            _log.error("Predictions that are late will not be delivered: %s", error.advice)
            self._answer_unclaimed(asked, project, until)
        self._count(project, [each for each in asked if each.made and not each.yielded], known, self._clock() - begun)
        return [() if each.yielded else each.made for each in asked]

    def _count(self, project: Project, answered: Sequence[_Asked], known: set[int], seconds: float) -> None:
        """`known` are those whose transcript was there already."""
        at_once = [each for each in answered if id(each) in known]
        waited = [each for each in answered if id(each) not in known]
        for group, wait in ((at_once, 0.0), (waited, seconds)):
            self._tally.texts(project.id, wait, [each.made[0].get("score") for each in group])
        self._transcriber.reused(project.id, [each.job for each in at_once])

    def interactive(self, task: Task, project: Project, context: Mapping[str, Any]) -> Prediction:
        """The words of an annotator's new regions; no result when there is nothing to fill or no transcript yet."""
        if not regions.wanted(project.interface, context):
            return {"result": []}
        (wanted,) = self._asked([task], project, urgent=True, delivered=False)
        try:
            if not wanted.job:
                until = self._work.now() + self._settings.interactive_wait
                self._owe([wanted], until, urgent=True)
                self._wait([wanted], until)
            if not wanted.job or not self._transcriber.bring(wanted.job):
                return {"result": []}
            transcript = self._transcriber.store.get(wanted.job)
            if project.is_blank(transcript, task.get("id")):
                return {"result": []}
            return {**regions.fill(project.interface, transcript, context), "model_version": project.version}
        except TranscribeBackendError as error:
            _log.warning("No words for the regions of task %s: %s", task.get("id"), error.advice)
            return {"result": []}

    def _asked(self, tasks: Sequence[Task], project: Project, *, urgent: bool, delivered: bool = True) -> list[_Asked]:
        version = project.version if delivered and self._live.configured and project.number else ""
        numbers = [task.get("id") for task in tasks]
        audios = [project.interface.address(task.get("data")) for task in tasks]
        jobs = self._transcriber.known(audios, project.recognition, urgent=urgent)
        return [
            _Asked(Owed(audio, project.recognition, project.id, number, "" if number is None else version), job)
            for audio, number, job in zip(audios, numbers, jobs, strict=True)
        ]

    # What is not ready

    def _await_late(self, asked: Sequence[_Asked]) -> float:
        """Owe what is not known, and wait for it; the time when that began."""
        arrived = self._work.now()
        patience = self._settings.predict_open if len(asked) == 1 else self._settings.predict_wait
        late = [each for each in asked if not each.job]
        if late:
            self._owe(late, arrived + patience, urgent=len(asked) <= _URGENT_TASKS)
            self._wait(late, arrived + patience)
        return arrived

    def _owe(self, late: Sequence[_Asked], until: float, *, urgent: bool) -> None:
        """Before the wait: should this process be killed meanwhile, the tasks are not forgotten."""
        now = self._work.now()
        priority = URGENT if urgent else BULK
        new = []
        for each in late:
            try:
                each.owed = self._small(each.owed, until)
            except TranscribeBackendError as error:
                _log.warning("Task %s must be asked for again: %s", each.owed.task, error.advice)
                continue
            expires = None if each.owed.version else now + _UNWANTED_SECONDS
            new.append(
                New(each.key, TRANSCRIBE, each.owed.body(), priority, hold=until, expires=expires, what=each.owed.what)
            )
            each.remembered = True
        self._work.add(new)
        self._wake()

    def _small(self, owed: Owed, until: float) -> Owed:
        if owed.holds_audio and self._work.now() > until:
            raise AudioError("There was no time left to copy the audio of its data: URI to S3.", retryable=True)
        return self._transcriber.small(owed)

    def _wait(self, late: Sequence[_Asked], until: float) -> None:
        """Unless too many threads wait already."""
        if not self._waiters.acquire(blocking=False):
            return
        try:
            states = self._bell.wait([each.key for each in late], until, ENDS)
        finally:
            self._waiters.release()
        for each in late:
            state = states.get(each.key)
            if state is not None and state.queue in ENDS:
                each.job = state.job

    # What is

    def _answer_unclaimed(self, asked: Sequence[_Asked], project: Project, until: float) -> None:
        """Without the store nothing can be owed; what is transcribed already can be found. Of a bulk nobody would know
        who else answers it while Label Studio is busy storing it.
        """
        if len(asked) > _URGENT_TASKS:
            for each in asked:
                each.made = ()
            return
        for each in asked:
            if not each.job and self._clock() < until:
                try:
                    each.job = self._transcriber.found(each.owed)
                except TranscribeBackendError as error:
                    _log.warning("Task %s must be asked for again: %s", each.owed.task, error.advice)
        self._build(asked, project, until)

    def _build(self, asked: Sequence[_Asked], project: Project, until: float) -> list[_Asked]:
        """The predictions, until the time is over or the answer is large; what is left is to be owed, not late."""
        unbuilt, results = [], 0
        for each in asked:
            if each.job and (results > _MOST_RESULTS or self._clock() > until):
                unbuilt.append(each)
            elif each.job and not each.yielded:
                try:
                    self._transcriber.bring(each.job)
                    each.made = self.predictions.of(each.job, project, each.owed.task)
                    results += sum(len(prediction["result"]) for prediction in each.made)
                except TranscribeBackendError as error:
                    _log.warning("The prediction of task %s comes later: %s", each.owed.task, error.advice)
                    unbuilt.append(each)
        return unbuilt

    def _push_later(self, answered: Sequence[_Asked], due: float) -> None:
        """Owed, with its transcript known: pushed unless Label Studio holds the prediction by then."""
        self._work.add(
            New(each.key, PUSH, each.owed.cut().body(), due=due, job=each.job, what=each.owed.what)
            for each in answered
            if each.owed.version and not each.remembered
        )

    def _claim(self, asked: Sequence[_Asked], arrived: float) -> None:
        """Keep only what nobody else hands out.

        Label Studio has no lock: three people who open one task make three requests, and it stores every answer. The
        one that gets nothing is answered when Label Studio has stored the other's prediction.
        """
        made = [each for each in asked if each.made and each.owed.task is not None]
        seconds = storing_seconds(len(made))
        keys = {id(each): f"{each.owed.project}|{each.owed.task}|{each.made[0]['model_version']}" for each in made}
        granted = self._claims.take(list(keys.values()), since=arrived - _SELECTING_SECONDS, seconds=seconds)
        given: set[str] = set()
        yielded: dict[str, _Asked] = {}
        for each in made:
            key = keys[id(each)]
            each.yielded = key in given or key not in granted  # the same task may stand in a request twice
            if key not in granted:
                yielded[key] = each
            given.add(key)
        again = [each.owed for each in made if granted.get(keys[id(each)]) and each.owed.version and not each.yielded]
        now = self._work.now()
        self._work.add([doubled(owed, now) for owed in again])
        # Whoever waited is done when Label Studio holds the prediction, not when an answer was sent.
        answered = [each.key for each in made if each.remembered]
        if answered:
            self._work.hold(answered, PUSH, now + seconds)
        if yielded and len(asked) <= _URGENT_TASKS:
            self._patiently(yielded)
        left = {key: each for key, each in yielded.items() if each.yielded}
        self._push_later(list(left.values()), self._claims.until(list(left)) if left else 0.0)

    def _patiently(self, yielded: Mapping[str, _Asked]) -> None:
        """Somebody looks at the task: answer when Label Studio has stored the other's answer, or that was lost."""
        if not self._waiters.acquire(blocking=False):
            return
        try:
            pending, until = dict(yielded), self._work.now() + self._settings.predict_open
            while pending and self._work.now() < until:
                time.sleep(_LOOK_SECONDS)
                now = self._work.now()
                stored = {key: self._is_stored(each) for key, each in pending.items()}
                lost = [key for key in pending if stored[key] is False]
                for key in self._claims.take(lost, since=now, seconds=storing_seconds(1)):
                    taken_over = pending.pop(key)
                    taken_over.yielded = False
                    self._work.add([doubled(taken_over.owed, now)])
                for key in [key for key in pending if stored[key]]:
                    del pending[key]
                if not lost and self._claims.until(list(pending)) <= now:
                    return  # Label Studio cannot be asked, and has had the time to store it
        finally:
            self._waiters.release()

    def _is_stored(self, each: _Asked) -> bool | None:
        """None when Label Studio does not tell."""
        if not each.owed.version or each.owed.task is None:
            return None
        try:
            stored = self._live.studio.predictions(each.owed.task)
        except StudioError:
            return None
        return any(prediction.get("model_version") == each.owed.version for prediction in stored)
