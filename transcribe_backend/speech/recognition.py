"""What we ask of AWS Transcribe for a project, and AWS's rules about it."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from difflib import get_close_matches
from functools import lru_cache
from typing import Any

from transcribe_backend.errors import RecognitionError
from transcribe_backend.speech import languages
from transcribe_backend.speech.findings import ENTITIES, TOXIC
from transcribe_backend.speech.wording import listed, quoted

AUTO = "auto"
FILTER_METHODS = ("mask", "remove", "tag")
# AWS Transcribe's document history: US English and US Spanish, the others since May 2026. "Redaction is not compatible
# with language identification" (docs.aws.amazon.com/transcribe/latest/dg/pii-redaction-batch.html).
REDACTED_LANGUAGES = ("en-US", "es-US", "fr-FR", "fr-CA", "de-DE", "de-CH", "it-IT", "pt-PT", "pt-BR")
# API_LanguageIdSettings: "supports two to five language codes".
IDENTIFIED_WITH_VOCABULARY = range(2, 6)
# CLMLanguageCode of CreateLanguageModel.
MODEL_LANGUAGES = ("en-US", "hi-IN", "es-US", "en-GB", "en-AU", "de-DE", "ja-JP")
# "Toxicity detection is available for US English only", and with no other option but redaction
# (docs.aws.amazon.com/transcribe/latest/dg/toxicity-using.html).
TOXICITY_LANGUAGE = "en-US"
SPEAKERS = range(2, 31)
ALTERNATIVES = range(2, 11)

_VOICES = ("speakers", "channels")
_NAME = re.compile(r"[0-9a-zA-Z._-]{1,200}")
_LEARNT = re.compile(r"ls-p\d+-(.*)-(v\d+)")


@dataclass(frozen=True, slots=True)
class Recognition:
    """The recognition options of one project; the defaults ask for nothing special.

    `language` is a language code or "auto", `languages` the candidates of "auto" (empty: any); `multilingual` finds
    several of them in one recording. `speakers` tells up to that many speakers apart (with `channels`, on each of
    them), `channels` the channels of the audio, `alternatives` asks for that many readings. `redact` hides personal
    data of the types in `redact_types` (empty: all).
    """

    language: str = "en-US"
    languages: tuple[str, ...] = ()
    speakers: int | None = None
    channels: bool = False
    alternatives: int | None = None
    vocabulary: str = ""
    vocabulary_filter: str = ""
    filter_method: str = "mask"
    redact: bool = False
    redact_types: tuple[str, ...] = ()
    multilingual: bool = False
    toxicity: bool = False
    language_model: str = ""
    taught: tuple[str, ...] = ()
    """With identification: learnt vocabularies, one for each language at most."""

    @property
    def identifies(self) -> bool:
        """Does AWS find out the language?"""
        return self.language == AUTO

    @property
    def learning_languages(self) -> tuple[str, ...]:
        """The languages that a learnt vocabulary may be added for; with identification AWS must know the candidates."""
        if self.toxicity or not self._names_by_language or (self.vocabulary and not self.learnt):
            return ()
        return self.languages if self.identifies else (self.language,)

    @property
    def _names_by_language(self) -> bool:
        """Is it said for which languages a vocabulary or filter is?"""
        return not self.identifies or len(self.languages) in IDENTIFIED_WITH_VOCABULARY

    @property
    def finds(self) -> frozenset[str]:
        """What is pointed out beside the words, as `predicted_values` name it: types of personal data, toxicity."""
        entities = frozenset(self.redact_types or ENTITIES) if self.redact else frozenset()
        return frozenset(name.lower() for name in entities) | (TOXIC if self.toxicity else frozenset())

    @property
    def learnt(self) -> str:
        """`v3` where the vocabulary is one that we learnt, `en-US-v3+es-US-v1` of several languages; else ""."""
        if self.taught:
            return "+".join(f"{language}-{version}" for language, version in map(_parts, self.taught))
        return _parts(self.vocabulary)[1]

    def with_learnt(self, language: str, name: str) -> "Recognition":
        """The same with this learnt vocabulary of a language; "" for none."""
        if not self.identifies:
            return replace(self, vocabulary=name)
        others = (known for known in self.taught if _parts(known)[0] != language)
        return replace(self, taught=tuple(sorted(filter(None, (*others, name)))))

    def without_learnt(self) -> "Recognition":
        """The same with no vocabulary that was learnt."""
        return replace(self, vocabulary="" if _parts(self.vocabulary)[1] else self.vocabulary, taught=())

    def request(self) -> dict[str, Any]:
        """These options as parameters of StartTranscriptionJob."""
        parameters: dict[str, Any] = self._language()
        if settings := dict(self._settings()):
            parameters["Settings"] = settings
        if self.redact:
            types = {"PiiEntityTypes": list(self.redact_types)} if self.redact_types else {}
            parameters["ContentRedaction"] = {"RedactionType": "PII", "RedactionOutput": "redacted", **types}
        if self.toxicity:
            parameters["ToxicityDetection"] = [{"ToxicityCategories": ["ALL"]}]
        if self.language_model:
            parameters["ModelSettings"] = {"LanguageModelName": self.language_model}
        return parameters

    @lru_cache(maxsize=128)  # noqa: B019 - few, small, and asked for each task
    def key(self) -> str:
        """Canonical JSON of the options that are not defaults.

        Job names are digests of it: an option added later leaves the names of existing jobs as they are.
        """
        chosen = {field.name: getattr(self, field.name) for field in fields(self)}
        chosen = {name: value for name, value in chosen.items() if value != getattr(_DEFAULT, name)}
        return json.dumps(chosen, sort_keys=True, separators=(",", ":"))

    def validate(self) -> None:
        """Raises RecognitionError with AWS's rule, if AWS would refuse these options."""
        for broken in _broken_rules(self):
            raise broken

    def _language(self) -> dict[str, Any]:
        if not self.identifies:
            return {"LanguageCode": self.language}
        identification: dict[str, Any] = {f"Identify{'MultipleLanguages' if self.multilingual else 'Language'}": True}
        if self.languages:
            identification["LanguageOptions"] = list(self.languages)
        # AWS applies each of them to the candidate that is of its own language.
        named = {"VocabularyName": self.vocabulary, "VocabularyFilterName": self.vocabulary_filter}
        named = {parameter: name for parameter, name in named.items() if name}
        settings = {code: dict(named) for code in self.languages if named}
        for name in self.taught:
            settings.setdefault(_parts(name)[0], {})["VocabularyName"] = name
        if settings:
            identification["LanguageIdSettings"] = settings
        return identification

    def _settings(self) -> Iterator[tuple[str, Any]]:
        if self.vocabulary and not self.identifies:
            yield "VocabularyName", self.vocabulary
        if self.vocabulary_filter and not self.identifies:
            yield "VocabularyFilterName", self.vocabulary_filter
        if self.vocabulary_filter:
            yield "VocabularyFilterMethod", self.filter_method
        if self.speakers:
            yield from (("ShowSpeakerLabels", True), ("MaxSpeakerLabels", self.speakers))
        if self.channels:
            yield "ChannelIdentification", True
        if self.alternatives:
            yield from (("ShowAlternatives", True), ("MaxAlternatives", self.alternatives))


