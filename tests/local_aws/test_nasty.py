"""The nasty sides of AWS: each can be switched while the stand-in runs, does what its flag says, and is counted."""

import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import pytest
import requests
from botocore.config import Config
from botocore.exceptions import ClientError, ReadTimeoutError

from harness import ROOT
from harness.aws import LocalAWS, local_aws
from harness.waiting import until
from local_aws.errors import ExpiredToken, Skewed
from local_aws.faults import Faults
from local_aws.weather import CALM, NASTY, Weather

URI = "s3://audio/a_b.wav"
FOR_EVER = 1e6
PHRASES = {"LanguageCode": "en-US", "Phrases": ["fine", "room7"]}


@pytest.fixture(scope="module")
def running() -> Iterator[LocalAWS]:
    with local_aws() as started:
        started.s3.create_bucket(Bucket="audio")
        started.s3.create_bucket(Bucket="output")
        started.s3.put_object(Bucket="audio", Key="a_b.wav", Body=b"x")
        yield started


@pytest.fixture
def aws(running: LocalAWS) -> Iterator[LocalAWS]:
    """In calm weather, before and after."""
    yield running
    running.switch(nasty=False)


def once(aws: LocalAWS, service: str = "transcribe", **options: Any) -> Any:
    """A client that tries no second time."""
    return aws.client(service, config=Config(retries={"total_max_attempts": 1}, **options))


def refusal(call: Any, **request: Any) -> tuple[str, int, str]:
    """Code, HTTP status and message of a refused request."""
    with pytest.raises(ClientError) as caught:
        call(**request)
    error = caught.value.response
    return error["Error"]["Code"], error["ResponseMetadata"]["HTTPStatusCode"], error["Error"]["Message"]


def listed(aws: LocalAWS, part: str, **filters: Any) -> list[str]:
    """Names of all jobs, over all pages."""
    found: list[str] = []
    request = {"JobNameContains": part, **filters}
    while True:
        page = aws.transcribe.list_transcription_jobs(**request)
        found += [job["TranscriptionJobName"] for job in page["TranscriptionJobSummaries"]]
        if "NextToken" not in page:
            return found
        request["NextToken"] = page["NextToken"]


def test_a_list_that_filters_after_paging_has_empty_pages(aws: LocalAWS) -> None:
    names = [f"rare-{number}" for number in range(3)]
    for name in [*names, *(f"common-{number}" for number in range(12))]:
        aws.started(name, URI)
        aws.ended(name)
    aws.switch(list_filters_after_paging=True)
    first = aws.transcribe.list_transcription_jobs(JobNameContains="rare-")
    assert first["TranscriptionJobSummaries"] == [] and first["NextToken"]
    assert listed(aws, "rare-") == names[::-1]
    assert listed(aws, "rare-", Status="FAILED") == []
    assert aws.fired("list_filters_after_paging") >= 3


def test_a_started_job_is_not_in_the_list_at_once(aws: LocalAWS) -> None:
    aws.switch(list_lag=FOR_EVER)
    aws.started("new", URI)
    aws.ended("new")
    assert listed(aws, "new") == []
    assert aws.fired("list_lag") >= 1
    aws.switch(list_lag=0.3)
    assert until(lambda: listed(aws, "new", Status="COMPLETED"), bool) == ["new"]


def test_a_list_shows_the_state_of_a_while_ago() -> None:
    with local_aws("--list-lag", "1", "--latency", "1.5") as aws:
        aws.s3.create_bucket(Bucket="audio")
        aws.s3.put_object(Bucket="audio", Key="a_b.wav", Body=b"x")
        aws.started("lags", URI)
        ended = aws.ended("lags")["CompletionTime"].timestamp()
        seen = until(lambda: listed(aws, "lags", Status="COMPLETED"), bool)
        assert seen == ["lags"] and time.time() >= ended + 1
        (summary,) = aws.transcribe.list_transcription_jobs()["TranscriptionJobSummaries"]
        assert summary["CompletionTime"].timestamp() == ended


def test_completed_may_be_seen_before_the_transcript_is_readable(aws: LocalAWS) -> None:
    aws.switch(read_lag=FOR_EVER)
    aws.started("unread", URI, OutputBucketName="output")
    assert aws.ended("unread")["TranscriptionJobStatus"] == "COMPLETED"
    code, status, _ = refusal(aws.s3.get_object, Bucket="output", Key="unread.json")
    assert (code, status) == ("NoSuchKey", 404)
    aws.started("unread-service", URI)
    uri = aws.ended("unread-service")["Transcript"]["TranscriptFileUri"]
    assert requests.get(uri, timeout=10).status_code == 403
    assert aws.fired("read_lag") == 2


