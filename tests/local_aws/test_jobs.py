"""The stand-in's transcription jobs, asked through boto3 as AWS would be."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from botocore.exceptions import ClientError

from harness.aws import LocalAWS, local_aws
from harness.waiting import until

URI = "s3://audio/calls/queen_of_clubs.wav"


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAWS]:
    with local_aws("--fail-pattern", "*/broken*") as running:
        running.s3.create_bucket(Bucket="audio")
        running.s3.create_bucket(Bucket="output")
        for key in ("calls/queen_of_clubs.wav", "calls/broken.wav", "calls/0042.wav"):
            running.s3.put_object(Bucket="audio", Key=key, Body=b"not really audio")
        running.s3.put_object(Bucket="audio", Key="calls/empty.wav", Body=b"")
        elsewhere = running.client("s3", region_name="eu-west-1")
        elsewhere.create_bucket(Bucket="far", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        elsewhere.put_object(Bucket="far", Key="a.wav", Body=b"x")
        yield running


def results(aws: LocalAWS, name: str, uri: str = URI, **request: Any) -> dict[str, Any]:
    """The results of a finished job, read from the service's bucket."""
    aws.started(name, uri, **request)
    output = requests.get(aws.ended(name)["Transcript"]["TranscriptFileUri"], timeout=10).json()
    assert (output["jobName"], output["status"]) == (name, "COMPLETED")
    return dict(output["results"])


def refusal(aws: LocalAWS, **request: Any) -> tuple[str, int, str]:
    """Code, HTTP status and message of a refused start."""
    complete = {
        "TranscriptionJobName": "refused",
        "Media": {"MediaFileUri": URI},
        "LanguageCode": "en-US",
        **request,
    }
    given = {name: value for name, value in complete.items() if value is not None}
    with pytest.raises(ClientError) as caught:
        aws.transcribe.start_transcription_job(**given)
    error = caught.value.response
    return error["Error"]["Code"], error["ResponseMetadata"]["HTTPStatusCode"], error["Error"]["Message"]


def test_a_job_starts_in_progress_and_ends_completed(aws: LocalAWS) -> None:
    assert aws.started("life", URI)["TranscriptionJobStatus"] == "IN_PROGRESS"
    job = aws.ended("life")
    assert job["TranscriptionJobStatus"] == "COMPLETED"
    assert job["CreationTime"] <= job["StartTime"] <= job["CompletionTime"]
    assert job["Media"]["MediaFileUri"] == URI


def test_scripted_words_come_from_the_key(aws: LocalAWS) -> None:
    found = results(aws, "words")
    assert found["transcripts"] == [{"transcript": "queen of clubs."}]
    spoken = [item for item in found["items"] if item["type"] == "pronunciation"]
    assert [item["alternatives"][0]["content"] for item in spoken] == ["queen", "of", "clubs"]
    assert all(0 < float(item["alternatives"][0]["confidence"]) < 1 for item in spoken)
    assert all(float(item["start_time"]) < float(item["end_time"]) for item in spoken)
    assert [item["id"] for item in found["items"]] == [0, 1, 2, 3]
    assert found["audio_segments"][0]["items"] == [0, 1, 2, 3]
    assert found["items"][-1] == {
        "id": 3,
        "type": "punctuation",
        "alternatives": [{"confidence": "0.0", "content": "."}],
    }
    assert found == results(aws, "words-again")


def test_a_key_without_letters_is_spelled(aws: LocalAWS) -> None:
    found = results(aws, "digits", "s3://audio/calls/0042.wav")
    assert found["transcripts"] == [{"transcript": "zero zero four two."}]


def test_a_sibling_transcript_is_returned_verbatim(aws: LocalAWS) -> None:
    verbatim = {"transcripts": [{"transcript": "Grüße"}], "items": [], "unheard_of": [1, None]}
    aws.s3.put_object(Bucket="audio", Key="told.wav", Body=b"x")
    aws.s3.put_object(Bucket="audio", Key="told.wav.transcript.json", Body=json.dumps({"results": verbatim}).encode())
    assert results(aws, "sibling", "s3://audio/told.wav") == verbatim


def test_channels_are_labeled(aws: LocalAWS) -> None:
    found = results(aws, "channels", Settings={"ChannelIdentification": True})
    labels = found["channel_labels"]
    assert labels["number_of_channels"] == 2
    assert [channel["channel_label"] for channel in labels["channels"]] == ["ch_0", "ch_1"]
    assert {item["id"] for channel in labels["channels"] for item in channel["items"]} == {0, 1, 2, 3}
    assert [item["channel_label"] for item in found["items"]] == ["ch_0", "ch_1", "ch_0", "ch_0"]
    assert {segment["channel_label"] for segment in found["audio_segments"]} == {"ch_0", "ch_1"}


