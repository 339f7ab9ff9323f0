"""COMPOSES: one training: annotations -> candidate vocabulary -> evaluated on held-out tasks -> promoted or rejected.

A training is a chain of stages. What a stage found out is kept in its `Training`, which is saved after each, and every
stage may be repeated: whoever goes on after a crash ends in the same state, and pays no transcription twice.

    asked -> learnt -> planned -> made -> tried -> pruned -> judged -> done

The tasks are two halves, each of which judges what the other teaches (cross-fitting). What a candidate does in one half
also decides which of its rows are left out of what the other half judges in a second look. So no row is judged on audio
that spoke for it, and still every task counts.
"""

import logging
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from transcribe_backend.aws.vocabularies import WITHDRAWN, Vocabularies
from transcribe_backend.errors import TrainingError, TranscribeBackendError
from transcribe_backend.learning.calibrations import Calibrations, calibrated
from transcribe_backend.learning.evaluation import Evaluation, Trial, by_turns, within
from transcribe_backend.learning.evidence import HALF_AT_LEAST, HALVES, Evidence, Sample, half
from transcribe_backend.learning.excerpts import LONG, Excerpts, as_record, from_record
from transcribe_backend.learning.learnt import Learnt, made_with
from transcribe_backend.learning.reports import Report, Reports
from transcribe_backend.learning.wishes import WishBook
from transcribe_backend.prelabeling.project import Project, Projects, project_id
from transcribe_backend.settings import Settings
from transcribe_backend.speech.alignment import Pair
from transcribe_backend.speech.corrections import Candidate, candidates
from transcribe_backend.speech.credit import Credit, Phrase, comparable, credits, total
from transcribe_backend.speech.lexicon import lexicon
from transcribe_backend.speech.recognition import Recognition
from transcribe_backend.speech.verdict import PROMOTED, judge, rejection
from transcribe_backend.speech.vocabulary import can_learn, table
from transcribe_backend.speech.wording import listed
from transcribe_backend.studio.client import Studio

_log = logging.getLogger(__name__)

