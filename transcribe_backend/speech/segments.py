"""Transcripts cut into the segments a person would draw."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby, pairwise

from transcribe_backend.speech.transcript import Transcript
from transcribe_backend.speech.words import Word, mean_confidence

MAX_SECONDS = 15.0
# A silence this long ends a segment wherever it falls; hesitations within a sentence are shorter.
PAUSE = 0.8
# A speaker who is silent for longer starts a new turn.
TURN_PAUSE = 2.0
# A piece shorter than this, or of one word ("Yes."), stays with its neighbour when no pause parts them.
_SHORT = 1.0
# People draw a little silence around what is said, and nothing they could not click on.
_PADDING = 0.1
_LEAST = 0.2

_SENTENCE_ENDS = (".", "?", "!", "。", "？", "！", "।", "؟", "۔")
# Their full stop is no end of a sentence.
_TITLES = frozenset({"mr", "mrs", "ms", "dr", "prof", "st", "rev", "capt", "col", "gen", "lt", "sgt", "hon"})
_CLAUSE_ENDS = (",", ";", ":", "，", "、", "；", "،")

_Words = Sequence[Word]
_Voice = tuple[int | None, str | None]


@dataclass(frozen=True, slots=True)
class Segment:
    """Words that belong together, of one channel and one speaker; times in seconds.

    AWS numbers the speakers of each channel anew: there, only channel and speaker together say who it is.
    """

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
    def language(self) -> str | None:
        """The language of its words, None when AWS was not to find several."""
        return self.words[0].language

    @property
    def voices(self) -> tuple[str, ...]:
        """Who speaks, as `predicted_values` name it, the most exact name first: ch_1_spk_0, ch_1, spk_0."""
        channel = "" if self.channel is None else f"ch_{self.channel}"
        speaker = self.speaker or ""
        both = (f"{channel}_{speaker}",) if channel and speaker else ()
        return (*both, *filter(None, (channel, speaker)))

    @property
    def confidence(self) -> float | None:
        """Mean confidence of its words, 0..1."""
        return mean_confidence(self.words)


def cut(
    transcript: Transcript, max_seconds: float = MAX_SECONDS, gap: float = PAUSE, *, by_language: bool = False
) -> list[Segment]:
    """The transcript in segments of at most `max_seconds` (but one word is never split).

    Cuts lie where the speaker changes (and, if asked for, the language), else at sentence ends and at pauses of `gap`
    seconds; AWS's own audio segments end at pauses of any length and are not used. On each channel the segments are in
    order, do not overlap, and hold every word once. All of them are sorted by start.
    """
    pieces: list[_Words] = []
    for track in _by_channel(transcript.words).values():
        for words in _by_language(track) if by_language else [track]:
            pieces += _turns(words, max_seconds, gap) if _is_talk(words) else _sentences(words, max_seconds, gap)
    return _segments(transcript, pieces, max_seconds)


def turns(transcript: Transcript, pause: float = TURN_PAUSE) -> list[Segment]:
    """The turns of the speakers, however long; a silence of `pause` seconds ends one."""
    by_channel = _by_channel(transcript.words).values()
    return _segments(transcript, (run for words in by_channel for run in _runs(words, pause)))


def paragraphs(transcript: Transcript, max_seconds: float) -> list[Segment]:
    """The turns of a talk, on however many channels: each lasts until somebody else begins, or for `max_seconds`."""
    by_channel = _by_channel(transcript.words).values()
    said = sorted((run for words in by_channel for run in _runs(words, PAUSE)), key=lambda run: run[0].start)
    spoken = [[word for run in turn for word in run] for _, turn in groupby(said, key=lambda run: _voice(run[0]))]
    return _segments(transcript, (piece for turn in spoken for piece in _fitting(turn, max_seconds)))


def _by_channel(words: _Words) -> dict[int | None, list[Word]]:
    channels: dict[int | None, list[Word]] = {}
    for word in words:
        channels.setdefault(word.channel, []).append(word)
    return channels


def _by_language(words: _Words) -> Iterator[list[Word]]:
    """The words as long as they are of one language."""
    for _, same in groupby(words, key=lambda word: word.language):
        yield list(same)


def _voice(word: Word) -> _Voice:
    return word.channel, word.speaker


def _is_talk(words: _Words) -> bool:
    return len({word.speaker for word in words}) > 1


def _turns(words: _Words, max_seconds: float, gap: float) -> list[_Words]:
    """In a talk the sentences of a turn stay together."""
    return [piece for run in _runs(words, max(gap, TURN_PAUSE)) for piece in _fitting(run, max_seconds)]


def _sentences(words: _Words, max_seconds: float, gap: float) -> list[_Words]:
    """Whole sentences, short ones with their neighbours; what is too long is cut within."""
    pieces: list[_Words] = []
    for run in _runs(words, gap):
        fitting = [piece for sentence in _split(run) for piece in _fitting(sentence, max_seconds)]
        pieces += _merged(fitting, max_seconds)
    return pieces


def _runs(words: _Words, pause: float) -> list[list[Word]]:
    """Words up to a change of voice, or to a silence of `pause` seconds."""
    runs: list[list[Word]] = []
    before: Word | None = None
    for word in words:
        if before and before.speaker == word.speaker and word.start - before.end < pause:
            runs[-1].append(word)
        else:
            runs.append([word])
        before = word
    return runs


def _split(words: _Words) -> Iterator[_Words]:
    """The sentences."""
    first = 0
    for place, word in enumerate(words, 1):
        if place == len(words) or _ends_sentence(word):
            yield words[first:place]
            first = place


def _merged(pieces: Sequence[_Words], max_seconds: float) -> list[_Words]:
    """The pieces, each short one joined to the neighbour that is nearer, where both fit."""
    merged: list[_Words] = []
    for piece, following in zip(pieces, [*pieces[1:], ()], strict=True):
        if merged and _belongs(piece, merged[-1], following, max_seconds):
            merged[-1] = [*merged[-1], *piece]
        else:
            merged.append(piece)
    return merged


def _belongs(piece: _Words, before: _Words, following: _Words, max_seconds: float) -> bool:
    """Does a piece belong to the one before it, rather than stand alone or belong to the following one?"""
    if not _fit(before, piece, max_seconds):
        return False
    nearer = following and _pause(piece, following) <= _pause(before, piece)
    return _is_short(before) or (_is_short(piece) and not (nearer and _fit(piece, following, max_seconds)))


def _is_short(words: _Words) -> bool:
    return len(words) == 1 or words[-1].end - words[0].start < _SHORT


def _fit(one: _Words, other: _Words, max_seconds: float) -> bool:
    return other[-1].end - one[0].start <= max_seconds


def _pause(one: _Words, other: _Words) -> float:
    return other[0].start - one[-1].end


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
    start, stop = words[first].start, words[-1].end
    if stop - start <= max_seconds:
        return len(words)
    aim = (stop - start) / math.ceil((stop - start) / max_seconds)
    best, best_rank = first + 1, (-1, 0.0, 0.0)
    for place in range(first + 1, len(words)):
        before, word = words[place - 1], words[place]
        if before.end - start > max_seconds:
            break
        balanced = min(before.end - start, stop - word.start) >= aim / 2
        rank = (_cut_rank(before) if balanced else -1, word.start - before.end, -abs(before.end - start - aim))
        if rank > best_rank:
            best, best_rank = place, rank
    return best


def _cut_rank(word: Word) -> int:
    """How well a cut behind this word reads."""
    if _ends_sentence(word):
        return 2
    return 1 if word.tail.endswith(_CLAUSE_ENDS) else 0


def _segments(transcript: Transcript, pieces: Iterable[_Words], max_seconds: float = math.inf) -> list[Segment]:
    by_channel: dict[int | None, list[_Words]] = {}
    for words in pieces:
        by_channel.setdefault(words[0].channel, []).append(words)
    # AWS does not tell how long the audio is: it lasts at least until its last word.
    until = max((word.end for word in transcript.words), default=0.0)
    found = (
        Segment(*bounds, tuple(words), transcript.join(words))
        for track in by_channel.values()
        for words, bounds in zip(track, _bounds(track, until, max_seconds), strict=True)
    )
    return sorted(found, key=lambda segment: segment.start)


def _bounds(track: Sequence[_Words], until: float, max_seconds: float) -> Iterator[tuple[float, float]]:
    """Start and end of the segments of one channel, each within its own part of the time."""
    starts = list(accumulate((words[0].start for words in track), max))
    spoken = (max(start, *(word.end for word in words)) for words, start in zip(track, starts, strict=True))
    # Speakers talk into each other: a segment ends where the next one starts.
    ends = [min(end, following) for end, following in zip(spoken, [*starts[1:], math.inf], strict=True)]
    limits = _limits(starts, ends, until)
    for start, end, (earliest, latest) in zip(starts, ends, pairwise(limits), strict=True):
        padding = min(_PADDING, max(0.0, max_seconds - (end - start)) / 2)
        start, end = max(start - padding, earliest), min(end + padding, latest)
        if end - start < _LEAST:
            end = min(start + _LEAST, latest)
            start = max(end - _LEAST, earliest)
        yield round(start, 3), round(end, 3)


def _limits(starts: Sequence[float], ends: Sequence[float], until: float) -> list[float]:
    """Where one segment's part of the time ends and the next one's begins: in the middle of the silence between them.

    Where that leaves a segment less than _LEAST, its neighbours give way, by no more than that.
    """
    middles = [round((end + start) / 2, 3) for end, start in zip(ends, starts[1:], strict=False)]
    limits = list(accumulate([0.0, *middles], lambda before, limit: min(max(limit, before + _LEAST), limit + _LEAST)))
    backwards = accumulate(
        [until, *reversed(limits[1:])], lambda after, limit: max(min(limit, after - _LEAST), limit - _LEAST)
    )
    return [0.0, *(max(0.0, limit) for limit in reversed(list(backwards)))]
