"""The backend's middle put together by hand, over the real stand-in, with a clock and a queue that tests move."""

import time
from collections import Counter
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from transcribe_backend.aws.transcriptions import Transcriptions
from transcribe_backend.failures import Failures
from transcribe_backend.ledger import Ledger, open_queue
from transcribe_backend.prelabeling.deliver import Deliveries
from transcribe_backend.prelabeling.prefetch import Prefetch
from transcribe_backend.prelabeling.prelabel import Prelabel

from harness.aws import LocalAWS
from harness.studio_double import API_KEY, PROJECT, StudioDouble
from transcribe_backend.aws.clients import AWSClients
from transcribe_backend.aws.jobs import Job, TranscribeJobs
from transcribe_backend.aws.media import Media, S3Media
from transcribe_backend.aws.staging import Staging
from transcribe_backend.aws.transcripts import TranscriptStore
from transcribe_backend.download.download import Downloader
from transcribe_backend.labeling.templates import SPEECH_RECOGNITION
from transcribe_backend.prelabeling.live_projects import LiveProjects
from transcribe_backend.prelabeling.project import Project, Projects
from transcribe_backend.settings import Settings
from transcribe_backend.speech.recognition import Recognition
from transcribe_backend.studio.client import Studio
from transcribe_backend.transcribing.audio import LIMITS, AudioLocator
from transcribe_backend.transcribing.transcriber import Transcriber

CALLS, OUTPUT = "calls", "transcripts"


@dataclass
class Clock:
    """The time of day, which a test can put forward."""

    ahead: float = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


@dataclass
class Process:
    """What one server process has; several over the same settings share queue and records."""

    settings: Settings
    clock: Clock = field(default_factory=Clock)
    outcomes: Counter[str] = field(default_factory=Counter)
    jobs_seen: Counter[str] = field(default_factory=Counter)
    naps: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.clients = AWSClients()
        self.store = TranscriptStore(self.clients, self.settings)
        self.jobs = TranscribeJobs(self.clients, self.store, self.settings)
        self.transcriptions = Transcriptions(self.jobs, self.store, self.settings, self._job)
        url, key = self.settings.label_studio_url, self.settings.label_studio_api_key
        self.studio = Studio(url, key) if key else None
        audio = AudioLocator(
            S3Media(self.clients, self.settings),
            Staging(self.clients, self.settings),
            self.studio,
            Downloader(frozenset(), LIMITS),
            self.settings,
        )
        self.transcriber = Transcriber(audio, self.transcriptions, lambda: self.clients.region)
        self.records, self.claims, self.beats, self.plans, told = (
            Ledger(self.settings, name, self.clock)
            for name in ("deliveries", "claims", "heartbeats", "prefetch", "failures")
        )
        self.failures = Failures(told, self.clock)
        self.queue = open_queue(self.settings)
        self.projects = Projects("en-US", lambda project, language: "")
        self.live = LiveProjects(self.studio, self.projects, self.clock)
        self.deliveries = Deliveries(
            self.queue, self.records, self.claims, self.beats, self.transcriber, self.live, self.failures,
            self._delivery, self.clock,
        )  # fmt: skip
        self.prefetch = Prefetch(
            self.queue, self.plans, self.deliveries, self.projects, self.live, self.settings, self.clock
        )
        self.prelabel = Prelabel(
            self.transcriber, self.deliveries, self.claims, self.failures, self.settings, self.clock, self.naps.append
        )

    def _job(self, state: str) -> None:
        self.jobs_seen[state] += 1

    def _delivery(self, outcome: str) -> None:
        self.outcomes[outcome] += 1

    def project(self, config: str = SPEECH_RECOGNITION) -> Project:
        """The double's project."""
        return self.projects.read(PROJECT, config)

    def work(self) -> int:
        """Do what is in the queue now; returns how much that was, without what was put off."""
        done = 0
        while (task := self.queue.dequeue()) is not None:
            done += task.eta is None
            self.queue.execute(task)
        return done

    def work_later(self, seconds: float) -> int:
        """Let time pass, then do what was put off, and what follows from it."""
        self.work()
        self.clock.ahead += seconds
        due = self.queue.read_schedule(_some_day())
        for task in due:
            self.queue.execute(task, _some_day())
        return len(due) + self.work()

    def under_way(self) -> int:
        """How many transcriptions have not ended."""
        return len(self.transcriber) + len(self.transcriptions)

    def known(self) -> dict[str, dict[str, Any]]:
        """All records of deliveries."""
        return dict(self.records.items())

    def close(self) -> None:
        """Start nothing more."""
        self.transcriber.close()


class Machine:
    """Makes processes that share one MODEL_DIR, and closes them."""

    def __init__(self, folder: Path, studio: StudioDouble | None) -> None:
        self._folder = folder
        self._studio = studio
        self._stack = ExitStack()
        self.clock = Clock()

    def process(self, **settings: Any) -> Process:
        """One more process; keywords are fields of Settings."""
        known = {"label_studio_url": self._studio.url, "label_studio_api_key": API_KEY} if self._studio else {}
        place = {"s3_bucket": OUTPUT, "model_dir": self._folder}
        made = Process(Settings(**{**place, **known, **settings}), self.clock)
        self._stack.callback(made.close)
        return made

    def close(self) -> None:
        """Close them all."""
        self._stack.close()


def _some_day() -> datetime:
    """In huey's time, which the clock does not move: after all that is scheduled."""
    return datetime.now(UTC).replace(tzinfo=None) + timedelta(days=1)


def put_audio(aws: LocalAWS, *keys: str) -> list[str]:
    """Objects in the bucket of calls; returns their URIs."""
    for key in keys:
        aws.s3.put_object(Bucket=CALLS, Key=key, Body=f"audio of {key}".encode())
    return [f"s3://{CALLS}/{key}" for key in keys]


def job_of(aws: LocalAWS, key: str, recognition: Recognition | None = None) -> Job:
    """The job for an object in the bucket of calls."""
    etag = aws.s3.head_object(Bucket=CALLS, Key=key)["ETag"].strip('"')
    uri = f"s3://{CALLS}/{key}"
    return Job(Media(uri, f"{uri}#{etag}", "us-east-1"), recognition or Recognition())


def as_tasks(uris: list[str]) -> list[dict[str, Any]]:
    """Tasks 1, 2, … as Label Studio sends them."""
    return [{"id": number, "data": {"audio": uri}, "project": 1} for number, uri in enumerate(uris, 1)]


def ended(future: "Future[str]", seconds: float = 60) -> str:
    """The result of a transcription."""
    return future.result(timeout=seconds)
