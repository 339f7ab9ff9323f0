"""The process exits before and after each write to the store and each request to AWS and Label Studio, in the
paths answer, push, prefetch, start and train; a fresh process then goes on until nothing is, over the real stand-in.

Each point proves that it was reached: by the status of the process, and by a mark that says what it was. A training has
some 800 points, of which a seeded sample is tried: one of each sort of write or request, and for the store, AWS and
Label Studio that before the first and that after the last.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import pytest

from harness.aws import REGION, LocalAWS, local_aws
from harness.studio_double import API_KEY, StudioDouble
from local_aws.recognizers.scripted import SIBLING_SUFFIX
from model import AWSTranscribe
from tests.model.crash_points import KILLED, KINDS, Point, SharedClock, forked, prepare, rows, run_until
from transcribe_backend.backend import Backend
from transcribe_backend.learning.evidence import HALF_AT_LEAST, half
from transcribe_backend.learning.schedule import TRAINING
from transcribe_backend.prelabeling.imports import IMPORT
from transcribe_backend.prelabeling.project import Project
from transcribe_backend.settings import Settings
from transcribe_backend.transcribing.owed import AWAITING, PUSH, TRANSCRIBE, Owed
from transcribe_backend.work.items import New

CALLS, OUTPUT = "calls", "transcripts"
_VOCABULARY = f"arn:aws:transcribe:{REGION}:123456789012:vocabulary/"
_numbers = count(1)


class Studio(StudioDouble):
    """A Label Studio with one project of its own number, so that its vocabularies are its own."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number
        self.projects = {number}

    def described(self) -> dict[str, Any]:
        return {**super().described(), "id": self.number}


@dataclass
class Scene:
    """Where one point is tried: a MODEL_DIR, a Label Studio and audio of its own; the stand-in is shared."""

    folder: Path
    aws: LocalAWS
    number: int = field(default_factory=lambda: next(_numbers))

    def __post_init__(self) -> None:
        self.clock = SharedClock()
        self.studio = Studio(self.number)
        self.studio.up()
        self.settings = Settings(
            s3_bucket=OUTPUT, label_studio_url=self.studio.url, label_studio_api_key=API_KEY,
            model_dir=self.folder / str(self.number), train_champion_days=3650.0,
        )  # fmt: skip
        self.settings.model_dir.mkdir()

    @property
    def project_id(self) -> str:
        """As it stands in Label Studio's requests."""
        return f"{self.number}.1767225600"

    def tasks(self, amount: int) -> list[dict[str, Any]]:
        """New tasks with audio that AWS has never heard."""
        keys = [f"point-{self.number}-{number}.wav" for number in range(amount)]
        for key in keys:
            self.aws.s3.put_object(Bucket=CALLS, Key=key, Body=key.encode())
        return self.studio.add_tasks([f"s3://{CALLS}/{key}" for key in keys])

    def project(self, backend: Backend) -> Project:
        """The project as the backend reads it."""
        return backend.projects.read(self.project_id, self.studio.config)

    def owe(self, backend: Backend, **more: Any) -> str:
        """The prediction of the first task is owed; returns its key."""
        task, project = self.studio.tasks[0], self.project(backend)
        owed = Owed(task["data"]["audio"], project.recognition, project.id, task["id"], project.version)
        backend.work.add([New(owed.key, TRANSCRIBE, owed.body(), **more)])
        return owed.key

    def open(self, backend: Backend) -> None:
        """Label Studio asks for the predictions of all tasks; what it is sent stands in a file."""
        tasks = [{**task, "project": self.number} for task in self.studio.tasks]
        model = AWSTranscribe(project_id=self.project_id, label_config=self.studio.config, running=backend)
        (self.settings.model_dir / "answer").write_text(json.dumps(model.predict(tasks)))

    @property
    def mark(self) -> Path:
        """Says at which point the process was killed."""
        return self.settings.model_dir / "mark"

    def receive(self) -> None:
        """Label Studio stores what it was sent."""
        answer = self.settings.model_dir / "answer"
        if answer.exists():
            self.studio.store(self.studio.tasks, [each or [] for each in json.loads(answer.read_text())])
            answer.unlink()

    def peacefully(self, do: Callable[[Backend], None]) -> None:
        """A process that is not killed does something."""
        status = forked(self.settings, self.clock, do)
        assert status == 0, (self.settings.model_dir / "traceback").read_text()

    def owes(self) -> list[Any]:
        """What is not done, as the store has it."""
        return rows(self.settings, "select key, queue from transcribe_work")