_DONE = "done"
_INNER = ("stage", "tries", "due", "verdict", "turn", "variants", "excerpts", "languages")
_MADE = {"planned": "made", "tried": "pruned"}
_TOLD = {
    "asked": "words to learn have been found in the annotations.",
    "planned": "the vocabularies to be tried are ready.",
    "made": "the other half's audio has been transcribed with them.",
    "tried": "the vocabulary without rows that did harm is ready.",
}
_JUDGES_AT_LEAST = 5
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
    languages: list[str] = field(default_factory=list)
    """Those that are trained after this one, where the project identifies the language."""
    champion: str = ""
    """The vocabulary in use when the training began; "" for AWS's own model."""
    turn: int = 0
    """Decides which tasks are together in a half."""
    tasks: dict[str, int] = field(default_factory=dict)
    calibration: dict[str, Any] = field(default_factory=dict)
    """What confidence means in this project, see `calibrations.calibrated`; nothing of fewer than thirty tasks."""
    phrases: list[dict[str, Any]] = field(default_factory=list)
    rejected: list[dict[str, str]] = field(default_factory=list)
    held_out: list[int] = field(default_factory=list)
    """The tasks that judge: each what the other half has taught."""
    excerpts: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By task, what of a long recording is evaluated."""
    vocabulary: str = ""
    variants: list[dict[str, Any]] = field(default_factory=list)
    """The candidates that half 0 and half 1 judge, and that which is promoted: their `phrases` and the name of their
    `vocabulary`, None until it is made."""
    cost: dict[str, float] = field(default_factory=dict)
    verdict: dict[str, Any] = field(default_factory=dict)

    def next_language(self) -> "Training":
        """The training of the same project in the next of its languages."""
        return Training(self.project, self.why, self.asked, language=self.languages[0], languages=self.languages[1:])


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
        calibrations: Calibrations,
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
        self._calibrations = calibrations
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
            "made": self._try,
            "tried": self._make,
            "pruned": self._judge,
            "judged": self._apply,
        }
        try:
            while training.stage != _DONE:
                stage = training.stage
                stages[stage](training, self._project(training.project))
                save(training)
                if stage in _TOLD and training.stage != stage:
                    _log.info("Training of project %s: %s", training.project, _TOLD[stage])
        except TrainingError:
            self._calibrate(training)
            raise
        return self.report(training)

    def languages(self, project: str) -> list[str]:
        """The languages in which a project can learn; raises TrainingError when there is none, and StudioError."""
        return _languages(self._project(project))

    def plan(self, project: str, language: str) -> Training:
        """What a training would find and cost, without making or paying anything; raises like `run`."""
        training = Training(project, "a plan", self._clock(), language=language)
        for stage in (self._learn, self._plan):
            stage(training, self._project(project))
        return training

    def report(self, training: Training, error: TranscribeBackendError | None = None) -> Report:
        """All that is known of a training; `error` is why it ended before its verdict."""
        verdict = {"outcome": "not trained", "reason": error.advice} if error else training.verdict
        known = {name: value for name, value in asdict(training).items() if name not in _INNER}
        return {**known, "finished": self._clock(), **verdict}

    def _project(self, wanted: str) -> Project:
        described = self._studio.project(int(wanted.partition(".")[0]))
        if project_id(described) != wanted:
            raise TrainingError(
                f"The Label Studio at LABEL_STUDIO_URL has another project {wanted.partition('.')[0]}.",
                remedy="Set LABEL_STUDIO_URL to the Label Studio whose projects use this backend.",
            )
        return self._projects.read(wanted, described.get("label_config", ""))

    # asked -> learnt

    def _learn(self, training: Training, project: Project) -> None:
        if not training.language:
            training.language, *training.languages = _languages(project)
        training.champion = self._vocabularies.promoted(training.project, training.language) or ""
        training.turn = len(self._vocabularies.names(training.project, training.language))
        samples = self._usable(training, project)
        training.held_out = [sample.task for sample in samples]
        training.calibration = calibrated(samples, project)
        self._select(training, [self._taught(training, samples, half) for half in HALVES])
        training.stage = "learnt"

    def _usable(self, training: Training, project: Project) -> list[Sample]:
        annotated = self._samples(training, project)
        usable = [sample for sample in annotated if sample.transcript]
        training.tasks = {"annotated": len(annotated), "without_transcript": len(annotated) - len(usable)}
        smaller = min(sum(half(each.media.identity, training.turn) == place for each in usable) for place in HALVES)
        if smaller < HALF_AT_LEAST:
            raise TrainingError(
                f"{len(usable)} annotated tasks in {training.language} with a transcript are too few to learn from.",
                remedy=f"Annotate about {2 * (HALF_AT_LEAST - smaller)} more tasks that have predictions.",
            )
        return usable

    def _taught(self, training: Training, samples: Sequence[Sample], place: int) -> list[Candidate]:
        """What one half of the tasks teaches."""
        pairs = [sample.best() for sample in samples if half(sample.media.identity, training.turn) == place]
        words = lexicon(training.language)
        return candidates(pairs, min_tasks=self._settings.train_min_tasks, lexicon=words)

    def _select(self, training: Training, taught: Sequence[Sequence[Candidate]]) -> None:
        """What is missed, and before it what the vocabulary in use holds already: it is why that is not missed."""
        old, new = self._old(training), _merged(taught)
        wishes, common = self._wishes.read(training.project, training.language), lexicon(training.language).is_common
        worth = [phrase for phrase in sorted(old) if not all(map(common, comparable(phrase)))]
        written = wishes.applied([*worth, *(each.display for each, _ in new)])
        made = table(written, training.language)
        kept = [phrase for phrase in written if phrase not in {each.written for each in made.rejected}]
        training.rejected = [asdict(each) for each in made.rejected]
        if set(kept) == old:
            raise TrainingError(
                "No name or term that a vocabulary could hold is corrected often enough.",
                remedy=f"A phrase must be missed in {self._settings.train_min_tasks} tasks or more (TRAIN_MIN_TASKS).",
            )
        by_phrase = {each.display: (each, places) for each, places in new}
        training.phrases = [_described(phrase, by_phrase.get(phrase), old, wishes.pinned) for phrase in kept]
        judged = [[each["phrase"] for each in training.phrases if _may_judge(each, place)] for place in HALVES]
        training.variants = [self._variant(training, phrases) for phrases in [*judged, kept]]

    def _variant(self, training: Training, phrases: Sequence[str]) -> dict[str, Any]:
        """A candidate; none needs to be made that has no rows, or those of the vocabulary in use."""
        known = training.champion if set(phrases) == self._old(training) else None if phrases else ""
        return {"phrases": list(phrases), "vocabulary": known}

    def _old(self, training: Training) -> set[str]:
        """The phrases of the vocabulary in use."""
        rows = self._vocabularies.rows(training.champion) if training.champion else ()
        return {row.display or row.phrase for row in rows}

    # learnt -> planned

    def _plan(self, training: Training, project: Project) -> None:
        """Which tasks are evaluated: with half of TRAIN_EVAL_MINUTES, and the other half is for a second look.

        Where a half does not suffice for a proof, all of it is for the first look.
        """
        phrases, budget = [each["phrase"] for each in training.phrases], self._settings.train_eval_minutes * 60
        training.excerpts = self._cut(training, project, phrases)
        trials = self._trials(training, project)
        chosen = within(trials, phrases, budget / 2)
        if len(chosen) < _JUDGES_AT_LEAST:
            chosen = within(trials, phrases, budget)
        if len(chosen) < _JUDGES_AT_LEAST:
            raise _too_long(trials, self._settings.train_eval_minutes)
        training.held_out = sorted(trial.sample.task for trial in chosen)
        training.tasks["evaluated"] = len(chosen)
        jobs, seconds = sum(each.runs for each in chosen), sum(each.runs * each.seconds for each in chosen)
        training.cost = self._evaluation.cost(jobs, seconds)
        _log.info("Training of project %s, estimated: %s", training.project, priced(training))
        training.stage = "planned"

    def _cut(self, training: Training, project: Project, phrases: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Of long recordings only the places that matter are evaluated."""
        long = [sample for sample in self._judges(training, project) if sample.seconds > LONG]
        parts = [(sample.task, self._excerpts.of(sample, phrases)) for sample in by_turns(long, phrases)[:_MOST_CUT]]
        return {str(task): as_record(part) for task, part in parts if part}

    def _trials(self, training: Training, project: Project) -> list[Trial]:
        return [
            self._evaluation.trial(
                from_record(training.excerpts[str(sample.task)], sample)
                if str(sample.task) in training.excerpts
                else sample,
                half(sample.media.identity, training.turn),
                _options(training, project, training.champion),
                training.asked,
            )
            for sample in self._judges(training, project)
        ]

    def _judges(self, training: Training, project: Project) -> list[Sample]:
        return self._samples(training, project, set(training.held_out))

    def _samples(self, training: Training, project: Project, only: Collection[int] | None = None) -> list[Sample]:
        """What is annotated in the language of the training."""
        made = made_with(_options(training, project, training.champion), training.project, self._vocabularies)
        found = (sample.spoken_in(training.language) for sample in self._evidence.samples(project, made, only))
        return [sample for sample in found if sample]

    # planned -> made, tried -> pruned

    def _make(self, training: Training, project: Project) -> None:
        """Make the next candidate that is not there yet. Equal sets of rows are one vocabulary."""
        missing = next((each for each in training.variants if each["vocabulary"] is None), None)
        if missing is None:
            training.vocabulary = training.variants[2]["vocabulary"]
            training.stage = _MADE[training.stage]
            return
        rows = sorted(table(missing["phrases"], training.language).rows, key=lambda row: row.phrase.casefold())
        created = self._vocabularies.create(training.project, training.language, rows)
        training.rejected += [asdict(each) for each in created.dropped]
        dropped, wanted = {each.written for each in created.dropped}, set(missing["phrases"])
        training.phrases = [each for each in training.phrases if each["phrase"] not in dropped]
        for variant in training.variants:
            if set(variant["phrases"]) == wanted:
                variant["vocabulary"] = created.name
            variant["phrases"] = [phrase for phrase in variant["phrases"] if phrase not in dropped]

    # made -> tried

    def _try(self, training: Training, project: Project) -> None:
        """What each row of the candidates does, half by half, and what had better be left out."""
        trials = self._trials(training, project)
        records = [self._records(training, project, trials, place) for place in HALVES]
        whole = {
            each["phrase"]: total(record[each["phrase"]] for record in records if each["phrase"] in record)
            for each in training.phrases
        }
        for phrase in training.phrases:
            phrase["record"] = asdict(whole[phrase["phrase"]])
        against = [_useless(training, records[1]), _useless(training, records[0]), _useless(training, whole)]
        if self._affordable(training, trials, against):
            training.variants = [
                self._variant(training, [phrase for phrase in variant["phrases"] if phrase not in useless])
                if useless.intersection(variant["phrases"])
                else variant
                for variant, useless in zip(training.variants, against, strict=True)
            ]
        training.stage = "tried"

    def _records(self, training: Training, project: Project, trials: Sequence[Trial], place: int) -> dict[str, Credit]:
        """What the rows of the candidate that a half judges do there."""
        part, variant = [trial for trial in trials if trial.half == place], training.variants[place]
        words = {phrase: comparable(phrase) for phrase in variant["phrases"]}
        found = credits(set(words.values()), *self._compared(training, project, part, variant["vocabulary"]))
        return {phrase: found[key] for phrase, key in words.items()}

    def _affordable(self, training: Training, trials: Sequence[Trial], against: Sequence[set[str]]) -> bool:
        """Whether a second look is within TRAIN_EVAL_MINUTES; what it costs is added."""
        again = [
            trial for trial in trials if against[trial.half].intersection(training.variants[trial.half]["phrases"])
        ]
        seconds = int(training.cost["billed_seconds"]) + sum(trial.seconds for trial in again)
        if seconds > self._settings.train_eval_minutes * 60:
            return False
        training.cost = self._evaluation.cost(int(training.cost["jobs"]) + len(again), seconds)
        return True

    # pruned -> judged

    def _judge(self, training: Training, project: Project) -> None:
        trials = self._trials(training, project)
        attempt = self._reports.verdicts(training.project, training.language, training.champion) + 1
        before: list[Pair] = []
        after: list[Pair] = []
        for place in HALVES:
            part = [trial for trial in trials if trial.half == place]
            old, new = self._compared(training, project, part, training.variants[place]["vocabulary"])
            before, after = before + old, after + new
        training.verdict = judge(before, after, attempt=attempt, at_least=_JUDGES_AT_LEAST)
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
        ask, charged = self._evaluation.pairs, training.project
        old = ask(trials, _options(training, project, training.champion), champion=True, project=charged)
        if vocabulary == training.champion:
            return list(old.values()), list(old.values())
        new = ask(trials, _options(training, project, vocabulary), champion=False, project=charged)
        both = [task for task in old if task in new]
        return [old[task] for task in both], [new[task] for task in both]

    # judged -> done

    def _apply(self, training: Training, project: Project) -> None:
        names = {training.vocabulary, *(each["vocabulary"] for each in training.variants)} - {"", training.champion}
        if training.verdict["outcome"] == PROMOTED:
            names.discard(training.vocabulary)
            self._accept(training)
        for name in sorted(names):
            if self._vocabularies.mark(name) not in (WITHDRAWN, ""):  # "": pruned already, before a crash
                self._vocabularies.reject(name)
        self._vocabularies.prune(training.project, training.language)
        self._calibrate(training)
        self._reports.save(self.report(training))
        training.stage = _DONE

    def _calibrate(self, training: Training) -> None:
        """Corrections tell what confidence means, whatever becomes of the vocabulary."""
        if self._calibrations.renew(training.project, training.language, training.calibration):
            self._learnt.renew(training.project, training.language)

    def _accept(self, training: Training) -> None:
        if self._settings.train_promote == "ask":
            self._vocabularies.offer(training.vocabulary)
            training.verdict["outcome"] = "waiting"
            number = training.project.partition(".")[0]
            training.verdict["reason"] += f" Approve it: `vocabulary approve --project {number}`."
            return
        self._vocabularies.promote(training.vocabulary)
        self._learnt.remember(training.project, training.language, training.vocabulary)


