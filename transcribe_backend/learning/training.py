"""COMPOSES: one training: annotations -> candidate vocabulary -> evaluated on held-out tasks -> promoted or rejected.

A training is a chain of stages. What a stage found out is kept in its `Training`, which is saved after each, and every
stage may be repeated: whoever goes on after a crash ends in the same state, and pays no transcription twice.

    asked -> learnt -> made -> planned -> judged -> done
"""

import logging
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Protocol

from transcribe_backend.aws.jobs import Job
from transcribe_backend.aws.transcripts import TranscriptStore
from transcribe_backend.aws.vocabularies import WITHDRAWN, Vocabularies
from transcribe_backend.errors import TrainingError, TranscribeBackendError
from transcribe_backend.learning.evidence import HELD_OUT_AT_LEAST, Evidence, Sample, held_out
from transcribe_backend.learning.learnt import Learnt
from transcribe_backend.learning.reports import Report, Reports
from transcribe_backend.prelabeling.project import Project, Projects, project_id
from transcribe_backend.settings import Settings
from transcribe_backend.speech.corrections import Candidate, Pair, candidates
from transcribe_backend.speech.transcript import Transcript
from transcribe_backend.speech.verdict import PROMOTED, judge, rejection
from transcribe_backend.speech.vocabulary import Row, table
from transcribe_backend.studio.client import Studio

_log = logging.getLogger(__name__)

_SHORTEST_BILLED = 15  # seconds; aws.amazon.com/transcribe/pricing
_DOLLARS_PER_MINUTE = 0.024  # list price of the first tier, us-east-1
_DONE = "done"
_INNER = ("stage", "tries", "due", "verdict")

Save = Callable[["Training"], None]


@dataclass(slots=True)
class Training:
    """How far a training of `project` (`<id>.<created>`) has come, and what it knows; `asked` is a Unix time."""

    project: str
    why: str
    asked: float
    stage: str = "asked"
    tries: int = 0
    due: float = 0.0
    """Not to be continued before this time."""
    language: str = ""
    champion: str = ""
    """The vocabulary in use when the training began; "" for AWS's own model."""
    tasks: dict[str, int] = field(default_factory=dict)
    phrases: list[dict[str, Any]] = field(default_factory=list)
    rejected: list[dict[str, str]] = field(default_factory=list)
    held_out: list[int] = field(default_factory=list)
    vocabulary: str = ""
    cost: dict[str, float] = field(default_factory=dict)
    verdict: dict[str, Any] = field(default_factory=dict)


class Transcriptions(Protocol):
    """Has audio transcribed."""

    def ensure(self, jobs: Sequence[Job]) -> Iterator[tuple[Job, TranscribeBackendError | None]]:
        """Each job as it ends, with its error when it failed."""


