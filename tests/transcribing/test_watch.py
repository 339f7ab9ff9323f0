"""Who looks when at running jobs, and what is learnt from it; its clock is moved by the test."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from harness.aws import LocalAWS, local_aws
from harness.studio_double import StudioDouble
from tests.backends import OUTPUT, UNHURRIED, Machine, asked, calls, held, job_of, put_audio, queues, rows
from transcribe_backend.aws.jobs import JobStatus, TranscribeJobs
from transcribe_backend.backend import Backend
from transcribe_backend.transcribing.owed import AWAITING, PUSH, TRANSCRIBE
from transcribe_backend.transcribing.watch import SLOWEST_PERIOD, WATCH
from transcribe_backend.work.items import FAILED, LEASE, URGENT


@pytest.fixture(scope="module")
def stand_in() -> Iterator[LocalAWS]:
    """Jobs run until a test ends them."""
    with local_aws("--latency", "3600", *UNHURRIED) as running:
        yield running


@pytest.fixture(autouse=True)
def ended(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The names of jobs that AWS says have ended."""
    names: set[str] = set()
    listing, get = TranscribeJobs.listing, TranscribeJobs.get

    def listing_of_the_others(self: TranscribeJobs, *args: Any, **more: Any) -> Iterator[JobStatus]:
        yield from (status for status in listing(self, *args, **more) if status.name not in names)

    def get_ended(self: TranscribeJobs, name: str, region: str) -> JobStatus | None:
        status = get(self, name, region)
        return replace(status, state="COMPLETED") if status and name in names else status

    monkeypatch.setattr(TranscribeJobs, "listing", listing_of_the_others)
    monkeypatch.setattr(TranscribeJobs, "get", get_ended)
    return names


@pytest.fixture
def one(aws: LocalAWS, machine: Machine) -> Backend:
    return machine.process(predict_wait=0.0, predict_open=0.0)


TRANSCRIPT = b'{"results": {"transcripts": [{"transcript": ""}], "items": []}}'


@pytest.fixture
def end(aws: LocalAWS, one: Backend, ended: set[str]) -> Callable[..., str]:
    """Ends the job of an object: its transcript is in S3, and AWS does not list it as running any more."""

    def make(key: str, transcript: bytes = TRANSCRIPT) -> str:
        job = job_of(aws, key).name
        aws.s3.put_object(Bucket=OUTPUT, Key=one.store.key(job), Body=transcript)
        ended.add(job)
        return job

    return make


def running(aws: LocalAWS, process: Backend, *keys: str) -> None:
    asked(process, put_audio(aws, *keys))
    process.crew.step()
    assert sum(queue == AWAITING for queue in queues(process).values()) == len(keys)


def due(process: Backend) -> float:
    """In how many seconds somebody looks."""
    ((_, _, _, seconds, _),) = [row for row in rows(process) if row[1] == WATCH]
    return float(seconds)


def looks(aws: LocalAWS) -> int:
    return calls(aws, "ListTranscriptionJobs")


def test_a_job_that_ends_is_noticed_by_the_next_look(
    aws: LocalAWS, machine: Machine, one: Backend, end: Callable[..., str]
) -> None:
    running(aws, one, *(f"ends-{number}.wav" for number in range(5)))
    assert due(one) <= 1
    end("ends-2.wav")
    machine.clock.ahead += 1
    one.crew.step()
    states = queues(one)
    assert sorted(states.values()).count(AWAITING) == 4
    assert one.slots.count() == 4


@pytest.mark.parametrize("left", [0, 2])
def test_jobs_that_end_together_are_found_in_s3_and_not_asked_for_by_themselves(
    aws: LocalAWS, machine: Machine, one: Backend, end: Callable[..., str], left: int
) -> None:
    running(aws, one, *(f"together-{number}-{left}.wav" for number in range(12)))
    before = calls(aws, "GetTranscriptionJob")
    for number in range(left, 12):
        end(f"together-{number}-{left}.wav")
    machine.clock.ahead += 2
    one.crew.step()
    assert one.slots.count() == left
    assert calls(aws, "GetTranscriptionJob") == before


