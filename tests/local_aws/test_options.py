"""What the stand-in's documents hold for each recognition option: the shapes that AWS documents."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from botocore.exceptions import ClientError

from harness.aws import LocalAWS, local_aws

KEY = "calls/hello_mary_smith_hola_amigo_you_idiot.wav"
URI = f"s3://audio/{KEY}"
WORDS = {
    "mary": {"pii": "NAME"},
    "smith": {"pii": "NAME"},
    "hola": {"language": "es-US"},
    "amigo": {"language": "es-US"},
    "idiot": {"toxicity": {"insult": 0.9, "profanity": 0.4}},
}
SPEAKERS = {"ShowSpeakerLabels": True, "MaxSpeakerLabels": 2}
TOXICITY = [{"ToxicityCategories": ["ALL"]}]


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAWS]:
    with local_aws() as running:
        running.s3.create_bucket(Bucket="audio")
        running.s3.put_object(Bucket="audio", Key=KEY, Body=b"x")
        running.s3.put_object(Bucket="audio", Key=f"{KEY}.words.json", Body=json.dumps(WORDS).encode())
        yield running


def documents(aws: LocalAWS, name: str, **request: Any) -> dict[str, dict[str, Any]]:
    """All documents of a finished job, by the field of Transcript that names them."""
    aws.started(name, URI, **request)
    job = aws.ended(name)
    assert job["TranscriptionJobStatus"] == "COMPLETED", job["FailureReason"]
    return {field: requests.get(uri, timeout=10).json() for field, uri in job["Transcript"].items()}


def results(aws: LocalAWS, name: str, **request: Any) -> dict[str, Any]:
    return dict(documents(aws, name, **request)["TranscriptFileUri"]["results"])


def spoken(found: dict[str, Any]) -> list[dict[str, Any]]:
    return [item for item in found["items"] if item["type"] == "pronunciation"]


def refusal(aws: LocalAWS, **request: Any) -> str:
    """The message of a start that is a BadRequest."""
    with pytest.raises(ClientError) as caught:
        aws.started("refused", URI, **request)
    assert caught.value.response["Error"]["Code"] == "BadRequestException"
    return str(caught.value.response["Error"]["Message"])


# -- speakers of each channel


def test_speakers_of_channels_are_numbered_in_each_channel(aws: LocalAWS) -> None:
    found = results(aws, "both", Settings={**SPEAKERS, "ChannelIdentification": True})
    labels = [(item["channel_label"], item["speaker_label"]) for item in spoken(found)]
    assert set(labels) == {("ch_0", "spk_0"), ("ch_0", "spk_1"), ("ch_1", "spk_0"), ("ch_1", "spk_1")}
    for channel in found["channel_labels"]["channels"]:
        assert {item["speaker_label"] for item in channel["items"]} == {"spk_0", "spk_1"}
    assert found["speaker_labels"]["channel_label"] == "ch_0"
    of_segments = {(each["channel_label"], each["speaker_label"]) for each in found["speaker_labels"]["segments"]}
    assert of_segments == set(labels)
    assert {(each["channel_label"], each["speaker_label"]) for each in found["audio_segments"]} == set(labels)


# -- several languages


def test_each_word_has_its_language(aws: LocalAWS) -> None:
    found = results(aws, "languages", IdentifyMultipleLanguages=True, LanguageOptions=["en-US", "es-US"])
    by_word = {item["alternatives"][0]["content"]: item["language_code"] for item in spoken(found)}
    assert {word for word, code in by_word.items() if code == "es-US"} == {"hola", "amigo"}
    english, spanish = found["language_codes"]
    assert (english["language_code"], spanish["language_code"]) == ("en-US", "es-US")
    assert english["duration_in_seconds"] > spanish["duration_in_seconds"] > 0
    assert "language_code" not in found and "language_identification" not in found
    assert aws.ended("languages")["LanguageCodes"] == [
        {"LanguageCode": each["language_code"], "DurationInSeconds": each["duration_in_seconds"]}
        for each in found["language_codes"]
    ]


def test_one_language_has_no_codes_of_words(aws: LocalAWS) -> None:
    assert not any("language_code" in item for item in results(aws, "one-language")["items"])


# -- redaction


def redacted(aws: LocalAWS, name: str, **redaction: Any) -> dict[str, dict[str, Any]]:
    asked = {"RedactionType": "PII", "RedactionOutput": "redacted_and_unredacted", **redaction}
    return documents(aws, name, ContentRedaction=asked)


def test_personal_information_is_one_item_without_confidence(aws: LocalAWS) -> None:
    both = redacted(aws, "pii")
    plain, hidden = both["TranscriptFileUri"], both["RedactedTranscriptFileUri"]
    assert plain["results"]["transcripts"][0]["transcript"].startswith("hello mary smith hola")
    assert hidden["isRedacted"] and "isRedacted" not in plain
    assert hidden["results"]["transcripts"][0]["transcript"] == "hello [PII] hola amigo you idiot."
    item = spoken(hidden["results"])[1]
    assert item["alternatives"] == [
        {"content": "[PII]", "redactions": [{"confidence": "0.9999", "type": "NAME", "category": "PII"}]}
    ]
    mary, smith = spoken(plain["results"])[1:3]
    assert (item["start_time"], item["end_time"]) == (mary["start_time"], smith["end_time"])
    assert hidden["results"]["audio_segments"][0]["transcript"] == "hello [PII] hola amigo you idiot."


@pytest.mark.parametrize(
    ("types", "told"),
    [(["EMAIL"], "hello mary smith hola"), (["EMAIL", "NAME"], "hello [PII] hola"), (["ALL"], "hello [PII] hola")],
)
def test_only_the_types_that_are_asked_for(aws: LocalAWS, types: list[str], told: str) -> None:
    found = redacted(aws, f"pii-{'-'.join(types)}", PiiEntityTypes=types)["RedactedTranscriptFileUri"]["results"]
    assert found["transcripts"][0]["transcript"].startswith(told)


@pytest.mark.parametrize("code", ["es-US", "fr-FR", "fr-CA", "de-DE", "de-CH", "it-IT", "pt-PT", "pt-BR"])
def test_languages_that_can_be_redacted(aws: LocalAWS, code: str) -> None:
    redaction = {"RedactionType": "PII", "RedactionOutput": "redacted"}
    assert set(documents(aws, f"pii-{code}", LanguageCode=code, ContentRedaction=redaction)) == {
        "RedactedTranscriptFileUri"
    }


@pytest.mark.parametrize(
    ("request_", "told"),
    [
        ({"LanguageCode": "nl-NL"}, "ContentRedaction isn't supported for nl-NL"),
        ({"IdentifyMultipleLanguages": True}, "can't be used with IdentifyMultipleLanguages"),
        ({"PiiEntityTypes": ["SHOE_SIZE"]}, "contentRedaction.piiEntityTypes.1.member"),
    ],
)
def test_redaction_that_aws_refuses(aws: LocalAWS, request_: dict[str, Any], told: str) -> None:
    types = {name: value for name, value in request_.items() if name == "PiiEntityTypes"}
    others = {name: value for name, value in request_.items() if name not in types}
    redaction = {"RedactionType": "PII", "RedactionOutput": "redacted", **types}
    assert told in refusal(aws, ContentRedaction=redaction, **others)


# -- toxic speech


def test_each_sentence_has_its_toxicity(aws: LocalAWS) -> None:
    (segment,) = results(aws, "toxic", ToxicityDetection=TOXICITY)["toxicity_detection"]
    assert segment["text"] == "hello mary smith hola amigo you idiot."
    assert set(segment["categories"]) == {
        "profanity", "hate_speech", "sexual", "insult", "violence_or_threat", "graphic", "harassment_or_abuse",
    }  # fmt: skip
    assert (segment["categories"]["insult"], segment["categories"]["profanity"]) == (0.9, 0.4)
    assert segment["categories"]["graphic"] < 0.01
    assert segment["toxicity"] == 0.9
    assert 0 < segment["start_time"] < segment["end_time"]


def test_toxicity_goes_with_redaction(aws: LocalAWS) -> None:
    redaction = {"RedactionType": "PII", "RedactionOutput": "redacted"}
    found = documents(aws, "toxic-pii", ToxicityDetection=TOXICITY, ContentRedaction=redaction)
    (segment,) = found["RedactedTranscriptFileUri"]["results"]["toxicity_detection"]
    assert segment["text"] == "hello [PII] hola amigo you idiot."


@pytest.mark.parametrize(
    ("request_", "told"),
    [
        ({"LanguageCode": "en-GB"}, "en-US only"),
        ({"IdentifyLanguage": True}, "en-US only"),
        ({"Settings": SPEAKERS}, "can't be used with ShowSpeakerLabels"),
        ({"Settings": {"ChannelIdentification": True}}, "can't be used with ChannelIdentification"),
        ({"ModelSettings": {"LanguageModelName": "m"}}, "can't be used with ModelSettings"),
        ({"ToxicityDetection": [{"ToxicityCategories": ["RUDE"]}]}, "toxicityDetection.1.member.toxicityCategories"),
    ],
)
def test_toxicity_that_aws_refuses(aws: LocalAWS, request_: dict[str, Any], told: str) -> None:
    assert told in refusal(aws, **{"ToxicityDetection": TOXICITY, **request_})


# -- custom language models


def test_a_custom_language_model_is_made_named_and_deleted(aws: LocalAWS) -> None:
    aws.s3.put_object(Bucket="audio", Key="text/about.txt", Body=b"hello")
    data = {"S3Uri": "s3://audio/text/", "DataAccessRoleArn": "arn:aws:iam::123456789012:role/transcribe"}
    made = aws.transcribe.create_language_model(
        LanguageCode="en-US", BaseModelName="WideBand", ModelName="ours", InputDataConfig=data
    )
    assert made["ModelStatus"] == "IN_PROGRESS"
    aws.started("with-model", URI, ModelSettings={"LanguageModelName": "ours"})
    assert aws.ended("with-model")["ModelSettings"] == {"LanguageModelName": "ours"}
    by_language = {"en-US": {"LanguageModelName": "ours"}}
    aws.started("identified-model", URI, IdentifyLanguage=True, LanguageIdSettings=by_language)
    assert "IdentifyMultipleLanguages" in refusal(aws, IdentifyMultipleLanguages=True, LanguageIdSettings=by_language)
    described = aws.transcribe.describe_language_model(ModelName="ours")["LanguageModel"]
    assert (described["ModelStatus"], described["LanguageCode"]) == ("COMPLETED", "en-US")
    assert [each["ModelName"] for each in aws.transcribe.list_language_models()["Models"]] == ["ours"]
    aws.transcribe.delete_language_model(ModelName="ours")
    with pytest.raises(aws.transcribe.exceptions.NotFoundException):
        aws.transcribe.describe_language_model(ModelName="ours")


def test_an_unknown_model_is_refused(aws: LocalAWS) -> None:
    told = refusal(aws, ModelSettings={"LanguageModelName": "nobody-s"})
    assert told.startswith("The requested custom language model couldn't be found.")


# -- what words are


def test_a_file_about_words_that_is_none_fails_the_job(aws: LocalAWS) -> None:
    aws.s3.put_object(Bucket="audio", Key="told.wav", Body=b"x")
    for number, content in enumerate((b"{", b"[]", b'{"told": {"loud": true}}')):
        aws.s3.put_object(Bucket="audio", Key="told.wav.words.json", Body=content)
        aws.started(f"told-{number}", "s3://audio/told.wav")
        assert "told.wav.words.json isn't an object" in aws.ended(f"told-{number}")["FailureReason"]


# -- partitions


@pytest.mark.parametrize(("region", "partition"), [("us-gov-west-1", "aws-us-gov"), ("cn-north-1", "aws-cn")])
def test_other_partitions_have_their_own_arns(aws: LocalAWS, region: str, partition: str) -> None:
    s3, transcribe = aws.client("s3", region_name=region), aws.client("transcribe", region_name=region)
    s3.create_bucket(Bucket=region, CreateBucketConfiguration={"LocationConstraint": region})
    s3.put_object(Bucket=region, Key="a_b.wav", Body=b"x")
    transcribe.start_transcription_job(
        TranscriptionJobName="apart", LanguageCode="en-US", Media={"MediaFileUri": f"s3://{region}/a_b.wav"}
    )
    arn = f"arn:{partition}:transcribe:{region}:123456789012:transcription-job/apart"
    transcribe.tag_resource(ResourceArn=arn, Tags=[{"Key": "a", "Value": "b"}])
    assert transcribe.list_tags_for_resource(ResourceArn=arn)["Tags"] == [{"Key": "a", "Value": "b"}]
    with pytest.raises(transcribe.exceptions.NotFoundException):
        transcribe.list_tags_for_resource(ResourceArn=arn.replace(partition, "aws"))
    assert aws.client("sts", region_name=region).get_caller_identity()["Arn"].startswith(f"arn:{partition}:")
