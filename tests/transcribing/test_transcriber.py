"""From an audio value to its transcript, over the stand-in: each job at most once, however it is asked for and ends."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from harness import ROOT
from harness.aws import REGION, LocalAWS, local_aws
from harness.studio_double import StudioDouble
from harness.waiting import until
from tests.backends import (
    CALLS,
    OUTPUT,
    OWED,
    UNHURRIED,
    Machine,
    as_tasks,
    asked,
    calls,
    job_of,
    jobs_started,
    known,
    metric,
    project,
    put_audio,
    queues,
)
from transcribe_backend.aws.jobs import Job
from transcribe_backend.aws.media import Media
from transcribe_backend.backend import Backend
from transcribe_backend.errors import AWSError, TranscribeBackendError
from transcribe_backend.speech.recognition import Recognition
from transcribe_backend.transcribing.owed import AWAITING, PUSH, TRANSCRIBE, Owed
from transcribe_backend.work.ledger import JOBS

Ended = tuple[str, TranscribeBackendError | None]
LEARNT = Recognition(vocabulary="ls-p7-en-US-v3")
EVERYTHING = {"Effect": "Allow", "Action": "*", "Resource": "*"}


@pytest.fixture(scope="module")
def stand_in() -> Iterator[LocalAWS]:
    with local_aws("--latency", "0.4", "--fail-pattern", "broken*", *UNHURRIED) as running:
        yield running


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Machine]:
    """Another machine with a store of its own, and the same AWS."""
    made = Machine(tmp_path / "elsewhere", None)
    yield made
    made.close()


@contextmanager
def weather(aws: LocalAWS, **sides: Any) -> Iterator[None]:
    aws.switch(**sides)
    try:
        yield
    finally:
        aws.switch(nasty=False)


def transcribed(process: Backend, uris: Sequence[str], recognition: Recognition | None = None) -> dict[str, Ended]:
    """What a caller who waits is given, by URI."""
    wanted = [Owed(uri, recognition or Recognition()) for uri in uris]
    return {each.audio: (job, error) for each, job, error in process.batch.transcribe(wanted)}


def starts(aws: LocalAWS) -> int:
    return calls(aws, "StartTranscriptionJob")


# Each job once


def test_a_job_that_is_asked_for_is_started_by_its_own_name(aws: LocalAWS, lonely: Machine) -> None:
    """A training asks for jobs on audio that is named by its content, or by when it was renewed."""
    (uri,) = put_audio(aws, "by-content.wav")
    jobs = [Job(Media(uri, identity, "us-east-1"), Recognition()) for identity in ("sha256:ab", f"{uri}#etag|692")]
    assert [error for _, error in lonely.running().batch.ensure(jobs)] == [None, None]
    assert {job.name for job in jobs} <= set(jobs_started(aws))


def test_all_who_want_the_same_share_one_job(aws: LocalAWS, lonely: Machine) -> None:
    processes = [lonely.running() for _ in range(2)]
    uris = put_audio(aws, *(f"many-{number}.wav" for number in range(12)))
    before = starts(aws)
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda number: transcribed(processes[number % 2], uris), range(6)))
    jobs = {uri: (job_of(aws, uri[11:]).name, None) for uri in uris}
    assert found == [jobs] * 6
    assert starts(aws) - before == 12
    assert processes[0].slots.count() == 0


def test_what_one_caller_gives_up_another_still_gets(monkeypatch: pytest.MonkeyPatch, lonely: Machine) -> None:
    with local_aws("--latency", "2", *UNHURRIED) as running, ThreadPoolExecutor(1) as pool:
        aws = known(running, monkeypatch)
        uris, leaving, staying = put_audio(aws, "first.wav", "second.wav"), lonely.running(), lonely.running()
        transcribed(leaving, uris[:1])
        found = pool.submit(transcribed, staying, uris[1:])
        until(lambda: queues(staying), lambda stages: AWAITING in stages.values())
        both = leaving.batch.transcribe([Owed(uri, Recognition()) for uri in uris])
        assert next(both)[0].audio == uris[0]
        assert AWAITING in queues(staying).values()
        both.close()  # type: ignore[attr-defined]
        assert [error for _, error in found.result(timeout=60).values()] == [None]
        assert len(jobs_started(aws)) == 2
        assert staying.ledger.sums(0)[""][JOBS] == 2


def test_what_is_known_asks_nobody(aws: LocalAWS, lonely: Machine, elsewhere: Machine) -> None:
    uris = put_audio(aws, "known.wav")
    before_that = lonely.running()
    first = transcribed(before_that, uris)
    before_that.close()
    before = aws.calls()["transcribe"]
    again = lonely.running()
    assert transcribed(again, uris) == first
    assert transcribed(elsewhere.running(), uris) == first, "its transcript lies in S3"
    assert aws.calls()["transcribe"] == before


def test_a_job_that_somebody_else_has_started_is_adopted(
    monkeypatch: pytest.MonkeyPatch, lonely: Machine, elsewhere: Machine
) -> None:
    with local_aws("--latency", "600") as running:
        aws = known(running, monkeypatch)
        uris = put_audio(aws, "running.wav")
        one, two = lonely.process(), elsewhere.process()
        for process in (one, two):
            process.work.add([one_owed(uris[0])])
            process.crew.step()
        assert metric(two, "transcribe_jobs", state="adopted") == 1
        assert {AWAITING} <= set(queues(two).values())
        assert jobs_started(aws) == [job_of(aws, "running.wav").name]
        assert starts(aws) == 1, "a start that conflicts is none"


def test_a_job_whose_start_was_not_heard_of_is_booked_as_ours(
    aws: LocalAWS, lonely: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer is lost, and AWS does not know the job yet."""
    uris, one = put_audio(aws, "unheard.wav"), lonely.process()
    start, lost = one.jobs.start, []

    def unheard(job: Job) -> bool:
        lost.append(start(job))
        raise AWSError("No answer.", retryable=True)

    with monkeypatch.context() as patch:
        patch.setattr(one.jobs, "start", unheard)
        patch.setattr(one.jobs, "get", lambda *_: None)
        one.work.add([one_owed(uris[0])])
        one.crew.step()
    assert lost == [True]
    before = starts(aws)
    lonely.settle(one, until=lambda: one.slots.count() == 0)
    assert starts(aws) == before
    assert one.ledger.sums(0)[""][JOBS] == 1
    assert metric(one, "transcribe_jobs", state="adopted") == 0


