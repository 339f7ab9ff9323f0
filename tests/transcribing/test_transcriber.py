"""From an audio value to its transcript: one job for each audio, whoever asks, however AWS behaves."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.aws import LocalAWS, local_aws
from tests.backends import (
    CALLS,
    Machine,
    as_tasks,
    calls,
    job_of,
    jobs_started,
    known,
    project,
    put_audio,
    texts,
)
from transcribe_backend.backend import Backend
from transcribe_backend.speech.recognition import Recognition
from transcribe_backend.transcribing.owed import READY, Owed
from transcribe_backend.work.items import New


@pytest.fixture(scope="module")
def stand_in() -> Iterator[LocalAWS]:
    with local_aws("--recognizer", "scripted", "--fail-pattern", "broken*") as running:
        yield running


def transcribed(machine: Machine, process: Backend, *uris: str, recognition: Recognition | None = None) -> list[str]:
    """The problem of each audio, "" where its transcript is there."""
    wanted = [Owed(uri, recognition or Recognition()) for uri in uris]
    process.work.add(_new(process, each) for each in wanted)
    keys = [each.key for each in wanted]

    def ended() -> bool:
        states = process.work.states(keys)
        return all(key in states and states[key].queue in (READY, "failed") for key in keys)

    machine.settle(process, until=ended)
    return [(process.work.failure(key) or ("", ""))[0] for key in keys]


def _new(process: Backend, wanted: Owed) -> New:
    return New(wanted.key, "transcribe", wanted.body(), expires=process.work.now() + 3600)


def test_one_audio_of_many_tasks_is_one_job(aws: LocalAWS, lonely: Machine) -> None:
    (uri,) = put_audio(aws, "shared.wav")
    before = calls(aws, "StartTranscriptionJob")
    process, other = lonely.process(), lonely.process()
    for each in (process, other):
        each.answers.answer(as_tasks([uri, uri, uri]), project(each))
    lonely.settle(process, other, until=lambda: process.transcriber.known(uri, Recognition(), urgent=False))
    assert calls(aws, "StartTranscriptionJob") == before + 1


def test_what_is_known_asks_nobody(aws: LocalAWS, lonely: Machine) -> None:
    (uri,) = put_audio(aws, "known.wav")
    process = lonely.process()
    assert transcribed(lonely, process, uri) == [""]
    before = aws.calls()
    assert texts(process.answers.answer(as_tasks([uri]), project(process))) == ["known."]
    after = aws.calls()
    assert (after["transcribe"], after["s3"]) == (before["transcribe"], before["s3"])


@pytest.mark.parametrize("bucket", ["transcripts", ""])
def test_a_job_that_somebody_else_started_is_adopted(aws: LocalAWS, tmp_path: Path, bucket: str) -> None:
    (uri,) = put_audio(aws, f"adopted-{bucket or 'service'}.wav")
    machine = Machine(tmp_path / "model", None, s3_bucket=bucket)
    process = machine.process()
    process.jobs.start(job_of(aws, uri.rpartition("/")[2]))
    before = len(jobs_started(aws))
    assert transcribed(machine, process, uri) == [""]
    assert len(jobs_started(aws)) == before
    machine.close()


def test_a_redacted_transcript_is_found(aws: LocalAWS, lonely: Machine) -> None:
    (uri,) = put_audio(aws, "redacted.wav")
    assert transcribed(lonely, lonely.process(), uri, recognition=Recognition(redact=True)) == [""]


def test_a_failed_job_tells_why_and_costs_its_own_task_only(aws: LocalAWS, lonely: Machine) -> None:
    broken, whole = put_audio(aws, "broken-1.wav", "whole-1.wav")
    problem, fine = transcribed(lonely, lonely.process(), broken, whole)
    assert broken in problem
    assert fine == ""


def test_a_learnt_vocabulary_is_left_out_where_aws_does_not_have_it(aws: LocalAWS, lonely: Machine) -> None:
    aws.client("s3", region_name="eu-west-1").create_bucket(
        Bucket="far-away", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    aws.s3.put_object(Bucket="far-away", Key="far.wav", Body=b"far")
    machine_problem = transcribed(
        lonely,
        lonely.process(s3_bucket=""),
        "s3://far-away/far.wav",
        recognition=Recognition(vocabulary="ls-p7.1-en-US-v1"),
    )
    assert machine_problem == [""]


@pytest.mark.parametrize(
    "flags",
    [
        ("--slots", "3", "--latency", "1"),
        ("--start-tps", "3"),
        ("--error-rate", "0.1"),
        ("--nasty",),
    ],
)
def test_whatever_aws_does_nothing_is_lost_and_nothing_started_twice(
    flags: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with local_aws("--recognizer", "scripted", *flags) as running:
        known(running, monkeypatch)
        uris = put_audio(running, *(f"busy-{number}.wav" for number in range(12)))
        machine = Machine(tmp_path / "model", None)
        process = machine.running()
        wanted = [Owed(uri, Recognition()) for uri in uris]
        ended = {each.audio: error for each, _, error in process.batch.transcribe(wanted)}
        assert ended == dict.fromkeys(uris)
        assert len(jobs_started(running)) == len(uris)
        machine.close()


def test_a_look_counts_for_half_a_minute_for_an_opened_task_and_for_ten_in_bulk(aws: LocalAWS, lonely: Machine) -> None:
    (uri,) = put_audio(aws, "looked.wav")
    process = lonely.process()
    transcribed(lonely, process, uri)
    lonely.clock.ahead += 40
    assert not process.transcriber.known(uri, Recognition(), urgent=True)
    assert process.transcriber.known(uri, Recognition(), urgent=False)
    lonely.clock.ahead += 600
    assert not process.transcriber.known(uri, Recognition(), urgent=False)
    assert aws.s3.head_object(Bucket=CALLS, Key="looked.wav")
