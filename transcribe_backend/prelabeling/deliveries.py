"""Predictions that were owed are stored in Label Studio, each once."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

from transcribe_backend.errors import LabelingConfigError, Mended, StudioNotFound
from transcribe_backend.prelabeling.live_projects import LiveProjects
from transcribe_backend.prelabeling.predictions import Prediction, Predictions
from transcribe_backend.prelabeling.project import Project, project_id
from transcribe_backend.prelabeling.tally import Tally
from transcribe_backend.transcribing.owed import READY, TRANSCRIBE, Owed, owed
from transcribe_backend.transcribing.transcriber import Transcriber
from transcribe_backend.work.engine import Engine
from transcribe_backend.work.items import URGENT, Item, New

_log = logging.getLogger(__name__)

_SENDING_SECONDS = 90.0  # a push that was not answered may still be stored
_REPEATED_SECONDS = 5.0  # so long SQLite waits for a lock at least before Label Studio repeats a request
_READY_SECONDS = 30.0  # audio that is opened is looked at again by then
_ANSWER_SECONDS = 300.0  # an answer that Label Studio was busy with is stored by then
DOUBLED = "doubled"
"""The queue of predictions that Label Studio may store a second time, from an answer."""
GONE = "gone"
"""The queue of tasks that may have been deleted."""

Count = Callable[[str], None]
"""Called with what became of a delivery: "pushed", "already there", "superseded" or "gone"."""


def doubled(wanted: Owed, now: float) -> New:
    """A later look at what was handed out twice, since it was not stored in time: the first answer was lost, or Label
    Studio is still busy storing it.
    """
    body = {"task": wanted.task, "version": wanted.version}
    return New(f"{DOUBLED}|{wanted.key}", DOUBLED, body, due=now + _ANSWER_SECONDS)


class Deliveries:
    """The last stage of an owed prediction. It is done when Label Studio holds a prediction of that version, or says
    itself that task or project is gone; every other failure leaves it owed.
    """

    def __init__(
        self,
        engine: Engine,
        transcriber: Transcriber,
        predictions: Predictions,
        live: LiveProjects,
        tally: Tally,
        count: Count = lambda outcome: None,
    ) -> None:
        self._tally = tally
        self._transcriber = transcriber
        self._predictions = predictions
        self._live = live
        self._work = engine.work
        self._claims = engine.claims
        self._count = count

    def begin(self, item: Item) -> None:
        """Have a bulk item transcribed, unless its project has other options by now or is gone: a job for what nobody
        will see would be billed beside the one that is asked for.
        """
        wanted = owed(item.body)
        try:
            with _correctable():
                project = self._live.current(wanted.project, wanted.version) if wanted.version else None
        except StudioNotFound as error:
            _log.info("Task %s is not transcribed: %s", wanted.task, error)
            self._done(item, "gone")
            return
        if project is not None and project.version != wanted.version:
            self._supersede(item, wanted, project)
        else:
            self._transcriber.transcribe(item)

    def push(self, item: Item) -> None:
        """Look into Label Studio, then claim the task, then store: however many processes try, one prediction is."""
        wanted = owed(item.body)
        if not wanted.version:
            self._work.move(item, READY, job=item.job)
            self._work.keep([item.key], self._work.now() + _READY_SECONDS)
            return
        try:
            with _correctable():
                project = self._live.get(wanted.project)
            if project.version != wanted.version:
                self._supersede(item, wanted, project)
            elif self._transcriber.bring(item.job, wanted.media.region if wanted.media else ""):
                self._store(item, wanted, project)
            else:
                self._work.move(item, TRANSCRIBE, body=replace(wanted, looked=False).body())
        except StudioNotFound as error:
            _log.info("The prediction of task %s is not delivered: %s", wanted.task, error)
            self._done(item, "gone")

    def deleted(self, project: Mapping[str, Any], task_ids: Iterable[int]) -> None:
        """A webhook says that tasks are gone: what is owed to them is looked at, for only Label Studio is believed."""
        known = project_id(project)
        owed_keys = self._work.beginning([f"{known}|{number}|" for number in task_ids])
        tasks = sorted({int(key.split("|")[1]) for key in owed_keys})
        self._work.add(New(f"gone|{known}|{task}", GONE, {"project": known, "task": task}, URGENT) for task in tasks)

    def check_gone(self, item: Item) -> None:
        """Forget what is owed to a task that Label Studio does not have any more."""
        project, task = str(item.body["project"]), int(item.body["task"])
        if not self._is_there(int(project.partition(".")[0]), task):
            self._work.forget(self._work.beginning([f"{project}|{task}|"]))
            self._count("gone")
        self._work.finish(item)

    def _is_there(self, project: int, task: int) -> bool:
        try:
            return bool(self._live.studio.tasks_after(project, task - 1, task, 1))
        except StudioNotFound:
            return False

    def _task(self, project: int, task: int) -> dict[str, Any]:
        """A task with its data and predictions. That it is gone is believed in Label Studio's own words only, as
        StudioNotFound: a list without it may be another user's view.
        """
        for found in self._live.studio.tasks_after(project, task - 1, task, 1):
            return found
        return {"predictions": self._live.studio.predictions(task)}

    def _supersede(self, item: Item, wanted: Owed, project: Project) -> None:
        """A vocabulary was promoted, or the labeling config or the task's audio changed: the task is owed the
        prediction that it has to have now.
        """
        renewed = Owed(wanted.audio, project.recognition, wanted.project, wanted.task, project.version, wanted.media)
        self._work.replace(item, New(renewed.key, TRANSCRIBE, renewed.body(), item.priority, what=renewed.what))
        self._count("superseded")

    def _store(self, item: Item, wanted: Owed, project: Project) -> None:
        assert wanted.task is not None  # noqa: S101 - what has a version has a task
        # The best one last: of several predictions Label Studio pre-fills the newest (docs/decisions/0004).
        made = self._predictions.of(item.job, project, wanted.task)[::-1]
        now, task = self._work.now(), self._task(project.number, wanted.task)
        stored = len(_of_version(task.get("predictions") or (), wanted.version))
        if stored > len(made):
            self._delete_doubles(wanted.task, wanted.version)
        if stored >= len(made):
            self._done(item, "already there")
            return
        audio = project.interface.address(task["data"]) if "data" in task else wanted.audio
        if Owed(audio, wanted.recognition).what != wanted.unsigned().audio:
            self._supersede(item, self._transcriber.small(replace(wanted, audio=audio, media=None)), project)
            return
        granted = self._claims.take([item.key], since=now, seconds=_SENDING_SECONDS)
        if not granted:
            self._work.later(item, max(1.0, self._claims.until([item.key]) - now))
        else:
            self._send(wanted.task, made[stored:])
            if granted[item.key]:
                self._work.add([doubled(wanted, self._work.now())])
            self._done(item, "pushed")
            waited = self._work.now() - (wanted.since or item.added)
            self._tally.texts(wanted.project, waited, [made[-1].get("score")])

    def _send(self, task: int, made: Sequence[Prediction]) -> None:
        begun = self._work.now()
        for each in made:
            self._live.studio.create_prediction(task, each["result"], each.get("score"), each["model_version"])
        if self._work.now() - begun > _REPEATED_SECONDS:
            self._delete_doubles(task, made[-1]["model_version"])

    def check_doubled(self, item: Item) -> None:
        """Label Studio stored the answer after all, beside what was pushed."""
        with suppress(StudioNotFound):
            self._delete_doubles(int(item.body["task"]), str(item.body["version"]))
        self._work.finish(item)

    def _delete_doubles(self, task: int, version: str) -> None:
        """On SQLite, Label Studio repeats a request by itself when its database is locked, also where that was after it
        had stored the prediction (1.23 core/middleware.py DatabaseIsLockedRetryMiddleware). The oldest stays.
        """
        kept: list[Any] = []
        stored = _of_version(self._live.studio.predictions(task), version)
        for each in sorted(stored, key=lambda known: int(known["id"])):
            if each["result"] in kept:
                self._live.studio.delete_prediction(int(each["id"]))
            kept.append(each["result"])

    def _done(self, item: Item, outcome: str) -> None:
        self._work.finish(item)
        self._count(outcome)


def _of_version(predictions: Iterable[dict[str, Any]], version: str) -> list[dict[str, Any]]:
    return [each for each in predictions if each.get("model_version") == version]


@contextmanager
def _correctable() -> Iterator[None]:
    """What is owed could be filled once: its labeling config is being edited, and what was billed is kept."""
    try:
        yield
    except LabelingConfigError as error:
        error.mended = Mended.OPERATOR
        raise