def test_a_transcript_is_readable_after_its_lag(aws: LocalAWS) -> None:
    aws.switch(read_lag=0.5, list_lag=0.2)
    aws.started("read", URI, OutputBucketName="output")
    ended = aws.ended("read")["CompletionTime"].timestamp()
    until(lambda: aws.s3.list_objects_v2(Bucket="output", Prefix="read.json")["KeyCount"], bool)
    assert time.time() >= ended + 0.7
    assert aws.s3.get_object(Bucket="output", Key="read.json")["Body"].read()


def test_a_deleted_job_is_still_there_for_a_while(aws: LocalAWS) -> None:
    aws.started("gone", URI)
    aws.ended("gone")
    aws.switch(delete_lag=1)
    deleted = time.time()
    for _ in range(2):
        aws.transcribe.delete_transcription_job(TranscriptionJobName="gone")
    missing = until(lambda: _missing(aws, "gone"), bool)
    assert missing and time.time() >= deleted + 1
    assert aws.fired("delete_lag") >= 1
    assert aws.started("gone", URI)["TranscriptionJobStatus"] == "IN_PROGRESS"


def test_the_name_of_a_deleted_job_is_taken_for_a_while(aws: LocalAWS) -> None:
    aws.started("kept", URI)
    aws.ended("kept")
    aws.switch(delete_lag=FOR_EVER)
    aws.transcribe.delete_transcription_job(TranscriptionJobName="kept")
    assert aws.job("kept")["TranscriptionJobStatus"] == "COMPLETED"
    assert listed(aws, "kept") == ["kept"]
    with pytest.raises(aws.transcribe.exceptions.ConflictException):
        aws.started("kept", URI)


def _missing(aws: LocalAWS, name: str) -> bool:
    try:
        aws.job(name)
    except aws.transcribe.exceptions.NotFoundException:
        return True
    return False


@pytest.mark.parametrize(
    ("where", "key", "written"),
    [
        ("beside", "a/b/c.json", "a/b/"),
        ("above", "a/b/c.json", "a/"),
        ("above", "a/c.json", ""),
        ("above", "c.json", ""),
    ],
)
def test_the_access_check_file_lies_beside_or_above_the_output(
    aws: LocalAWS, where: str, key: str, written: str
) -> None:
    aws.s3.create_bucket(Bucket="checked")
    aws.switch(access_check_file=where)
    name = f"check-{where}-{key.count('/')}"
    aws.started(name, URI, OutputBucketName="checked", OutputKey=key)
    aws.ended(name)
    keys = [found["Key"] for found in aws.s3.list_objects_v2(Bucket="checked")["Contents"]]
    assert sorted(keys) == sorted([f"{written}.write_access_check_file.temp", key])
    for found in keys:
        aws.s3.delete_object(Bucket="checked", Key=found)
    aws.s3.delete_bucket(Bucket="checked")


@pytest.mark.parametrize(
    ("kind", "codes"),
    [
        ("LimitExceeded", {("LimitExceededException", 429)}),
        ("Throttling", {("ThrottlingException", 400)}),
        ("both", {("LimitExceededException", 429), ("ThrottlingException", 400)}),
    ],
)
def test_throttling_has_two_names(aws: LocalAWS, kind: str, codes: set[tuple[str, int]]) -> None:
    aws.switch(list_tps=0.001, throttle_as=kind)
    client, before = once(aws), aws.calls()
    client.list_transcription_jobs()
    assert {refusal(client.list_transcription_jobs)[:2] for _ in range(4)} == codes
    after = aws.calls()
    assert after["faults"]["list_tps"] - before["faults"]["list_tps"] == 4
    throttled = [calls["throttled"].get("transcribe", {}).get("ListTranscriptionJobs", 0) for calls in (before, after)]
    assert throttled[1] - throttled[0] == 4


def test_expired_credentials_are_told_by_each_service_in_its_words(aws: LocalAWS) -> None:
    aws.switch(expired_credentials=True)
    assert refusal(once(aws).list_transcription_jobs)[:2] == ("ExpiredTokenException", 400)
    assert refusal(once(aws, "s3").list_buckets)[:2] == ("ExpiredToken", 400)
    assert refusal(once(aws, "sts").get_caller_identity)[0] == "ExpiredTokenException"
    url = aws.s3.generate_presigned_url("get_object", Params={"Bucket": "audio", "Key": "a_b.wav"})
    assert "ExpiredToken" in requests.get(url, timeout=10).text
    assert aws.fired("expired_credentials") == 4
    aws.switch(expired_credentials=False)
    assert aws.s3.get_object(Bucket="audio", Key="a_b.wav")["Body"].read() == b"x"