class Trainer:
    """Takes trainings through their stages."""

    def __init__(
        self,
        studio: Studio,
        projects: Projects,
        evidence: Evidence,
        vocabularies: Vocabularies,
        transcriptions: Transcriptions,
        store: TranscriptStore,
        learnt: Learnt,
        reports: Reports,
        settings: Settings,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._studio = studio
        self._projects = projects
        self._evidence = evidence
        self._vocabularies = vocabularies
        self._transcriptions = transcriptions
        self._store = store
        self._learnt = learnt
        self._reports = reports
        self._settings = settings
        self._clock = clock

    def run(self, training: Training, save: Save) -> Report:
        """Go on from wherever `training` stands; returns the report. `save` is called after each stage.

        Raises TrainingError when nothing can be learnt, and StudioError or AWSError.
        """
        stages = {
            "asked": self._learn,
            "learnt": self._make,
            "made": self._plan,
            "planned": self._judge,
            "judged": self._apply,
        }
        while training.stage != _DONE:
            _log.info("Training of project %s: %s", training.project, training.stage)
            stages[training.stage](training, self._project(training))
            save(training)
        return self.report(training)

    def report(self, training: Training, error: TranscribeBackendError | None = None) -> Report:
        """All that is known of a training; `error` is why it ended before its verdict."""
        verdict = {"outcome": "not trained", "reason": error.advice} if error else training.verdict
        known = {name: value for name, value in asdict(training).items() if name not in _INNER}
        return {**known, "finished": self._clock(), **verdict}

    def _project(self, training: Training) -> Project:
        described = self._studio.project(int(training.project.partition(".")[0]))
        if project_id(described) != training.project:
            raise TrainingError(
                f"The Label Studio at LABEL_STUDIO_URL has another project {training.project.partition('.')[0]}.",
                remedy="Set LABEL_STUDIO_URL to the Label Studio whose projects use this backend.",
            )
        return self._projects.read(training.project, described.get("label_config", ""))

    # asked -> learnt

    def _learn(self, training: Training, project: Project) -> None:
        asked = project.interface.recognition
        if asked.vocabulary:
            raise TrainingError(
                "The labeling config names its own vocabulary.", remedy="Remove model_vocabulary to use a learnt one."
            )
        if asked.identifies:
            raise TrainingError(
                "A vocabulary has one language, and this project identifies it.", remedy="Set model_language to train."
            )
        training.language = asked.language
        training.champion = self._vocabularies.promoted(training.project, asked.language) or ""
        samples = self._usable(training, project)
        training.held_out = held_out({sample.task: sample.media.identity for sample in samples})
        judges = set(training.held_out)
        evidence = [sample.best() for sample in samples if sample.task not in judges]
        training.tasks |= {"evidence": len(evidence), "held_out": len(training.held_out)}
        self._select(training, candidates(evidence, min_tasks=self._settings.train_min_tasks))
        training.stage = "learnt"

    def _usable(self, training: Training, project: Project) -> list[Sample]:
        known = list(dict.fromkeys([training.champion, ""]))
        annotated = list(self._evidence.samples(project, known))
        usable = [sample for sample in annotated if sample.transcript]
        training.tasks = {"annotated": len(annotated), "without_transcript": len(annotated) - len(usable)}
        needed = HELD_OUT_AT_LEAST + self._settings.train_min_tasks
        if len(usable) < needed:
            raise TrainingError(
                f"{len(usable)} annotated tasks with a transcript of ours are too few to learn from.",
                remedy=f"Annotate at least {needed} tasks that have predictions.",
            )
        return usable

    def _select(self, training: Training, found: Sequence[Candidate]) -> None:
        """What is missed, and before it what the vocabulary in use holds already: it is why that is not missed."""
        old = [row.display or row.phrase for row in self._champion_rows(training)]
        new = {candidate.display: candidate for candidate in found}
        written = list(dict.fromkeys([*old, *new]))
        made = table(written, training.language)
        kept = set(written) - {each.written for each in made.rejected}
        training.rejected = [asdict(each) for each in made.rejected]
        if not kept - set(old):
            raise TrainingError(
                "The annotators correct no phrase often enough that a vocabulary could hold.",
                remedy=f"A phrase must be missed in {self._settings.train_min_tasks} tasks or more (TRAIN_MIN_TASKS).",
            )
        training.phrases = [_described(phrase, new.get(phrase)) for phrase in written if phrase in kept]

    def _champion_rows(self, training: Training) -> Sequence[Row]:
        return self._vocabularies.rows(training.champion) if training.champion else ()

    # learnt -> made

    def _make(self, training: Training, project: Project) -> None:
        rows = table([each["phrase"] for each in training.phrases], training.language).rows
        created = self._vocabularies.create(training.project, training.language, rows)
        training.vocabulary = created.name
        training.rejected += [asdict(each) for each in created.dropped]
        dropped = {each.written for each in created.dropped}
        training.phrases = [each for each in training.phrases if each["phrase"] not in dropped]
        training.stage = "made"

    # made -> planned

    def _plan(self, training: Training, project: Project) -> None:
        """Which tasks are evaluated with what TRAIN_EVAL_MINUTES allow, and what that costs."""
        budget = self._settings.train_eval_minutes * 60
        evaluated: list[int] = []
        jobs = billed = 0
        for sample in self._held_out(training, project):
            known = self._evidence.transcript(sample.media, project, training.champion)
            runs = 1 if known else 2
            price = runs * max(_SHORTEST_BILLED, math.ceil(sample.seconds))
            if billed + price <= budget:
                billed, jobs = billed + price, jobs + runs
                evaluated.append(sample.task)
        training.held_out = evaluated
        training.tasks["evaluated"] = len(evaluated)
        training.cost = _cost(jobs, billed)
        training.stage = "planned"

    def _held_out(self, training: Training, project: Project) -> list[Sample]:
        known = list(dict.fromkeys([training.champion, ""]))
        return list(self._evidence.samples(project, known, only=set(training.held_out)))

    # planned -> judged

    def _judge(self, training: Training, project: Project) -> None:
        if len(training.held_out) < HELD_OUT_AT_LEAST:
            training.cost = _cost(0, 0)
            training.verdict = rejection("TRAIN_EVAL_MINUTES allow too few tasks for a proof.")
        else:
            samples = self._held_out(training, project)
            before, after = self._evaluated(training, project, samples)
            phrases = [each["phrase"] for each in training.phrases]
            training.verdict = judge(before, after, phrases, at_least=HELD_OUT_AT_LEAST)
        if self._vocabularies.mark(training.vocabulary) == WITHDRAWN:
            training.verdict |= rejection("The same vocabulary was rolled back before.")
        training.stage = "judged"

    def _evaluated(
        self, training: Training, project: Project, samples: Sequence[Sample]
    ) -> tuple[list[Pair], list[Pair]]:
        """The pairs of the champion and of the candidate, for the tasks that both could transcribe."""
        champions = self._transcribed(project, samples, training.champion)
        challengers = self._transcribed(project, samples, training.vocabulary)
        both = [sample for sample in samples if sample.task in champions and sample.task in challengers]
        return (
            [sample.pair(champions[sample.task]) for sample in both],
            [sample.pair(challengers[sample.task]) for sample in both],
        )

    def _transcribed(self, project: Project, samples: Sequence[Sample], vocabulary: str) -> dict[int, Transcript]:
        recognition = replace(project.recognition, vocabulary=vocabulary)
        jobs = {sample.task: Job(sample.media, recognition) for sample in samples}
        done = {job.name for job, error in self._transcriptions.ensure(list(jobs.values())) if error is None}
        return {task: self._store.get(job.name) for task, job in jobs.items() if job.name in done}

    # judged -> done

    def _apply(self, training: Training, project: Project) -> None:
        if training.verdict["outcome"] == PROMOTED:
            self._vocabularies.promote(training.vocabulary)
            self._learnt.remember(training.project, training.language, training.vocabulary)
        elif self._vocabularies.mark(training.vocabulary) != WITHDRAWN:
            self._vocabularies.reject(training.vocabulary)
        self._vocabularies.prune(training.project, training.language)
        self._reports.save(self.report(training))
        training.stage = _DONE


def _cost(jobs: int, seconds: int) -> dict[str, float]:
    dollars = round(seconds / 60 * _DOLLARS_PER_MINUTE, 4)
    return {"jobs": jobs, "billed_seconds": seconds, "dollars_at_list_price": dollars}


def _described(phrase: str, candidate: Candidate | None) -> dict[str, Any]:
    if candidate is None:
        return {"phrase": phrase, "from": "the vocabulary in use"}
    counts = {"misses": candidate.misses, "hits": candidate.hits, "tasks": candidate.tasks, "heard": candidate.heard}
    return {"phrase": phrase, **counts}