def test_speakers_are_labeled(aws: LocalAWS) -> None:
    found = results(aws, "speakers", Settings={"ShowSpeakerLabels": True, "MaxSpeakerLabels": 2})
    assert found["speaker_labels"]["speakers"] == 2
    assert [segment["speaker_label"] for segment in found["speaker_labels"]["segments"]] == ["spk_0", "spk_1"]
    assert [item["speaker_label"] for item in found["items"]] == ["spk_0", "spk_0", "spk_1", "spk_1"]


def test_alternatives_are_different_readings(aws: LocalAWS) -> None:
    found = results(aws, "alternatives", Settings={"ShowAlternatives": True, "MaxAlternatives": 3})
    (segment,) = found["segments"]
    transcripts = [alternative["transcript"] for alternative in segment["alternatives"]]
    assert transcripts[0] == "queen of clubs." and len(set(transcripts)) == 3
    assert all({"confidence", "content", "type"} <= set(item) for item in segment["alternatives"][1]["items"])


def test_identified_language(aws: LocalAWS) -> None:
    found = results(aws, "language", IdentifyLanguage=True, LanguageOptions=["es-US", "en-US"])
    assert found["language_code"] == "en-US"
    assert [score["code"] for score in found["language_identification"]] == ["en-US", "es-US"]
    job = aws.ended("language")
    assert (job["LanguageCode"], job["IdentifiedLanguageScore"]) == ("en-US", 0.9883)


def test_identified_languages(aws: LocalAWS) -> None:
    (code,) = results(aws, "languages", IdentifyMultipleLanguages=True)["language_codes"]
    assert code["language_code"] == "en-US" and code["duration_in_seconds"] > 0
    assert aws.ended("languages")["LanguageCodes"] == [
        {"LanguageCode": "en-US", "DurationInSeconds": code["duration_in_seconds"]}
    ]


def test_redaction_writes_its_own_file(aws: LocalAWS) -> None:
    redaction = {"RedactionType": "PII", "RedactionOutput": "redacted_and_unredacted"}
    aws.started("redacted", URI, ContentRedaction=redaction, OutputBucketName="output", OutputKey="pii/")
    assert set(aws.ended("redacted")["Transcript"]) == {"TranscriptFileUri", "RedactedTranscriptFileUri"}
    twin = json.loads(aws.s3.get_object(Bucket="output", Key="pii/redacted-redacted.json")["Body"].read())
    assert twin["isRedacted"] is True


@pytest.mark.parametrize(
    ("key", "written"),
    [(None, "{job}.json"), ("a/b", "a/b/{job}.json"), ("a/b/", "a/b/{job}.json"), ("a/c.json", "a/c.json")],
)
def test_output_in_the_own_bucket(aws: LocalAWS, key: str | None, written: str) -> None:
    name = f"own-{len(key or '')}-{(key or '')[-1:].strip('/')}"
    aws.started(name, URI, OutputBucketName="output", **({"OutputKey": key} if key else {}))
    uri = aws.ended(name)["Transcript"]["TranscriptFileUri"]
    where = written.format(job=name)
    assert uri.endswith(f"/output/{where}") and "?" not in uri
    assert requests.get(uri, timeout=10).status_code == 403
    assert json.loads(aws.s3.get_object(Bucket="output", Key=where)["Body"].read())["jobName"] == name
    beside = "/".join([*where.split("/")[:-1], ".write_access_check_file.temp"])
    assert aws.s3.head_object(Bucket="output", Key=beside)["ContentLength"] == 0


def test_service_uris_are_signed_for_15_minutes_and_cannot_be_changed(aws: LocalAWS) -> None:
    aws.started("signed", URI)
    uri = aws.ended("signed")["Transcript"]["TranscriptFileUri"]
    assert "X-Amz-Expires=900" in uri
    assert requests.get(uri, timeout=10).status_code == 200
    plain, _, query = uri.partition("?")
    assert requests.get(plain, timeout=10).status_code == 403
    assert requests.get(f"{plain}x?{query}", timeout=10).status_code == 403
    assert requests.get(uri.replace("X-Amz-Date=2", "X-Amz-Date=1"), timeout=10).status_code == 403


