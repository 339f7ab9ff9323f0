"""The stand-in's custom vocabularies and vocabulary filters."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from botocore.config import Config

from harness.aws import LocalAWS, local_aws
from harness.waiting import until

URI = "s3://audio/four_queen_of_clubs.wav"
HEADER = "Phrase\tSoundsLike\tIPA\tDisplayAs"


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAWS]:
    with local_aws() as running:
        running.s3.create_bucket(Bucket="audio")
        running.s3.put_object(Bucket="audio", Key="four_queen_of_clubs.wav", Body=b"x")
        yield running


def settled(aws: LocalAWS, name: str) -> dict[str, Any]:
    """A vocabulary once it is READY or FAILED."""
    return until(
        lambda: dict(aws.transcribe.get_vocabulary(VocabularyName=name)),
        lambda vocabulary: vocabulary["VocabularyState"] != "PENDING",
    )


def results(aws: LocalAWS, name: str, **request: Any) -> dict[str, Any]:
    """The results of a finished job."""
    aws.started(name, URI, **request)
    output = requests.get(aws.ended(name)["Transcript"]["TranscriptFileUri"], timeout=10).json()
    return dict(output["results"])


def transcript(aws: LocalAWS, name: str, **request: Any) -> str:
    """The text of a finished job."""
    return str(results(aws, name, **request)["transcripts"][0]["transcript"])


def made(aws: LocalAWS, name: str, content: bytes, language: str = "en-US") -> dict[str, Any]:
    """A vocabulary of this table file, once it is READY or FAILED; gone again when this returns."""
    aws.s3.put_object(Bucket="audio", Key=f"{name}.txt", Body=content)
    created = aws.transcribe.create_vocabulary(
        VocabularyName=name, LanguageCode=language, VocabularyFileUri=f"s3://audio/{name}.txt"
    )
    assert created["VocabularyState"] == "PENDING"
    found = settled(aws, name)
    aws.transcribe.delete_vocabulary(VocabularyName=name)
    return found


def test_phrases_become_a_vocabulary_that_can_be_replaced_and_deleted(aws: LocalAWS) -> None:
    aws.transcribe.create_vocabulary(VocabularyName="v", LanguageCode="en-US", Phrases=["Los-Angeles"])
    ready = settled(aws, "v")
    assert ready["VocabularyState"] == "READY" and "FailureReason" not in ready
    assert requests.get(ready["DownloadUri"], timeout=10).text == f"{HEADER}\nLos-Angeles\t\t\t"
    with pytest.raises(aws.transcribe.exceptions.ConflictException):
        aws.transcribe.create_vocabulary(VocabularyName="v", LanguageCode="en-US", Phrases=["a"])
    updated = aws.transcribe.update_vocabulary(VocabularyName="v", LanguageCode="en-US", Phrases=["Brecon"])
    assert updated["VocabularyState"] == "PENDING"
    assert "Brecon" in requests.get(settled(aws, "v")["DownloadUri"], timeout=10).text
    aws.transcribe.delete_vocabulary(VocabularyName="v")
    with pytest.raises(aws.transcribe.exceptions.NotFoundException):
        aws.transcribe.get_vocabulary(VocabularyName="v")


def test_an_unknown_vocabulary_cannot_be_updated(aws: LocalAWS) -> None:
    with pytest.raises(aws.transcribe.exceptions.NotFoundException):
        aws.transcribe.update_vocabulary(VocabularyName="none", LanguageCode="en-US", Phrases=["a"])


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("plain", "Los-Angeles\t\t\tLos Angeles"),
        ("acronym", "A.B.C.-s\t\t\tABCs"),
        ("sounds", "Etienne\teh-tee-en\t\t"),
        ("ignored", "Etienne\t7 sounds\te.tjɛn\t"),  # SoundsLike and IPA
        ("display", "see-plus-plus\t\t\tC++ 20"),
    ],
)
def test_rows_that_aws_takes(aws: LocalAWS, name: str, row: str) -> None:
    assert made(aws, name, f"{HEADER}\n{row}\n".encode())["VocabularyState"] == "READY"


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("space", f"{HEADER}\nok\t\t\t\nqueen of clubs\t\t\t", "Row 2: the phrase 'queen of clubs' contains a space"),
        ("digit", f"{HEADER}\nroom7\t\t\t", "Row 1: the phrase 'room7' contains a digit"),
        ("hyphen", f"{HEADER}\n-Hawn\t\t\t", "Row 1: the phrase '-Hawn' begins or ends with a hyphen"),
        ("letter", f"{HEADER}\nSiobhán\t\t\t", "Row 1: the phrase 'Siobhán' contains a character that isn't allowed"),
        ("nothing", f"{HEADER}\n\t\t\tx", "Row 1: the phrase is empty"),
        ("long", f"{HEADER}\n{'a' * 257}\t\t\t", "is longer than 256 characters"),
        ("cells", f"{HEADER}\na\tb", "Row 1: 2 columns instead of 4"),
        ("header", "Phrase\tDisplayAs\na\tb", "Its header must hold Phrase, SoundsLike, IPA, DisplayAs"),
        ("void", HEADER, "It holds no phrase."),
        ("crlf", f"{HEADER}\r\na\t\t\t", "Lines must end with LF"),
        ("large", f"{HEADER}\n" + "abcdefg\t\t\t\n" * 5000, "Its size exceeds 50 KB."),
    ],
)
def test_one_bad_row_fails_the_vocabulary(aws: LocalAWS, name: str, content: str, reason: str) -> None:
    found = made(aws, name, content.encode())
    assert found["VocabularyState"] == "FAILED"
    assert reason in found["FailureReason"]
    assert "DownloadUri" not in found


def test_other_languages_have_other_letters(aws: LocalAWS) -> None:
    assert made(aws, "german", f"{HEADER}\nGrüße\t\t\t".encode(), "de-DE")["VocabularyState"] == "READY"


def test_a_missing_file_fails_the_vocabulary(aws: LocalAWS) -> None:
    aws.transcribe.create_vocabulary(VocabularyName="no-file", LanguageCode="en-US", VocabularyFileUri="s3://audio/no")
    assert settled(aws, "no-file")["FailureReason"].startswith("The S3 URI that you provided can't be accessed.")
    aws.transcribe.delete_vocabulary(VocabularyName="no-file")


def test_exactly_one_source(aws: LocalAWS) -> None:
    with pytest.raises(aws.transcribe.exceptions.BadRequestException, match="only one of them"):
        aws.transcribe.create_vocabulary(VocabularyName="none", LanguageCode="en-US")


def test_at_most_a_hundred_listed_five_at_a_time(aws: LocalAWS) -> None:
    for number in range(100):
        name = f"many-{number}"
        aws.transcribe.create_vocabulary(VocabularyName=name, LanguageCode="en-US", Phrases=["a"])
        settled(aws, name)
    once = aws.client("transcribe", config=Config(retries={"total_max_attempts": 1}))
    with pytest.raises(aws.transcribe.exceptions.LimitExceededException, match="100"):
        once.create_vocabulary(VocabularyName="many-100", LanguageCode="en-US", Phrases=["a"])
    first = aws.transcribe.list_vocabularies(NameContains="many")
    assert [entry["VocabularyName"] for entry in first["Vocabularies"]] == [f"many-{n}" for n in range(99, 94, -1)]
    rest = aws.transcribe.list_vocabularies(NameContains="many", MaxResults=100, NextToken=first["NextToken"])
    assert len(rest["Vocabularies"]) == 95 and "NextToken" not in rest
    assert not aws.transcribe.list_vocabularies(StateEquals="FAILED")["Vocabularies"]
    for number in range(100):
        aws.transcribe.delete_vocabulary(VocabularyName=f"many-{number}")


def test_tags_of_a_vocabulary(aws: LocalAWS) -> None:
    aws.transcribe.create_vocabulary(
        VocabularyName="tagged", LanguageCode="en-US", Phrases=["a"], Tags=[{"Key": "project", "Value": "7"}]
    )
    arn = "arn:aws:transcribe:us-east-1:123456789012:vocabulary/tagged"
    aws.transcribe.tag_resource(ResourceArn=arn, Tags=[{"Key": "state", "Value": "promoted"}])
    aws.transcribe.untag_resource(ResourceArn=arn, TagKeys=["project"])
    listed = aws.transcribe.list_tags_for_resource(ResourceArn=arn)
    assert (listed["ResourceArn"], listed["Tags"]) == (arn, [{"Key": "state", "Value": "promoted"}])


def test_a_job_needs_a_ready_vocabulary(aws: LocalAWS) -> None:
    aws.transcribe.create_vocabulary(VocabularyName="bad", LanguageCode="en-US", Phrases=["room7"])
    assert settled(aws, "bad")["VocabularyState"] == "FAILED"
    with pytest.raises(aws.transcribe.exceptions.BadRequestException, match="isn't ready"):
        aws.started("with-bad", URI, Settings={"VocabularyName": "bad"})


def test_what_is_of_another_language_is_not_applied_and_nobody_is_told(aws: LocalAWS) -> None:
    aws.transcribe.create_vocabulary(VocabularyName="british", LanguageCode="en-GB", Phrases=["lorry"])
    aws.transcribe.create_vocabulary_filter(VocabularyFilterName="british", LanguageCode="en-GB", Words=["queen"])
    settled(aws, "british")
    settings = {"VocabularyName": "british", "VocabularyFilterName": "british", "VocabularyFilterMethod": "mask"}
    assert transcript(aws, "with-british", Settings=settings) == "four queen of clubs."


def test_a_filter_of_the_identified_language_is_applied(aws: LocalAWS) -> None:
    for name, code, word in (("ours", "en-US", "clubs"), ("theirs", "es-US", "queen")):
        aws.transcribe.create_vocabulary_filter(VocabularyFilterName=name, LanguageCode=code, Words=[word])
    request = {
        "IdentifyLanguage": True,
        "LanguageOptions": ["es-US", "en-US"],
        "LanguageIdSettings": {
            "es-US": {"VocabularyFilterName": "theirs"},
            "en-US": {"VocabularyFilterName": "ours"},
        },
        "Settings": {"VocabularyFilterMethod": "mask"},
    }
    assert transcript(aws, "identified-filter", **request) == "four queen of ***."
    without_method = {name: value for name, value in request.items() if name != "Settings"}
    with pytest.raises(aws.transcribe.exceptions.BadRequestException, match="VocabularyFilterMethod must be"):
        aws.started("no-method", URI, **without_method)
    request["LanguageIdSettings"]["es-US"] = {"VocabularyFilterName": "unheard-of"}  # type: ignore[index]
    with pytest.raises(aws.transcribe.exceptions.BadRequestException, match="vocabulary filter couldn't be found"):
        aws.started("unheard-of", URI, **request)


@pytest.mark.parametrize(
    ("method", "told"),
    [("mask", "four *** of clubs."), ("remove", "four of clubs."), ("tag", "four queen of clubs.")],
)
def test_filters_mask_remove_or_tag(aws: LocalAWS, method: str, told: str) -> None:
    name = f"filter-{method}"
    aws.transcribe.create_vocabulary_filter(VocabularyFilterName=name, LanguageCode="en-US", Words=["Queen"])
    settings = {"VocabularyFilterName": name, "VocabularyFilterMethod": method}
    found = results(aws, name, Settings=settings)
    assert found["transcripts"] == [{"transcript": told}]
    marks = [item.get("vocabularyFilterMatch") for item in found["items"] if item["type"] == "pronunciation"]
    assert marks == ([False, True, False, False] if method == "tag" else [None] * len(marks))
