"""Trainings from annotations to the vocabulary in use, with the real stages and stand-in.

Only Label Studio and the recogniser are small models of themselves.
"""

import itertools
import json
import random
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.aws import LocalAWS, local_aws
from transcribe_backend.aws.clients import AWSClients
from transcribe_backend.aws.jobs import Job
from transcribe_backend.aws.media import Media
from transcribe_backend.aws.price import Price
from transcribe_backend.aws.vocabularies import Vocabularies
from transcribe_backend.aws.vocabulary_requests import VocabularyRequests
from transcribe_backend.commands.vocabulary import asked
from transcribe_backend.errors import TrainingError, TranscribeBackendError
from transcribe_backend.labeling.annotations import Passage
from transcribe_backend.labeling.predictions import predictions
from transcribe_backend.learning.calibrations import Calibrations
from transcribe_backend.learning.documents import Documents
from transcribe_backend.learning.evaluation import Evaluation
from transcribe_backend.learning.evidence import HALVES, Evidence, Sample, half
from transcribe_backend.learning.learnt import InUse, Learnt
from transcribe_backend.learning.reports import Reports
from transcribe_backend.learning.training import Trainer, Training
from transcribe_backend.learning.wishes import WishBook, Wishes
from transcribe_backend.prelabeling.project import Projects
from transcribe_backend.settings import Settings
from transcribe_backend.speech.transcript import Transcript, Word
from transcribe_backend.work import records
from transcribe_backend.work.database import Database
from transcribe_backend.work.records import Records

BUCKET = "learning"
PRICE = Price(0.03, 15)
NAMES = ("Xochitl", "Siobhan", "Llanberis", "Brecon")
SENTENCES = ("we met {} in the garden today", "the letter to {} was sent", "nobody knows {} in this town")
CONFIG = '<View><Audio name="audio" value="$audio"/><TextArea name="transcription" toName="audio"/></View>'
_numbers = itertools.count(1)


@dataclass
class Studio:
    """A Label Studio with one project; `texts` is what annotators wrote, by task."""

    number: int
    texts: dict[int, str]
    config: str = CONFIG
    blank: Collection[int] = ()
    """The tasks that came without text."""

    @property
    def identity(self) -> str:
        return f"{self.number}.1767225600"

    def described(self, **more: Any) -> dict[str, Any]:
        created = "2026-01-01T00:00:00.000000Z"
        return {"id": self.number, "created_at": created, "label_config": self.config, **more}

    def project(self, number: int) -> dict[str, Any]:
        return self.described()

    def annotated_tasks(self, number: int) -> Iterator[dict[str, Any]]:
        for task, text in self.texts.items():
            result = {"type": "textarea", "to_name": "audio", "from_name": "transcription", "value": {"text": [text]}}
            shown = [{"model_version": "transcribe-en-US@1", "result": [] if task in self.blank else [result]}]
            written = [{"id": task, "result": [result]}]
            yield {"id": task, "data": {"audio": str(task)}, "annotations": written, "predictions": shown}


