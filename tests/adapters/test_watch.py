"""When the watch looks, on a clock that tests move; what it finds is in test_transcriptions.py."""

from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest
from transcribe_backend.aws.watch import Watch

from harness.waiting import until
from transcribe_backend.aws.clients import AWSClients
from transcribe_backend.aws.jobs import Job, Status, TranscribeJobs
from transcribe_backend.aws.media import Media
from transcribe_backend.aws.transcripts import TranscriptStore
from transcribe_backend.errors import AWSError
from transcribe_backend.settings import Settings
from transcribe_backend.speech.recognition import Recognition


class Jobs(TranscribeJobs):
    """An AWS where jobs run until a test ends them."""

    def __init__(self, folder: Path) -> None:
        clients, settings = AWSClients("us-east-1"), Settings(s3_bucket="ours", model_dir=folder)
        super().__init__(clients, TranscriptStore(clients, settings), settings)
        self.runs: set[str] = set()
        self.looks = 0
        self.trouble: AWSError | None = None

    def listing(self, region: str, *, state: str = "", name: str = "", pages: int = 0) -> Iterator[Status]:
        """What runs."""
        self.looks += 1
        if self.trouble:
            raise self.trouble
        yield from (Status(each, "IN_PROGRESS") for each in self.runs if state in ("", "IN_PROGRESS"))

    def fetch(self, job: Job) -> bool:
        """Every ended job has a transcript."""
        return job.name not in self.runs


@pytest.fixture
def jobs(tmp_path: Path) -> Jobs:
    return Jobs(tmp_path)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def watch(jobs: Jobs, clock: Clock) -> Iterator[Watch]:
    made = Watch(jobs, clock)
    yield made
    made.close()


def followed(watch: Watch, jobs: Jobs, number: int) -> "Future[str]":
    job = Job(Media(f"s3://calls/{number}.wav", str(number), "us-east-1"), Recognition())
    jobs.runs.add(job.name)
    future: Future[str] = Future()
    watch.follow(job, future)
    return future


def test_a_job_that_ends_is_noticed_within_a_second(jobs: Jobs, watch: Watch) -> None:
    futures = [followed(watch, jobs, number) for number in range(3)]
    until(lambda: jobs.looks, lambda looks: looks > 0)
    ended = jobs.runs.pop()
    until(lambda: [future for future in futures if future.done()], bool, patience=5)
    assert [future.result() for future in futures if future.done()] == [ended]
    assert len(watch) == 2


def test_old_jobs_are_looked_at_rarely_and_a_new_one_at_once(jobs: Jobs, clock: Clock, watch: Watch) -> None:
    old = followed(watch, jobs, 1)
    until(lambda: jobs.looks, lambda looks: looks > 0)
    clock.now = 1800.0
    until(lambda: jobs.looks, lambda looks: looks > 1)
    jobs.runs.clear()
    new = followed(watch, jobs, 2)
    jobs.runs.clear()
    assert (len(new.result(5)), len(old.result(5))) == (43, 43)


def test_nothing_pending_looks_at_nothing(jobs: Jobs, watch: Watch) -> None:
    future = followed(watch, jobs, 1)
    jobs.runs.clear()
    future.result(5)
    seen = jobs.looks
    assert watch.running("us-east-1") == frozenset()
    assert jobs.looks <= seen + 1


def test_what_runs_is_listed_once_for_many(jobs: Jobs, clock: Clock, watch: Watch) -> None:
    jobs.runs.add("ls-1")
    assert watch.running("us-east-1") == watch.running("us-east-1") == {"ls-1"}
    assert jobs.looks == 1
    jobs.runs.clear()
    assert watch.running("eu-west-1") == frozenset()
    clock.now += 3
    assert watch.running("us-east-1") == frozenset()
    assert jobs.looks == 3


def test_trouble_with_aws_passes(jobs: Jobs, watch: Watch, caplog: pytest.LogCaptureFixture) -> None:
    jobs.trouble = AWSError("AWS does not answer.", retryable=True)
    future = followed(watch, jobs, 1)
    until(lambda: caplog.messages, bool)
    assert "AWS does not answer" in caplog.text
    jobs.trouble = None
    jobs.runs.clear()
    assert future.result(10)