class Way:
    """A way that work takes: `before` is done in peace, in `walk` the process exits, `check` is what holds then."""

    tasks = 1

    def arrange(self, scene: Scene) -> None:
        """Make the tasks."""
        scene.tasks(self.tasks)

    def before(self, scene: Scene, backend: Backend) -> None:
        """Nothing."""

    def walk(self, scene: Scene, backend: Backend) -> None:
        """Do it."""
        raise NotImplementedError

    def check(self, scene: Scene, kept: bool) -> None:
        """Exactly one prediction for each task: at once where the store kept what is owed, else when asked again."""
        counts = scene.studio.counts()
        each = [counts.get(task["id"], 0) for task in scene.studio.tasks]
        assert each == [1] * self.tasks if kept else set(each) <= {0, 1}, each
        if not kept:
            scene.peacefully(scene.open)
            scene.receive()
            again(scene, lambda backend: None)
        counts = scene.studio.counts()
        assert [counts.get(task["id"], 0) for task in scene.studio.tasks] == [1] * self.tasks, counts
        assert all(number == 1 for number in started(scene).values()), started(scene)
        booked = rows(scene.settings, "select sum(amount) from transcribe_ledger where what = 'jobs'")
        assert booked == [(len(started(scene)),)], "each job is in the ledger once"

    def clear(self, scene: Scene) -> None:
        """Leave nothing in AWS that counts against a quota."""


class Answer(Way):
    """A task is opened; the request waits for its job."""

    def walk(self, scene: Scene, backend: Backend) -> None:
        scene.open(backend)


class Push(Way):
    """A job has ended, and its prediction goes to Label Studio."""

    def before(self, scene: Scene, backend: Backend) -> None:
        key = scene.owe(backend, hold=scene.clock() + 60.0)
        run_until(backend, scene.clock, lambda: backend.work.states([key])[key].queue == PUSH, seconds=50.0)

    def walk(self, scene: Scene, backend: Backend) -> None:
        run_until(backend, scene.clock, lambda: not backend.work.count(PUSH))


class Start(Way):
    """An owed prediction becomes a running job."""

    def before(self, scene: Scene, backend: Backend) -> None:
        scene.owe(backend)

    def walk(self, scene: Scene, backend: Backend) -> None:
        run_until(backend, scene.clock, lambda: backend.work.count(AWAITING) == 1)


class Prefetch(Way):
    """Tasks are imported, and read page by page."""

    tasks = 3

    def walk(self, scene: Scene, backend: Backend) -> None:
        backend.notice("TASKS_CREATED", {"project": scene.studio.described(), "tasks": scene.studio.tasks})
        run_until(backend, scene.clock, lambda: not backend.work.count(IMPORT))


