"""Transcriptions and their watch against the stand-in: each job at most once, however it is asked for and ends."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tests.adapters.background import CALLS, OUTPUT, Machine, Process, ended, job_of, put_audio

from harness import ROOT
from harness.aws import LocalAWS, local_aws
from harness.waiting import until
from transcribe_backend.aws.jobs import Job
from transcribe_backend.errors import AWSError, JobFailed
from transcribe_backend.speech.recognition import Recognition

MakeProcess = Callable[..., Process]
FAST, SLOW = 0.4, 30


def _buckets(aws: LocalAWS) -> LocalAWS:
    for bucket in (CALLS, OUTPUT):
        aws.s3.create_bucket(Bucket=bucket)
    return aws


@pytest.fixture(scope="module")
def fast_aws() -> Iterator[LocalAWS]:
    with local_aws("--latency", str(FAST), "--fail-pattern", "broken*") as running:
        yield _buckets(running)


@pytest.fixture
def aws(fast_aws: LocalAWS, monkeypatch: pytest.MonkeyPatch) -> LocalAWS:
    return _known(fast_aws, monkeypatch)


def _known(aws: LocalAWS, monkeypatch: pytest.MonkeyPatch) -> LocalAWS:
    for name, value in aws.env.items():
        monkeypatch.setenv(name, value)
    return aws


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    made = Machine(tmp_path / "model", None)
    yield made
    made.close()


@pytest.fixture
def other_machine(tmp_path: Path) -> Iterator[Machine]:
    made = Machine(tmp_path / "other", None)
    yield made
    made.close()


def calls(aws: LocalAWS, operation: str) -> int:
    return int(aws.calls()["transcribe"].get(operation, 0))


def test_concurrent_requests_share_one_job_and_never_get_it(aws: LocalAWS, machine: Machine) -> None:
    put_audio(aws, *(f"many-{number}.wav" for number in range(12)))
    jobs = [job_of(aws, f"many-{number}.wav") for number in range(12)]
    one = machine.process()
    before = aws.calls()["transcribe"]
    with ThreadPoolExecutor(16) as pool:
        futures = list(pool.map(one.transcriptions.request, jobs * 5))
    assert [ended(future) for future in futures] == [job.name for job in jobs] * 5
    made = aws.calls()["transcribe"]
    assert made["StartTranscriptionJob"] - before.get("StartTranscriptionJob", 0) == 12
    assert made.get("GetTranscriptionJob", 0) == before.get("GetTranscriptionJob", 0)
    assert all(one.store.get(job.name).words for job in jobs)
    assert len(one.transcriptions) == 0
    assert len(one.transcriptions.watch) == 0


def test_what_is_known_asks_nobody(aws: LocalAWS, machine: Machine, other_machine: Machine) -> None:
    put_audio(aws, "known.wav")
    job = job_of(aws, "known.wav")
    ended(machine.process().transcriptions.request(job))
    before = aws.calls()["transcribe"]
    again = machine.process()
    assert again.transcriptions.request(job).done()
    assert aws.calls()["transcribe"] == before
    assert again.jobs_seen == {"cached": 1}
    elsewhere = other_machine.process()
    ended(elsewhere.transcriptions.request(job))
    started = calls(aws, "StartTranscriptionJob")
    assert (elsewhere.jobs_seen["started"], started) == (0, before["StartTranscriptionJob"])


def test_a_running_job_is_adopted(aws: LocalAWS, machine: Machine, other_machine: Machine) -> None:
    put_audio(aws, "running.wav")
    job = job_of(aws, "running.wav")
    one, two = machine.process(), other_machine.process()
    first = one.transcriptions.request(job)
    until(lambda: one.jobs_seen["started"], bool)
    before = calls(aws, "StartTranscriptionJob")
    second = two.transcriptions.request(job, urgent=True)
    assert ended(second) == ended(first) == job.name
    assert two.jobs_seen["adopted"] == 1
    assert calls(aws, "StartTranscriptionJob") == before


def _start(aws: LocalAWS, job: Job, **more: Any) -> None:
    aws.started(job.name, job.media.uri, **more)


def test_a_job_that_ended_in_the_service_bucket_is_adopted(
    aws: LocalAWS, machine: Machine, other_machine: Machine
) -> None:
    put_audio(aws, "before.wav")
    job = job_of(aws, "before.wav")
    ended(machine.process(s3_bucket="").transcriptions.request(job))
    late = other_machine.process()
    assert ended(late.transcriptions.request(job)) == job.name
    assert late.store.get(job.name).text == "before."


def test_a_running_job_of_the_service_bucket_is_adopted(aws: LocalAWS, machine: Machine) -> None:
    put_audio(aws, "other-settings.wav")
    job = job_of(aws, "other-settings.wav")
    _start(aws, job)
    one = machine.process()
    assert ended(one.transcriptions.request(job)) == job.name
    assert one.store.get(job.name).words


def test_a_job_of_a_bucket_we_no_longer_use_is_an_error_with_a_remedy(aws: LocalAWS, machine: Machine) -> None:
    put_audio(aws, "moved.wav")
    job = job_of(aws, "moved.wav")
    _start(aws, job, OutputBucketName=OUTPUT, OutputKey="elsewhere/x.json")
    aws.ended(job.name)
    with pytest.raises(AWSError, match="refuses us") as failure:
        ended(machine.process(s3_bucket="").transcriptions.request(job))
    assert "S3_BUCKET" in failure.value.remedy


@pytest.mark.parametrize("bucket", [OUTPUT, ""])
def test_a_redacted_transcript_is_found(aws: LocalAWS, tmp_path: Path, machine: Machine, bucket: str) -> None:
    put_audio(aws, f"secret-{bucket}.wav")
    job = job_of(aws, f"secret-{bucket}.wav", Recognition(redact=True))
    one = machine.process(s3_bucket=bucket)
    assert ended(one.transcriptions.request(job), 20) == job.name
    assert one.store.get(job.name).words


def test_a_failed_job_tells_why_and_is_not_started_again(
    aws: LocalAWS, machine: Machine, other_machine: Machine
) -> None:
    put_audio(aws, "broken.wav", "sound.wav")
    job, sound = job_of(aws, "broken.wav"), job_of(aws, "sound.wav")
    one = machine.process()
    futures = [one.transcriptions.request(each) for each in (job, sound)]
    with pytest.raises(JobFailed, match="Unsupported media format"):
        ended(futures[0])
    assert ended(futures[1])
    before = aws.calls()["transcribe"]
    with pytest.raises(JobFailed):
        ended(one.transcriptions.request(job))
    assert aws.calls()["transcribe"] == before
    with pytest.raises(JobFailed, match="Unsupported media format"):
        ended(other_machine.process().transcriptions.request(job))
    listed = aws.transcribe.list_transcription_jobs(JobNameContains=job.name)["TranscriptionJobSummaries"]
    assert [each["CreationTime"] for each in listed] == [aws.job(job.name)["CreationTime"]]


def test_without_a_bucket_transcripts_come_from_the_service(aws: LocalAWS, machine: Machine) -> None:
    put_audio(aws, "plain.wav", "broken-plain.wav")
    one = machine.process(s3_bucket="")
    job = job_of(aws, "plain.wav")
    failing = one.transcriptions.request(job_of(aws, "broken-plain.wav"))
    assert ended(one.transcriptions.request(job)) == job.name
    assert one.store.get(job.name).text == "plain."
    with pytest.raises(JobFailed, match="Unsupported media format"):
        ended(failing)


def test_a_vanished_job_may_pass(monkeypatch: pytest.MonkeyPatch, machine: Machine) -> None:
    with local_aws("--latency", "1") as running:
        aws = _known(_buckets(running), monkeypatch)
        put_audio(aws, "vanishing.wav")
        job = job_of(aws, "vanishing.wav")
        one = machine.process()
        future = one.transcriptions.request(job)
        aws_key = one.store.key(job.name)
        until(lambda: one.jobs_seen["started"], bool)
        monkeypatch.setattr(one.store, "fetch", lambda name, region=None: False)
        aws.ended(job.name)
        aws.transcribe.delete_transcription_job(TranscriptionJobName=job.name)
        aws.s3.delete_object(Bucket=OUTPUT, Key=aws_key)
        with pytest.raises(AWSError, match="gone from AWS") as failure:
            ended(future)
        assert failure.value.retryable
        monkeypatch.undo()
        _known(aws, monkeypatch)
        assert ended(one.transcriptions.request(job)) == job.name


def _all_transcribed(aws: LocalAWS, one: Process, count: int) -> None:
    put_audio(aws, *(f"call-{number}.wav" for number in range(count)))
    jobs = [job_of(aws, f"call-{number}.wav") for number in range(count)]
    futures = [one.transcriptions.request(job) for job in jobs]
    assert [ended(future, 120) for future in futures] == [job.name for job in jobs]
    assert calls(aws, "GetTranscriptionJob") == 0


def test_full_slots_are_waited_out(monkeypatch: pytest.MonkeyPatch, machine: Machine) -> None:
    with local_aws("--slots", "2", "--latency", "0.3") as running:
        _all_transcribed(_known(_buckets(running), monkeypatch), machine.process(), 8)


def test_throttled_starts_are_waited_out(monkeypatch: pytest.MonkeyPatch, machine: Machine) -> None:
    with local_aws("--start-tps", "5", "--latency", "0.3") as running:
        _all_transcribed(_known(_buckets(running), monkeypatch), machine.process(), 25)


def test_errors_of_aws_lose_nothing(monkeypatch: pytest.MonkeyPatch, machine: Machine) -> None:
    with local_aws("--error-rate", "0.1", "--latency", "0.3") as running:
        aws = _known(_buckets(running), monkeypatch)
        put_audio(aws, *(f"call-{number}.wav" for number in range(40)))
        jobs = [job_of(aws, f"call-{number}.wav") for number in range(40)]
        one = machine.process()
        futures = [one.transcriptions.request(job) for job in jobs]
        assert [ended(future, 120) for future in futures] == [job.name for job in jobs]
        listed = aws.transcribe.list_transcription_jobs(MaxResults=100)["TranscriptionJobSummaries"]
        assert sorted(each["TranscriptionJobName"] for each in listed) == sorted(job.name for job in jobs)


def test_a_queued_job_is_followed(monkeypatch: pytest.MonkeyPatch, machine: Machine) -> None:
    with local_aws("--slots", "1", "--latency", "2") as running:
        aws = _known(_buckets(running), monkeypatch)
        put_audio(aws, "first.wav", "queued.wav")
        first, job = job_of(aws, "first.wav"), job_of(aws, "queued.wav")
        deferred = {"AllowDeferredExecution": True, "DataAccessRoleArn": "arn:aws:iam::123456789012:role/transcribe"}
        where = {"OutputBucketName": OUTPUT, "JobExecutionSettings": deferred}
        one = machine.process()
        _start(aws, first, OutputKey=one.store.key(first.name), **where)
        _start(aws, job, OutputKey=one.store.key(job.name), **where)
        assert aws.job(job.name)["TranscriptionJobStatus"] == "QUEUED"
        future = one.transcriptions.request(job)
        assert ended(future) == job.name
        assert one.jobs_seen["adopted"] == 1


def test_one_region_in_trouble_does_not_hold_up_another(
    aws: LocalAWS, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_audio(aws, "here.wav", "there.wav")
    one = machine.process()
    listing = one.jobs.listing

    def broken(region: str, **more: Any) -> Any:
        if region != "us-east-1":
            raise AWSError("denied")
        return listing(region, **more)

    here, there = job_of(aws, "here.wav"), job_of(aws, "there.wav")
    far = Job(type(there.media)(there.media.uri, there.media.identity, "eu-west-1"), there.recognition)
    monkeypatch.setattr(one.jobs, "listing", broken)
    stuck = one.transcriptions.watch
    future: Any = one.transcriptions.request(here)
    stuck.follow(far, type(future)())
    assert ended(future) == here.name


def test_close_lets_the_process_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with local_aws("--latency", str(SLOW), "--slots", "3") as running:
        aws = _known(_buckets(running), monkeypatch)
        put_audio(aws, *(f"long-{number}.wav" for number in range(60)))
        program = f"""
