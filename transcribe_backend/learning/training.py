"""COMPOSES: one training: annotations -> candidate vocabulary -> evaluated on held-out tasks -> promoted or rejected.

A training is a chain of stages. What a stage found out is kept in its `Training`, which is saved after each, and every
stage may be repeated: whoever goes on after a crash ends in the same state, and pays no transcription twice.

    asked -> learnt -> planned -> made -> rehearsed -> tried -> pruned -> judged -> done

The candidate is rehearsed on tasks that taught it: rows that do harm there, or nothing, go. The held-out tasks are two
folds. What the candidate does in one fold decides which rows are left out of the candidate that is judged in the other
(cross-fitting): no row is judged on audio that spoke for it.
"""

import logging
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from transcribe_backend.aws.vocabularies import WITHDRAWN, Created, Vocabularies
from transcribe_backend.errors import TrainingError, TranscribeBackendError
from transcribe_backend.learning.evaluation import Evaluation, Trial, by_turns, cost, within
from transcribe_backend.learning.evidence import HELD_OUT_AT_LEAST, JUDGES, Evidence, Sample, fold
from transcribe_backend.learning.excerpts import LONG, Excerpts, as_record, from_record
from transcribe_backend.learning.learnt import Learnt
from transcribe_backend.learning.reports import Report, Reports
from transcribe_backend.learning.wishes import WishBook
from transcribe_backend.prelabeling.project import Project, Projects, project_id
from transcribe_backend.settings import Settings
from transcribe_backend.speech.alignment import Pair
from transcribe_backend.speech.calibration import fit, unseen_error
from transcribe_backend.speech.corrections import Candidate, candidates
from transcribe_backend.speech.credit import Credit, comparable, credits, total
from transcribe_backend.speech.lexicon import lexicon
from transcribe_backend.speech.verdict import PROMOTED, judge, rejection
from transcribe_backend.speech.vocabulary import can_learn, table
from transcribe_backend.studio.client import Studio

_log = logging.getLogger(__name__)