@dataclass
class Ears:
    """A recogniser that hears `said`, but a rare name only with a vocabulary that holds it; a store of transcripts too.

    `spoilt` words are heard wrong as soon as any vocabulary is used.
    """

    vocabularies: Vocabularies
    said: Mapping[int, str]
    spoilt: tuple[str, ...] = ()
    paid: list[str] = field(default_factory=list)
    made: dict[str, Transcript] = field(default_factory=dict)
    times: dict[str, float] = field(default_factory=dict)
    now: float = 1_767_225_600.0
    languages: Mapping[int, str] = field(default_factory=dict)
    """That of each task, where it is not English."""

    def locate(self, value: str, task: int) -> Media:
        return Media(f"s3://audio/{value}", f"s3://audio/{value}#1", "us-east-1")

    def of(self, sample: Sample, phrases: Collection[str]) -> Sample | None:
        """An excerpt: the sentences of a long recording that hold a phrase, as a recording of its own."""
        whole = self.said[sample.task].split(". ")
        part = [sentence for sentence in whole if set(phrases) & set(sentence.split())] + whole[:1]
        self.said = {**self.said, sample.task + 10_000: ". ".join(part)}
        return replace(sample, media=self.locate(str(sample.task + 10_000), 0), passages=(Passage(". ".join(part)),))

    def hear(self, task: int, vocabulary: str) -> str:
        known = {row.display or row.phrase for row in self.vocabularies.rows(vocabulary)} if vocabulary else set()
        lost = (set(NAMES) - known) | (set(self.spoilt) if vocabulary else set())
        return " ".join("mumble" if word in lost else word for word in self.said[task].split())

    def ensure(self, jobs: Sequence[Job], project: str = "") -> Iterator[tuple[Job, TranscribeBackendError | None]]:
        for job in jobs:
            if job.name not in self.made:
                self.paid.append(job.name)
                task = int(job.media.uri.rpartition("/")[2])
                used = job.recognition.taught or (job.recognition.vocabulary,)
                language = self.languages.get(task, "en-US")
                text = self.hear(task, next((name for name in used if f"-{language}-" in name), ""))
                words = tuple(Word(word, at * 0.5, at * 0.5 + 0.4, 0.9) for at, word in enumerate(text.split()))
                self.made[job.name] = Transcript(text, words, language)
                self.times[job.name] = self.now
            yield job, None

    def has(self, name: str) -> bool:
        return name in self.made

    def made_at(self, name: str, region: str | None = None) -> float | None:
        return self.times.get(name)

    def fetch(self, job: Job) -> bool:
        return job.name in self.made

    def get(self, name: str) -> Transcript:
        return self.made[name]


class Killed(BaseException):
    """The process ends here."""


@dataclass
class World:
    """One project, its annotators, AWS, and as many backends as are asked for."""

    studio: Studio
    ears: Ears
    clients: AWSClients
    settings: Settings
    now: float = 1_767_225_600.0

    def __post_init__(self) -> None:
        self.vocabularies = Vocabularies(self.clients, self.settings)
        self.database = Database(self.settings, records.SCHEMA, self.clock)
        self.calibrations = Calibrations(Documents(self.clients, self.settings, "calibrations"))
        known = Records(self.database, "in use", InUse)
        self.learnt = Learnt(self.vocabularies, self.calibrations, known, self.clock)
        self.projects = Projects("en-US", self.learnt.name, self.learnt.calibration)
        self.reports = Reports(self.clients, self.settings)
        self.wishes = WishBook(Documents(self.clients, self.settings, "words"))
        self.saved: dict[str, Any] = {}

    def clock(self) -> float:
        return self.now

    def trainer(self) -> Trainer:
        """That of a process which has just begun."""
        evidence = Evidence(self.studio, self.ears, self.ears, self.ears)
        return Trainer(
            self.studio,
            self.projects,
            evidence,
            Evaluation(evidence, self.ears, self.settings.train_champion_days, PRICE),
            self.ears,
            self.vocabularies,
            self.learnt,
            self.wishes,
            self.calibrations,
            self.reports,
            self.settings,
            self.clock,
        )

    def train(self) -> dict[str, Any]:
        """Begin a training, or go on with one that was killed; its report, also of one that cannot be done."""
        training = Training(**(self.saved or asdict(Training(self.studio.identity, "a test", self.now))))
        try:
            self.trainer().run(training, self.save)
        except TrainingError as error:
            self.reports.save(self.trainer().report(training, error))
        self.saved = {}
        return self.report

    def save(self, training: Training) -> None:
        self.saved = json.loads(json.dumps(asdict(training)))

    def predict_all(self, config: str = CONFIG) -> None:
        """What was transcribed before the annotators came."""
        project = self.projects.read(self.studio.identity, config)
        jobs = [Job(self.ears.locate(str(task), task), project.recognition) for task in self.ears.said]
        list(self.ears.ensure(jobs))
        self.ears.paid.clear()

    @property
    def version(self) -> str:
        return self.projects.read(self.studio.identity, CONFIG).version

    def score(self) -> float:
        """That of a prediction now."""
        project = self.projects.read(self.studio.identity, CONFIG)
        heard = Transcript("we met", (Word("we", 0.0, 0.4, 0.9), Word("met", 0.5, 0.9, 0.9)))
        return float(predictions(project.interface, heard, dict(project.calibrations))[0]["score"])

    @property
    def report(self) -> dict[str, Any]:
        return self.reports.all(self.studio.identity)[0]

    def state(self) -> list[tuple[str, str, str]]:
        """All that AWS holds of the project."""
        versions = self.vocabularies.versions(self.studio.identity, "en-US")
        return [(version.name, version.state, self.vocabularies.mark(version.name)) for version in versions]