_DEFAULT = Recognition()


def _parts(name: str) -> tuple[str, str]:
    """Language and version of a learnt vocabulary by its name."""
    learnt = _LEARNT.fullmatch(name)
    return (learnt[1], learnt[2]) if learnt else ("", "")


def _broken_rules(wish: Recognition) -> Iterator[RecognitionError]:
    yield from _broken_language_rules(wish)
    yield from _broken_number_rules(wish)
    yield from _broken_name_rules(wish)
    yield from _broken_redaction_rules(wish)
    yield from _broken_model_rules(wish)
    yield from _broken_toxicity_rules(wish)


def _broken_language_rules(wish: Recognition) -> Iterator[RecognitionError]:
    for code in (*(() if wish.identifies else (wish.language,)), *wish.languages):
        if code not in languages.CODES:
            yield RecognitionError(f"AWS Transcribe has no language {quoted(code)}.", remedy=_suggestion(code))
    if wish.languages and not wish.identifies:
        yield RecognitionError(
            "model_languages are the candidates of language identification.",
            remedy='Set model_language="auto" or remove model_languages.',
        )
    if len(wish.languages) == 1 or len(set(wish.languages)) != len(wish.languages):
        yield RecognitionError(
            "Language identification needs two or more different languages in model_languages.",
            remedy="With one language, set model_language instead.",
        )
    if (wish.vocabulary or wish.vocabulary_filter) and not wish._names_by_language:
        yield RecognitionError(
            "With language identification, AWS accepts a vocabulary or filter only for 2 to 5 candidate languages.",
            remedy="Set model_languages or a fixed model_language.",
        )
    if wish.multilingual and not wish.identifies:
        yield RecognitionError(
            f"model_multilingual has AWS find out the languages, but model_language is {wish.language}.",
            remedy="Remove model_language or model_multilingual.",
        )


