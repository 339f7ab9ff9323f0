"""Transcripts cut into the segments a person would draw."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from transcribe_backend.speech.transcript import Transcript
from transcribe_backend.speech.words import Word, mean_confidence

MAX_SECONDS = 15.0
# A silence this long ends a segment wherever it falls; hesitations within a sentence are shorter.
PAUSE = 0.8
# A speaker who is silent for longer starts a new turn.
TURN_PAUSE = 2.0
# A sentence shorter than this ("Yes.") stays with the next one when no pause parts them.
_SHORT_SENTENCE = 1.0

_SENTENCE_ENDS = (".", "?", "!", "。", "？", "！", "।", "؟", "۔")
# Their full stop is no end of a sentence.
_TITLES = frozenset({"mr", "mrs", "ms", "dr", "prof", "st", "rev", "capt", "col", "gen", "lt", "sgt", "hon"})
_CLAUSE_ENDS = (",", ";", ":", "，", "、", "；", "،")

_Words = Sequence[Word]


@dataclass(frozen=True, slots=True)
class Segment:
    """Words that belong together, of one channel and one speaker; times in seconds."""

    start: float
    end: float
    words: tuple[Word, ...]
    text: str

    @property
    def channel(self) -> int | None:
        """The channel of its words, None when channels were not told apart."""
        return self.words[0].channel

    @property
    def speaker(self) -> str | None:
        """AWS's label of its speaker, None when speakers were not told apart."""
        return self.words[0].speaker

    @property
    def confidence(self) -> float | None:
        """Mean confidence of its words, 0..1."""
        return mean_confidence(self.words)


def cut(transcript: Transcript, max_seconds: float = MAX_SECONDS, gap: float = PAUSE) -> list[Segment]:
    """The transcript in segments of at most `max_seconds` (but one word is never split).

    Cuts lie where AWS cut or the speaker changes, else at sentence ends and at pauses of `gap` seconds. On each channel
    the segments are in order, do not overlap, and hold every word once. All of them are sorted by start.
    """
    units = [list(span.words) for span in transcript.segments] or _units(transcript.words, gap)
    uniform = (run for unit in units for run in _runs(unit, math.inf))
    return _segments(transcript, (piece for run in uniform for piece in _fitting(run, max_seconds)))


def turns(transcript: Transcript, pause: float = TURN_PAUSE) -> list[Segment]:
    """The turns of the speakers, however long; a silence of `pause` seconds ends one."""
    by_channel = _by_channel(transcript.words).values()
    return _segments(transcript, (run for words in by_channel for run in _runs(words, pause)))


def _units(words: _Words, gap: float) -> list[list[Word]]:
    units: list[list[Word]] = []
    for channel_words in _by_channel(words).values():
        speakers = {word.speaker for word in channel_words}
        if len(speakers) > 1:
            units += _runs(channel_words, max(gap, TURN_PAUSE))
        else:
            units += _sentences(channel_words, gap)
    return units


def _by_channel(words: _Words) -> dict[int | None, list[Word]]:
    channels: dict[int | None, list[Word]] = {}
    for word in words:
        channels.setdefault(word.channel, []).append(word)
    return channels


def _runs(words: _Words, pause: float) -> list[list[Word]]:
    """Words up to a change of speaker or channel, or to a silence of `pause` seconds."""
    runs: list[list[Word]] = []
    before: Word | None = None
    for word in words:
        if (
            before
            and before.speaker == word.speaker
            and before.channel == word.channel
            and word.start - before.end < pause
        ):
            runs[-1].append(word)
        else:
            runs.append([word])
        before = word
    return runs


def _sentences(words: _Words, gap: float) -> list[list[Word]]:
    sentences: list[list[Word]] = []
    before: Word | None = None
    for word in words:
        if before is None or _parted(sentences[-1][0], before, word, gap):
            sentences.append([word])
        else:
            sentences[-1].append(word)
        before = word
    return sentences


def _parted(first: Word, before: Word, word: Word, gap: float) -> bool:
    if word.start - before.end >= gap:
        return True
    return _ends_sentence(before) and before.end - first.start >= _SHORT_SENTENCE


def _ends_sentence(word: Word) -> bool:
    return word.tail.endswith(_SENTENCE_ENDS) and not (word.tail == "." and word.text.lower() in _TITLES)


def _fitting(words: _Words, max_seconds: float) -> Iterator[_Words]:
    """Pieces of at most `max_seconds`, about equally long, cut where a person would rather cut."""
    first = 0
    while first < len(words):
        last = _piece_end(words, first, max_seconds)
        yield words[first:last]
        first = last


def _piece_end(words: _Words, first: int, max_seconds: float) -> int:
    start = words[first].start
    remaining = words[-1].end - start
    if remaining <= max_seconds:
        return len(words)
    aim = start + remaining / math.ceil(remaining / max_seconds)
    best, best_rank = first + 1, (-1, 0.0, 0.0)
    for place in range(first + 1, len(words)):
        before, word = words[place - 1], words[place]
        if before.end - start > max_seconds:
            break
        balanced = before.end - start >= (aim - start) / 2
        rank = (_cut_rank(before) if balanced else -1, word.start - before.end, -abs(before.end - aim))
        if rank > best_rank:
            best, best_rank = place, rank
    return best


def _cut_rank(word: Word) -> int:
    """How well a cut behind this word reads."""
    if _ends_sentence(word):
        return 2
    return 1 if word.tail.endswith(_CLAUSE_ENDS) else 0


def _segments(transcript: Transcript, pieces: Iterable[_Words]) -> list[Segment]:
    by_channel: dict[int | None, list[_Words]] = {}
    for words in pieces:
        by_channel.setdefault(words[0].channel, []).append(words)
    return sorted((segment for track in by_channel.values() for segment in _track(transcript, track)), key=_order)


def _track(transcript: Transcript, pieces: Sequence[_Words]) -> Iterator[Segment]:
    """The segments of one channel. Speakers talk into each other: a segment ends where the next one starts."""
    starts = list(accumulate((words[0].start for words in pieces), max))
    for words, start, following in zip(pieces, starts, [*starts[1:], math.inf], strict=True):
        end = max(start, max(word.end for word in words))
        yield Segment(start, min(end, following), tuple(words), transcript.join(words))


def _order(segment: Segment) -> float:
    return segment.start