def one_owed(uri: str, recognition: Recognition | None = None) -> Any:
    from transcribe_backend.work.items import BULK, New

    wanted = Owed(uri, recognition or Recognition())
    return New(wanted.key, TRANSCRIBE, wanted.body(), BULK)


def test_a_job_that_ended_in_the_service_s_bucket_is_adopted(
    aws: LocalAWS, lonely: Machine, elsewhere: Machine
) -> None:
    uris = put_audio(aws, "before.wav")
    transcribed(lonely.running(s3_bucket=""), uris)
    late = elsewhere.running()
    ((job, error),) = transcribed(late, uris).values()
    assert error is None
    assert late.store.get(job).text == "before."


def test_a_running_job_of_the_service_s_bucket_is_adopted(aws: LocalAWS, lonely: Machine) -> None:
    uris = put_audio(aws, "other-settings.wav")
    job = job_of(aws, "other-settings.wav")
    aws.started(job.name, job.media.uri)
    assert transcribed(lonely.running(), uris) == {uris[0]: (job.name, None)}


def test_a_job_of_a_bucket_that_we_no_longer_use_is_told_with_a_remedy(aws: LocalAWS, lonely: Machine) -> None:
    put_audio(aws, "moved.wav")
    job = job_of(aws, "moved.wav")
    aws.started(job.name, job.media.uri, OutputBucketName=OUTPUT, OutputKey="elsewhere/x.json")
    aws.ended(job.name)
    one = lonely.process(s3_bucket="")
    owed = one_owed(job.media.uri)
    one.work.add([owed])
    lonely.settle(one, until=one.work.failures)
    problem, remedy = one.work.failure(owed.key) or ("", "")
    assert "not where it should be" in problem and "S3_BUCKET" in remedy