_DONE = "done"
_INNER = ("stage", "tries", "due", "verdict", "turn", "variants", "excerpts", "rehearsal")
_HELD_OUT_SHARE = 0.4
_MOST_CUT = 40  # long recordings that are downloaded for one evaluation

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
    turn: int = 0
    """Decides which tasks are held out."""
    tasks: dict[str, int] = field(default_factory=dict)
    calibration: dict[str, Any] = field(default_factory=dict)
    """What confidence means in this project: `confidences` and the word error `rates` to expect, and how far both that
    and 1 - confidence are off on unseen tasks; nothing of fewer than thirty tasks."""
    phrases: list[dict[str, Any]] = field(default_factory=list)
    rejected: list[dict[str, str]] = field(default_factory=list)
    held_out: list[int] = field(default_factory=list)
    rehearsal: list[int] = field(default_factory=list)
    """Tasks that have taught, on which the candidate is tried first."""
    excerpts: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By task, what of a long recording is evaluated."""
    vocabulary: str = ""
    variants: list[dict[str, Any]] = field(default_factory=list)
    """Of the candidate: that for fold 0, that for fold 1, and that which is promoted. Each leaves out the phrases
    `without`; `vocabulary` is its name, None until it is made."""
    cost: dict[str, float] = field(default_factory=dict)
    verdict: dict[str, Any] = field(default_factory=dict)


class Trainer:
    """Takes trainings through their stages."""

    def __init__(
        self,
        studio: Studio,
        projects: Projects,
        evidence: Evidence,
        evaluation: Evaluation,
        excerpts: Excerpts,
        vocabularies: Vocabularies,
        learnt: Learnt,
        wishes: WishBook,
        reports: Reports,
        settings: Settings,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._studio = studio
        self._projects = projects
        self._evidence = evidence
        self._evaluation = evaluation
        self._excerpts = excerpts
        self._vocabularies = vocabularies
        self._learnt = learnt
        self._wishes = wishes
        self._reports = reports
        self._settings = settings
        self._clock = clock

    def run(self, training: Training, save: Save) -> Report:
        """Go on from wherever `training` stands; returns the report. `save` is called after each stage.

        Raises TrainingError when nothing can be learnt, and StudioError or AWSError.
        """
        stages = {
            "asked": self._learn,
            "learnt": self._plan,
            "planned": self._make,
            "made": self._rehearse,
            "rehearsed": self._try,
            "tried": self._prune,
            "pruned": self._judge,
            "judged": self._apply,
        }
        while training.stage != _DONE:
            _log.info("Training of project %s: %s", training.project, training.stage)
            stages[training.stage](training, self._project(training))
            save(training)
        return self.report(training)

    def plan(self, project: str) -> Training:
        """What a training would find and cost, without making or paying anything; raises like `run`."""
        training = Training(project, "a plan", self._clock())
        for stage in (self._learn, self._plan):
            stage(training, self._project(training))
        return training

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
        training.language = _language(project)
        training.champion = self._vocabularies.promoted(training.project, training.language) or ""
        names = self._vocabularies.names(training.project, training.language)
        training.turn = len(names)
        samples = self._usable(training, project, names)
        training.held_out = [each.task for each in samples if fold(each.media.identity, training.turn) in JUDGES]
        taught = [sample for sample in samples if sample.task not in set(training.held_out)]
        training.calibration = _calibrated(samples)
        evidence, training.rehearsal = [sample.best() for sample in taught], [sample.task for sample in taught]
        training.tasks |= {"evidence": len(evidence), "held_out": len(training.held_out)}
        words = lexicon(training.language)
        self._select(training, candidates(evidence, min_tasks=self._settings.train_min_tasks, lexicon=words))
        training.stage = "learnt"

    def _usable(self, training: Training, project: Project, names: Sequence[str]) -> list[Sample]:
        annotated = list(self._evidence.samples(project, list(dict.fromkeys([training.champion, "", *names]))))
        usable = [sample for sample in annotated if sample.transcript]
        training.tasks = {"annotated": len(annotated), "without_transcript": len(annotated) - len(usable)}
        judges = sum(fold(sample.media.identity, training.turn) in JUDGES for sample in usable)
        if judges < HELD_OUT_AT_LEAST or len(usable) - judges < self._settings.train_min_tasks:
            raise TrainingError(
                f"{len(usable)} annotated tasks with a transcript of ours are too few to learn from.",
                remedy=f"Annotate about {_more(judges)} more tasks that have predictions: two of five judge what the "
                "others teach.",
            )
        return usable

    def _select(self, training: Training, found: Sequence[Candidate]) -> None:
        """What is missed, and before it what the vocabulary in use holds already: it is why that is not missed."""
        old = self._old(training)
        new = {candidate.display: candidate for candidate in found}
        wishes, common = self._wishes.read(training.project, training.language), lexicon(training.language).is_common
        worth = [phrase for phrase in sorted(old) if not all(map(common, comparable(phrase)))]
        written = wishes.applied([*worth, *new])
        made = table(written, training.language)
        kept = set(written) - {each.written for each in made.rejected}
        training.rejected = [asdict(each) for each in made.rejected]
        if kept == old:
            raise TrainingError(
                "The annotators correct no name or term often enough that a vocabulary could hold.",
                remedy=f"A phrase must be missed in {self._settings.train_min_tasks} tasks or more (TRAIN_MIN_TASKS).",
            )
        described = [_described(phrase, new.get(phrase), old, wishes.pinned) for phrase in written if phrase in kept]
        training.phrases = described

    def _old(self, training: Training) -> set[str]:
        """The phrases of the vocabulary in use."""
        rows = self._vocabularies.rows(training.champion) if training.champion else ()
        return {row.display or row.phrase for row in rows}

    # learnt -> planned

    def _plan(self, training: Training, project: Project) -> None:
        """What is evaluated: a third of TRAIN_EVAL_MINUTES for the rehearsal, one for a first look, one for a second.

        Where a third does not suffice for a proof, all of it is for the first look.
        """
        phrases, budget = [each["phrase"] for each in training.phrases], self._settings.train_eval_minutes * 60
        training.excerpts = self._cut(training, project, phrases)
        trials = self._trials(training, project, training.held_out)
        judges = within(trials, phrases, budget / 3)
        rehearsal: list[Trial] = []
        if len(judges) >= HELD_OUT_AT_LEAST:
            rehearsal = within(self._trials(training, project, training.rehearsal), phrases, budget / 3)
        else:
            judges = within(trials, phrases, budget)
        if len(judges) < HELD_OUT_AT_LEAST:
            raise _too_long(trials, self._settings.train_eval_minutes)
        training.held_out, training.rehearsal = _numbers(judges), _numbers(rehearsal)
        training.tasks |= {"evaluated": len(judges), "rehearsed": len(rehearsal)}
        paid = [*judges, *rehearsal]
        training.cost = cost(sum(each.runs for each in paid), sum(each.runs * each.seconds for each in paid))
        training.stage = "planned"

    def _cut(self, training: Training, project: Project, phrases: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Of long recordings only the places that matter are evaluated."""
        found: dict[str, dict[str, Any]] = {}
        for tasks in (training.held_out, training.rehearsal):
            long = [sample for sample in self._samples(training, project, tasks) if sample.seconds > LONG]
            for sample in by_turns(long, phrases)[:_MOST_CUT]:
                if part := self._excerpts.of(sample, phrases):
                    found[str(sample.task)] = as_record(part)
        return found

    def _trials(self, training: Training, project: Project, tasks: Sequence[int]) -> list[Trial]:
        return [
            self._evaluation.trial(
                from_record(training.excerpts[str(sample.task)], sample)
                if str(sample.task) in training.excerpts
                else sample,
                fold(sample.media.identity, training.turn),
                project,
                training.champion,
                training.asked,
            )
            for sample in self._samples(training, project, tasks)
        ]

    def _samples(self, training: Training, project: Project, tasks: Sequence[int]) -> list[Sample]:
        names = self._vocabularies.names(training.project, training.language)
        known = list(dict.fromkeys([training.champion, "", *names]))
        return list(self._evidence.samples(project, known, only=set(tasks)))

    # planned -> made

    def _make(self, training: Training, project: Project) -> None:
        created = self._create(training, [])
        training.vocabulary = created.name
        training.rejected += [asdict(each) for each in created.dropped]
        dropped = {each.written for each in created.dropped}
        training.phrases = [each for each in training.phrases if each["phrase"] not in dropped]
        training.stage = "made"

    def _create(self, training: Training, without: Sequence[str]) -> Created:
        """The candidate without some phrases. Equal sets of rows are one vocabulary, whatever spoke for them more."""
        written = [each["phrase"] for each in training.phrases if each["phrase"] not in set(without)]
        rows = sorted(table(written, training.language).rows, key=lambda row: row.phrase.casefold())
        return self._vocabularies.create(training.project, training.language, rows)

    # made -> rehearsed

    def _rehearse(self, training: Training, project: Project) -> None:
        """Leave out what does harm, or nothing, even where it was learnt."""
        trials = self._trials(training, project, training.rehearsal)
        records = _records(training, *self._compared(training, project, trials, training.vocabulary))
        without = _useless(training, records)
        left = [each for each in training.phrases if each["phrase"] not in without]
        training.stage = "rehearsed"
        if not without:
            return
        training.rejected += [{"written": phrase, "reason": _did(records[phrase])} for phrase in without]
        if {each["phrase"] for each in left} in (set(), self._old(training)):
            training.verdict = rejection("No new row has earned its place even where it was learnt.")
            training.stage = "judged"
            return
        training.phrases = left
        training.vocabulary = self._create(training, []).name

    # rehearsed -> tried

    def _try(self, training: Training, project: Project) -> None:
        """What each row of the whole candidate does, fold by fold."""
        trials = self._trials(training, project, training.held_out)
        before, after = self._compared(training, project, trials, training.vocabulary)
        places = {trial.sample.task: trial.fold for trial in trials}
        records = [_records(training, *_of_fold(before, after, places, place)) for place in JUDGES]
        for phrase in training.phrases:
            phrase["record"] = asdict(total(record[phrase["phrase"]] for record in records))
        whole = {phrase: total(record[phrase] for record in records) for phrase in records[0]}
        again = [_useless(training, records[1]), _useless(training, records[0]), _useless(training, whole)]
        training.variants = [self._variant(training, without) for without in self._affordable(training, trials, again)]
        training.stage = "tried"

    def _variant(self, training: Training, without: list[str]) -> dict[str, Any]:
        """A candidate without some phrases; perhaps it is there already."""
        left = {each["phrase"] for each in training.phrases} - set(without)
        known = training.vocabulary if not without else None if left else ""
        if left == self._old(training):
            known = training.champion
        return {"without": without, "vocabulary": known}

    def _affordable(self, training: Training, trials: Sequence[Trial], again: list[list[str]]) -> Sequence[list[str]]:
        """The candidates of a second look, or thrice the whole one when that costs too much."""
        repeated = [trial for trial in trials if again[trial.fold]]
        seconds = int(training.cost["billed_seconds"]) + sum(trial.seconds for trial in repeated)
        if seconds > self._settings.train_eval_minutes * 60:
            return [[], [], []]
        training.cost = cost(int(training.cost["jobs"]) + len(repeated), seconds)
        return again

    # tried -> pruned

    def _prune(self, training: Training, project: Project) -> None:
        """Make the next candidate that is not there yet; a name for equal ones."""
        missing = next((each for each in training.variants if each["vocabulary"] is None), None)
        if missing is None:
            training.vocabulary = training.variants[2]["vocabulary"]
            training.stage = "pruned"
            return
        name = self._create(training, missing["without"]).name
        for variant in training.variants:
            if variant["without"] == missing["without"]:
                variant["vocabulary"] = name

    # pruned -> judged

    def _judge(self, training: Training, project: Project) -> None:
        trials = self._trials(training, project, training.held_out)
        attempt = self._reports.verdicts(training.project, training.language, training.champion) + 1
        before: list[Pair] = []
        after: list[Pair] = []
        for place in JUDGES:
            part = [trial for trial in trials if trial.fold == place]
            old, new = self._compared(training, project, part, training.variants[place]["vocabulary"])
            before, after = before + old, after + new
        training.verdict = judge(before, after, attempt=attempt, at_least=HELD_OUT_AT_LEAST)
        training.verdict["key_phrases"] = _spoken(training)
        if training.vocabulary in ("", training.champion):
            training.verdict |= rejection("No new row has earned its place.")
        elif self._vocabularies.mark(training.vocabulary) == WITHDRAWN:
            training.verdict |= rejection("The same vocabulary was rolled back before.")
        training.stage = "judged"

    def _compared(
        self, training: Training, project: Project, trials: Sequence[Trial], vocabulary: str
    ) -> tuple[list[Pair], list[Pair]]:
        """The pairs of the champion and of a candidate, for the tasks that both could transcribe."""
        old = self._evaluation.pairs(trials, project, training.champion, champion=True)
        if vocabulary == training.champion:
            return list(old.values()), list(old.values())
        new = self._evaluation.pairs(trials, project, vocabulary, champion=False)
        both = [task for task in old if task in new]
        return [old[task] for task in both], [new[task] for task in both]

    # judged -> done

    def _apply(self, training: Training, project: Project) -> None:
        names = {training.vocabulary, *(each["vocabulary"] for each in training.variants)} - {"", training.champion}
        if training.verdict["outcome"] == PROMOTED:
            names.discard(training.vocabulary)
            self._accept(training)
        for name in sorted(names):
            if self._vocabularies.mark(name) != WITHDRAWN:
                self._vocabularies.reject(name)
        self._vocabularies.prune(training.project, training.language)
        self._reports.save(self.report(training))
        training.stage = _DONE

    def _accept(self, training: Training) -> None:
        if self._settings.train_promote == "ask":
            self._vocabularies.offer(training.vocabulary)
            training.verdict["outcome"] = "waiting"
            number = training.project.partition(".")[0]
            training.verdict["reason"] += f" Approve it: `vocabulary approve --project {number}`."
            return
        self._vocabularies.promote(training.vocabulary)
        self._learnt.remember(training.project, training.language, training.vocabulary)


