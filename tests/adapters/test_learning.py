"""Trainings from the event to the vocabulary in use: real queue, ledgers and stand-in; only Label Studio and the
recogniser are small models of themselves."""

import itertools
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from huey import MemoryHuey
from transcribe_backend.ledger import Ledger

from harness.aws import LocalAWS, local_aws
from transcribe_backend.aws.clients import AWSClients
from transcribe_backend.aws.jobs import Job
from transcribe_backend.aws.media import Media
from transcribe_backend.aws.vocabularies import Vocabularies
from transcribe_backend.aws.vocabulary_requests import VocabularyRequests
from transcribe_backend.errors import QueueError, RequestError, StudioUnreachable, TrainingError
from transcribe_backend.learning import schedule as learn
from transcribe_backend.learning.evidence import Evidence, held_out
from transcribe_backend.learning.learnt import Learnt
from transcribe_backend.learning.reports import Reports
from transcribe_backend.learning.schedule import Learning
from transcribe_backend.learning.training import Trainer
from transcribe_backend.prelabeling.project import Projects
from transcribe_backend.settings import Settings
from transcribe_backend.speech.transcript import Transcript, Word

BUCKET = "learning"
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
    down: bool = False

    @property
    def identity(self) -> str:
        return f"{self.number}.1767225600"

    def described(self, **more: Any) -> dict[str, Any]:
        created = "2026-01-01T00:00:00.000000Z"
        return {"id": self.number, "created_at": created, "label_config": self.config, **more}

    def project(self, number: int) -> dict[str, Any]:
        if self.down:
            raise StudioUnreachable("Label Studio does not answer.")
        return self.described()

    def annotated_tasks(self, number: int) -> Iterator[dict[str, Any]]:
        for task, text in self.texts.items():
            result = {"type": "textarea", "to_name": "audio", "from_name": "transcription", "value": {"text": [text]}}
            yield {"id": task, "data": {"audio": str(task)}, "annotations": [{"id": task, "result": [result]}]}


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

    def locate(self, value: str, task: int) -> Media:
        return Media(f"s3://audio/{value}", f"s3://audio/{value}#1", "us-east-1")

    def hear(self, task: int, vocabulary: str) -> str:
        known = {row.display or row.phrase for row in self.vocabularies.rows(vocabulary)} if vocabulary else set()
        lost = (set(NAMES) - known) | (set(self.spoilt) if vocabulary else set())
        return " ".join("mumble" if word in lost else word for word in self.said[task].split())

    def request(self, job: Job) -> "Future[str]":
        if job.name not in self.made:
            self.paid.append(job.name)
            text = self.hear(int(job.media.uri.rpartition("/")[2]), job.recognition.vocabulary)
            words = tuple(Word(word, at * 0.5, at * 0.5 + 0.4, 0.9) for at, word in enumerate(text.split()))
            self.made[job.name] = Transcript(text, words)
        future: Future[str] = Future()
        future.set_result(job.name)
        return future

    def has(self, name: str) -> bool:
        return name in self.made

    def fetch(self, job: Job) -> bool:
        return job.name in self.made

    def get(self, name: str) -> Transcript:
        return self.made[name]

    @property
    def store(self) -> "Ears":
        return self


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
        self.learnt = Learnt(self.vocabularies, self.ledger("learnt"), self.clock)
        self.projects = Projects("en-US", self.learnt.name)
        self.reports = Reports(self.clients, self.settings)

    def clock(self) -> float:
        return self.now

    def ledger(self, name: str) -> Ledger:
        return Ledger(self.settings, name, self.clock)

    def backend(self) -> Learning:
        trainer = Trainer(
            self.studio,
            self.projects,
            Evidence(self.studio, self.ears, self.ears, self.ears),
            self.vocabularies,
            self.ears,
            self.learnt,
            self.reports,
            self.settings,
            self.clock,
        )
        queue = MemoryHuey(immediate=True)
        ledgers = (self.ledger(name) for name in ("trainings", "locks", "news"))
        return Learning(queue, *ledgers, trainer, self.reports, self.settings, self.clock)

    def predict_all(self) -> None:
        """What was transcribed before the annotators came."""
        project = self.projects.read(self.studio.identity, CONFIG)
        for task in self.ears.said:
            self.ears.request(Job(self.ears.locate(str(task), task), project.recognition))
        self.ears.paid.clear()

    @property
    def version(self) -> str:
        return self.projects.read(self.studio.identity, CONFIG).version

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
        settings = Settings(s3_bucket=BUCKET, model_dir=tmp_path / str(number), **more)
        studio = Studio(number, texts if texts is not None else spoken)
        world = World(studio, Ears(Vocabularies(clients, settings), spoken, spoilt), clients, settings)
        world.predict_all()
        return world

    return make