@pytest.fixture(scope="module")
def stand_in() -> Iterator[LocalAWS]:
    with local_aws() as running:
        running.s3.create_bucket(Bucket=BUCKET)
        yield running


@pytest.fixture
def make_world(stand_in: LocalAWS, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., World]:
    for name, value in stand_in.env.items():
        monkeypatch.setenv(name, value)
    clients = AWSClients()

    def make(
        said: dict[int, str] | None = None, texts: dict[int, str] | None = None, spoilt: Any = (), **more: Any
    ) -> World:
        spoken = said or dict(enumerate((s.format(name) for name in NAMES for s in SENTENCES * 3), 1))
        number = next(_numbers)
        settings = Settings(**{"s3_bucket": BUCKET, "model_dir": tmp_path / str(number), **more})
        studio = Studio(number, texts if texts is not None else spoken)
        world = World(studio, Ears(Vocabularies(clients, settings), spoken, spoilt), clients, settings)
        world.predict_all()
        return world

    return make


def test_it_is_learnt_without_a_bucket_as_well(make_world: Callable[..., World]) -> None:
    world = make_world(s3_bucket="")
    world.train()
    assert world.state() == [(f"ls-p{world.studio.number}-en-US-v1", "READY", "promoted")]


def test_corrections_become_a_vocabulary_that_is_proven_and_then_used(make_world: Callable[..., World]) -> None:
    world = make_world()
    before = world.version
    world.train()
    name = f"ls-p{world.studio.number}-en-US-v1"
    assert world.state() == [(name, "READY", "promoted")]
    assert {row.phrase for row in world.vocabularies.rows(name)} == set(NAMES)
    assert world.version.startswith("transcribe-en-US+v1@") and world.version != before
    report = world.report
    assert report["outcome"] == "promoted"
    assert report["tasks"] == {"annotated": 36, "without_transcript": 0, "evaluated": 36}
    assert report["wer"]["champion"] > 0.1 and report["wer"]["candidate"] == 0.0 and report["wer"]["p"] < 0.01
    assert report["key_phrases"] == {"spoken": 36, "right_before": 0, "right_after": 36}
    assert 0 < len(report["examples"]) <= 10
    assert report["calibration"]["tasks"] == 36
    assert report["calibration"]["off_by"] < report["calibration"]["confidence_off_by"]
    assert report["cost"] == {
        "jobs": 36,
        "billed_seconds": 15 * 36,
        "estimated_dollars": PRICE.dollars(15 * 36),
    }
    assert len(world.ears.paid) == 36, "each task judges the candidate once, and nothing else is paid"


def test_what_it_will_cost_is_known_before(make_world: Callable[..., World], monkeypatch: pytest.MonkeyPatch) -> None:
    world = make_world()
    running = SimpleNamespace(trainer=world.trainer())
    monkeypatch.setattr("builtins.input", lambda question: "n")
    said = asked(running, world.studio.identity)  # type: ignore[arg-type]
    assert next(said) == "36 annotated tasks in en-US teach: Siobhan, Llanberis, Xochitl, Brecon"
    assert next(said).startswith("Estimate: proving it on 36 tasks takes about 9 minutes of transcription ($0.27)")
    with pytest.raises(TrainingError, match="Nothing was made"):
        next(said)
    assert (world.ears.paid, world.state()) == ([], [])
    assert world.train()["cost"]["billed_seconds"] == 9 * 60


def test_the_report_outlives_the_disk(make_world: Callable[..., World], tmp_path: Path) -> None:
    world = make_world()
    world.train()
    elsewhere = Reports(world.clients, replace(world.settings, model_dir=tmp_path / "new disk"))
    assert elsewhere.all(world.studio.identity) == world.reports.all(world.studio.identity) == [world.report]


