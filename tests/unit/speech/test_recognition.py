"""Recognition options as AWS requests, names and rules."""

from dataclasses import replace
from functools import cache
from typing import Any

import botocore.session
import pytest
from botocore.model import StructureShape
from botocore.validate import ParamValidator
from hypothesis import given
from hypothesis import strategies as st

from transcribe_backend.errors import RecognitionError
from transcribe_backend.speech import languages
from transcribe_backend.speech.findings import ENTITIES, TOXIC
from transcribe_backend.speech.recognition import (
    FILTER_METHODS,
    MODEL_LANGUAGES,
    REDACTED_LANGUAGES,
    TOXICITY_LANGUAGE,
    Recognition,
)


@cache
def aws() -> Any:
    return botocore.session.get_session().get_service_model("transcribe")


def complaints(request: dict[str, Any]) -> str:
    """What botocore's own check of types, required members and minima says."""
    shape = aws().operation_model("StartTranscriptionJob").input_shape
    assert isinstance(shape, StructureShape)
    named = {"TranscriptionJobName": "ls-1", "Media": {"MediaFileUri": "s3://bucket/key"}, **request}
    return str(ParamValidator().validate(named, shape).generate_report())


def test_the_languages_are_those_of_aws() -> None:
    assert frozenset(aws().shape_for("LanguageCode").enum) == languages.CODES


def test_the_types_of_personal_data_are_those_of_aws() -> None:
    assert ENTITIES | {"ALL"} == set(aws().shape_for("PiiEntityType").enum)
    assert len(ENTITIES) <= aws().shape_for("PiiEntityTypes").metadata["max"]


def test_the_languages_of_models_are_those_of_aws() -> None:
    assert set(MODEL_LANGUAGES) == set(aws().shape_for("CLMLanguageCode").enum)


def test_the_categories_of_toxicity_are_all_of_them() -> None:
    assert aws().shape_for("ToxicityCategory").enum == ["ALL"]
    assert {"toxic", "insult", "harassment_or_abuse"} < TOXIC


def test_the_languages_that_can_be_redacted_are_languages() -> None:
    assert set(REDACTED_LANGUAGES) < languages.CODES


@pytest.mark.parametrize(
    ("wish", "finds"),
    [
        (Recognition(), frozenset()),
        (Recognition(redact=True), {name.lower() for name in ENTITIES}),
        (Recognition(redact=True, redact_types=("NAME", "URL"), toxicity=True), {"name", "url"} | TOXIC),
    ],
)
def test_what_is_pointed_out(wish: Recognition, finds: set[str]) -> None:
    assert wish.finds == finds


def test_the_filter_methods_are_those_of_aws() -> None:
    assert set(FILTER_METHODS) == set(aws().shape_for("VocabularyFilterMethod").enum)


@pytest.mark.parametrize(
    ("wish", "request_"),
    [
        (Recognition(), {"LanguageCode": "en-US"}),
        (Recognition("auto"), {"IdentifyLanguage": True}),
        (
            Recognition("auto", ("en-US", "es-US")),
            {"IdentifyLanguage": True, "LanguageOptions": ["en-US", "es-US"]},
        ),
        (
            Recognition("auto", ("en-US", "es-US"), vocabulary="v"),
            {
                "IdentifyLanguage": True,
                "LanguageOptions": ["en-US", "es-US"],
                "LanguageIdSettings": {
                    "en-US": {"VocabularyName": "v"},
                    "es-US": {"VocabularyName": "v"},
                },
            },
        ),
        (
            Recognition("auto", ("en-US", "es-US", "de-DE"), vocabulary_filter="f", taught=("ls-p7-en-US-v2",)),
            {
                "IdentifyLanguage": True,
                "LanguageOptions": ["en-US", "es-US", "de-DE"],
                "LanguageIdSettings": {
                    "en-US": {"VocabularyFilterName": "f", "VocabularyName": "ls-p7-en-US-v2"},
                    "es-US": {"VocabularyFilterName": "f"},
                    "de-DE": {"VocabularyFilterName": "f"},
                },
                "Settings": {"VocabularyFilterMethod": "mask"},
            },
        ),
        (
            Recognition("de-DE", speakers=3),
            {"LanguageCode": "de-DE", "Settings": {"ShowSpeakerLabels": True, "MaxSpeakerLabels": 3}},
        ),
        (Recognition(channels=True), {"LanguageCode": "en-US", "Settings": {"ChannelIdentification": True}}),
        (
            Recognition(alternatives=2, vocabulary="v", vocabulary_filter="f", filter_method="tag"),
            {
                "LanguageCode": "en-US",
                "Settings": {
                    "VocabularyName": "v",
                    "VocabularyFilterName": "f",
                    "VocabularyFilterMethod": "tag",
                    "ShowAlternatives": True,
                    "MaxAlternatives": 2,
                },
            },
        ),
        (
            Recognition("auto", ("en-US", "es-US"), vocabulary="v", vocabulary_filter="f", filter_method="remove"),
            {
                "IdentifyLanguage": True,
                "LanguageOptions": ["en-US", "es-US"],
                "LanguageIdSettings": {
                    "en-US": {"VocabularyName": "v", "VocabularyFilterName": "f"},
                    "es-US": {"VocabularyName": "v", "VocabularyFilterName": "f"},
                },
                "Settings": {"VocabularyFilterMethod": "remove"},
            },
        ),
        (
            Recognition(speakers=2, channels=True),
            {
                "LanguageCode": "en-US",
                "Settings": {"ShowSpeakerLabels": True, "MaxSpeakerLabels": 2, "ChannelIdentification": True},
            },
        ),
        (
            Recognition("auto", ("en-US", "es-US"), multilingual=True),
            {"IdentifyMultipleLanguages": True, "LanguageOptions": ["en-US", "es-US"]},
        ),
        (
            Recognition("de-DE", redact=True, redact_types=("EMAIL", "NAME")),
            {
                "LanguageCode": "de-DE",
                "ContentRedaction": {
                    "RedactionType": "PII",
                    "RedactionOutput": "redacted",
                    "PiiEntityTypes": ["EMAIL", "NAME"],
                },
            },
        ),
        (
            Recognition(toxicity=True),
            {"LanguageCode": "en-US", "ToxicityDetection": [{"ToxicityCategories": ["ALL"]}]},
        ),
        (
            Recognition(language_model="m"),
            {"LanguageCode": "en-US", "ModelSettings": {"LanguageModelName": "m"}},
        ),
        (
            Recognition(redact=True),
            {
                "LanguageCode": "en-US",
                "ContentRedaction": {"RedactionType": "PII", "RedactionOutput": "redacted"},
            },
        ),
    ],
)
def test_requests(wish: Recognition, request_: dict[str, Any]) -> None:
    wish.validate()
    assert wish.request() == request_