def start(world: World, learning: Learning) -> None:
    learning.notice("START_TRAINING", {"project": world.studio.described()})


def test_corrections_become_a_vocabulary_that_is_proven_and_then_used(make_world: Callable[..., World]) -> None:
    world = make_world()
    before = world.version
    start(world, world.backend())
    name = f"ls-p{world.studio.number}-en-US-v1"
    assert world.state() == [(name, "READY", "promoted")]
    assert {row.phrase for row in world.vocabularies.rows(name)} == set(NAMES)
    assert world.version.startswith("transcribe-en-US+v1@") and world.version != before
    report = world.report
    held = held_out({task: world.ears.locate(str(task), task).identity for task in world.ears.said})
    assert report["outcome"] == "promoted"
    assert report["tasks"] == {
        "annotated": 36,
        "without_transcript": 0,
        "evidence": 36 - len(held),
        "held_out": len(held),
        "evaluated": len(held),
    }
    assert report["wer"]["champion"] > 0.1 and report["wer"]["candidate"] == 0.0 and report["wer"]["confidence"] == 1.0
    assert report["key_phrases"] == {"spoken": len(held), "right_before": 0, "right_after": len(held)}
    assert 0 < len(report["examples"]) <= 10
    assert report["cost"] == {
        "jobs": len(held),
        "billed_seconds": 15 * len(held),
        "dollars_at_list_price": round(len(held) / 4 * 0.024, 4),
    }
    assert len(world.ears.paid) == len(held), "only the candidate on the held-out tasks is paid"


def test_the_report_outlives_the_disk(make_world: Callable[..., World], tmp_path: Path) -> None:
    world = make_world()
    start(world, world.backend())
    elsewhere = Reports(world.clients, replace(world.settings, model_dir=tmp_path / "new disk"))
    assert elsewhere.all(world.studio.identity) == world.reports.all(world.studio.identity) == [world.report]


def test_without_anything_new_nothing_is_made_or_paid(make_world: Callable[..., World]) -> None:
    world = make_world()
    start(world, world.backend())
    world.predict_all()
    version, state = world.version, world.state()
    world.now += 100
    start(world, world.backend())
    assert (world.version, world.state(), world.ears.paid) == (version, state, [])
    assert world.report["outcome"] == "not trained"
    assert "no phrase often enough" in world.report["reason"]


def test_the_next_version_keeps_what_the_last_one_knew(make_world: Callable[..., World]) -> None:
    world = make_world()
    fewer = {task: text for task, text in world.studio.texts.items() if "Brecon" not in text}
    world.studio.texts, everything = fewer, world.studio.texts
    start(world, world.backend())
    world.predict_all()
    world.studio.texts = everything
    world.now += 100
    start(world, world.backend())
    assert {row.phrase for row in world.vocabularies.rows(f"ls-p{world.studio.number}-en-US-v2")} == set(NAMES)


