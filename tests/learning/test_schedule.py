"""When a project is trained, by whom, and what becomes of a training that fails: the real engine, a trainer that obeys.

What a training does is in test_training.py.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from transcribe_backend.aws.clients import AWSClients
from transcribe_backend.errors import RequestError, StudioUnreachable, TrainingError, TranscribeBackendError
from transcribe_backend.learning.reports import Report, Reports
from transcribe_backend.learning.schedule import TRAINING, Learning
from transcribe_backend.learning.training import Training
from transcribe_backend.settings import Settings
from transcribe_backend.work.crew import Lane
from transcribe_backend.work.engine import engine
from transcribe_backend.work.items import URGENT

PROJECT = "7.1767225600"
CREATED = "2026-01-01T00:00:00.000000Z"


@dataclass
class Obedient:
    """Takes a training through two stages, or fails as it is told to."""

    failure: TranscribeBackendError | None = None
    begun: list[str] = field(default_factory=list)
    """The stage that each run began at."""

    def run(self, training: Training, save: Callable[[Training], None]) -> Report:
        self.begun.append(training.stage)
        training.stage = "learnt"
        save(training)
        if self.failure:
            raise self.failure
        training.stage, training.verdict = "done", {"outcome": "promoted", "reason": "Better."}
        save(training)
        return self.report(training)

    def report(self, training: Training, error: TranscribeBackendError | None = None) -> Report:
        told = {"outcome": "not trained", "reason": error.advice} if error else training.verdict
        return {**asdict(training), **told}


class World:
    """One deployment: a database and a clock, and as many processes as are asked for."""

    def __init__(self, folder: Path) -> None:
        self.settings = Settings(model_dir=folder, train_min_new_annotations=20)
        self.now = 1_767_225_600.0
        self.trainer = Obedient()
        self.reports = Reports(AWSClients("us-east-1"), self.settings)
        self.learning, self.step = self.process()

    def clock(self) -> float:
        """Time passes whenever somebody looks."""
        self.now += 0.001
        return self.now

    def process(self) -> tuple[Learning, Callable[[], int]]:
        """Its trainings, and what does the work that is due; its own threads do nothing."""
        made = engine(self.settings, self.clock)
        learning = Learning(made, self.trainer, self.reports, self.settings)
        crew = made.staff([Lane(TRAINING, URGENT, 1, learning.carry_on)], [])
        crew.step()
        return learning, crew.step

    def annotated(self, *annotations: int, minimum: int = 1, event: str = "ANNOTATIONS_CREATED", **more: Any) -> int:
        """An event about these annotations; how many trainings followed."""
        found = [{"id": annotation, **more} for annotation in annotations]
        before = len(self.trainer.begun)
        self.learning.notice(
            event, {"project": described(minimum), "annotation": found if len(found) > 1 else found[0]}
        )
        self.step()
        return len(self.trainer.begun) - before


def described(minimum: int = 1) -> dict[str, Any]:
    return {"id": 7, "created_at": CREATED, "min_annotations_to_start_training": minimum}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_start_training_trains_once(world: World) -> None:
    for _ in range(3):
        world.learning.notice("START_TRAINING", {"project": described()})
    assert not world.learning.ask(PROJECT, "again")
    assert world.step() == 1 and world.trainer.begun == ["asked"]
    assert world.learning.ask(PROJECT, "again"), "after the first has ended"


def test_a_training_goes_on_where_it_stood_and_waits_longer_each_time(world: World) -> None:
    world.trainer.failure = StudioUnreachable("Label Studio does not answer.")
    world.learning.ask(PROJECT, "a test")
    world.step()
    assert world.step() == 0, "not before its pause is over"
    world.trainer.failure = None
    world.now += 600
    assert world.step() == 1 and world.trainer.begun == ["asked", "learnt"]


def test_a_training_gives_up_in_the_end_and_says_so(world: World) -> None:
    world.trainer.failure = StudioUnreachable("Label Studio does not answer.")
    world.learning.ask(PROJECT, "a test")
    for _ in range(30):
        world.step()
        world.now += 1000
    assert 5 < len(world.trainer.begun) < 20
    (report,) = world.reports.all(PROJECT)
    assert (report["outcome"], report["reason"]) == ("not trained", "Label Studio does not answer.")
    assert world.learning.ask(PROJECT, "again")


def test_each_language_of_a_project_is_trained_whatever_becomes_of_the_others(world: World) -> None:
    languages = ["en-US", "es-US", "de-DE"]

    def run(training: Training, save: Callable[[Training], None]) -> Report:
        if not training.language:
            training.language, *training.languages = languages
        save(training)
        if training.language == "es-US":
            raise TrainingError("Too few tasks.")
        training.verdict = {"outcome": "promoted", "reason": training.language}
        world.reports.save(world.trainer.report(training))
        return world.trainer.report(training)

    world.trainer.run = run  # type: ignore[method-assign]
    world.learning.ask(PROJECT, "a test")
    assert world.step() == 1
    found = {report["language"]: report["reason"] for report in world.reports.all(PROJECT)}
    assert found == {"en-US": "en-US", "es-US": "Too few tasks.", "de-DE": "de-DE"}
    assert world.learning.ask(PROJECT, "again"), "the training has ended"


def test_what_will_never_work_is_reported_at_once(world: World) -> None:
    world.trainer.failure = TrainingError("Too few tasks.", remedy="Annotate more.")
    world.learning.ask(PROJECT, "a test")
    world.step()
    assert [report["reason"] for report in world.reports.all(PROJECT)] == ["Too few tasks. Annotate more."]
    world.now += 1000
    assert world.step() == 0


def test_two_processes_train_once(world: World) -> None:
    other, step = world.process()
    world.learning.ask(PROJECT, "a test")
    assert not other.ask(PROJECT, "the same")
    assert (step(), world.step()) == (1, 0)
    assert world.trainer.begun == ["asked"]


def test_a_report_that_cannot_be_kept_ends_the_training_too(world: World) -> None:
    world.trainer.failure = TrainingError("Too few tasks.")
    world.settings.model_dir.joinpath("reports").write_text("in the way")
    world.learning.ask(PROJECT, "a test")
    world.step()
    assert world.learning.ask(PROJECT, "again")


def test_enough_new_annotations_start_a_training(world: World) -> None:
    assert world.annotated(*range(1, 20)) == 0
    assert world.annotated(*range(1, 20)) == 0, "the same ones again are no new ones"
    assert world.annotated(99, was_cancelled=True) == 0
    assert world.annotated(20, event="ANNOTATION_CREATED") == 1
    world.now += 1
    assert world.annotated(*range(21, 40)) == 0, "those that were learnt from do not count again"


@pytest.mark.parametrize(
    ("minimum", "count", "trainings"), [(0, 30, 0), (1, 19, 0), (1, 20, 1), (25, 24, 0), (25, 25, 1)]
)
def test_the_projects_own_minimum_counts_where_it_is_larger(
    world: World, minimum: int, count: int, trainings: int
) -> None:
    assert world.annotated(*range(1, count + 1), minimum=minimum) == trainings


@pytest.mark.parametrize(
    "data", [{}, {"project": 7}, {"project": {"id": 7}}, {"project": described(), "annotation": [{"no": "id"}]}]
)
def test_a_malformed_event_is_a_bad_request(world: World, data: dict[str, Any]) -> None:
    with pytest.raises(RequestError):
        world.learning.notice("ANNOTATIONS_CREATED", data)


def test_without_label_studio_nothing_is_trained_or_counted(world: World) -> None:
    alone = Learning(engine(world.settings), None, world.reports, replace(world.settings, train_min_new_annotations=1))
    assert not alone.ask(PROJECT, "a test")
    alone.notice("ANNOTATIONS_CREATED", {"project": described(), "annotation": [{"id": 1}, {"id": 2}]})
    with pytest.raises(TrainingError, match="No Label Studio"):
        alone.train(PROJECT, "a test")
    assert world.step() == 0