import pathlib, time
from tests.adapters.background import Machine
process = Machine(pathlib.Path({str(tmp_path)!r}), None).process()
wanted = [process.transcriber.transcribe(f"s3://{CALLS}/long-{{n}}.wav", n, process.project().recognition)
          for n in range(60)]
while process.jobs_seen["started"] < 3:
    time.sleep(0.05)
print("started", flush=True)
process.close()
"""
        with subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE) as child:
            assert child.stdout and child.stdout.readline()
            asked_to_end = time.monotonic()
            assert child.wait(timeout=20) == 0
            assert time.monotonic() - asked_to_end < 6


def test_an_urgent_job_does_not_queue_behind_bulk(monkeypatch: pytest.MonkeyPatch, machine: Machine) -> None:
    with local_aws("--latency", "0.2") as running:
        aws = _known(_buckets(running), monkeypatch)
        put_audio(aws, "urgent.wav", *(f"bulk-{number}.wav" for number in range(60)))
        one = machine.process(start_rate=12.0)
        bulk = [one.transcriptions.request(job_of(aws, f"bulk-{number}.wav")) for number in range(60)]
        ended(one.transcriptions.request(job_of(aws, "urgent.wav"), urgent=True))
        assert not all(future.done() for future in bulk)
        assert threading.active_count() < 80


def test_urgent_jobs_that_wait_for_a_slot_hold_up_no_finished_transcript(
    monkeypatch: pytest.MonkeyPatch, machine: Machine
) -> None:
    with local_aws("--latency", str(SLOW)) as running:
        aws = _known(_buckets(running), monkeypatch)
        put_audio(aws, "busy.wav", "known.wav", *(f"next-{number}.wav" for number in range(8)))
        one = machine.process(max_jobs=1)
        one.transcriptions.request(job_of(aws, "busy.wav"))
        until(lambda: one.jobs_seen["started"], bool)
        for number in range(8):
            one.transcriptions.request(job_of(aws, f"next-{number}.wav"), urgent=True)
        known = job_of(aws, "known.wav")
        finished = {"results": {"transcripts": [{"transcript": ""}], "items": []}}
        aws.s3.put_object(Bucket=OUTPUT, Key=one.store.key(known.name), Body=json.dumps(finished))
        assert ended(one.transcriptions.request(known, urgent=True), 10) == known.name