@pytest.mark.parametrize("bucket", [OUTPUT, ""])
def test_a_redacted_transcript_is_found(aws: LocalAWS, lonely: Machine, bucket: str) -> None:
    uris = put_audio(aws, f"secret-{bucket}.wav")
    one = lonely.running(s3_bucket=bucket)
    ((job, error),) = transcribed(one, uris, Recognition(redact=True)).values()
    assert error is None
    assert one.store.get(job).words


def test_without_a_bucket_transcripts_come_from_the_service(aws: LocalAWS, lonely: Machine) -> None:
    one = lonely.running(s3_bucket="")
    found = transcribed(one, put_audio(aws, "plain.wav", "broken-plain.wav"))
    job, error = found["s3://calls/plain.wav"]
    assert error is None and one.store.get(job).text == "plain."
    assert "Unsupported media format" in str(found["s3://calls/broken-plain.wav"][1])


def test_a_failed_job_tells_why_and_is_not_started_again(aws: LocalAWS, lonely: Machine, elsewhere: Machine) -> None:
    one = lonely.running()
    uris = put_audio(aws, "broken.wav", "sound.wav")
    before = starts(aws)
    found = transcribed(one, uris)
    assert found[uris[1]][1] is None
    assert "Unsupported media format" in str(found[uris[0]][1])
    for process in (one, elsewhere.running()):
        assert "Unsupported media format" in str(transcribed(process, uris[:1])[uris[0]][1])
    assert starts(aws) == before + 2
    assert "transcribe_backend retry ls-" in one.work.failures()[0]["remedy"]