def test_credentials_expire_for_a_while() -> None:
    now = [1000.0]
    faults = Faults(Weather(expired_credentials=(10.0, 20.0)), lambda: now[0])

    def expired(seconds: float) -> bool:
        now[0] = 1000 + seconds
        try:
            faults.check_signature("s3", "")
        except ExpiredToken:
            return True
        return False

    assert [expired(seconds) for seconds in (0, 9.9, 10, 19.9, 20)] == [False, False, True, True, False]
    faults.change({"list_lag": 1})  # another side does not begin the time anew
    assert expired(15)
    faults.change({"expired_credentials": "0:5"})
    assert [expired(15 + seconds) for seconds in (0, 4, 5)] == [True, True, False]


def test_a_region_hangs_until_it_does_not(aws: LocalAWS) -> None:
    aws.switch(hang_region=["us-west-2"])
    for service, ask in (("transcribe", "list_transcription_jobs"), ("s3", "list_buckets")):
        options = {"region_name": "us-west-2", "config": Config(read_timeout=0.3, retries={"total_max_attempts": 1})}
        with pytest.raises(ReadTimeoutError):
            getattr(aws.client(service, **options), ask)()
    aws.transcribe.list_transcription_jobs()
    assert aws.fired("hang_region") == 2
    aws.switch(hang_region=[])
    aws.client("transcribe", region_name="us-west-2").list_transcription_jobs()


@pytest.mark.parametrize(("skew", "s3_refuses", "said"), [(600, False, "expired"), (-1200, True, "not yet current")])
def test_a_clock_that_is_wrong_is_told(aws: LocalAWS, skew: float, s3_refuses: bool, said: str) -> None:
    aws.switch(clock_skew=skew)
    code, _, message = refusal(once(aws).list_transcription_jobs)
    assert code == "InvalidSignatureException" and message.startswith(f"Signature {said}: 2")
    if s3_refuses:
        assert refusal(once(aws, "s3").list_buckets)[:2] == ("RequestTimeTooSkewed", 403)
    else:
        aws.s3.list_buckets()
    assert aws.fired("clock_skew") >= 1


def test_the_skew_is_told_as_aws_tells_it() -> None:
    faults = Faults(Weather(clock_skew=3600), lambda: 0.0)
    with pytest.raises(Skewed) as caught:
        faults.check_signature("transcribe", "19700101T000000Z")
    assert str(caught.value) == (
        "Signature expired: 19700101T000000Z is now earlier than 19700101T005500Z (19700101T010000Z - 5 min.)"
    )


@pytest.mark.parametrize("kind", ["terse", "refused"])
def test_a_bad_vocabulary_may_be_told_without_its_row(aws: LocalAWS, kind: str) -> None:
    said = "contains invalid characters or incorrectly formatted terms"
    aws.switch(vocabulary_reasons=kind)
    if kind == "refused":
        code, _, message = refusal(aws.transcribe.create_vocabulary, VocabularyName=kind, **PHRASES)
        assert code == "BadRequestException" and said in message
        aws.transcribe.create_vocabulary(VocabularyName=kind, LanguageCode="en-US", Phrases=["fine"])
    else:
        aws.transcribe.create_vocabulary(VocabularyName=kind, **PHRASES)
        failed = until(
            lambda: aws.transcribe.get_vocabulary(VocabularyName=kind), lambda v: v["VocabularyState"] != "PENDING"
        )
        assert said in failed["FailureReason"] and "room7" not in failed["FailureReason"]
    assert aws.fired("vocabulary_reasons") >= 1


def test_every_answer_may_be_late(aws: LocalAWS) -> None:
    aws.switch(answer_latency=0.3)
    begun = time.monotonic()
    aws.transcribe.list_transcription_jobs()
    aws.s3.list_buckets()
    assert time.monotonic() - begun >= 0.6
    assert aws.fired("answer_latency") == 2


# -- too long a file


def flac(rate: int, samples: int) -> bytes:
    """The beginning of a FLAC file of so many samples."""
    return b"fLaC\x80\x00\x00\x22" + bytes(10) + struct.pack(">Q", rate << 44 | 15 << 36 | samples) + bytes(16)


def wav(rate: int, size: int, claimed: int | None = None) -> bytes:
    """A WAV file of `rate` bytes a second and so many bytes of sound, whose header may say something else."""
    form = struct.pack("<HHIIHH", 1, 1, rate, rate, 1, 8)
    said = size if claimed is None else claimed
    return b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0" + form + b"data" + struct.pack("<I", said) + bytes(size)


