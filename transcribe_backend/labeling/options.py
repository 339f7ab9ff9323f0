"""The `model_*` attributes of the Audio tag: what a project asks for."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import Any

from transcribe_backend.errors import LabelingConfigError
from transcribe_backend.speech import languages
from transcribe_backend.speech.recognition import AUTO, Recognition
from transcribe_backend.speech.segments import MAX_SECONDS
from transcribe_backend.speech.wording import quoted

_PREFIX = "model_"
_TRUTHS = ("true", "false", "1", "0", "yes", "no")


@dataclass(frozen=True, slots=True)
class Options:
    """What the attributes ask for: recognition by AWS, and how its results are presented."""

    recognition: Recognition = field(default_factory=Recognition)
    low_confidence: float = 0.6
    max_segment: float = MAX_SECONDS
    notes: bool = False
    blank_above: float = 1.0
    audit: float = 0.0
    text: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    language_given: bool = False


def _boolean(text: str) -> bool:
    if text.lower() not in _TRUTHS:
        raise ValueError("true or false")
    return text.lower() in ("true", "1", "yes")


def _integer(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise ValueError("a whole number")
    return int(text)


def _between(low: float, high: float) -> Callable[[str], float]:
    def parse(text: str) -> float:
        rule = f"a number from {low:g} to {high:g}"
        try:
            value = float(text)
        except ValueError:
            raise ValueError(rule) from None
        if not low <= value <= high:
            raise ValueError(rule)
        return value

    return parse


def _language(text: str) -> str:
    """A code in its proper spelling; what is none stays as it is and fails by AWS's rule."""
    return AUTO if text.lower() == AUTO else languages.named(text) or text


def _names(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _languages(text: str) -> tuple[str, ...]:
    return tuple(map(_language, _names(text)))


def _types(text: str) -> tuple[str, ...]:
    """Types of personal data in AWS's spelling; ("ALL",) for all of them."""
    if text.lower() in _TRUTHS:
        return ("ALL",) if _boolean(text) else ()
    names = {name.upper() for name in _names(text)}
    return ("ALL",) if "ALL" in names else tuple(sorted(names))


_PARSERS: dict[str, Callable[[str], Any]] = {
    "model_language": _language,
    "model_languages": _languages,
    "model_speakers": _integer,
    "model_channels": _boolean,
    "model_alternatives": _integer,
    "model_vocabulary": str,
    "model_vocabulary_filter": str,
    "model_language_model": str,
    "model_multilingual": _boolean,
    "model_redact": _types,
    "model_toxicity": _boolean,
    "model_low_confidence": _between(0, 1),
    "model_max_segment": _between(1, 600),
    "model_notes": _boolean,
    "model_blank_above": _between(0, 1),
    "model_audit": _between(0, 1),
    "model_text": _names,
    "model_labels": _names,
}
ATTRIBUTES = tuple(_PARSERS)
_PRESENTATION = ("low_confidence", "max_segment", "notes", "blank_above", "audit", "text", "labels")


def read(attributes: Mapping[str, str], language: str) -> Options:
    """Options from the attributes of an Audio tag (names in lower case); `language` is the backend's default.

    Raises LabelingConfigError for an attribute that does not exist or a value that means nothing.
    """
    values = {name: _value(name, text.strip()) for name, text in attributes.items() if name.startswith(_PREFIX)}
    chosen = {name.removeprefix(_PREFIX): value for name, value in values.items() if value not in ("", ())}
    presentation = {name: chosen.pop(name) for name in _PRESENTATION if name in chosen}
    given = not chosen.keys().isdisjoint(("language", "languages"))
    identified = chosen.get("languages") or chosen.get("multilingual")
    chosen.setdefault("language", AUTO if identified else _language(language))
    filter_name, _, method = chosen.pop("vocabulary_filter", "").partition(":")
    types = chosen.pop("redact", ())
    recognition = replace(
        Recognition(),
        **chosen,
        vocabulary_filter=filter_name,
        filter_method=method or "mask",
        redact=bool(types),
        redact_types=() if types == ("ALL",) else types,
    )
    return Options(recognition, language_given=given, **presentation)


def _value(name: str, text: str) -> Any:
    if name not in _PARSERS:
        raise LabelingConfigError(
            f"The Audio tag has an unknown attribute {quoted(name)}.",
            remedy=_suggestion(name),
        )
    try:
        return _PARSERS[name](text) if text else ""
    except ValueError as rule:
        raise LabelingConfigError(f"{name}={quoted(text)} means nothing.", remedy=f"It must be {rule}.") from None


def _suggestion(name: str) -> str:
    like = get_close_matches(name, ATTRIBUTES, 2)
    return f"Did you mean {' or '.join(like)}?" if like else "The README lists the attributes there are."