def test_a_job_that_vanished_is_made_again(aws: LocalAWS, lonely: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    one = lonely.process()
    uris = put_audio(aws, "vanishing.wav")
    owed, job = one_owed(uris[0]), job_of(aws, "vanishing.wav").name
    one.work.add([owed])
    one.crew.step()
    assert queues(one)[owed.key] == AWAITING
    aws.ended(job)
    aws.transcribe.delete_transcription_job(TranscriptionJobName=job)
    aws.s3.delete_object(Bucket=OUTPUT, Key=one.store.key(job))
    lonely.settle(one, until=lambda: one.store.has(job))
    assert jobs_started(aws).count(job) == 1 and one.work.failures() == []


@pytest.mark.parametrize("sides", [{}, {"read_lag": 3}, {"list_lag": 3, "list_filters_after_paging": True}])
def test_a_job_that_ends_between_the_look_into_s3_and_get_is_read(
    aws: LocalAWS, lonely: Machine, monkeypatch: pytest.MonkeyPatch, sides: dict[str, Any]
) -> None:
    """The order is forced: S3 has nothing; then the job ends; then AWS says COMPLETED."""
    name = f"between-{len(sides)}-{'-'.join(sides)}.wav".replace("_", "-")
    put_audio(aws, name)
    one, job = lonely.process(), job_of(aws, name)
    fetch, looks = one.store.fetch, []

    def look_and_end(name: str, region: str | None = None) -> bool:
        looks.append(name)
        found = fetch(name, region)
        if len(looks) == 1:
            aws.started(job.name, job.media.uri, OutputBucketName=OUTPUT, OutputKey=one.store.key(job.name))
            aws.ended(job.name)
            return False
        return found

    monkeypatch.setattr(one.store, "fetch", look_and_end)
    with weather(aws, **sides):
        one.work.add([one_owed(job.media.uri)])
        lonely.settle(one, until=lambda: one.store.has(job.name))
    assert one.work.failures() == []
    assert len(looks) > 1


# What passes, and what an operator mends


DENIED = {
    "what is asked of S3": [{"Effect": "Deny", "Action": "s3:*", "Resource": "*"}],
    "starts": [{"Effect": "Deny", "Action": "transcribe:StartTranscriptionJob", "Resource": "*"}],
    "looks at jobs": [
        {"Effect": "Deny", "Action": "transcribe:GetTranscriptionJob", "Resource": "*"},
        {"Effect": "Deny", "Action": "transcribe:ListTranscriptionJobs", "Resource": "*"},
        {"Effect": "Deny", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{OUTPUT}/*"},
    ],
    "transcripts": [{"Effect": "Deny", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{OUTPUT}/*"}],
}
TROUBLE: dict[str, dict[str, Any]] = {
    "expired credentials": {"expired_credentials": True},
    "a wrong clock": {"clock_skew": 4000},
    **{f"denied: {what}": {"iam_policy": {"Statement": [EVERYTHING, *deny]}} for what, deny in DENIED.items()},
}


@pytest.mark.parametrize("stage", ["before the first look", "while jobs run"])
@pytest.mark.parametrize("trouble", TROUBLE)
def test_what_an_operator_mends_loses_nothing(
    aws: LocalAWS, machine: Machine, studio: StudioDouble, trouble: str, stage: str
) -> None:
    """For six jobs, for as long as it takes; once mended they go on by themselves."""
    name = f"{trouble} {stage}".replace(":", "").replace(" ", "-")
    one = machine.process(predict_wait=0.0)
    uris = put_audio(aws, *(f"{name}-{number}.wav" for number in range(6)))
    asked(one, uris)
    if stage == "while jobs run":
        one.crew.step()
        assert AWAITING in queues(one).values()
    with weather(aws, **TROUBLE[trouble]):
        for _ in range(30):
            one.crew.step()
            machine.clock.ahead += 240
        assert one.work.failures() == []
        assert one.work.count(*OWED) == 6 or studio.counts()
    machine.clock.ahead += 301
    machine.settle(one)
    assert studio.counts() == {task: 1 for task in range(1, 7)}
    assert one.work.failures() == []
    assert len(jobs_started(aws)) == len(set(jobs_started(aws)))


def test_a_bucket_that_is_missing_for_a_while_loses_nothing(
    monkeypatch: pytest.MonkeyPatch, machine: Machine, studio: StudioDouble
) -> None:
    with local_aws("--latency", "0") as running:
        aws = known(running, monkeypatch)
        one = machine.process(predict_wait=0.0)
        asked(one, put_audio(aws, *(f"bucket-{number}.wav" for number in range(3))))
        aws.s3.delete_bucket(Bucket=OUTPUT)
        for _ in range(10):
            one.crew.step()
            machine.clock.ahead += 240
        assert one.work.failures() == [] and one.work.count(*OWED) == 3
        assert any(group.problem for group in one.work.waiting())
        aws.s3.create_bucket(Bucket=OUTPUT)
        machine.clock.ahead += 301
        machine.settle(one)
        assert studio.counts() == {1: 1, 2: 1, 3: 1}


def test_errors_of_aws_lose_nothing(monkeypatch: pytest.MonkeyPatch, lonely: Machine) -> None:
    with local_aws("--error-rate", "0.1", "--latency", "0.3") as running:
        aws = known(running, monkeypatch)
        uris = put_audio(aws, *(f"call-{number}.wav" for number in range(40)))
        found = transcribed(lonely.running(), uris)
        assert found == {uri: (job_of(aws, uri[11:]).name, None) for uri in uris}
        assert sorted(jobs_started(aws)) == sorted(job for job, _ in found.values())


def test_all_nasty_sides_of_aws_at_once_lose_nothing_and_start_nothing_twice(
    monkeypatch: pytest.MonkeyPatch, lonely: Machine
) -> None:
    with local_aws("--nasty", "--latency", "1") as running:
        aws = known(running, monkeypatch)
        uris = put_audio(aws, *(f"nasty-{number}.wav" for number in range(30)))
        found = transcribed(lonely.running(), uris)
        assert [error for _, error in found.values() if error] == []
        assert starts(aws) == 30


# Quotas


def test_lists_that_lag_or_filter_late_neither_fail_a_job_nor_start_a_second_one(
    monkeypatch: pytest.MonkeyPatch, lonely: Machine
) -> None:
    """A history of 250 other jobs fills the pages; what has just started is not listed for four seconds."""
    with local_aws("--latency", "3", "--list-lag", "4", "--list-filters-after-paging") as running:
        aws = known(running, monkeypatch)
        (other,) = put_audio(aws, "history.wav")
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda number: aws.started(f"other-{number}", other), range(250)))
        uris = put_audio(aws, *(f"lag-{number}.wav" for number in range(20)))
        before = starts(aws)
        one = lonely.running()
        found = transcribed(one, uris)
        assert [error for _, error in found.values() if error] == []
        assert starts(aws) - before == 20
        assert metric(one, "transcribe_jobs", state="failed") == 0


def test_a_long_history_is_not_walked(monkeypatch: pytest.MonkeyPatch, lonely: Machine) -> None:
    with local_aws("--latency", "0", "--list-filters-after-paging") as running:
        aws = known(running, monkeypatch)
        (other,) = put_audio(aws, "history.wav")
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda number: aws.started(f"ls-old-{number}", other), range(900)))
        one = lonely.process()
        before = calls(aws, "ListTranscriptionJobs")
        for uri in put_audio(aws, *(f"new-{number}.wav" for number in range(8))):
            one.work.add([one_owed(uri)])
        one.crew.step()
        lonely.clock.ahead += 1
        one.crew.step()  # one look
        assert calls(aws, "ListTranscriptionJobs") - before <= 2, "8 jobs fit on one page"


def test_processes_keep_the_account_s_start_rate_and_slots_together(
    monkeypatch: pytest.MonkeyPatch, lonely: Machine
) -> None:
    flags = ("--start-tps", "10", "--list-tps", "5", "--get-tps", "30", "--slots", "6", "--latency", "0.3")
    with local_aws(*flags) as running:
        aws = known(running, monkeypatch)
        uris = put_audio(aws, *(f"quota-{number}.wav" for number in range(60)))
        processes = [lonely.running(start_rate=10.0, max_jobs=6) for _ in range(3)]
        with ThreadPoolExecutor(3) as pool:
            parts = pool.map(transcribed, processes, (uris[0::3], uris[1::3], uris[2::3]))
            found = [error for part in parts for _, error in part.values()]
        assert found == [None] * 60
        report = aws.calls()
        assert report["throttled"].get("transcribe", {}) == {}
        assert starts(aws) == 60
        assert report["peak_per_second"]["transcribe"]["StartTranscriptionJob"] <= 10
        assert report["peak_per_second"]["transcribe"].get("ListTranscriptionJobs", 0) <= 5


def test_slots_that_others_have_taken_are_waited_for(monkeypatch: pytest.MonkeyPatch, lonely: Machine) -> None:
    with local_aws("--slots", "2", "--latency", "0.3") as running:
        uris = put_audio(known(running, monkeypatch), *(f"call-{number}.wav" for number in range(8)))
        assert [error for _, error in transcribed(lonely.running(), uris).values()] == [None] * 8


def test_starts_that_are_throttled_are_waited_out(monkeypatch: pytest.MonkeyPatch, lonely: Machine) -> None:
    with local_aws("--start-tps", "5", "--latency", "0.3") as running:
        uris = put_audio(known(running, monkeypatch), *(f"call-{number}.wav" for number in range(25)))
        assert [error for _, error in transcribed(lonely.running(), uris).values()] == [None] * 25


def test_a_queued_job_is_followed(monkeypatch: pytest.MonkeyPatch, lonely: Machine) -> None:
    with local_aws("--slots", "1", "--latency", "2") as running:
        aws = known(running, monkeypatch)
        put_audio(aws, "first.wav", "queued.wav")
        first, job = job_of(aws, "first.wav"), job_of(aws, "queued.wav")
        deferred = {"AllowDeferredExecution": True, "DataAccessRoleArn": "arn:aws:iam::123456789012:role/transcribe"}
        one = lonely.running()
        for each in (first, job):
            where = {"OutputBucketName": OUTPUT, "OutputKey": one.store.key(each.name)}
            aws.started(each.name, each.media.uri, JobExecutionSettings=deferred, **where)
        assert aws.job(job.name)["TranscriptionJobStatus"] == "QUEUED"
        assert transcribed(one, [job.media.uri]) == {job.media.uri: (job.name, None)}
        assert metric(one, "transcribe_jobs", state="adopted") == 1


def test_files_that_aws_never_starts_are_told_and_hold_up_no_others(
    monkeypatch: pytest.MonkeyPatch, machine: Machine, studio: StudioDouble
) -> None:
    """Files whose length only AWS knows: of a file that is too long it says what it says when it is busy."""
    with local_aws("--latency", "0") as running:
        aws = known(running, monkeypatch)
        endless = put_audio(aws, *(f"endless-{number}.wav" for number in range(3)), seconds=20_000)
        uris = put_audio(aws, *(f"between-{letter}.wav" for letter in "abcdef"))
        one = machine.process(predict_wait=0.0)
        asked(one, [*endless, *uris])
        begun = machine.clock.ahead
        machine.settle(one, until=lambda: len(studio.counts()) == 6, patience=90)
        assert machine.clock.ahead - begun < 120
        machine.settle(one, patience=90)
        assert machine.clock.ahead - begun < 600
        told = one.work.failures()
        assert len(told) == 3 and all("too long" in failure["problem"] for failure in told)


def test_a_file_that_aws_never_starts_is_told_on_a_busy_account_too(
    monkeypatch: pytest.MonkeyPatch, machine: Machine, studio: StudioDouble
) -> None:
    with local_aws("--latency", "600", "--list-filters-after-paging") as running:
        aws = known(running, monkeypatch)
        (other,) = put_audio(aws, "others.wav")
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda number: aws.started(f"other-{number}", other), range(120)))
        (endless,) = put_audio(aws, "endless.wav", seconds=20_000)
        one = machine.process(predict_wait=0.0)
        asked(one, [endless])
        begun = machine.clock.ahead
        machine.settle(one, patience=90)
        (told,) = one.work.failures()
        assert "although only 120 of 250 jobs run: the file is probably too long" in told["problem"]
        assert "TRANSCRIBE_MAX_JOBS" in told["remedy"]
        assert 60 < machine.clock.ahead - begun < 3600, "it is tried for a while, and not for days"


@contextmanager
def full_of_others(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalAWS]:
    """An account with three job slots, all of which somebody else's jobs hold."""
    with local_aws("--slots", "3", "--latency", "600") as running:
        aws = known(running, monkeypatch)
        (other,) = put_audio(aws, "others.wav")
        for number in range(3):
            aws.started(f"other-{number}", other)
        yield aws


def test_an_account_that_is_full_of_others_jobs_fails_nothing(
    monkeypatch: pytest.MonkeyPatch, machine: Machine, studio: StudioDouble
) -> None:
    with full_of_others(monkeypatch) as aws:
        one = machine.process(predict_wait=0.0, max_jobs=3)
        asked(one, put_audio(aws, "mine-a.wav", "mine-b.wav"))
        for _ in range(10):
            one.crew.step()
            machine.clock.ahead += 60
        assert one.work.failures() == [] and one.work.count(*OWED) == 2
        assert {group.problem for group in one.work.waiting() if group.queue == TRANSCRIBE} != {""}


def test_a_file_that_is_known_to_be_short_is_waited_for_though_the_quota_is_lower_than_the_setting(
    monkeypatch: pytest.MonkeyPatch, machine: Machine, studio: StudioDouble
) -> None:
    with full_of_others(monkeypatch) as aws:
        aws.s3.put_object(Bucket=CALLS, Key="short.wav", Body=(ROOT / "samples" / "cards_001.wav").read_bytes())
        one = machine.process(predict_wait=0.0)
        asked(one, [f"s3://{CALLS}/short.wav"])
        asked_for = "select attempts from transcribe_work where queue = 'transcribe'"
        machine.settle(one, until=lambda: one.engine.database.read(asked_for) >= [(8,)], patience=120)
        assert one.work.failures() == []


def test_audio_that_is_looked_at_with_a_wrong_clock_is_no_other_audio(
    monkeypatch: pytest.MonkeyPatch, machine: Machine, studio: StudioDouble
) -> None:
    with local_aws("--latency", "0.3") as running:
        aws = known(running, monkeypatch)
        uris = put_audio(aws, "skewed.wav")
        aws.s3.create_bucket(Bucket="abroad", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        aws.s3.put_object(Bucket="abroad", Key="far.wav", Body=b"far")
        one = machine.process(predict_wait=0.0, s3_bucket="")
        uris.append("s3://abroad/far.wav")
        with weather(aws, clock_skew=7200):
            for uri in uris:
                with pytest.raises(AWSError, match="this machine's time"):
                    one.transcriber.audio.look(uri, None)
        asked(one, uris)
        machine.settle(one)
        assert one.work.failures() == []
        assert job_of(aws, "skewed.wav").name in jobs_started(aws)
        assert studio.counts() == {1: 1, 2: 1}


def test_one_region_in_trouble_does_not_hold_up_another(monkeypatch: pytest.MonkeyPatch, lonely: Machine) -> None:
    with local_aws("--latency", "0.3") as running:
        aws = known(running, monkeypatch)
        aws.s3.create_bucket(Bucket="abroad", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        aws.s3.put_object(Bucket="abroad", Key="far.wav", Body=b"far")
        one = lonely.running(s3_bucket="")
        (far,) = transcribed(one, ["s3://abroad/far.wav"]).values()
        assert far[1] is None
        aws.s3.put_object(Bucket="abroad", Key="farther.wav", Body=b"farther")
        one.work.add([one_owed("s3://abroad/farther.wav")])
        one.engine.wake()
        until(lambda: one.slots.regions(), lambda regions: "eu-west-1" in regions)
        with weather(aws, hang_region=["eu-west-1"]):
            begun = time.monotonic()
            uris = put_audio(aws, *(f"here-{number}.wav" for number in range(6)))
            assert [error for _, error in transcribed(one, uris).values()] == [None] * 6
            assert time.monotonic() - begun < 20
            one.close()


def test_a_learnt_vocabulary_is_left_out_where_aws_does_not_have_it(aws: LocalAWS, lonely: Machine) -> None:
    aws.s3.create_bucket(Bucket="abroad", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    aws.s3.put_object(Bucket="abroad", Key="hello-world.wav", Body=b"RIFF")
    ((name, error),) = transcribed(lonely.running(s3_bucket=""), ["s3://abroad/hello-world.wav"], LEARNT).values()
    assert error is None
    job = aws.client("transcribe", region_name="eu-west-1").get_transcription_job(TranscriptionJobName=name)
    assert "VocabularyName" not in job["TranscriptionJob"].get("Settings", {})


def test_a_learnt_vocabulary_that_somebody_has_deleted_is_left_out(aws: LocalAWS, lonely: Machine) -> None:
    process, uris = lonely.process(), put_audio(aws, "vocabulary-deleted.wav")
    process.work.add([one_owed(uris[0], LEARNT)])
    process.crew.step()
    (job,) = process.slots.running(REGION)
    assert "VocabularyName" not in aws.job(job.name).get("Settings", {})


def test_a_vocabulary_of_the_labeling_config_is_waited_for(aws: LocalAWS, lonely: Machine) -> None:
    process, uris = lonely.process(), put_audio(aws, "vocabulary-missing.wav")
    process.work.add([one_owed(uris[0], Recognition(vocabulary="not-yet"))])
    process.crew.step()
    (group,) = process.work.waiting()
    assert (group.queue, "model_vocabulary" in group.remedy) == (TRANSCRIBE, True)


# Urgent


def test_urgent_work_that_waits_for_a_slot_holds_up_no_finished_transcript(
    monkeypatch: pytest.MonkeyPatch, machine: Machine
) -> None:
    with local_aws("--latency", "600") as running:
        aws = known(running, monkeypatch)
        one = machine.running(max_jobs=1, predict_open=0.1)
        uris = put_audio(aws, "busy.wav", "finished.wav", *(f"next-{number}.wav" for number in range(20)))
        for number, uri in enumerate([uris[0], *uris[2:]], 10):
            one.answers.answer(as_tasks([uri], first=number), project(one))
        until(one.slots.count, bool)
        document = {"results": {"transcripts": [{"transcript": ""}], "items": []}}
        key = one.store.key(job_of(aws, "finished.wav").name)
        aws.s3.put_object(Bucket=OUTPUT, Key=key, Body=json.dumps(document))
        begun = time.monotonic()
        assert transcribed(one, [uris[1]])[uris[1]][1] is None
        assert time.monotonic() - begun < 10


# Looks, and what is kept


def test_a_look_at_an_audio_counts_in_bulk_for_ten_minutes_and_for_an_opened_task_for_half_a_minute(
    aws: LocalAWS, machine: Machine
) -> None:
    one = machine.process(predict_wait=0.0, predict_open=0.0)
    uris = put_audio(aws, "looked-at.wav")
    numbers = iter(range(1, 1000))
    asked(one, uris, first=next(numbers))
    machine.settle(one)

    def looks(count: int, ahead: float) -> int:
        tasks = [{**task, "id": next(numbers)} for task in as_tasks(uris * count)]
        before = calls(aws, "HeadObject", "s3")
        machine.clock.ahead += ahead
        one.answers.answer(tasks, project(one))
        one.crew.step()
        return calls(aws, "HeadObject", "s3") - before

    bulk, opened = 5, 1
    assert [looks(bulk, 0), looks(bulk, 300), looks(opened, 0), looks(bulk, 0)] == [0, 0, 1, 0]
    assert [looks(opened, 20), looks(opened, 15)] == [0, 1]
    assert looks(bulk, 700) >= 1


def test_the_audio_of_a_data_uri_is_in_s3_and_not_in_the_store(
    aws: LocalAWS, machine: Machine, studio: StudioDouble, tmp_path: Path
) -> None:
    import base64
    import io
    import wave

    sound = io.BytesIO()
    with wave.open(sound, "wb") as target:
        target.setparams((1, 2, 16000, 0, "NONE", ""))
        target.writeframes(b"\1\0" * 400_000)
    value = "data:audio/wav;base64," + base64.b64encode(sound.getvalue()).decode()
    one = machine.process(predict_open=0.5)
    one.answers.answer(as_tasks([value]), project(one))
    ((body,),) = one.engine.database.read("select body from transcribe_work where key like '1.%'")
    assert len(body) < 2000
    machine.settle(one)
    assert studio.counts() == {1: 1}
    assert sum(file.stat().st_size for file in (tmp_path / "model").glob("work.db*")) < len(value)


def test_what_is_no_audio_at_all_is_told_and_not_kept_whole(aws: LocalAWS, machine: Machine) -> None:
    one = machine.process(predict_open=0.5)
    one.answers.answer(as_tasks(["data:audio/wav;base64," + "A" * 100_000]), project(one))
    machine.settle(one)
    (failure,) = one.work.failures()
    assert failure["problem"] and len(str(failure)) < 2000


# Ending


def test_a_process_ends_at_once_whatever_it_has_in_hand(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with local_aws("--latency", "600", "--slots", "3") as running:
        aws = known(running, monkeypatch)
        put_audio(aws, *(f"long-{number}.wav" for number in range(60)))
        program = f"""
import pathlib, time
from tests.backends import Machine, as_tasks, project
process = Machine(pathlib.Path({str(tmp_path)!r}), None).running(predict_wait=0.0)
process.answers.answer(as_tasks([f"s3://{CALLS}/long-{{n}}.wav" for n in range(60)]), project(process))
while process.slots.count() < 3:
    time.sleep(0.05)
print("started", flush=True)
process.close()
"""
        with subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE) as child:
            assert child.stdout and child.stdout.readline()
            asked_to_end = time.monotonic()
            assert child.wait(timeout=20) == 0
            assert time.monotonic() - asked_to_end < 6


def test_what_a_closed_process_had_begun_is_gone_on_with(aws: LocalAWS, machine: Machine, studio: StudioDouble) -> None:
    leaving, staying = machine.running(predict_wait=0.0), machine.process()
    uris = put_audio(aws, *(f"left-{number}.wav" for number in range(10)))
    leaving.answers.answer(as_tasks(uris), project(leaving))
    until(lambda: queues(leaving), lambda stages: AWAITING in stages.values() or PUSH in stages.values())
    leaving.close()
    machine.settle(staying)
    assert studio.counts() == {task: 1 for task in range(1, 11)}
    assert len(jobs_started(aws)) == len(set(jobs_started(aws)))
    assert threading.active_count() < 120