def test_without_anything_new_nothing_is_made_or_paid(make_world: Callable[..., World]) -> None:
    world = make_world()
    world.train()
    world.predict_all()
    version, state = world.version, world.state()
    world.now += 100
    world.train()
    assert (world.version, world.state(), world.ears.paid) == (version, state, [])
    assert "is corrected often enough" in world.report["reason"]


def test_from_thirty_corrected_tasks_on_the_score_is_the_accuracy_to_expect(make_world: Callable[..., World]) -> None:
    world = make_world(train_promote="ask")
    everything, world.studio.texts = world.studio.texts, dict(list(world.studio.texts.items())[:29])
    world.train()
    assert world.score() == 0.9, "the mean confidence"
    world.studio.texts = everything
    world.now += 100
    world.train()
    assert world.report["calibration"]["tasks"] == 36
    rate = 1 - sum(1 / len(text.split()) for text in everything.values()) / len(everything)
    assert world.score() == pytest.approx(rate, abs=0.02), "one word of each was wrong"
    version = world.version
    world.ears.said = everything | {99: "so we met Brecon again"}
    world.predict_all()
    world.studio.texts = world.ears.said
    world.now += 100
    world.train()
    assert world.version == version, "not each training makes all predictions new ones"


def test_audited_tasks_tell_what_others_let_pass(make_world: Callable[..., World]) -> None:
    said = dict(enumerate((s.format(name) for name in NAMES for s in SENTENCES * 12), 1))
    world = make_world(said, train_promote="ask")
    world.studio.config = CONFIG.replace('value="$audio"', 'value="$audio" model_audit="0.4"')
    project = world.projects.read(world.studio.identity, world.studio.config)
    audited = {task for task in said if project.audits(task)}
    assert 35 < len(audited) < 80
    world.studio.blank = audited
    anchored = {
        task: " ".join("mumble" if word in NAMES else word for word in text.split()) for task, text in said.items()
    }
    world.studio.texts = {task: text if task in audited or task % 2 else anchored[task] for task, text in said.items()}
    world.train()
    known = world.report["calibration"]
    assert (known["audited"], known["fitted"], known["tasks"]) == (len(audited), len(audited), 144)
    assert known["audited_expected"] == pytest.approx(known["audited_rate"], abs=0.02)
    assert known["audited_rate"] > 0.14, "one word in seven or less, however many let it pass elsewhere"


def test_the_next_version_keeps_what_the_last_one_knew(make_world: Callable[..., World]) -> None:
    world = make_world()
    fewer = {task: text for task, text in world.studio.texts.items() if "Brecon" not in text}
    world.studio.texts, everything = fewer, world.studio.texts
    world.train()
    world.predict_all()
    world.studio.texts = everything
    world.now += 100
    world.train()
    assert {row.phrase for row in world.vocabularies.rows(f"ls-p{world.studio.number}-en-US-v2")} == set(NAMES)


def test_noise_teaches_nothing(make_world: Callable[..., World]) -> None:
    draw = random.Random(3)  # noqa: S311
    world = make_world()
    letters = "abcdefghijklmnopqrstuvwxyz"
    for task, text in world.studio.texts.items():
        noise = ["".join(draw.choices(letters, k=7)) for _ in range(2)]
        world.studio.texts[task] = " ".join(text.replace(name, " ".join(noise)) for name in NAMES if name in text)
    before = world.version
    world.train()
    assert (world.state(), world.ears.paid) == ([], [])
    assert world.report["outcome"] == "not trained"
    assert world.version != before and "+" not in world.version, "but what confidence means is known now"


def test_a_vocabulary_that_does_harm_is_rejected(make_world: Callable[..., World]) -> None:
    world = make_world(spoilt=("the", "in", "was", "knows", "town"))
    before = world.version
    world.train()
    assert world.state() == [(f"ls-p{world.studio.number}-en-US-v1", "READY", "rejected")]
    assert world.version != before and "+" not in world.version
    assert world.report["outcome"] == "rejected" and "no gain" in world.report["reason"]


