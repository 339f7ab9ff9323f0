"""The stand-in's bad days: latency, slots, throttling, errors."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from harness.aws import LocalAWS, local_aws
from harness.waiting import until
from local_aws.calls import Calls
from local_aws.documents import Documents
from local_aws.errors import InternalFailure
from local_aws.faults import Faults, TokenBucket
from local_aws.weather import Weather

URI = "s3://audio/a_b.wav"
DEFERRED = {"AllowDeferredExecution": True, "DataAccessRoleArn": "arn:aws:iam::123456789012:role/transcribe"}


@pytest.fixture(scope="module")
def slow() -> Iterator[LocalAWS]:
    """Two slots, jobs of a second, two lists a second."""
    with local_aws("--latency", "1", "--slots", "2", "--list-tps", "2") as running:
        running.s3.create_bucket(Bucket="audio")
        running.s3.put_object(Bucket="audio", Key="a_b.wav", Body=b"x")
        yield running


def once(aws: LocalAWS) -> Any:
    """A client that tries no second time."""
    return aws.client("transcribe", config=Config(retries={"total_max_attempts": 1}))


def test_beyond_the_slots_jobs_are_refused_or_queued(slow: LocalAWS) -> None:
    for name in ("one", "two"):
        assert slow.started(name, URI)["TranscriptionJobStatus"] == "IN_PROGRESS"
    request = {"LanguageCode": "en-US", "Media": {"MediaFileUri": URI}}
    with pytest.raises(ClientError) as caught:
        once(slow).start_transcription_job(TranscriptionJobName="three", **request)
    assert caught.value.response["Error"]["Code"] == "LimitExceededException"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 429
    assert slow.started("four", URI, JobExecutionSettings=DEFERRED)["TranscriptionJobStatus"] == "QUEUED"
    ended = {name: slow.ended(name) for name in ("one", "two", "four")}
    assert {job["TranscriptionJobStatus"] for job in ended.values()} == {"COMPLETED"}
    assert all((job["CompletionTime"] - job["StartTime"]).total_seconds() >= 1 for job in ended.values())
    assert ended["four"]["StartTime"] >= ended["one"]["CompletionTime"]


def test_a_vocabulary_that_is_being_made_cannot_be_updated(slow: LocalAWS) -> None:
    request = {"VocabularyName": "v", "LanguageCode": "en-US", "Phrases": ["a"]}
    slow.transcribe.create_vocabulary(**request)
    with pytest.raises(slow.transcribe.exceptions.ConflictException):
        slow.transcribe.update_vocabulary(**request)


def test_requests_over_the_rate_are_throttled(slow: LocalAWS) -> None:
    client = once(slow)

    def throttled() -> ClientError | None:
        try:
            client.list_transcription_jobs()
        except ClientError as error:
            return error
        return None

    error = until(throttled, lambda answer: answer is not None)
    assert error is not None and error.response["Error"]["Code"] == "LimitExceededException"
    calls = slow.calls()
    assert calls["throttled"]["transcribe"]["ListTranscriptionJobs"] >= 1
    assert calls["peak_per_second"]["transcribe"]["ListTranscriptionJobs"] >= 3
    slow.transcribe.get_vocabulary(VocabularyName="v")  # other operations have their own rate


def test_errors_strike_transcribe_alone() -> None:
    with local_aws("--error-rate", "1") as aws:
        with pytest.raises(ClientError) as caught:
            once(aws).list_transcription_jobs()
        assert caught.value.response["Error"]["Code"] == "InternalFailureException"
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500
        assert aws.s3.list_buckets()["Buckets"] == []
        assert aws.calls()["errors"] == {"transcribe": {"ListTranscriptionJobs": 1}}
        assert aws.calls()["transcribe"] == {}


def test_error_rate_is_a_share() -> None:
    faults = Faults(Weather(error_rate=0.2), lambda: 0.0)

    def struck() -> bool:
        try:
            faults.strike("GetTranscriptionJob")
        except InternalFailure:
            return True
        return False

    assert 150 < sum(struck() for _ in range(1000)) < 250


def test_token_bucket_refills_with_time() -> None:
    now = [0.0]
    bucket = TokenBucket(2, lambda: now[0])
    assert [bucket.take() for _ in range(3)] == [True, True, False]
    now[0] = 0.5
    assert [bucket.take() for _ in range(2)] == [True, False]


def test_peak_is_that_of_any_second() -> None:
    now = [0.0]
    calls = Calls(lambda: now[0])
    for moment in (0.0, 0.6, 1.1, 1.2, 5.0):
        now[0] = moment
        calls.arrived("transcribe", "ListTranscriptionJobs")
    assert calls.report()["peak_per_second"] == {"transcribe": {"ListTranscriptionJobs": 3}}


def test_service_uris_expire_after_15_minutes() -> None:
    now = [1_000_000.0]
    documents = Documents("us-east-1", lambda: now[0])
    documents.write("a/b.json", b"{}")
    query = documents.uri("a/b.json", "http://here").partition("?")[2]
    now[0] += 900
    assert documents.read("a/b.json", query) == b"{}"
    now[0] += 1
    with pytest.raises(PermissionError, match="Request has expired"):
        documents.read("a/b.json", query)
    assert documents.read("a/b.json", documents.uri("a/b.json", "").partition("?")[2]) == b"{}"