@pytest.mark.parametrize(
    ("wish", "key"),
    [
        (Recognition(), "{}"),
        (Recognition("auto", ("en-US", "es-US")), '{"language":"auto","languages":["en-US","es-US"]}'),
        (Recognition(vocabulary="v", speakers=2), '{"speakers":2,"vocabulary":"v"}'),
        (Recognition(redact=True), '{"redact":true}'),
        (
            Recognition(redact=True, redact_types=("NAME",), toxicity=True),
            '{"redact":true,"redact_types":["NAME"],"toxicity":true}',
        ),
        (Recognition("auto", multilingual=True), '{"language":"auto","multilingual":true}'),
        (Recognition(language_model="m"), '{"language_model":"m"}'),
    ],
)
def test_keys_name_only_what_is_asked_for(wish: Recognition, key: str) -> None:
    assert wish.key() == key


@pytest.mark.parametrize(
    ("wish", "rule"),
    [
        (Recognition("en"), "Did you mean en-AB or en-AU"),
        (Recognition("klingon"), 'Use a code such as en-US, or "auto"'),
        (Recognition("auto", ("en-US", "xx-XX")), "no language 'xx-XX'"),
        (Recognition("en-US", ("en-US", "es-US")), "candidates of language identification"),
        (Recognition("auto", ("en-US",)), "two or more different"),
        (Recognition("auto", ("en-US", "en-US")), "two or more different"),
        (Recognition("auto", vocabulary="v"), "2 to 5 candidate"),
        (Recognition("auto", tuple(sorted(languages.CODES)[:6]), vocabulary="v"), "2 to 5 candidate"),
        (Recognition("auto", vocabulary_filter="f"), "2 to 5 candidate"),
        (Recognition("auto", redact=True), "redacts en-US, es-US, fr-FR, fr-CA, de-DE"),
        (Recognition("nl-NL", redact=True), "not nl-NL"),
        (Recognition("auto", multilingual=True, redact=True), "not auto"),
        (Recognition(redact=True, redact_types=("EMIAL",)), "Did you mean EMAIL"),
        (Recognition(redact=True, redact_types=("XYZ",)), "redacts no 'XYZ'. Use types such as NAME"),
        (Recognition(multilingual=True), "but model_language is en-US"),
        (Recognition("fr-FR", language_model="m"), "en-AU, de-DE, ja-JP, not for fr-FR"),
        (Recognition("auto", ("en-US", "es-US"), language_model="m"), "not for auto"),
        (Recognition(language_model="my model"), "the name of a vocabulary, filter or language model"),
        (Recognition("en-GB", toxicity=True), "toxicity in en-US only"),
        (
            Recognition(toxicity=True, speakers=2),
            "not with speakers. Remove model_toxicity or model_speakers or labels",
        ),
        (Recognition(toxicity=True, channels=True), "not with channels"),
        (Recognition(toxicity=True, alternatives=2), "Remove model_toxicity or model_alternatives."),
        (Recognition(toxicity=True, vocabulary="v"), "not with vocabulary"),
        (Recognition(toxicity=True, vocabulary_filter="f"), "not with vocabulary_filter"),
        (Recognition(toxicity=True, language_model="m"), "not with language_model"),
        (Recognition(speakers=1), "2 to 30 speakers"),
        (Recognition(speakers=31), "2 to 30 speakers"),
        (Recognition(alternatives=1), "2 to 10 alternatives"),
        (Recognition(alternatives=11), "2 to 10 alternatives"),
        (Recognition(vocabulary="my words"), "the name of a vocabulary"),
        (Recognition(vocabulary="v" * 201), "the name of a vocabulary"),
        (Recognition(vocabulary_filter="ü"), "the name of a vocabulary"),
        (Recognition(vocabulary_filter="f", filter_method="hide"), "cannot 'hide'"),
    ],
)
def test_what_aws_refuses_is_refused_with_its_rule(wish: Recognition, rule: str) -> None:
    with pytest.raises(RecognitionError) as refused:
        wish.validate()
    assert rule in refused.value.advice
    assert_fits_a_reason_phrase(refused.value)


