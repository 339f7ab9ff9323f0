"""What turns audio into words, behind one small interface."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Word:
    """A spoken word with the punctuation that follows it; times in seconds, confidence between 0 and 1."""

    text: str
    start: float
    end: float
    confidence: float
    speaker: int = 0
    language: str | None = None
    pii: str | None = None
    """Which type of personal information it is part of."""
    toxicity: Mapping[str, float] = field(default_factory=dict)
    """Scores between 0 and 1 by category; a category that is missing is hardly there."""


@dataclass(frozen=True, slots=True)
class Clip:
    """What is to be recognized: an object of S3 and the request of its job."""

    key: str
    content: bytes
    request: Mapping[str, Any]
    hotwords: tuple[str, ...] = ()
    sibling: Callable[[str], bytes | None] = lambda _suffix: None
    """Reads the object whose key is this one's plus a suffix."""

    @property
    def settings(self) -> Mapping[str, Any]:
        """The job's Settings."""
        return self.request.get("Settings") or {}


@dataclass(frozen=True, slots=True)
class Recognition:
    """What was heard.

    `channels` holds one list of words per channel (one list when channels are not told apart), with the speakers
    numbered from 0 (in each channel anew), `readings` further readings of the first one, `verbatim` a complete
    `results` object that replaces all of it.
    """

    channels: tuple[tuple[Word, ...], ...] = ()
    readings: tuple[tuple[Word, ...], ...] = ()
    duration: float = 0.0
    media_format: str | None = None
    sample_rate: int | None = None
    verbatim: Mapping[str, Any] | None = field(default=None)


class Recognizer(Protocol):
    """Recognizes one clip at a time."""

    def recognize(self, clip: Clip) -> Recognition:
        """What was said in `clip`; raises JobFailure with AWS's FailureReason when it cannot be heard."""


def recognizer(name: str) -> Recognizer:
    """The recognizer of that name; its packages are imported here and not before."""
    if name == "whisper":
        from local_aws.recognizers.whisper import Whisper

        return Whisper()
    from local_aws.recognizers.scripted import Scripted

    return Scripted()