def _language(project: Project) -> str:
    asked = project.interface.recognition
    if asked.vocabulary:
        raise TrainingError(
            "The labeling config names its own vocabulary.", remedy="Remove model_vocabulary to use a learnt one."
        )
    if asked.identifies:
        raise TrainingError(
            "A vocabulary has one language, and this project identifies it.", remedy="Set model_language to train."
        )
    if not can_learn(asked.language):
        raise TrainingError(
            f"No vocabulary can be learnt in {asked.language}: its characters in AWS Transcribe are not known here.",
            remedy="Make a vocabulary by hand and name it with model_vocabulary in the labeling config.",
        )
    return asked.language


def _calibrated(samples: Sequence[Sample]) -> dict[str, Any]:
    points = [point for sample in samples if (point := sample.point())]
    curve, (fitted, plain) = fit(points), unseen_error(points)
    return {**asdict(curve), "tasks": len(points), "off_by": fitted, "confidence_off_by": plain} if curve else {}


def _more(judges: int) -> int:
    """About how many tasks must be annotated until enough of them are held out."""
    return max(1, round((HELD_OUT_AT_LEAST - judges) / _HELD_OUT_SHARE))


def _too_long(trials: Sequence[Trial], minutes: float) -> TrainingError:
    cheapest = sorted(trial.runs * trial.seconds for trial in trials)[:HELD_OUT_AT_LEAST]
    return TrainingError(
        f"TRAIN_EVAL_MINUTES={minutes:g} allow too few tasks for a proof: the {HELD_OUT_AT_LEAST} shortest held-out "
        f"tasks need {sum(cheapest) / 60:.0f} minutes of audio.",
        remedy=f"Set TRAIN_EVAL_MINUTES to {sum(cheapest) / 60 + 1:.0f} or more.",
    )