def assert_fits_a_reason_phrase(error: RecognitionError) -> None:
    assert error.problem and error.remedy
    assert len(error.advice) < 200
    assert error.advice.encode("latin-1").isascii() and error.advice.isprintable()


names = st.text("abcXYZ019._-", min_size=1, max_size=20)
codes = st.sampled_from(sorted(languages.CODES))


@st.composite
def recognitions(draw: st.DrawFn) -> Recognition:
    candidates = tuple(draw(st.lists(codes, min_size=2, max_size=5, unique=True)))
    auto = draw(st.booleans())
    wish = Recognition(
        language="auto" if auto else draw(codes),
        languages=candidates if auto else (),
        alternatives=draw(st.none() | st.integers(2, 10)),
        vocabulary=draw(st.just("") | names),
        vocabulary_filter=draw(st.just("") | names),
        filter_method=draw(st.sampled_from(FILTER_METHODS)),
        channels=draw(st.booleans()),
        speakers=draw(st.none() | st.integers(2, 30)),
        multilingual=auto and draw(st.booleans()),
    )
    redact = wish.language in REDACTED_LANGUAGES and draw(st.booleans())
    types = draw(st.lists(st.sampled_from(sorted(ENTITIES)), unique=True)) if redact else []
    model = draw(st.just("") | names) if wish.language in MODEL_LANGUAGES else ""
    wish = replace(wish, redact=redact, redact_types=tuple(types), language_model=model)
    if wish.language != TOXICITY_LANGUAGE or draw(st.booleans()):
        return wish
    return Recognition(wish.language, redact=wish.redact, redact_types=wish.redact_types, toxicity=True)


@given(recognitions())
def test_valid_recognitions_make_requests_that_botocore_takes(wish: Recognition) -> None:
    wish.validate()
    assert complaints(wish.request()) == ""


@given(recognitions(), recognitions())
def test_different_recognitions_have_different_keys(one: Recognition, other: Recognition) -> None:
    assert (one.key() == other.key()) is (one == other)


def test_a_learnt_vocabulary_replaces_that_of_its_own_language_only() -> None:
    both = Recognition("auto", ("en-US", "es-US"))
    for language, version in (("es-US", 1), ("en-US", 2), ("en-US", 3)):
        both = both.with_learnt(language, f"ls-p7-{language}-v{version}")
    assert both.taught == ("ls-p7-en-US-v3", "ls-p7-es-US-v1") and both.learnt == "en-US-v3+es-US-v1"
    assert both.with_learnt("en-US", "").taught == ("ls-p7-es-US-v1",)
    assert both.without_learnt() == Recognition("auto", ("en-US", "es-US"))
    one = Recognition().with_learnt("en-US", "ls-p7-en-US-v3")
    assert (one.vocabulary, one.learnt, one.without_learnt()) == ("ls-p7-en-US-v3", "v3", Recognition())
    assert Recognition(vocabulary="mine").without_learnt().vocabulary == "mine"


@pytest.mark.parametrize(
    ("wish", "languages"),
    [
        (Recognition("de-DE"), ("de-DE",)),
        (Recognition("auto"), ()),
        (Recognition("auto", ("en-US", "es-US")), ("en-US", "es-US")),
        (Recognition("auto", ("en-US", "es-US"), multilingual=True), ("en-US", "es-US")),
        (Recognition("auto", ("en-US", "es-US", "de-DE", "fr-FR", "it-IT", "pt-PT")), ()),
        (Recognition(toxicity=True), ()),
        (Recognition(vocabulary="mine"), ()),
        (Recognition(vocabulary="ls-p7-en-US-v3"), ("en-US",)),
    ],
)
def test_the_languages_that_a_vocabulary_may_be_learnt_for(wish: Recognition, languages: tuple[str, ...]) -> None:
    assert wish.learning_languages == languages