def test_noise_teaches_nothing(make_world: Callable[..., World]) -> None:
    draw = random.Random(3)  # noqa: S311
    world = make_world()
    letters = "abcdefghijklmnopqrstuvwxyz"
    for task, text in world.studio.texts.items():
        noise = ["".join(draw.choices(letters, k=7)) for _ in range(2)]
        world.studio.texts[task] = " ".join(text.replace(name, " ".join(noise)) for name in NAMES if name in text)
    before = world.version
    start(world, world.backend())
    assert (world.state(), world.version, world.ears.paid) == ([], before, [])
    assert world.report["outcome"] == "not trained"


def test_a_vocabulary_that_does_harm_is_rejected(make_world: Callable[..., World]) -> None:
    world = make_world(spoilt=("the", "in", "was", "knows", "town"))
    before = world.version
    start(world, world.backend())
    assert world.state() == [(f"ls-p{world.studio.number}-en-US-v1", "READY", "rejected")]
    assert world.version == before
    assert world.report["outcome"] == "rejected" and "not enough" in world.report["reason"]


def test_what_was_rolled_back_is_not_promoted_again(make_world: Callable[..., World]) -> None:
    world = make_world()
    start(world, world.backend())
    assert world.vocabularies.rollback(world.studio.identity, "en-US") is None
    world.learnt.remember(world.studio.identity, "en-US", "")
    world.now += 100
    start(world, world.backend())
    assert world.learnt.name(world.studio.identity, "en-US") == ""
    assert "rolled back" in world.report["reason"]


def test_what_the_evaluation_may_cost_is_bounded(make_world: Callable[..., World]) -> None:
    world = make_world(train_eval_minutes=1.0)
    start(world, world.backend())
    assert world.report["outcome"] == "rejected" and "TRAIN_EVAL_MINUTES" in world.report["reason"]
    assert world.ears.paid == [] and world.report["cost"]["jobs"] == 0