def _of_fold(
    before: Sequence[Pair], after: Sequence[Pair], places: dict[int, int], place: int
) -> tuple[list[Pair], list[Pair]]:
    return [pair for pair in before if places[pair.task] == place], [
        pair for pair in after if places[pair.task] == place
    ]


def _records(training: Training, before: Sequence[Pair], after: Sequence[Pair]) -> dict[str, Credit]:
    phrases = {each["phrase"]: comparable(each["phrase"]) for each in training.phrases}
    found = credits(set(phrases.values()), before, after)
    return {phrase: found[words] for phrase, words in phrases.items()}


def _useless(training: Training, records: dict[str, Credit]) -> list[str]:
    """The phrases that these records speak against; pinned ones stay whatever they do."""
    return [
        each["phrase"]
        for each in training.phrases
        if not each.get("pinned") and not records[each["phrase"]].earns_its_place(old="from" in each)
    ]


def _spoken(training: Training) -> dict[str, int]:
    names = ("spoken", "right_before", "right_after")
    return {name: sum(each["record"][name] for each in training.phrases) for name in names}


def _numbers(trials: Sequence[Trial]) -> list[int]:
    return sorted(trial.sample.task for trial in trials)


def _did(record: Credit) -> str:
    """Why a row is left out."""
    return (
        f"where it was learnt it was said {record.spoken} times, right {record.right_before} -> {record.right_after}, "
        f"wrongly inserted {record.false_before} -> {record.false_after}, and broke {record.broken} words"
    )


def _described(phrase: str, candidate: Candidate | None, old: Collection[str], pinned: Sequence[str]) -> dict[str, Any]:
    described: dict[str, Any] = {"phrase": phrase}
    if phrase in old:
        described["from"] = "the vocabulary in use"
    if phrase in pinned:
        described["pinned"] = True
    if candidate:
        counts = ("misses", "hits", "tasks", "heard")
        described |= {name: getattr(candidate, name) for name in counts}
    return described