@pytest.mark.parametrize(
    ("name", "uri", "reason"),
    [
        ("missing", "s3://audio/calls/nothing.wav", "The S3 URI that you provided can't be accessed."),
        ("no-bucket", "s3://no-such-bucket/a.wav", "The S3 URI that you provided can't be accessed."),
        ("empty", "s3://audio/calls/empty.wav", "The input media file length is too small."),
        ("pattern", "s3://audio/calls/broken.wav", "Unsupported media format."),
    ],
)
def test_failed_jobs_tell_the_reason(aws: LocalAWS, name: str, uri: str, reason: str) -> None:
    aws.started(name, uri)
    job = aws.ended(name)
    assert job["TranscriptionJobStatus"] == "FAILED" and job["FailureReason"].startswith(reason)
    assert "Transcript" not in job


def test_a_taken_name_is_a_conflict(aws: LocalAWS) -> None:
    aws.started("taken", URI)
    code, status, _ = refusal(aws, TranscriptionJobName="taken")
    assert (code, status) == ("ConflictException", 409)


def test_media_of_another_region_is_refused(aws: LocalAWS) -> None:
    assert refusal(aws, Media={"MediaFileUri": "s3://far/a.wav"}) == (
        "BadRequestException",
        400,
        "The specified S3 bucket isn't in the same region. "
        "Make sure the bucket is in the us-east-1 region and try your request again.",
    )


@pytest.mark.parametrize(
    ("request_", "told"),
    [
        (
            {"TranscriptionJobName": "a b"},
            "'transcriptionJobName' failed to satisfy constraint: Member must satisfy reg",
        ),
        ({"TranscriptionJobName": "a" * 201}, "length less than or equal to 200"),
        ({"LanguageCode": "en-XX"}, "'languageCode' failed to satisfy constraint: Member must satisfy enum value set"),
        ({"MediaFormat": "aiff"}, "'mediaFormat'"),
        ({"MediaSampleRateHertz": 96000}, "value less than or equal to 48000"),
        ({"Media": {"MediaFileUri": "ftp://a/b"}}, "'media.mediaFileUri'"),
        ({"Media": {"MediaFileUri": "https://example.com/b.wav"}}, "doesn't point to an S3 object"),
        ({"OutputBucketName": "A_B"}, "'outputBucketName'"),
        ({"OutputBucketName": "not-there"}, "can't be accessed"),
        ({"OutputBucketName": "output", "OutputKey": "ä"}, "'outputKey'"),
        ({"Settings": {"ShowAlternatives": True, "MaxAlternatives": 11}}, "'settings.maxAlternatives'"),
        ({"Settings": {"ShowAlternatives": True}}, "MaxAlternatives must be specified together"),
        ({"Settings": {"ShowSpeakerLabels": True}}, "MaxSpeakerLabels must be specified together"),
        ({"Settings": {"MaxSpeakerLabels": 2}}, "MaxSpeakerLabels must be specified together"),
        ({"Settings": {"VocabularyFilterName": "f"}}, "VocabularyFilterMethod must be specified together"),
        ({"Settings": {"VocabularyName": "unknown"}}, "The requested vocabulary couldn't be found."),
        ({"LanguageCode": None}, "exactly one of LanguageCode"),
        ({"IdentifyLanguage": True}, "exactly one of LanguageCode"),
        ({"LanguageOptions": ["en-US", "es-US"]}, "LanguageOptions can only be used"),
        ({"LanguageCode": None, "IdentifyLanguage": True, "LanguageOptions": ["en-US"]}, "at least two"),
        (
            {"LanguageCode": None, "IdentifyLanguage": True, "Settings": {"VocabularyName": "v"}},
            "put VocabularyName into LanguageIdSettings",
        ),
        ({"JobExecutionSettings": {"AllowDeferredExecution": True}}, "must be specified together"),
        ({"Tags": [{"Key": "aws:x", "Value": "y"}]}, "can't begin with 'aws:'"),
    ],
)
def test_what_aws_refuses_is_refused(aws: LocalAWS, request_: dict[str, Any], told: str) -> None:
    code, status, message = refusal(aws, **request_)
    assert (code, status) == ("BadRequestException", 400)
    assert told in message
    assert not aws.transcribe.list_transcription_jobs(JobNameContains="refused")["TranscriptionJobSummaries"]


def test_unknown_jobs(aws: LocalAWS) -> None:
    with pytest.raises(aws.transcribe.exceptions.NotFoundException):
        aws.job("nobody")
    with pytest.raises(aws.transcribe.exceptions.BadRequestException):
        aws.transcribe.delete_transcription_job(TranscriptionJobName="nobody")