class Train(Way):
    """A project is trained on as few corrected tasks as a training needs. Each half teaches another name: there are
    three candidates, of which one is promoted.

    All scenes share the audio. AWS transcribes it once without knowing the names, and knows them from then on.
    """

    tasks = 2 * HALF_AT_LEAST

    def __init__(self, first: Scene) -> None:
        self._written = corrected(first.aws)
        self.arrange(first)
        first.peacefully(first.open)
        again(first, lambda backend: None)
        for uri, text in self._written.items():
            heard = uri.rpartition("/")[2] + SIBLING_SUFFIX
            first.aws.s3.put_object(Bucket=CALLS, Key=heard, Body=json.dumps({"results": {"items": spoken(text)}}))
        first.studio.down()

    def arrange(self, scene: Scene) -> None:
        for task in scene.studio.add_tasks([*self._written]):
            value = {"text": [self._written[task["data"]["audio"]]]}
            result = {"type": "textarea", "to_name": "audio", "from_name": "transcription", "value": value}
            task["annotations"] = [{"id": task["id"], "result": [result]}]
        self._before = {*scene.aws.jobs()}

    def walk(self, scene: Scene, backend: Backend) -> None:
        backend.notice("START_TRAINING", {"project": scene.studio.described()})
        run_until(backend, scene.clock, lambda: not backend.work.count(TRAINING))

    def undisturbed(self, scene: Scene) -> list[str]:
        """What is written and asked, in order, where nothing is killed; what that leaves is expected from then on."""
        point, seen = Point("none", 0, False, scene.mark), scene.settings.model_dir / "seen"

        def walk(backend: Backend) -> None:
            self.walk(scene, backend)
            seen.write_text(json.dumps(point.seen))

        self.arrange(scene)
        assert forked(scene.settings, scene.clock, walk, point) == 0
        again(scene, lambda backend: None)
        self._expected = self._left(scene)
        reports, states, jobs, booked = self._expected
        assert [report["outcome"] for report in reports] == ["promoted"]
        assert sorted(states.values()) == ["promoted", "rejected"], "and the oldest is deleted"
        assert len(jobs) == self.tasks == booked["jobs"]
        self.clear(scene)
        scene.studio.down()
        return list(json.loads(seen.read_text()))

    def check(self, scene: Scene, kept: bool) -> None:
        """What is left is what an undisturbed training leaves: at once, else when it is asked for again."""
        left = self._left(scene)
        if left == ([], {}, [], {}) and not kept:
            again(scene, lambda backend: self.walk(scene, backend))
            left = self._left(scene)
        assert left == self._expected

    def clear(self, scene: Scene) -> None:
        for name in vocabularies(scene):
            scene.aws.transcribe.delete_vocabulary(VocabularyName=name)

    def _left(self, scene: Scene) -> Any:
        """Reports, states of the vocabularies, audio and vocabulary of each job, and the ledger, as of project 0."""
        reports = [json.loads(path.read_text()) for path in (scene.settings.model_dir / "reports").glob("*.json")]
        for report in reports:
            del report["asked"], report["finished"]
        jobs = [scene.aws.job(name) for name in {*scene.aws.jobs()} - self._before]
        asked = sorted((job["Media"]["MediaFileUri"], job["Settings"].get("VocabularyName")) for job in jobs)
        booked = dict(
            rows(scene.settings, "select what, amount from transcribe_ledger where what in ('jobs', 'billed')")
        )
        left = json.dumps((reports, vocabularies(scene), asked, booked))
        return tuple(json.loads(left.replace(scene.project_id, "0").replace(f"ls-p{scene.number}-", "ls-p0-")))


def corrected(aws: LocalAWS) -> dict[str, str]:
    """Audio in which a name is not understood, as much as a training needs in each half, and what annotators wrote."""
    found: tuple[dict[str, str], dict[str, str]] = ({}, {})
    for number in count():
        key = f"we-met-mumble-in-town-{number}.wav"
        made = aws.s3.put_object(Bucket=CALLS, Key=key, Body=key.encode())
        uri, tag = f"s3://{CALLS}/{key}", made["ETag"].strip('"')
        place = half(f"{uri}#{tag}", 0)
        if len(found[place]) < HALF_AT_LEAST:
            found[place][uri] = f"we met {('Xochitl', 'Siobhan')[place]} in town"
        if all(len(each) == HALF_AT_LEAST for each in found):
            break
    return found[0] | found[1]


def spoken(text: str) -> list[dict[str, Any]]:
    """The items of a transcript."""
    return [
        {"type": "pronunciation", "start_time": f"{at}.0", "end_time": f"{at}.5", "alternatives": [{"content": word}]}
        for at, word in enumerate(text.split())
    ]


def vocabularies(scene: Scene) -> dict[str, str]:
    """The state of each vocabulary that AWS holds of the scene's project."""
    aws = scene.aws.transcribe
    listed = aws.list_vocabularies(NameContains=f"ls-p{scene.number}-", MaxResults=100)["Vocabularies"]
    names = [each["VocabularyName"] for each in listed]
    tags = {name: aws.list_tags_for_resource(ResourceArn=f"{_VOCABULARY}{name}")["Tags"] for name in names}
    return {name: next(tag["Value"] for tag in each if tag["Key"] == "state") for name, each in tags.items()}