def test_the_list_need_not_know_a_job_that_begins_just_now(aws: LocalAWS, machine: Machine, one: Backend) -> None:
    def asked_for() -> int:
        return int(aws.calls()["refused"].get("transcribe", {}).get("GetTranscriptionJob", 0))

    running(aws, one, *(f"begun-{number}.wav" for number in range(4)))
    machine.clock.ahead += 1
    for number in range(4):
        one.slots.open(f"ls-about-to-start-{number}", "us-east-1", TRANSCRIBE, held(f"{number}", URGENT))
    before, looked = asked_for(), looks(aws)
    one.crew.step()
    assert (looks(aws), asked_for()) == (looked + 1, before)
    machine.clock.ahead += 1
    one.crew.step()
    assert asked_for() == before + 4, "they were never started, and that is found out"


def test_what_is_listed_is_listed_once_for_many_jobs_and_processes(
    aws: LocalAWS, machine: Machine, one: Backend
) -> None:
    other = machine.process()
    running(aws, one, *(f"many-{number}.wav" for number in range(30)))
    before = looks(aws)
    for _ in range(5):
        machine.clock.ahead += 1
        one.crew.step()
        other.crew.step()
    assert looks(aws) - before == 5


def test_old_jobs_are_looked_at_rarely_and_a_new_one_at_once(aws: LocalAWS, machine: Machine, one: Backend) -> None:
    running(aws, one, *(f"old-{number}.wav" for number in range(4)))
    machine.clock.ahead += 1800
    one.crew.step()
    assert SLOWEST_PERIOD - 1 < due(one) <= SLOWEST_PERIOD
    asked(one, put_audio(aws, "young.wav"), first=9)
    one.crew.step()
    assert due(one) <= 1