def test_promotions_do_not_take_the_evidence_away(make_world: Callable[..., World]) -> None:
    world = make_world()
    for at, options in enumerate(("", ' model_speakers="2"', ' model_alternatives="3"')):
        world.studio.config = CONFIG.replace('value="$audio"', f'value="$audio"{options}')
        world.now += 100 * at
        world.train()
        assert world.report["tasks"]["annotated"] == 36
        assert world.report["tasks"]["without_transcript"] == 0, "what was heard without vocabulary or options serves"


def test_an_audio_stays_on_its_side_whatever_becomes_of_others() -> None:
    identities = [f"s3://audio/{number}#1" for number in range(400)]
    sides = [{each for each in identities if half(each, turn) == 0} for turn in range(5)]
    assert all(160 < len(side) < 240 for side in sides)
    for one, other in itertools.combinations(sides, 2):
        assert 60 < len(one & other) < 140, "each training mixes them anew"


def test_no_phrase_is_judged_by_the_half_that_taught_it_alone(make_world: Callable[..., World]) -> None:
    world = make_world()
    sides = {task: half(world.ears.locate(str(task), task).identity, 0) for task in world.ears.said}
    for place, name in zip(HALVES, ("Zzyzx", "Qwghlm"), strict=True):
        some = [task for task, side in sides.items() if side == place][:4]
        world.studio.texts = {
            task: text.replace("was", name).replace("garden", name).replace("town", name) if task in some else text
            for task, text in world.studio.texts.items()
        }
    world.train()
    taught = {each["phrase"]: each.get("taught") for each in world.report["phrases"]}
    assert (taught["Zzyzx"], taught["Qwghlm"]) == ([0], [1])
    assert all(taught[name] == [0, 1] for name in NAMES)
    spoken = {each["phrase"]: each["record"]["spoken"] for each in world.report["phrases"]}
    assert spoken["Zzyzx"] == spoken["Qwghlm"] == 0, "the half that does not know them has nothing to say"


def test_old_transcripts_of_the_vocabulary_in_use_are_made_anew(make_world: Callable[..., World]) -> None:
    world = make_world()
    world.now += 31 * 86_400
    world.ears.now = world.now
    world.train()
    tasks = world.report["tasks"]
    assert len(world.ears.paid) == world.report["cost"]["jobs"] == 2 * tasks["evaluated"]


def test_long_calls_are_learnt_from_by_excerpts(make_world: Callable[..., World]) -> None:
    draw = random.Random(5)  # noqa: S311
    small_talk = ["we waited", "so they went home", "it was late", "nobody knows why", "then she said so"]
    calls = {}
    for task in range(1, 37):
        talk = [draw.choice(small_talk) for _ in range(2000)]
        for at in draw.sample(range(2000), 3):
            talk[at] = draw.choice(SENTENCES).format(draw.choice(NAMES))
        calls[task] = ". ".join(talk)
    world = make_world(said=calls)
    world.train()
    assert world.report["outcome"] == "promoted", world.report["reason"]
    assert world.report["cost"]["billed_seconds"] < 30 * 60
    assert len(world.report["held_out"]) >= 5


@dataclass
class EchoingEars(Ears):
    """A recogniser that, once a vocabulary holds Brecon, hears it for three common words in the tasks `echoes`."""

    echoes: Collection[int] = ()

    def hear(self, task: int, vocabulary: str) -> str:
        heard = Ears.hear(self, task, vocabulary)
        known = {row.display or row.phrase for row in self.vocabularies.rows(vocabulary)} if vocabulary else set()
        return heard.replace("in the garden", "Brecon") if "Brecon" in known and task in self.echoes else heard


def rows_in_use(world: World) -> set[str]:
    name = world.vocabularies.promoted(world.studio.identity, "en-US") or ""
    return {row.phrase for row in world.vocabularies.rows(name)}


