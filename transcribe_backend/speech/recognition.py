"""What we ask of AWS Transcribe for a project, and AWS's rules about it."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

from transcribe_backend.errors import RecognitionError
from transcribe_backend.speech import languages
from transcribe_backend.speech.wording import listed, quoted

AUTO = "auto"
FILTER_METHODS = ("mask", "remove", "tag")
# "Redaction with batch transcriptions is available with US English and US Spanish. Redaction is not compatible with
# language identification" (docs.aws.amazon.com/transcribe/latest/dg/pii-redaction-batch.html).
REDACTED_LANGUAGES = ("en-US", "es-US")
# API_LanguageIdSettings: "supports two to five language codes".
IDENTIFIED_WITH_VOCABULARY = range(2, 6)
SPEAKERS = range(2, 31)
ALTERNATIVES = range(2, 11)

_NAME = re.compile(r"[0-9a-zA-Z._-]{1,200}")
_LEARNT = re.compile(r"ls-p\d+-.*-(v\d+)")


@dataclass(frozen=True, slots=True)
class Recognition:
    """The recognition options of one project; the defaults ask for nothing special.

    `language` is a language code or "auto", `languages` the candidates of "auto" (empty: any). `speakers` tells up to
    that many speakers apart, `channels` the channels of the audio, `alternatives` asks for that many readings.
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

    @property
    def identifies(self) -> bool:
        """Does AWS find out the language?"""
        return self.language == AUTO

    @property
    def takes_vocabulary(self) -> bool:
        """May a custom vocabulary be added? Identification needs to know the candidates for it."""
        return not self.identifies or len(self.languages) in IDENTIFIED_WITH_VOCABULARY

    @property
    def learnt(self) -> str:
        """`v3` where the vocabulary is one that we learnt; "" for any other."""
        learnt = _LEARNT.fullmatch(self.vocabulary)
        return learnt[1] if learnt else ""

    def request(self) -> dict[str, Any]:
        """These options as parameters of StartTranscriptionJob."""
        parameters: dict[str, Any] = self._language()
        if settings := dict(self._settings()):
            parameters["Settings"] = settings
        if self.redact:
            parameters["ContentRedaction"] = {"RedactionType": "PII", "RedactionOutput": "redacted"}
        return parameters

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
        identification: dict[str, Any] = {"IdentifyLanguage": True}
        if self.languages:
            identification["LanguageOptions"] = list(self.languages)
        if self.vocabulary:
            identification["LanguageIdSettings"] = {
                code: {"VocabularyName": self.vocabulary} for code in self.languages
            }
        return identification

    def _settings(self) -> Iterator[tuple[str, Any]]:
        if self.vocabulary and not self.identifies:
            yield "VocabularyName", self.vocabulary
        if self.vocabulary_filter:
            yield from (
                ("VocabularyFilterName", self.vocabulary_filter),
                ("VocabularyFilterMethod", self.filter_method),
            )
        if self.speakers:
            yield from (("ShowSpeakerLabels", True), ("MaxSpeakerLabels", self.speakers))
        if self.channels:
            yield "ChannelIdentification", True
        if self.alternatives:
            yield from (("ShowAlternatives", True), ("MaxAlternatives", self.alternatives))


_DEFAULT = Recognition()


def _broken_rules(wish: Recognition) -> Iterator[RecognitionError]:
    yield from _broken_language_rules(wish)
    yield from _broken_number_rules(wish)
    yield from _broken_name_rules(wish)
    if wish.redact and wish.language not in REDACTED_LANGUAGES:
        yield RecognitionError(
            f"AWS Transcribe redacts {listed(REDACTED_LANGUAGES)} only, not {wish.language}.",
            remedy="Remove model_redact or set model_language.",
        )


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
    if wish.vocabulary and not wish.takes_vocabulary:
        yield RecognitionError(
            "With language identification, AWS takes a vocabulary only for 2 to 5 candidate languages.",
            remedy="Set model_languages or a fixed model_language.",
        )
    if wish.vocabulary_filter and wish.identifies:
        # LanguageIdSettings has a place for the filter's name, but none for its method.
        yield RecognitionError(
            "A vocabulary filter cannot be combined with language identification.",
            remedy="Set a fixed model_language or remove model_vocabulary_filter.",
        )


def _suggestion(code: str) -> str:
    codes = languages.like(code)
    if codes:
        return f"Did you mean {' or '.join(codes[:8])}?"
    return 'Use a code such as en-US, or "auto".'


def _broken_number_rules(wish: Recognition) -> Iterator[RecognitionError]:
    if wish.speakers is not None and wish.channels:
        yield RecognitionError(
            "AWS Transcribe tells either speakers or channels apart, not both.",
            remedy="Remove speakers (model_speakers, speaker labels) or channels (model_channels, ch_ labels).",
        )
    if wish.speakers is not None and wish.speakers not in SPEAKERS:
        yield RecognitionError(
            f"AWS Transcribe tells 2 to 30 speakers apart, not {wish.speakers}.", remedy="Change model_speakers."
        )
    if wish.alternatives is not None and wish.alternatives not in ALTERNATIVES:
        yield RecognitionError(
            f"AWS Transcribe gives 2 to 10 alternatives, not {wish.alternatives}.", remedy="Change model_alternatives."
        )


def _broken_name_rules(wish: Recognition) -> Iterator[RecognitionError]:
    for name in filter(None, (wish.vocabulary, wish.vocabulary_filter)):
        if not _NAME.fullmatch(name):
            yield RecognitionError(
                f"{quoted(name)} is no name of a vocabulary or filter.",
                remedy="AWS allows up to 200 letters, digits, dots, underscores and hyphens.",
            )
    if wish.filter_method not in FILTER_METHODS:
        yield RecognitionError(
            f"A vocabulary filter cannot {quoted(wish.filter_method)}.",
            remedy=f'Use one of {listed(FILTER_METHODS)}: model_vocabulary_filter="name:mask".',
        )
