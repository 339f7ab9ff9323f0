"""AWS's items (words and punctuation marks) as Words, whatever the year of the file."""

import math
import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from sys import intern
from typing import Any

from transcribe_backend.errors import TranscriptError
from transcribe_backend.speech.words import Word

Json = Mapping[str, Any]

_CHANNEL = re.compile(r"(?<!\d)\d{1,4}$")
_LATEST = 10**9  # seconds


def objects(value: object) -> list[Json]:
    """The JSON objects in a list; AWS writes null, or nothing, for some empty lists."""
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def member(value: object, *names: str) -> Any:
    """The member at a path of names, None where the path ends early."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def number(value: object) -> float | None:
    """A finite number, which AWS writes as a string, or None."""
    try:
        parsed = float(value)  # type: ignore[arg-type]  # whatever float() does not take is no number
    except (TypeError, ValueError, OverflowError):
        return None
    return parsed if math.isfinite(parsed) else None


def score(value: object) -> float | None:
    """A number as a share 0..1, or None."""
    parsed = number(value)
    return None if parsed is None else min(max(parsed, 0.0), 1.0)


def seconds(value: object) -> float | None:
    """A time in a recording, from 0 on; None for what is none."""
    parsed = number(value)
    return None if parsed is None or parsed > _LATEST else max(0.0, parsed)


class Voices:
    """Who speaks, on which channel, in which language: in the item itself since 2021, in tables beside it before.

    The tables name a word by its start; on channels, where two words may start at once, by start and content.
    """

    def __init__(self, results: Json) -> None:
        self._multilingual = bool(objects(results.get("language_codes")))
        self._speakers: dict[float | None, str] = {}
        for segment in objects(member(results, "speaker_labels", "segments")):
            for item in objects(segment.get("items")):
                label = item.get("speaker_label", segment.get("speaker_label"))
                if isinstance(label, str):
                    self._speakers[number(item.get("start_time"))] = intern(label)
        self._channels: defaultdict[tuple[float | None, str], list[int]] = defaultdict(list)
        for channel in objects(member(results, "channel_labels", "channels")):
            for item in objects(channel.get("items")):
                self._channels[_identity(item)].append(channel_number(channel.get("channel_label")) or 0)

    def speaker(self, item: Json, start: float, before: str | None) -> str | None:
        """Who says a word that starts there: the speaker before it, where AWS does not tell."""
        own = item.get("speaker_label")
        return intern(own) if isinstance(own, str) else self._speakers.get(start, before)

    def language(self, item: Json) -> str | None:
        """The language of an item; AWS also tells it of some words of recordings that have one language only."""
        code = item.get("language_code") if self._multilingual else None
        return intern(code) if isinstance(code, str) else None

    def channel(self, item: Json, before: int | None) -> int | None:
        """The channel of an item, counted from 0; None when AWS did not tell the channels apart."""
        own = channel_number(item.get("channel_label"))
        if own is not None or not self._channels:
            return own
        known = self._channels.get(_identity(item))
        if not known:
            return before
        return known.pop(0) if len(known) > 1 else known[0]


def channel_number(label: object) -> int | None:
    """ "ch_1" -> 1."""
    digits = _CHANNEL.search(label) if isinstance(label, str) else None
    return int(digits.group()) if digits else None


def content(item: Json) -> Json:
    """The part of an item that carries content and confidence: its first alternative or the item itself."""
    alternatives = item.get("alternatives")
    return (
        alternatives[0]
        if isinstance(alternatives, list) and alternatives and isinstance(alternatives[0], dict)
        else item
    )


def _identity(item: Json) -> tuple[float | None, str]:
    return number(item.get("start_time")), str(content(item).get("content"))


class ItemReader:
    """Reads lists of items into Words; equal words become one object, which keeps alternatives small."""

    def __init__(self, voices: Voices) -> None:
        self._voices = voices
        self._pool: dict[Word, Word] = {}
        self._floats: dict[float, float] = {}

    def words(self, items: Iterable[Json]) -> tuple[Word, ...]:
        """The words of these items, each with the punctuation behind it; raises TranscriptError."""
        return tuple(self._read(items))

    def _read(self, items: Iterable[Json]) -> Iterator[Word]:
        speaker: str | None = None
        channel: int | None = None
        for item, tail in _with_tails(items):
            start, end = self._time(item, "start_time"), self._time(item, "end_time")
            speaker = self._voices.speaker(item, start, speaker)
            channel = self._voices.channel(item, channel)
            said = content(item)
            text, confidence = intern(str(said.get("content", ""))), self._same(score(said.get("confidence")))
            word = Word(text, start, max(start, end), confidence, speaker, channel, tail, self._voices.language(item))
            yield self._pool.setdefault(word, word)

    def _time(self, item: Json, name: str) -> float:
        value = seconds(item.get(name))
        if value is None:
            raise TranscriptError(f"A word in AWS's output has no {name}.", remedy="Delete the output and try again.")
        return self._floats.setdefault(value, value)

    def _same(self, value: float | None) -> float | None:
        return None if value is None else self._floats.setdefault(value, value)


class Seats:
    """Who says the words of an alternative, on which channel: AWS tells it of the best reading's words only.

    The best reading's words are found in the transcript by start and text, on two channels in turn.
    """

    def __init__(self, words: Sequence[Word]) -> None:
        self._told = any(word.speaker is not None or word.channel is not None for word in words)
        self._words = defaultdict[tuple[float, str], list[Word]](list)
        for word in reversed(words if self._told else ()):
            self._words[word.start, word.text].append(word)

    def seated(self, readings: Sequence[tuple[Word, ...]]) -> list[tuple[Word, ...]]:
        """The readings of one passage, the best first, with speakers and channels."""
        known = [word for word in map(self._twin, readings[0]) if word] if self._told else []
        if not known:
            return list(readings)
        seat = _Row(known).seat
        return [tuple(map(seat, reading)) for reading in readings]

    def _twin(self, word: Word) -> Word | None:
        twins = self._words.get((word.start, word.text))
        return (twins.pop() if len(twins) > 1 else twins[0]) if twins else None


class _Row:
    """Words of one passage whose speaker and channel are known."""

    def __init__(self, known: Sequence[Word]) -> None:
        self._known = sorted(known, key=_middle)
        self._middles = [_middle(word) for word in self._known]
        self._same = {(word.start, word.text): word for word in known}

    def seat(self, word: Word) -> Word:
        """The word, said by whoever says it in the best reading or, for another word, the one nearest in time."""
        voice = self._same.get((word.start, word.text)) or self._nearest(_middle(word))
        return replace(word, speaker=voice.speaker, channel=voice.channel)

    def _nearest(self, middle: float) -> Word:
        place = bisect_left(self._middles, middle)
        near = self._known[max(0, place - 1) : place + 1]
        return min(near, key=lambda word: abs(_middle(word) - middle))


def _middle(word: Word) -> float:
    return (word.start + word.end) / 2


def _with_tails(items: Iterable[Json]) -> Iterator[tuple[Json, str]]:
    """Each word's item with the punctuation behind it; punctuation before the first word belongs to none."""
    word: Json | None = None
    tail = ""
    for item in items:
        if item.get("type") == "punctuation":
            tail += str(content(item).get("content", ""))
            continue
        if word is not None:
            yield word, intern(tail)
        word, tail = item, ""
    if word is not None:
        yield word, intern(tail)