def test_a_project_that_identifies_the_language_learns_in_each(make_world: Callable[..., World]) -> None:
    world = make_world()
    config = CONFIG.replace('value="$audio"', 'value="$audio" model_languages="en-US,de-DE,zh-CN"')
    world.studio.config = config
    german = {task: "de-DE" for task, text in world.ears.said.items() if "Brecon" in text or "Llanberis" in text}
    world.ears = Ears(world.vocabularies, world.ears.said, languages=german)
    world.predict_all(config)
    for language in ("en-US", "de-DE"):
        training = Training(world.studio.identity, "a test", world.now, language=language)
        assert world.trainer().run(training, world.save)["outcome"] == "promoted", training.verdict
    promoted = [world.vocabularies.promoted(world.studio.identity, language) or "" for language in ("en-US", "de-DE")]
    rows = [{row.phrase for row in world.vocabularies.rows(name)} for name in promoted]
    assert rows == [{"Xochitl", "Siobhan"}, {"Brecon", "Llanberis"}]
    project = world.projects.read(world.studio.identity, config)
    assert set(project.recognition.taught) == set(promoted)
    assert project.version.startswith("transcribe-auto+de-DE-v1+en-US-v1@")
    assert len(world.reports.all(world.studio.identity)) == 2
    assert world.trainer().languages(world.studio.identity) == ["en-US", "de-DE"], "not in Chinese"


def test_a_row_that_does_harm_is_left_out_of_what_is_promoted(make_world: Callable[..., World]) -> None:
    world = make_world()
    world.ears = EchoingEars(world.vocabularies, world.ears.said, echoes=list(world.ears.said))
    world.predict_all()
    world.train()
    assert world.report["outcome"] == "promoted", world.report["reason"]
    assert rows_in_use(world) == set(NAMES) - {"Brecon"}
    record = {each["phrase"]: each["record"] for each in world.report["phrases"]}
    assert record["Brecon"]["broken"] > 0 and ["in the garden", "Brecon"] in record["Brecon"]["examples"]
    assert [mark for *_, mark in world.state()].count("promoted") == 1
    assert world.report["cost"]["jobs"] == len(world.ears.paid) == 72, "a second look"


def test_harm_in_one_half_is_judged_there_and_left_out_in_the_other(make_world: Callable[..., World]) -> None:
    world = make_world()
    said = world.ears.said
    echoes = [task for task in said if half(world.ears.locate(str(task), task).identity, 0) == 0]
    world.ears = EchoingEars(world.vocabularies, said, echoes=echoes)
    world.predict_all()
    world.train()
    assert world.report["wer"]["candidate"] > 0, "half 0 does not decide what half 0 judges"
    assert "Brecon" not in rows_in_use(world)


def test_banned_words_are_never_learnt_and_pinned_ones_always_kept(make_world: Callable[..., World]) -> None:
    world = make_world()
    wishes = Wishes().ban("siobhan").pin("Zzyzx")
    world.wishes.write(world.studio.identity, "en-US", wishes)
    world.train()
    promoted = world.vocabularies.promoted(world.studio.identity, "en-US") or ""
    assert {row.phrase for row in world.vocabularies.rows(promoted)} == (set(NAMES) | {"Zzyzx"}) - {"Siobhan"}


def test_a_person_may_want_to_be_asked(make_world: Callable[..., World]) -> None:
    world = make_world(train_promote="ask")
    before = world.version
    world.train()
    assert world.report["outcome"] == "waiting" and "vocabulary approve" in world.report["reason"]
    name = f"ls-p{world.studio.number}-en-US-v1"
    assert world.vocabularies.waiting(world.studio.identity, "en-US") == name
    assert world.version != before and "+" not in world.version


def test_what_was_rolled_back_is_not_promoted_again(make_world: Callable[..., World]) -> None:
    world = make_world()
    world.train()
    assert world.vocabularies.rollback(world.studio.identity, "en-US") is None
    world.learnt.remember(world.studio.identity, "en-US", "")
    world.now += 100
    world.train()
    assert world.learnt.name(world.studio.identity, "en-US") == ""
    assert "rolled back" in world.report["reason"]


def test_what_the_evaluation_may_cost_is_bounded(make_world: Callable[..., World]) -> None:
    world = make_world(train_eval_minutes=1.0)
    world.train()
    assert world.report["outcome"] == "not trained"
    assert "TRAIN_EVAL_MINUTES=1 allows too few tasks" in world.report["reason"]
    assert (world.ears.paid, world.state()) == ([], []), "it is found out before anything is made"


