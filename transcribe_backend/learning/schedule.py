"""When to train, who trains, and what becomes of a training that fails."""

import logging
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from transcribe_backend.errors import RequestError, TrainingError, TranscribeBackendError
from transcribe_backend.learning.reports import Report, Reports
from transcribe_backend.learning.training import Trainer, Training
from transcribe_backend.prelabeling.project import project_id
from transcribe_backend.settings import Settings
from transcribe_backend.work.engine import Engine
from transcribe_backend.work.items import URGENT, Item, New
from transcribe_backend.work.records import Records

_log = logging.getLogger(__name__)

EVENTS = ("START_TRAINING", "ANNOTATION_CREATED", "ANNOTATION_UPDATED", "ANNOTATIONS_CREATED")
TRAINING = "training"
"""The queue of trainings, one at most per project."""
_TRIES = 10
_LOOK_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Annotated:
    """An annotation that no training has seen yet."""


class Learning:
    """Trainings of all projects, one at a time per project: each is an item of owed work, saved after every stage.

    It keeps one record per annotation that no training has seen, under `<project>|<annotation>`.
    """

    def __init__(
        self,
        engine: Engine,
        trainer: Trainer | None,
        reports: Reports,
        settings: Settings,
    ) -> None:
        self._work = engine.work
        self._wake = engine.wake
        self._news = Records(engine.database, "annotations", Annotated)
        self._trainer = trainer
        self._reports = reports
        self._settings = settings

    def notice(self, event: str, data: Mapping[str, Any]) -> None:
        """An event of Label Studio: noted, and acted on in the background.

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
        if _key(project) in self._work.states([_key(project)]):
            _log.info("Project %s is being trained already", project)
            return False
        training = Training(project, why, self._work.now())
        self._work.add([New(_key(project), TRAINING, asdict(training), URGENT)])
        self._wake()
        return True

    def train(self, project: str, why: str) -> list[Report]:
        """Train, and wait for the report of each language; raises TrainingError, StudioError or AWSError."""
        if self._trainer is None:
            raise TrainingError("No Label Studio is known.", remedy="Set LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY.")
        begun = self._work.now()
        if not self.ask(project, why):
            raise TrainingError(f"Project {project} is being trained already.", remedy="Wait for its report.")
        while self._work.states([_key(project)]):
            time.sleep(_LOOK_SECONDS)
        reports = [report for report in self._reports.all(project) if report["asked"] >= begun]
        if not reports:
            raise TrainingError(f"The training of project {project} left no report.", remedy="Its log says why.")
        return reports

    def carry_on(self, item: Item) -> None:
        """Take a training through its stages, from wherever its last process left it."""
        if self._trainer is None:
            raise TrainingError("No Label Studio is known.", remedy="Set LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY.")
        training, begun = Training(**item.body), self._work.now()
        try:
            self._run(self._trainer, item, training)
            while training.languages:
                training = training.next_language()
                self._save(item, training)
                self._run(self._trainer, item, training)
        except _TakenOver as error:
            _log.info("%s", error)
            return
        self._news.clear(f"{training.project}|", before=begun)
        self._work.finish(item)

    def _run(self, trainer: Trainer, item: Item, training: Training) -> None:
        """Train one language to its end; raises what may pass by itself."""
        try:
            report = trainer.run(training, lambda state: self._save(item, state))
        except _TakenOver:
            raise
        except TranscribeBackendError as error:
            if not error.permanent and item.attempts < _TRIES:
                raise
            self._give_up(trainer, training, error)
        else:
            _log.info("Training of project %s: %s. %s", training.project, report["outcome"], report["reason"])

    def _save(self, item: Item, training: Training) -> None:
        if not self._work.save(item, asdict(training)):
            raise _TakenOver(f"The training of project {training.project} went on in another process.")

    def _give_up(self, trainer: Trainer, training: Training, error: TranscribeBackendError) -> None:
        _log.warning("Training of project %s: %s", training.project, error.advice)
        try:
            self._reports.save(trainer.report(training, error))
        except TranscribeBackendError as unsaved:
            # What broke the training may break its report, too; asked for again and again it would never end.
            _log.error("The report of project %s is not kept: %s", training.project, unsaved.advice)

    # Counting

    def _threshold(self, described: Mapping[str, Any]) -> int:
        """After how many new annotations a training starts by itself; 0 for never.

        Label Studio's switch "Start model training on annotation submission" stores 1, which would be each one.
        """
        wanted = described.get("min_annotations_to_start_training")
        if not isinstance(wanted, int) or wanted <= 0:
            return 0
        return max(wanted, self._settings.train_min_new_annotations)

    def _count(self, project: str, annotations: list[int], threshold: int) -> None:
        self._news.add({f"{project}|{annotation}": Annotated() for annotation in annotations})
        count = self._news.count(f"{project}|")
        if count >= threshold:
            self.ask(project, f"{count} new annotations")


class _TakenOver(TranscribeBackendError):
    """This process was so slow that another has taken the training over."""


def _key(project: str) -> str:
    return f"training|{project}"


def _annotations(data: Mapping[str, Any]) -> list[int]:
    """Ids of the annotations of an event; skipped ones teach nothing."""
    found = data.get("annotation")
    each: list[Any] = found if isinstance(found, list) else [found]
    if not all(isinstance(one, Mapping) and isinstance(one.get("id"), int) for one in each):
        raise RequestError("annotation needs an id.")
    return [one["id"] for one in each if not one.get("was_cancelled")]