def _options(training: Training, project: Project, vocabulary: str) -> Recognition:
    return project.recognition.with_learnt(training.language, vocabulary)


def _languages(project: Project) -> list[str]:
    asked = project.interface.recognition
    if asked.vocabulary:
        raise TrainingError(
            "The labeling config names its own vocabulary.", remedy="Remove model_vocabulary to use a learnt one."
        )
    if asked.toxicity:
        raise TrainingError(
            "AWS Transcribe accepts no vocabulary together with toxicity detection.",
            remedy="Remove model_toxicity to train.",
        )
    if not asked.learning_languages:
        raise TrainingError(
            "A vocabulary is for one language, so AWS must know which languages a recording may be in.",
            remedy="Name two to five languages in model_languages, or set model_language.",
        )
    known = list(filter(can_learn, asked.learning_languages))
    if not known:
        raise TrainingError(
            f"No vocabulary can be learnt in {listed(asked.learning_languages)}: the characters AWS Transcribe allows "
            "there are not known here.",
            remedy="Make a vocabulary by hand and name it with model_vocabulary in the labeling config.",
        )
    return known


def priced(training: Training) -> str:
    """What the evaluation of a planned training costs, in a sentence."""
    minutes, dollars = training.cost["billed_seconds"] / 60, training.cost["estimated_dollars"]
    return (
        f"proving it on {training.tasks['evaluated']} tasks takes about {minutes:.0f} minutes of transcription "
        f"(${dollars:.2f}), and up to as much again if rows have to be left out."
    )