@pytest.mark.parametrize(
    ("name", "content", "metadata", "starts"),
    [
        ("flac", flac(16000, 16000 * 14401), {}, False),
        ("flac-in-time", flac(16000, 16000 * 14400), {}, True),
        ("wav", wav(1, 14401), {}, False),
        ("wav-streamed", wav(8000, 100, 0xFFFFFFFF), {}, True),
        ("told", b"any", {"duration-seconds": "14401"}, False),
        ("told-in-time", b"any", {"duration-seconds": "14400"}, True),
        ("cut", flac(16000, 16000 * 14401)[:20], {}, True),
        ("no-rate", flac(0, 1), {}, True),
        ("no-data", wav(8000, 0)[:40], {}, True),
    ],
)
def test_audio_of_more_than_four_hours_is_a_limit_exceeded(
    aws: LocalAWS, name: str, content: bytes, metadata: dict[str, str], starts: bool
) -> None:
    aws.s3.put_object(Bucket="audio", Key=f"long/{name}", Body=content, Metadata=metadata)
    request = {
        "TranscriptionJobName": f"long-{name}",
        "LanguageCode": "en-US",
        "Media": {"MediaFileUri": f"s3://audio/long/{name}"},
    }
    if starts:
        once(aws).start_transcription_job(**request)
    else:
        code, status, message = refusal(once(aws).start_transcription_job, **request)
        assert (code, status) == ("LimitExceededException", 429) and "your input file is too long" in message


# -- flags and switches


def test_every_side_has_a_flag_with_a_help_and_is_counted(aws: LocalAWS) -> None:
    command = [sys.executable, "-m", "local_aws", "--help"]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True).stdout
    for side in fields(Weather):
        assert f"--{side.name.replace('_', '-')}" in told
        assert side.metadata["help"].split()[0] in told
    assert aws.calls()["faults"].keys() == {side.name for side in fields(Weather)}


@pytest.mark.parametrize(
    ("sides", "told"),
    [
        ({"lists_lag": 2}, "lists_lag is no nasty side of local_aws; it has start_tps"),
        ({"list_lag": -1}, "list_lag: -1 is no number of 0 or more"),
        ({"list_lag": "soon"}, "list_lag: could not convert"),
        ({"list_lag": True}, "list_lag: True is no number"),
        ({"error_rate": 2}, "error_rate: 2 is more than 1"),
        ({"throttle_as": "Slow"}, "throttle_as: 'Slow' is none of LimitExceeded, Throttling, both"),
        ({"list_filters_after_paging": 1}, "list_filters_after_paging: 1 is neither true nor false"),
        ({"hang_region": "us-west-2"}, "hang_region: 'us-west-2' is no list of names"),
        ({"expired_credentials": "ten"}, "expired_credentials: 'ten' is not FROM:TO"),
        ({"clock_skew": None}, "clock_skew: "),
    ],
)
def test_a_value_that_is_none_changes_nothing(aws: LocalAWS, sides: dict[str, Any], told: str) -> None:
    answer = requests.post(f"{aws.url}/_local_aws/faults", json={"answer_latency": 5, **sides}, timeout=10)
    assert answer.status_code == 400 and told in answer.json()["error"]
    before = aws.fired("answer_latency")
    aws.transcribe.list_transcription_jobs()
    assert aws.fired("answer_latency") == before


def test_a_flag_of_no_value_ends_the_program_with_a_sentence() -> None:
    command = [sys.executable, "-m", "local_aws", "--recognizer", "scripted", "--port", "0", "--list-lag", "soon"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 1
    assert run.stderr == "local_aws: list_lag: could not convert string to float: 'soon'.\n"


def test_nasty_is_survived_by_a_patient_client() -> None:
    """With boto3's own retries, names that are looked for in all pages, and reading again what is not there yet."""
    with local_aws("--nasty", "--list-lag", "0.5", "--read-lag", "0.5", "--delete-lag", "0.5") as aws:
        aws.s3.create_bucket(Bucket="audio")
        aws.s3.put_object(Bucket="audio", Key="a_b.wav", Body=b"x")
        names = [f"patient-{number}" for number in range(20)]
        for name in names:
            aws.started(name, URI, OutputBucketName="audio", OutputKey=f"a/b/{name}.json")
        assert until(lambda: sorted(listed(aws, "patient", Status="COMPLETED")), lambda found: len(found) == 20)
        keys = until(
            lambda: aws.s3.list_objects_v2(Bucket="audio", Prefix="a/b/")["KeyCount"], lambda count: count == 20
        )
        assert keys == 20
        fired = {side for side, count in aws.calls()["faults"].items() if count}
        assert {"answer_latency", "list_lag", "access_check_file"} <= fired


def test_nasty_has_what_is_harmless_and_nothing_that_stops_the_work() -> None:
    different = {side.name for side in fields(Weather) if getattr(NASTY, side.name) != getattr(CALM, side.name)}
    assert different == {side.name for side in fields(Weather)} - {
        "expired_credentials",
        "clock_skew",
        "hang_region",
        "iam_policy",
    }
