"""/setup on what a labeling config names in the AWS account: there, ready, and of the language of the audio."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient

from harness import protocol
from harness.aws import LocalAWS, local_aws
from harness.waiting import wait_until
from tests.api.conftest import AUDIO_BUCKET
from tests.api.test_setup import reason

FILTER = 'model_vocabulary_filter="{}:mask"'
LANGUAGE_MODEL = {"BaseModelName": "NarrowBand", "InputDataConfig": {"S3Uri": f"s3://{AUDIO_BUCKET}/texts"}}
ROLE = {"DataAccessRoleArn": "arn:aws:iam::123456789012:role/r"}


@pytest.fixture(scope="module")
def account(stand_in: LocalAWS) -> Iterator[LocalAWS]:
    """With a vocabulary, a filter and a language model in en-US, and vocabularies that cannot be used."""
    transcribe = stand_in.transcribe
    stand_in.s3.put_object(Bucket=AUDIO_BUCKET, Key="texts", Body=b"Some text.")
    transcribe.create_vocabulary(VocabularyName="terms", LanguageCode="en-US", Phrases=["Xochitl"])
    transcribe.create_vocabulary(VocabularyName="broken", LanguageCode="en-US", Phrases=["room-7"])
    transcribe.create_vocabulary_filter(VocabularyFilterName="swearing", LanguageCode="en-US", Words=["heck"])
    model: dict[str, Any] = {**LANGUAGE_MODEL, "InputDataConfig": {**LANGUAGE_MODEL["InputDataConfig"], **ROLE}}
    transcribe.create_language_model(ModelName="law", LanguageCode="en-US", **model)
    ready = {"terms": "READY", "broken": "FAILED"}
    wait_until(lambda: {name: state(stand_in, name) for name in ready} == ready, 10, "the vocabularies are made")
    yield stand_in
    for name in ready:
        transcribe.delete_vocabulary(VocabularyName=name)
    transcribe.delete_vocabulary_filter(VocabularyFilterName="swearing")
    transcribe.delete_language_model(ModelName="law")


def state(aws: LocalAWS, name: str) -> str:
    return str(aws.transcribe.get_vocabulary(VocabularyName=name)["VocabularyState"])


def config(attributes: str) -> str:
    return protocol.PLAIN.replace("<Audio", f"<Audio {attributes}")


@pytest.mark.parametrize(
    "attributes",
    [
        'model_vocabulary="terms"',
        FILTER.format("swearing"),
        'model_language_model="law"',
        'model_vocabulary="terms" model_languages="es-US,en-US"',
        'model_vocabulary="terms" model_language_model="law" ' + FILTER.format("swearing"),
    ],
)
def test_what_is_there_in_the_language_of_the_audio_connects(
    account: LocalAWS, client: FlaskClient, attributes: str
) -> None:
    assert client.post("/setup", json=protocol.setup(config(attributes))).status_code == 200


@pytest.mark.parametrize(
    ("attributes", "told"),
    [
        ('model_vocabulary="nowhere"', "no custom vocabulary 'nowhere' in us-east-1. Create it there, or correct "
         "model_vocabulary."),
        (FILTER.format("nowhere"), "no vocabulary filter 'nowhere' in us-east-1. Create it there, or correct "
         "model_vocabulary_filter."),
        ('model_language_model="nowhere"', "no custom language model 'nowhere' in us-east-1. Create it there, or "
         "correct model_language_model."),
        ('model_vocabulary="terms" model_language="es-US"', "vocabulary 'terms' is for en-US, the audio is es-US. Set "
         'model_language="en-US", or name a custom vocabulary for es-US in model_vocabulary.'),
        ('model_language="en-GB" ' + FILTER.format("swearing"), "filter 'swearing' is for en-US, the audio is en-GB."),
        ('model_language="en-GB" model_language_model="law"', "model 'law' is for en-US, the audio is en-GB."),
        ('model_vocabulary="terms" model_languages="es-US,fr-FR"', "is for en-US, the audio is es-US or fr-FR. Add "
         "en-US to model_languages, or name"),
        ('model_vocabulary="broken"', "vocabulary 'broken' is FAILED, not READY"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_told_with_what_to_do(
    account: LocalAWS, client: FlaskClient, attributes: str, told: str
) -> None:
    assert told in reason(client, config(attributes), code=422)


def test_why_aws_could_not_make_it_is_told(account: LocalAWS, client: FlaskClient) -> None:
    assert "contains a digit" in reason(client, config('model_vocabulary="broken"'), code=422)


def test_what_is_being_made_is_waited_for(make_client: Callable[..., FlaskClient], slow: LocalAWS) -> None:
    slow.transcribe.create_vocabulary(VocabularyName="new", LanguageCode="en-US", Phrases=["Xochitl"])
    said = reason(make_client(s3_bucket="ours"), config('model_vocabulary="new"'), code=422)
    assert "vocabulary 'new' is PENDING, not READY. Connect again when it is READY." in said


def test_aws_is_asked_once_a_minute_for_each_name(account: LocalAWS, client: FlaskClient) -> None:
    before = account.count("GetVocabulary")
    for _ in range(5):
        client.post("/setup", json=protocol.setup(config('model_vocabulary="terms"')))
    assert account.count("GetVocabulary") == before + 1


def test_without_a_bucket_it_may_lie_in_the_region_of_the_audio(
    account: LocalAWS, make_client: Callable[..., FlaskClient]
) -> None:
    setup = protocol.setup(config('model_vocabulary="elsewhere"'))
    assert make_client(s3_bucket="").post("/setup", json=setup).status_code == 200


def test_the_bucket_s_region_is_asked(account: LocalAWS, make_client: Callable[..., FlaskClient]) -> None:
    far = account.client("s3", region_name="eu-west-1")
    far.create_bucket(Bucket="far-names", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    assert "in eu-west-1" in reason(make_client(s3_bucket="far-names"), config('model_vocabulary="terms"'), code=422)


def test_a_learnt_vocabulary_is_not_asked_for(account: LocalAWS, client: FlaskClient) -> None:
    before = account.count("GetVocabulary")
    assert client.post("/setup", json=protocol.setup()).status_code == 200
    assert account.count("GetVocabulary") == before


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalAWS]:
    """A stand-in that is never done with what it makes."""
    with local_aws("--latency", "1000") as running:
        running.s3.create_bucket(Bucket="ours")
        monkeypatch.setenv("AWS_ENDPOINT_URL", running.url)
        yield running