@pytest.mark.parametrize(
    ("config", "count", "problem"),
    [
        (CONFIG.replace('value="$audio"', 'value="$audio" model_vocabulary="mine"'), 36, "names its own vocabulary"),
        (CONFIG.replace('value="$audio"', 'value="$audio" model_language="auto"'), 36, "identifies it"),
        (CONFIG.replace('value="$audio"', 'value="$audio" model_language="zh-CN"'), 36, "too few"),
        (CONFIG, 6, "too few"),
    ],
)
def test_what_cannot_be_trained_is_told(
    make_world: Callable[..., World], config: str, count: int, problem: str
) -> None:
    world = make_world()
    world.studio.config = config
    world.studio.texts = dict(list(world.studio.texts.items())[:count])
    with pytest.raises(TrainingError, match=problem):
        world.backend().train(world.studio.identity, "a test")
    assert problem in world.report["reason"] and world.state() == []


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("stage", ["learnt", "made", "planned", "judged", "done"])
def test_a_killed_training_goes_on_and_ends_in_the_same_state(
    make_world: Callable[..., World], monkeypatch: pytest.MonkeyPatch, stage: str, when: str
) -> None:
    world = make_world()
    put = Ledger.put

    def put_and_die(ledger: Ledger, key: str, record: dict[str, Any]) -> None:
        fatal = record.get("stage") == stage
        if not fatal or when == "after":
            put(ledger, key, record)
        if fatal:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "put", put_and_die)
        with pytest.raises(Killed):
            start(world, world.backend())
    ends_as_if_nothing_had_happened(world)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    ("where", "step"),
    [
        (VocabularyRequests, "create"),
        (VocabularyRequests, "tag"),
        (Ears, "request"),
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
        if when == "after":
            whole(*args, **kwargs)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(where, step, die)
        with pytest.raises(Killed):
            start(world, world.backend())
    ends_as_if_nothing_had_happened(world)


def ends_as_if_nothing_had_happened(world: World) -> None:
    world.now += 60
    world.backend().sweep()
    name = f"ls-p{world.studio.number}-en-US-v1"
    assert world.state() == [(name, "READY", "promoted")]
    assert world.version.startswith("transcribe-en-US+v1@")
    assert len(world.reports.all(world.studio.identity)) == 1
    assert world.report["outcome"] == "promoted" and world.report["champion"] == ""
    assert len(world.ears.paid) == len(set(world.ears.paid)) == world.report["cost"]["jobs"]
    assert list(world.ledger("trainings").items()) == []


def test_two_replicas_train_once(make_world: Callable[..., World], stand_in: LocalAWS) -> None:
    world = make_world()
    replicas = [world.backend() for _ in range(4)]
    made = stand_in.calls()["transcribe"].get("CreateVocabulary", 0)
    together = threading.Barrier(len(replicas))

    def press(learning: Learning) -> None:
        together.wait()
        start(world, learning)
        learning.sweep()

    threads = [threading.Thread(target=press, args=(learning,)) for learning in replicas]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert stand_in.calls()["transcribe"]["CreateVocabulary"] == made + 1
    assert len(world.state()) == 1 and len(world.reports.all(world.studio.identity)) == 1
    assert len(world.ears.paid) == len(set(world.ears.paid))


def test_a_training_waits_for_label_studio(make_world: Callable[..., World]) -> None:
    world = make_world()
    learning = world.backend()
    world.studio.down = True
    start(world, learning)
    world.studio.down = False
    world.now += 9
    learning.sweep()
    assert world.state() == [], "not before its pause is over"
    world.now += 60
    learning.sweep()
    assert world.report["outcome"] == "promoted"


def test_a_training_gives_up_in_the_end_and_says_so(make_world: Callable[..., World]) -> None:
    world = make_world()
    learning = world.backend()
    world.studio.down = True
    start(world, learning)
    for _ in range(12):
        world.now += 1000
        learning.sweep()
    assert world.report["outcome"] == "not trained" and "does not answer" in world.report["reason"]
    assert list(world.ledger("trainings").items()) == []


def annotated(world: World, *annotations: int, minimum: int = 1, **more: Any) -> dict[str, Any]:
    described = world.studio.described(min_annotations_to_start_training=minimum)
    records = [{"id": annotation, **more} for annotation in annotations]
    return {"project": described, "annotation": records[0] if len(records) == 1 else records}


def trained(world: World) -> bool:
    return bool(world.state())


def test_enough_new_annotations_start_a_training(make_world: Callable[..., World]) -> None:
    world = make_world(train_min_new_annotations=4)
    learning = world.backend()
    learning.notice("ANNOTATION_CREATED", annotated(world, 1))
    learning.notice("ANNOTATION_UPDATED", annotated(world, 1))
    learning.notice("ANNOTATION_CREATED", annotated(world, 2, was_cancelled=True))
    world.backend().notice("ANNOTATIONS_CREATED", annotated(world, 3, 4))
    assert not trained(world), "an annotation counts once, a skipped one never"
    learning.notice("ANNOTATION_CREATED", annotated(world, 5))
    assert trained(world)
    assert world.report["why"] == "4 new annotations"
    assert list(world.ledger("news").items()) == []


@pytest.mark.parametrize(("minimum", "count", "expected"), [(0, 30, False), (10, 9, False), (10, 10, True)])
def test_the_projects_own_minimum_counts(
    make_world: Callable[..., World], minimum: int, count: int, expected: bool
) -> None:
    world = make_world(train_min_new_annotations=2)
    world.backend().notice("ANNOTATIONS_CREATED", annotated(world, *range(1, count + 1), minimum=minimum))
    assert trained(world) is expected


@pytest.mark.parametrize("data", [{}, {"project": 7}, {"project": {"id": 7}}])
def test_a_malformed_event_is_a_bad_request(make_world: Callable[..., World], data: dict[str, Any]) -> None:
    with pytest.raises(RequestError):
        make_world().backend().notice("START_TRAINING", data)


def test_all_processes_of_a_deployment_change_the_version_together(make_world: Callable[..., World]) -> None:
    world = make_world()
    other = Learnt(world.vocabularies, world.ledger("learnt"), world.clock)
    assert other.name(world.studio.identity, "en-US") == ""
    start(world, world.backend())
    assert other.name(world.studio.identity, "en-US") == f"ls-p{world.studio.number}-en-US-v1"


def test_another_deployment_follows_within_a_minute(make_world: Callable[..., World], tmp_path: Path) -> None:
    world = make_world()
    lost_disk = replace(world.settings, model_dir=tmp_path / "another")
    other = Learnt(world.vocabularies, Ledger(lost_disk, "learnt", world.clock), world.clock)
    assert other.name(world.studio.identity, "en-US") == ""
    start(world, world.backend())
    world.now += 60
    assert other.name(world.studio.identity, "en-US") == f"ls-p{world.studio.number}-en-US-v1"


def test_a_report_that_cannot_be_put_into_the_bucket_ends_the_training_too(make_world: Callable[..., World]) -> None:
    world = make_world()
    world.studio.texts.clear()
    world.reports = Reports(world.clients, replace(world.settings, s3_bucket="absent"))
    start(world, world.backend())
    assert list(world.ledger("trainings").items()) == []
    kept = Reports(world.clients, replace(world.settings, s3_bucket="")).all(world.studio.identity)
    assert [report["outcome"] for report in kept] == ["not trained"]


def test_without_label_studio_annotations_are_not_counted(make_world: Callable[..., World]) -> None:
    world = make_world()
    ledgers = (world.ledger(name) for name in ("trainings", "locks", "news"))
    learning = Learning(MemoryHuey(immediate=True), *ledgers, None, world.reports, world.settings, world.clock)
    learning.notice("ANNOTATIONS_CREATED", annotated(world, *range(1, 40)))
    assert list(world.ledger("news").items()) == []


def test_a_training_that_was_taken_over_leaves_no_locks(make_world: Callable[..., World]) -> None:
    world = make_world()
    learning = world.backend()
    world.studio.down = True
    start(world, learning)
    for _ in range(4):
        world.now += 1000
        learning.sweep()
    world.ledger("locks").put(world.studio.identity, {"at": 0})  # of a process that died
    world.studio.down = False
    world.now += 1000
    learning.sweep()
    assert world.report["outcome"] == "promoted"
    assert list(world.ledger("locks").items()) == []


def test_a_lock_outlives_a_queue_that_is_down_for_a_moment(
    make_world: Callable[..., World], monkeypatch: pytest.MonkeyPatch
) -> None:
    world = make_world()
    put, beats = Ledger.put, threading.Semaphore(0)
    down = iter([True, True])

    def put_or_fail(ledger: Ledger, key: str, record: dict[str, Any]) -> None:
        if threading.current_thread().name == "training-lock":
            beats.release()
            if next(down, False):
                raise QueueError("The queue does not answer.")
        put(ledger, key, record)

    def hear(task: int, vocabulary: str) -> str:
        for _ in range(4):
            assert beats.acquire(timeout=30)
        return Ears.hear(world.ears, task, vocabulary)

    monkeypatch.setattr(learn, "_BEAT", 0.01)
    monkeypatch.setattr(Ledger, "put", put_or_fail)
    monkeypatch.setattr(world.ears, "hear", hear)
    start(world, world.backend())
    assert world.report["outcome"] == "promoted"


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
    world.studio.texts.clear()
    folder = world.settings.model_dir / "reports"
    folder.mkdir()
    name = time.strftime(f"p{world.studio.identity}-%Y%m%dT%H%M%SZ.json", time.gmtime(world.now))
    (folder / name).mkdir()  # in the way of the report
    start(world, world.backend())
    assert list(world.ledger("trainings").items()) == []
    assert list(folder.iterdir()) == [folder / name]