def _suggestion(code: str) -> str:
    codes = languages.like(code)
    if codes:
        return f"Did you mean {' or '.join(codes[:8])}?"
    return 'Use a code such as en-US, or "auto".'


def _broken_redaction_rules(wish: Recognition) -> Iterator[RecognitionError]:
    if wish.redact and wish.language not in REDACTED_LANGUAGES:
        yield RecognitionError(
            f"AWS Transcribe redacts {listed(REDACTED_LANGUAGES)} only, not {wish.language}.",
            remedy="Remove model_redact or set model_language.",
        )
    for name in wish.redact_types:
        if name not in ENTITIES:
            like = get_close_matches(name, ENTITIES, 2)
            yield RecognitionError(
                f"AWS Transcribe redacts no {quoted(name)}.",
                remedy=f"Did you mean {' or '.join(like)}?" if like else "Use types such as NAME, EMAIL or ADDRESS.",
            )


def _broken_model_rules(wish: Recognition) -> Iterator[RecognitionError]:
    """API_ModelSettings, API_StartTranscriptionJob."""
    if wish.language_model and wish.language not in MODEL_LANGUAGES:
        yield RecognitionError(
            f"AWS Transcribe has custom language models for {listed(MODEL_LANGUAGES)}, not for {wish.language}.",
            remedy="Remove model_language_model or set model_language.",
        )


def _broken_toxicity_rules(wish: Recognition) -> Iterator[RecognitionError]:
    if not wish.toxicity:
        return
    if wish.language != TOXICITY_LANGUAGE:
        yield RecognitionError(
            f"AWS Transcribe detects toxicity in {TOXICITY_LANGUAGE} only, not in {wish.language}.",
            remedy="Remove model_toxicity or set model_language.",
        )
    others = ("speakers", "channels", "alternatives", "vocabulary", "vocabulary_filter", "language_model")
    used = [name for name in others if getattr(wish, name)]
    if used:
        yield RecognitionError(
            f"AWS Transcribe detects toxicity with no other option but redaction, not with {used[0]}.",
            remedy=f"Remove model_toxicity or model_{used[0]}{' or labels of them' if used[0] in _VOICES else ''}.",
        )


def _broken_number_rules(wish: Recognition) -> Iterator[RecognitionError]:
    if wish.speakers is not None and wish.speakers not in SPEAKERS:
        yield RecognitionError(
            f"AWS Transcribe tells 2 to 30 speakers apart, not {wish.speakers}.", remedy="Change model_speakers."
        )
    if wish.alternatives is not None and wish.alternatives not in ALTERNATIVES:
        yield RecognitionError(
            f"AWS Transcribe gives 2 to 10 alternatives, not {wish.alternatives}.", remedy="Change model_alternatives."
        )


def _broken_name_rules(wish: Recognition) -> Iterator[RecognitionError]:
    for name in filter(None, (wish.vocabulary, wish.vocabulary_filter, wish.language_model)):
        if not _NAME.fullmatch(name):
            yield RecognitionError(
                f"{quoted(name)} cannot be the name of a vocabulary, filter or language model.",
                remedy="AWS allows up to 200 letters, digits, dots, underscores and hyphens.",
            )
    if wish.filter_method not in FILTER_METHODS:
        yield RecognitionError(
            f"A vocabulary filter cannot {quoted(wish.filter_method)}.",
            remedy=f'Use one of {listed(FILTER_METHODS)}: model_vocabulary_filter="name:mask".',
        )
