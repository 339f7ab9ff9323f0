"""Processes of one deployment for tests: whole Backends over one store, on one clock that a test can put forward.

Their work is done by `settle`, in the test's own thread, or by their own threads once `start` was called.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from harness.aws import LocalAWS
from harness.studio_double import API_KEY, PROJECT, StudioDouble, studio_double
from transcribe_backend.aws.jobs import Job
from transcribe_backend.aws.media import Media
from transcribe_backend.backend import Backend
from transcribe_backend.labeling.templates import SPEECH_RECOGNITION
from transcribe_backend.prelabeling.project import Project
from transcribe_backend.settings import Settings
from transcribe_backend.speech.recognition import Recognition
from transcribe_backend.transcribing.owed import AWAITING, DOWNLOAD, PUSH, READY, TRANSCRIBE
from transcribe_backend.work.items import BULK, Item

CALLS, OUTPUT = "calls", "transcripts"
OWED = (TRANSCRIBE, DOWNLOAD, AWAITING, PUSH, READY)
SEGMENTS = (
    '<View><Labels name="labels" toName="audio"><Label value="Speech"/></Labels><Audio name="audio" value="$audio"/>'
    '<TextArea name="text" toName="audio" perRegion="true"/></View>'
)
UNHURRIED = ("--start-tps", "0", "--get-tps", "0", "--list-tps", "0")
"""Flags of a stand-in that counts no requests per second: by its own clock those on a test's clock are far more."""
_STEP = 0.5  # seconds that `settle` puts the clock forward where nothing is due
_NAP = 0.02


@dataclass
class Clock:
    """The time of day, which a test can put forward."""

    ahead: float = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead

    def sleep(self, seconds: float) -> None:
        """Time passes."""
        self.ahead += seconds


class Machine:
    """Makes processes that share one MODEL_DIR (or one QUEUE_URL) and one clock, and closes them."""

    def __init__(self, folder: Path, studio: StudioDouble | None, **settings: Any) -> None:
        known = {"label_studio_url": studio.url, "label_studio_api_key": API_KEY} if studio else {}
        self._settings = {"s3_bucket": OUTPUT, "model_dir": folder, **known, **settings}
        self._stack = ExitStack()
        self.clock = Clock()

    def process(self, **settings: Any) -> Backend:
        """One more process, whose work is done by `settle` alone; keywords are fields of Settings."""
        made = self._made(settings)
        made.engine.turns.sleep = self.clock.sleep
        made.crew.step()  # from now on no request starts the threads
        return made

    def running(self, **settings: Any) -> Backend:
        """One more process with its own threads."""
        made = self._made(settings)
        made.start()
        return made

    def _made(self, settings: dict[str, Any]) -> Backend:
        made = Backend(Settings(**{**self._settings, **settings}), self.clock)
        self._stack.callback(made.close)
        return made

    def settle(self, *processes: Backend, until: Callable[[], object] | None = None, patience: float = 60) -> None:
        """Do what is due, and let time pass, until a condition holds; without one: until nothing is owed."""
        deadline = time.monotonic() + patience
        while not (until() if until else all(count(process) == 0 for process in processes)):
            states = [rows(process) for process in processes]
            assert time.monotonic() < deadline, f"after {patience} s: {states}"
            if not sum(process.crew.step() for process in processes):
                self.clock.ahead += _STEP
                time.sleep(_NAP)

    def close(self) -> None:
        """Close them all."""
        self._stack.close()


def count(process: Backend) -> int:
    """How much is owed: transcripts, predictions, imports."""
    return process.work.count(*OWED, "import", "gone", "watch")


def rows(process: Backend) -> list[tuple[Any, ...]]:
    """Every item: key, queue, priority, seconds until it is due, problem."""
    read = process.engine.database.read(
        "select key, queue, priority, due - ?, problem from transcribe_work", process.work.now()
    )
    return sorted(read)


def queues(process: Backend) -> dict[str, str]:
    """The queue of each item by its key."""
    return {row[0]: row[1] for row in rows(process)}


def project(process: Backend, config: str = SPEECH_RECOGNITION) -> Project:
    """The double's project."""
    return process.projects.read(PROJECT, config)


