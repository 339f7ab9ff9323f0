"""The spoken word, the smallest thing a transcript is made of."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Word:
    """One spoken word. Times in seconds; confidence 0..1, None where AWS gives none (redacted words)."""

    text: str
    start: float
    end: float
    confidence: float | None = None
    speaker: str | None = None
    channel: int | None = None
    tail: str = ""
    """Punctuation behind the word."""
    language: str | None = None
    """Its language code, where AWS was to find several languages in one recording."""


def mean_confidence(words: Iterable[Word]) -> float | None:
    """Mean over the words that have a confidence, None when none has."""
    known = [word.confidence for word in words if word.confidence is not None]
    return sum(known) / len(known) if known else None


def joined(words: Iterable[Word], glue: str = " ") -> str:
    """The words as text the way AWS writes it; `glue` stands between two words."""
    return glue.join([word.text + word.tail for word in words])