def test_a_job_that_begins_during_a_look_is_looked_at_soon(
    aws: LocalAWS, machine: Machine, one: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    running(aws, one, *(f"before-{number}.wav" for number in range(4)))
    other, listing = machine.process(predict_wait=0.0, predict_open=0.0), one.jobs.listing
    machine.clock.ahead += 1800
    put_audio(aws, "meanwhile.wav")

    def listing_meanwhile(*args: object, **more: object) -> object:
        monkeypatch.setattr(one.jobs, "listing", listing)
        asked(other, ["s3://calls/meanwhile.wav"], first=9)
        other.crew.step()
        return listing(*args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(one.jobs, "listing", listing_meanwhile)
    one.crew.step()
    assert due(one) <= 1


def test_nothing_that_runs_is_nothing_to_look_at(
    aws: LocalAWS, machine: Machine, one: Backend, end: Callable[..., str]
) -> None:
    running(aws, one, "only.wav")
    end("only.wav")
    machine.settle(one)
    before = looks(aws)
    for _ in range(10):
        machine.clock.ahead += 60
        assert one.crew.step() == 0
    assert looks(aws) == before
    assert WATCH not in queues(one).values()


def test_when_who_looks_has_died_another_does_within_fifteen_seconds(
    aws: LocalAWS, machine: Machine, one: Backend, end: Callable[..., str], studio: StudioDouble
) -> None:
    running(aws, one, *(f"heir-{number}.wav" for number in range(5)))
    heir = machine.process()
    machine.clock.ahead += 1
    assert one.work.take(WATCH, 0, 1), "it begins to look, and dies"
    end("heir-3.wav")
    machine.clock.ahead += LEASE + 0.1
    heir.crew.step()
    assert heir.slots.count() == 4
    machine.settle(heir, until=lambda: studio.counts() == {4: 1})


@pytest.mark.parametrize("crash", ["before the region is watched", "before the item awaits its job"])
def test_a_process_killed_right_after_a_start_leaves_a_job_that_is_followed(
    aws: LocalAWS,
    machine: Machine,
    one: Backend,
    end: Callable[..., str],
    studio: StudioDouble,
    crash: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Killed(BaseException):
        pass

    def killed(*_: object, **__: object) -> None:
        raise Killed

    heir = machine.process()
    key = f"killed-{len(crash)}.wav"
    asked(one, put_audio(aws, key))
    if crash == "before the region is watched":
        monkeypatch.setattr(one.watch, "begin", killed)
    else:
        monkeypatch.setattr(one.work, "move", killed)
    with pytest.raises(Killed):
        one.crew.step()
    assert job_of(aws, key).name in {job.name for job in one.slots.running("us-east-1")}
    end(key)
    machine.settle(heir, until=lambda: studio.counts() == {1: 1})


def never_started(aws: LocalAWS, one: Backend, monkeypatch: pytest.MonkeyPatch, key: str) -> str:
    """A job whose starter was killed between the slot and the start: nobody knows it."""

    class Killed(BaseException):
        pass

    def killed(*_: object) -> None:
        raise Killed

    asked(one, put_audio(aws, key))
    with monkeypatch.context() as patch:
        patch.setattr(one.jobs, "start", killed)
        with pytest.raises(Killed):
            one.crew.step()
    assert one.slots.count() == 1
    return job_of(aws, key).name


def test_a_job_whose_starter_was_killed_is_started_by_another(
    aws: LocalAWS,
    machine: Machine,
    one: Backend,
    end: Callable[..., str],
    studio: StudioDouble,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    heir, job = machine.process(), never_started(aws, one, monkeypatch, "slot.wav")
    machine.settle(heir, until=lambda: aws_knows(aws, job))
    end("slot.wav")
    machine.settle(heir, until=lambda: studio.counts() == {1: 1})
    assert heir.slots.count() == 0


def test_a_slot_whose_job_was_never_started_is_given_back(
    aws: LocalAWS, machine: Machine, one: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its task was deleted meanwhile."""
    heir, job = machine.process(), never_started(aws, one, monkeypatch, "deleted.wav")
    one.work.forget(queues(one))
    heir.crew.tidy()
    machine.settle(heir, until=lambda: heir.slots.count() == 0)
    assert not aws_knows(aws, job)


def aws_knows(aws: LocalAWS, job: str) -> bool:
    return bool(aws.transcribe.list_transcription_jobs(JobNameContains=job)["TranscriptionJobSummaries"])


def test_an_item_whose_job_ended_while_nobody_told_it_goes_on(
    aws: LocalAWS, machine: Machine, one: Backend, end: Callable[..., str], studio: StudioDouble
) -> None:
    """Killed between closing the slot and telling those who wait."""
    running(aws, one, "untold.wav")
    end("untold.wav")
    one.slots.close(job_of(aws, "untold.wav").name)
    machine.settle(one)
    assert studio.counts() == {1: 1}


def test_trouble_with_aws_ends_no_look_and_passes(
    aws: LocalAWS, machine: Machine, one: Backend, end: Callable[..., str], caplog: pytest.LogCaptureFixture
) -> None:
    running(aws, one, *(f"trouble-{number}.wav" for number in range(5)))
    aws.switch(expired_credentials=True)
    for _ in range(40):
        machine.clock.ahead += 3600 * 24
        one.crew.step()
        assert due(one) <= SLOWEST_PERIOD
    aws.switch(nasty=False)
    assert FAILED not in queues(one).values()
    assert len([record for record in caplog.records if "credentials" in record.getMessage()]) <= 2, "one line"
    end("trouble-1.wav")
    machine.clock.ahead += SLOWEST_PERIOD
    machine.settle(one, until=lambda: one.slots.count() == 4)
    assert {queue for queue in queues(one).values()} <= {AWAITING, WATCH, PUSH, TRANSCRIBE}


def test_one_transcript_that_is_none_costs_its_task_alone(
    aws: LocalAWS, machine: Machine, one: Backend, end: Callable[..., str], studio: StudioDouble
) -> None:
    running(aws, one, "spoilt.wav", "fine.wav")
    end("fine.wav")
    end("spoilt.wav", b"<xml/>")
    machine.settle(one, until=lambda: studio.counts() == {2: 1} and one.work.failures())
    (failure,) = one.work.failures()
    assert failure["task"] == 1