def _too_long(trials: Sequence[Trial], minutes: float) -> TrainingError:
    cheapest = sorted(trial.runs * trial.seconds for trial in trials)[:_JUDGES_AT_LEAST]
    return TrainingError(
        f"TRAIN_EVAL_MINUTES={minutes:g} allows too few tasks for a proof: the {_JUDGES_AT_LEAST} shortest "
        f"tasks need {sum(cheapest) / 60:.0f} minutes of audio.",
        remedy=f"Set TRAIN_EVAL_MINUTES to {sum(cheapest) / 60 + 1:.0f} or more.",
    )


def _merged(taught: Sequence[Sequence[Candidate]]) -> list[tuple[Candidate, list[int]]]:
    """Each candidate once, as the half has it that missed it more often, and which halves teach it; best first."""
    places: dict[Phrase, list[int]] = {}
    best: dict[Phrase, Candidate] = {}
    for place, found in enumerate(taught):
        for candidate in found:
            places.setdefault(candidate.words, []).append(place)
            best[candidate.words] = max(best.get(candidate.words, candidate), candidate, key=lambda each: each.tasks)
    ranked = sorted(best, key=lambda words: (-best[words].tasks, -best[words].misses, words))
    return [(best[words], places[words]) for words in ranked]


def _may_judge(phrase: dict[str, Any], place: int) -> bool:
    """Whether a half may judge a phrase: all but those that it has taught alone."""
    return phrase.get("taught") != [place]


def _useless(training: Training, records: dict[str, Credit]) -> set[str]:
    """The phrases that these records speak against; pinned ones stay whatever they do."""
    return {
        phrase
        for each in training.phrases
        if (phrase := each["phrase"]) in records
        and not each.get("pinned")
        and not records[phrase].earns_its_place(old="from" in each)
    }


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


def _described(
    phrase: str, new: tuple[Candidate, list[int]] | None, old: Collection[str], pinned: Sequence[str]
) -> dict[str, Any]:
    described: dict[str, Any] = {"phrase": phrase}
    if phrase in old:
        described["from"] = "the vocabulary in use"
    if phrase in pinned:
        described["pinned"] = True
    if new:
        candidate, places = new
        counts = {name: getattr(candidate, name) for name in ("misses", "hits", "tasks", "heard")}
        described |= counts if phrase in old or phrase in pinned else {**counts, "taught": places}
    return described
