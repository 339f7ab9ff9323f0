"""COMPOSES: when to train, who trains, and what becomes of a training that fails."""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from huey.api import Huey

from transcribe_backend.errors import QueueError, RequestError, TrainingError, TranscribeBackendError
from transcribe_backend.learning.reports import Report, Reports
from transcribe_backend.learning.training import Trainer, Training
from transcribe_backend.ledger import AFTER, Ledger
from transcribe_backend.prelabeling.project import project_id
from transcribe_backend.settings import Settings

_log = logging.getLogger(__name__)

EVENTS = ("START_TRAINING", "ANNOTATION_CREATED", "ANNOTATION_UPDATED", "ANNOTATIONS_CREATED")
_BEAT, _DEAD_SECONDS = 4.0, 15.0
_REQUEUE_SECONDS = 30.0
_TRIES = 10
_BACKOFF = (10.0, 600.0)


class Learning:
    """Trainings of all projects, one at a time per project however many processes share the ledgers.

    `trainings` holds one durable record per training that is not finished: a killed process loses the queue's task but
    not the record, and whoever keeps house finds it. `news` holds one record per annotation that no training has seen.
    """

    def __init__(
        self,
        queue: Huey,
        trainings: Ledger,
        locks: Ledger,
        news: Ledger,
        trainer: Trainer | None,
        reports: Reports,
        settings: Settings,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._trainings = trainings
        self._locks = locks
        self._news = news
        self._trainer = trainer
        self._reports = reports
        self._settings = settings
        self._clock = clock
        self._train = queue.task(name="train")(self._train_now)
        self._count = queue.task(name="count_annotations")(self._count_now)

    def notice(self, event: str, data: Mapping[str, Any]) -> None:
        """An event of Label Studio: queued, and acted on in the background.

        Raises RequestError when the payload is not what Label Studio sends.
        """
        described = data.get("project")
        if event not in EVENTS or not isinstance(described, Mapping):
            raise RequestError(f"{event} needs a project object.")
        project = project_id(described)
        if event == "START_TRAINING":
            self.ask(project, "Start Training in Label Studio")
            return
        threshold = self._threshold(described)
        annotations = _annotations(data)
        if self._trainer and threshold and annotations:
            self._count(project, annotations, threshold)

    def ask(self, project: str, why: str) -> bool:
        """Train in the background; False when this project is being trained already or no Label Studio is known."""
        if self._trainer is None:
            _log.warning("Project %s is not trained: LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY are not set", project)
            return False
        if not self._trainings.add(project, asdict(Training(project, why, self._clock()))):
            _log.info("Project %s is being trained already", project)
            return False
        self._train(project)
        return True

    def train(self, project: str, why: str) -> Report:
        """Train now and here; raises TrainingError, StudioError or AWSError after the report is written."""
        if self._trainer is None:
            raise TrainingError("No Label Studio is known.", remedy="Set LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY.")
        self._trainings.add(project, asdict(Training(project, why, self._clock())))
        with self._alone(project) as mine:
            if not mine:
                raise TrainingError(f"Project {project} is being trained already.", remedy="Wait for its report.")
            return self._run(self._trainer, project)

    def sweep(self) -> None:
        """Queue again what nobody works on: trainings of dead processes, and those whose pause is over."""
        now = self._clock()
        for project, record in list(self._trainings.items()):
            lock = self._locks.get(project)
            abandoned = lock is None or now - lock["at"] > _DEAD_SECONDS
            due = record["due"] <= now and now - record["asked"] > _BEAT
            if abandoned and due and self._locks.claim(_requeued(project), now - _REQUEUE_SECONDS):
                self._train(project)

    def __len__(self) -> int:
        """Trainings that have not ended."""
        return len(self._trainings)

    # The worker

    def _train_now(self, project: str) -> None:
        record = self._trainings.get(project)
        if record is None or self._trainer is None or record["due"] > self._clock():
            return
        with self._alone(project) as mine:
            if not mine:
                return
            try:
                self._run(self._trainer, project)
            except TranscribeBackendError as error:
                _log.warning("Training of project %s: %s", project, error.advice)

    def _run(self, trainer: Trainer, project: str) -> Report:
        record = self._trainings.get(project)
        if record is None:
            raise TrainingError(f"The training of project {project} has just ended.", remedy="Look at its report.")
        training = Training(**record)
        seen = list(self._of(project))
        try:
            report = trainer.run(training, lambda state: self._trainings.put(project, asdict(state)))
        except TranscribeBackendError as error:
            self._failed(trainer, training, error)
            raise
        except Exception as error:
            _log.exception("Training of project %s failed", project)
            self._failed(trainer, training, TrainingError(f"The training failed: {error!r}", retryable=True))
            raise
        self._finish(project, seen)
        _log.info("Training of project %s: %s. %s", project, report["outcome"], report["reason"])
        return report

    def _failed(self, trainer: Trainer, training: Training, error: TranscribeBackendError) -> None:
        """Pause before what may pass; report what will not."""
        if error.retryable and training.tries < _TRIES:
            pause = min(_BACKOFF[0] * 2**training.tries, _BACKOFF[1])
            training.tries, training.due = training.tries + 1, self._clock() + pause
            self._trainings.put(training.project, asdict(training))
            return
        try:
            self._reports.save(trainer.report(training, error))
        except TranscribeBackendError as unsaved:
            # What broke the training may break its report, too; asked for again and again it would never end.
            _log.error("The report of project %s is not kept: %s", training.project, unsaved.advice)
        self._finish(training.project, list(self._of(training.project)))

    def _finish(self, project: str, seen: list[str]) -> None:
        for key in seen:
            self._news.delete(key)
        self._trainings.delete(project)
        for key, _ in list(self._locks.items()):
            if _claimed(key) == _requeued(project) or _claimed(key) == project != key:
                self._locks.delete(key)

    @contextmanager
    def _alone(self, project: str) -> Iterator[bool]:
        """Whether this process is the one that trains the project; it says so every few seconds until it is done."""
        if not self._locks.claim(project, self._clock() - _DEAD_SECONDS):
            yield False
            return
        done = threading.Event()
        keeper = threading.Thread(target=self._keep, args=(project, done), name="training-lock", daemon=True)
        keeper.start()
        try:
            yield True
        finally:
            done.set()
            keeper.join()
            self._locks.delete(project)

    def _keep(self, project: str, done: threading.Event) -> None:
        while not done.wait(_BEAT):
            try:
                self._locks.put(project, {"at": self._clock()})
            except QueueError as error:
                _log.warning("The training of project %s cannot say that it goes on: %s", project, error.advice)

    # Counting

    def _threshold(self, described: Mapping[str, Any]) -> int:
        """After how many new annotations a training starts by itself; 0 for never.

        Label Studio's switch "Start model training on annotation submission" stores 1, which would be each one.
        """
        wanted = described.get("min_annotations_to_start_training")
        if not isinstance(wanted, int) or wanted <= 0:
            return 0
        return max(wanted, self._settings.train_min_new_annotations)

    def _count_now(self, project: str, annotations: list[int], threshold: int) -> None:
        for annotation in annotations:
            self._news.put(f"{project}|{annotation}", {"at": self._clock()})
        count = sum(1 for _ in self._of(project))
        if count >= threshold and self._trainings.get(project) is None:
            self.ask(project, f"{count} new annotations")

    def _of(self, project: str) -> Iterator[str]:
        return (key for key, _ in self._news.items() if key.startswith(f"{project}|"))


def _requeued(project: str) -> str:
    return f"requeued|{project}"


def _claimed(key: str) -> str:
    """What a record of the locks is about: claims that were taken over leave records of their own."""
    return key.partition(AFTER)[0]


def _annotations(data: Mapping[str, Any]) -> list[int]:
    """Ids of the annotations of an event; skipped ones teach nothing."""
    found = data.get("annotation")
    each: list[Any] = found if isinstance(found, list) else [found]
    if not all(isinstance(one, Mapping) and isinstance(one.get("id"), int) for one in each):
        raise RequestError("annotation needs an id.")
    return [one["id"] for one in each if not one.get("was_cancelled")]