@pytest.mark.parametrize(
    ("config", "count", "problem"),
    [
        (CONFIG.replace('value="$audio"', 'value="$audio" model_vocabulary="mine"'), 36, "names its own vocabulary"),
        (CONFIG.replace('value="$audio"', 'value="$audio" model_language="auto"'), 36, "model_languages"),
        (CONFIG.replace('value="$audio"', 'value="$audio" model_language="zh-CN"'), 36, "zh-CN"),
        (CONFIG.replace('value="$audio"', 'value="$audio" model_toxicity="true"'), 36, "toxicity"),
        (CONFIG, 6, "too few"),
    ],
)
def test_what_cannot_be_trained_is_told(
    make_world: Callable[..., World], config: str, count: int, problem: str
) -> None:
    world = make_world()
    world.studio.config = config
    world.studio.texts = dict(list(world.studio.texts.items())[:count])
    assert problem in world.train()["reason"] and world.state() == []


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("stage", ["learnt", "planned", "made", "tried", "pruned", "judged", "done"])
def test_a_killed_training_goes_on_and_ends_in_the_same_state(
    make_world: Callable[..., World], monkeypatch: pytest.MonkeyPatch, stage: str, when: str
) -> None:
    world = make_world()
    save = World.save

    def save_and_die(world: World, training: Training) -> None:
        fatal = training.stage == stage
        if not fatal or when == "after":
            save(world, training)
        if fatal:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(World, "save", save_and_die)
        with pytest.raises(Killed):
            world.train()
    ends_as_if_nothing_had_happened(world)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    ("where", "step"),
    [
        (VocabularyRequests, "create"),
        (VocabularyRequests, "tag"),
        (Ears, "ensure"),
        (Vocabularies, "promote"),
        (Vocabularies, "prune"),
        (Reports, "save"),
    ],
)
def test_a_training_killed_within_a_stage_too(
    make_world: Callable[..., World], monkeypatch: pytest.MonkeyPatch, where: Any, step: str, when: str
) -> None:
    world = make_world()
    whole = getattr(where, step)

    def die(*args: Any, **kwargs: Any) -> None:
        if when == "after" and (done := whole(*args, **kwargs)):
            list(done)  # whatever is done while it is asked for
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(where, step, die)
        with pytest.raises(Killed):
            world.train()
    ends_as_if_nothing_had_happened(world)


def ends_as_if_nothing_had_happened(world: World) -> None:
    world.now += 60
    world.train()
    name = f"ls-p{world.studio.number}-en-US-v1"
    assert world.state() == [(name, "READY", "promoted")]
    assert world.version.startswith("transcribe-en-US+v1@")
    assert len(world.reports.all(world.studio.identity)) == 1
    assert world.report["outcome"] == "promoted" and world.report["champion"] == ""
    assert len(world.ears.paid) == len(set(world.ears.paid)) == world.report["cost"]["jobs"]


def test_reports_are_encrypted_as_all_else_in_the_bucket(make_world: Callable[..., World]) -> None:
    world = make_world(s3_kms_key="alias/ours")
    world.reports.save({"project": world.studio.identity, "asked": world.now})
    head = world.clients.s3().list_objects_v2(
        Bucket=BUCKET, Prefix=f"label-studio-transcribe/reports/p{world.studio.identity}"
    )
    (found,) = head["Contents"]
    stored = world.clients.s3().head_object(Bucket=BUCKET, Key=found["Key"])
    assert (stored["ServerSideEncryption"], stored["SSEKMSKeyId"]) == ("aws:kms", "alias/ours")


def test_a_report_that_has_no_place_on_the_disk_is_told(make_world: Callable[..., World]) -> None:
    world = make_world()
    folder = world.settings.model_dir / "reports"
    folder.mkdir()
    name = time.strftime(f"p{world.studio.identity}-%Y%m%dT%H%M%SZ.json", time.gmtime(world.now))
    (folder / name).mkdir()  # in the way of the report
    with pytest.raises(TrainingError, match="cannot be kept"):
        world.reports.save({"project": world.studio.identity, "asked": world.now})
    assert list(folder.iterdir()) == [folder / name]