def test_a_deleted_job_takes_its_transcript_with_it(aws: LocalAWS) -> None:
    aws.started("deleted", URI)
    uri = aws.ended("deleted")["Transcript"]["TranscriptFileUri"]
    aws.transcribe.delete_transcription_job(TranscriptionJobName="deleted")
    assert requests.get(uri, timeout=10).status_code == 403
    assert not aws.transcribe.list_transcription_jobs(JobNameContains="deleted")["TranscriptionJobSummaries"]
    assert aws.started("deleted", URI)["TranscriptionJobStatus"] == "IN_PROGRESS"


def test_lists_are_paged_newest_first(aws: LocalAWS) -> None:
    names = [f"Page-{number}" for number in range(7)]
    for name in names:
        aws.started(name, URI)
        aws.ended(name)
    listing = aws.transcribe.list_transcription_jobs
    first = listing(JobNameContains="page-")
    assert [job["TranscriptionJobName"] for job in first["TranscriptionJobSummaries"]] == names[:1:-1]
    aws.started("Page-new", URI)
    rest = listing(JobNameContains="page-", NextToken=first["NextToken"], MaxResults=100)
    assert [job["TranscriptionJobName"] for job in rest["TranscriptionJobSummaries"]] == names[1::-1]
    assert "NextToken" not in rest
    failed = listing(Status="FAILED", MaxResults=100)
    assert {job["TranscriptionJobStatus"] for job in failed["TranscriptionJobSummaries"]} <= {"FAILED"}
    assert failed["Status"] == "FAILED"
    with pytest.raises(aws.transcribe.exceptions.BadRequestException):
        listing(NextToken="nonsense")


def test_summaries_tell_where_the_output_is(aws: LocalAWS) -> None:
    aws.started("summary", URI, OutputBucketName="output")
    aws.ended("summary")
    (job,) = aws.transcribe.list_transcription_jobs(JobNameContains="summary")["TranscriptionJobSummaries"]
    assert (job["OutputLocationType"], job["LanguageCode"]) == ("CUSTOMER_BUCKET", "en-US")


def test_tags_of_a_job(aws: LocalAWS) -> None:
    aws.started("tagged", URI, Tags=[{"Key": "project", "Value": "7"}])
    arn = "arn:aws:transcribe:us-east-1:123456789012:transcription-job/tagged"
    aws.transcribe.tag_resource(ResourceArn=arn, Tags=[{"Key": "owner", "Value": "me"}])
    aws.transcribe.untag_resource(ResourceArn=arn, TagKeys=["project"])
    assert aws.transcribe.list_tags_for_resource(ResourceArn=arn)["Tags"] == [{"Key": "owner", "Value": "me"}]
    assert aws.job("tagged")["Tags"] == [{"Key": "owner", "Value": "me"}]
    with pytest.raises(aws.transcribe.exceptions.NotFoundException):
        aws.transcribe.list_tags_for_resource(ResourceArn=f"{arn}-not")


def test_regions_have_their_own_jobs(aws: LocalAWS) -> None:
    elsewhere = aws.client("transcribe", region_name="eu-west-1")
    elsewhere.start_transcription_job(
        TranscriptionJobName="far", LanguageCode="en-US", Media={"MediaFileUri": "s3://far/a.wav"}
    )
    job = until(
        lambda: elsewhere.get_transcription_job(TranscriptionJobName="far")["TranscriptionJob"],
        lambda job: job["TranscriptionJobStatus"] != "IN_PROGRESS",
    )
    assert requests.get(job["Transcript"]["TranscriptFileUri"], timeout=10).status_code == 200
    with pytest.raises(aws.transcribe.exceptions.NotFoundException):
        aws.job("far")


def test_calls_are_counted_by_outcome(aws: LocalAWS) -> None:
    before = aws.calls()
    aws.started("counted", URI)
    refusal(aws, TranscriptionJobName="counted")
    aws.s3.head_object(Bucket="audio", Key="calls/queen_of_clubs.wav")
    after = aws.calls()
    start = "StartTranscriptionJob"
    assert after["transcribe"][start] - before["transcribe"][start] == 1
    assert after["refused"]["transcribe"][start] - before["refused"]["transcribe"].get(start, 0) == 1
    assert after["s3"]["HeadObject"] - before["s3"].get("HeadObject", 0) == 1
    assert after["peak_per_second"]["transcribe"][start] >= 2
    assert after["throttled"] == after["errors"] == {}


def test_many_clients_at_once_pay_once(aws: LocalAWS) -> None:
    def attempt(_: int) -> str:
        try:
            return str(aws.started("race", URI)["TranscriptionJobStatus"])
        except aws.transcribe.exceptions.ConflictException:
            return "conflict"

    with ThreadPoolExecutor(8) as threads:
        answers = sorted(threads.map(attempt, range(24)))
    assert answers == ["IN_PROGRESS", *["conflict"] * 23]