def put_audio(aws: LocalAWS, *keys: str, seconds: float | None = None) -> list[str]:
    """Objects in the bucket of calls; returns their URIs. The stand-in believes `seconds` of their length."""
    about = {"Metadata": {"duration-seconds": str(seconds)}} if seconds else {}
    for key in keys:
        aws.s3.put_object(Bucket=CALLS, Key=key, Body=f"audio of {key}".encode(), **about)
    return [f"s3://{CALLS}/{key}" for key in keys]


def job_of(aws: LocalAWS, key: str, recognition: Recognition | None = None) -> Job:
    """The job for an object in the bucket of calls."""
    etag = aws.s3.head_object(Bucket=CALLS, Key=key)["ETag"].strip('"')
    uri = f"s3://{CALLS}/{key}"
    return Job(Media(uri, f"{uri}#{etag}", "us-east-1"), recognition or Recognition())


def held(key: str, priority: int = BULK) -> Item:
    """As somebody holds it who is about to start its job."""
    return Item(key, TRANSCRIBE, priority, 1, "", 0.0, {}, "somebody")


def as_tasks(uris: list[str], first: int = 1) -> list[dict[str, Any]]:
    """Tasks 1, 2, … as Label Studio sends them."""
    return [{"id": number, "data": {"audio": uri}, "project": 1} for number, uri in enumerate(uris, first)]


def asked(process: Backend, uris: list[str], config: str = SPEECH_RECOGNITION, first: int = 1) -> list[dict[str, Any]]:
    """A request whose tasks, from number `first` on, all stay pending."""
    tasks = as_tasks(uris, first)
    assert process.answers.answer(tasks, project(process, config)) == [() for _ in tasks]
    return tasks


def texts(slots: list[tuple[dict[str, Any], ...]]) -> list[str | None]:
    """What an answer says of each task."""
    return [slot[0]["result"][0]["value"]["text"][0] if slot else None for slot in slots]


def metric(process: Backend, name: str, **labels: str) -> float:
    """A counter of a process."""
    value = process.metrics._registry.get_sample_value(f"{name}_total", labels)
    return value or 0.0


def delivered(process: Backend) -> dict[str, float]:
    """What became of deliveries: outcome -> how many."""
    outcomes = ("pushed", "already there", "superseded", "gone")
    found = {outcome: metric(process, "transcribe_deliveries", outcome=outcome) for outcome in outcomes}
    return {outcome: value for outcome, value in found.items() if value}


def calls(aws: LocalAWS, operation: str, service: str = "transcribe") -> int:
    """How often AWS was asked."""
    return int(aws.calls()[service].get(operation, 0))


def jobs_started(aws: LocalAWS) -> list[str]:
    """The names of all jobs that AWS has: each was paid for once."""
    found: list[str] = []
    token: dict[str, str] = {}
    while True:
        page = aws.transcribe.list_transcription_jobs(MaxResults=100, **token)
        found += [each["TranscriptionJobName"] for each in page["TranscriptionJobSummaries"]]
        if "NextToken" not in page:
            return found
        token = {"NextToken": page["NextToken"]}


def known(aws: LocalAWS, monkeypatch: pytest.MonkeyPatch) -> LocalAWS:
    """Makes boto3 find this stand-in, and the two buckets in it."""
    for name, value in aws.env.items():
        monkeypatch.setenv(name, value)
    there = {bucket["Name"] for bucket in aws.s3.list_buckets()["Buckets"]}
    for bucket in {CALLS, OUTPUT} - there:
        aws.s3.create_bucket(Bucket=bucket)
    return aws


@pytest.fixture
def aws(stand_in: LocalAWS, monkeypatch: pytest.MonkeyPatch) -> LocalAWS:
    """The `stand_in` of the module, as boto3 finds it."""
    return known(stand_in, monkeypatch)


@pytest.fixture
def studio() -> Iterator[StudioDouble]:
    """Label Studio."""
    with studio_double() as double:
        yield double


@pytest.fixture
def machine(tmp_path: Path, studio: StudioDouble) -> Iterator[Machine]:
    """A machine whose processes know the Label Studio."""
    made = Machine(tmp_path / "model", studio)
    yield made
    made.close()


@pytest.fixture
def lonely(tmp_path: Path) -> Iterator[Machine]:
    """A machine without a Label Studio to push to."""
    made = Machine(tmp_path / "lonely", None)
    yield made
    made.close()