def again(scene: Scene, do: Any) -> None:
    """A fresh process does something, and then goes on until nothing is owed."""

    def work(backend: Backend) -> None:
        do(backend)
        backend.crew.tidy()
        run_until(backend, scene.clock, lambda: not backend.engine.database.read(
            "select 1 from transcribe_work union all select 1 from transcribe_jobs"), tidy=True)  # fmt: skip

    scene.clock.sleep(30.0)
    scene.peacefully(work)
    assert scene.owes() == []


def started(scene: Scene) -> Counter[str]:
    """How many jobs were started for each audio of the scene."""
    audio = [task["data"]["audio"] for task in scene.studio.tasks]
    jobs = scene.aws.transcribe.list_transcription_jobs(MaxResults=100)["TranscriptionJobSummaries"]
    names = [job["TranscriptionJobName"] for job in jobs]
    return Counter(uri for uri in (scene.aws.job(name)["Media"]["MediaFileUri"] for name in names) if uri in audio)


def exits(way: Way, scene: Scene, kind: str, number: int, after: bool) -> bool:
    """Whether the way has such a point; if so, everything holds after it."""
    point = Point(kind, number, after, scene.mark)
    way.arrange(scene)
    scene.peacefully(lambda backend: way.before(scene, backend))
    status = forked(scene.settings, scene.clock, lambda backend: way.walk(scene, backend), point)
    assert status in (0, KILLED), (scene.settings.model_dir / "traceback").read_text()
    assert (status == KILLED) == point.mark.exists()
    kept = bool(scene.owes())
    scene.receive()
    again(scene, lambda backend: None)
    way.check(scene, kept)
    return status == KILLED


def tried(way: Way, scene: Scene, *point: Any) -> str:
    """The mark of a point after which everything holds; "" where the way has no such point."""
    try:
        return scene.mark.read_text() if exits(way, scene, *point) else ""
    except AssertionError as error:
        error.add_note(f"{type(way).__name__} {scene.mark.read_text() if scene.mark.exists() else 'at its end'}")
        raise
    finally:
        way.clear(scene)
        scene.studio.down()


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAWS]:
    with local_aws() as stand_in:
        for bucket in (CALLS, OUTPUT):
            stand_in.s3.create_bucket(Bucket=bucket)
        yield stand_in


@pytest.fixture
def reachable(aws: LocalAWS, monkeypatch: pytest.MonkeyPatch) -> LocalAWS:
    for name, value in aws.env.items():
        monkeypatch.setenv(name, value)
    prepare(REGION)
    return aws


@pytest.mark.parametrize("way", [Answer(), Push(), Prefetch(), Start()], ids=lambda way: type(way).__name__.lower())
def test_a_process_may_end_at_any_point(way: Way, reachable: LocalAWS, tmp_path: Path) -> None:
    reached = []
    for kind in KINDS:
        for after in (False, True):
            for number in count(1):
                mark = tried(way, Scene(tmp_path, reachable), kind, number, after)
                if not mark:
                    break
                reached.append(mark)
    assert {mark.split()[1] for mark in reached} >= {"store"}


def sample(seen: list[str], seed: int) -> Iterator[tuple[str, int, bool]]:
    """One point of each sort, and of each kind that before the first and that after the last."""
    random = Random(seed)  # noqa: S311 - repeatable, not secret
    counts = Counter(seen)
    for kind in KINDS:
        first, *_, last = (sort for sort in seen if sort.startswith(kind))
        yield from ((first, 1, False), (last, counts[last], True))
    sorts = sorted(sort for sort in counts if "crew.renew" not in sort)  # leases of a fast machine need no renewal
    yield from ((sort, random.randint(1, counts[sort]), random.random() < 0.5) for sort in sorts)


def test_a_training_may_end_at_any_point(reachable: LocalAWS, tmp_path: Path) -> None:
    way = Train(Scene(tmp_path, reachable))
    for sort, number, after in dict.fromkeys(sample(way.undisturbed(Scene(tmp_path, reachable)), seed=9)):
        # What asks until something has changed may have asked less often this time.
        marks = (tried(way, Scene(tmp_path, reachable), sort, each, after) for each in range(number, 0, -1))
        assert any(mark.startswith(f"{'after' if after else 'before'} {sort} ") for mark in marks), (sort, number)
