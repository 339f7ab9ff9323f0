"""A human's text with times: of the recogniser's words where both agree, and between those where they do not."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, islice, pairwise

from transcribe_backend.speech.normalize import is_letter, tokenize
from transcribe_backend.speech.words import Word, mean_confidence

_SAID = "_$%°"


@dataclass(frozen=True, slots=True)
class _Written:
    """A word as the human wrote it, with what follows it, and its comparable forms ("twenty-one" has two)."""

    text: str
    forms: tuple[str, ...]


def retimed(
    text: str, heard: Sequence[Word], start: float = math.inf, end: float = -math.inf, glue: str = " "
) -> tuple[Word, ...]:
    """The words of `text` in order, with times in seconds.

    `heard` are the recogniser's words of the stretch from `start` to `end`, ordered by start; without bounds, the
    stretch lasts from the first of them to the last. A word that both have is heard's in the human's spelling. As many
    words as are replaced take their times one by one; other changed words share, by their length, the time of those
    that they replace, or the silence between their neighbours: none where there is no silence. They have no confidence,
    and the speaker and channel of the words around them. `glue` stands between two words (`Transcript.glue`).
    """
    written = _written(text, glue)
    spoken = [part for word in heard for part in _parts(word)]
    parts = _timed([form for word in written for form in word.forms], spoken, start, end)
    return tuple(_word(word.text, list(islice(parts, len(word.forms)))) for word in written)


def _written(text: str, glue: str) -> list[_Written]:
    """What stands between spaces or, in languages without them, from one token to the next."""
    pieces = text.split() if glue else _pieces(text)
    return [_Written(piece, tokenize(piece).words() or (piece.strip(),)) for piece in pieces]


def _pieces(text: str) -> list[str]:
    words = tokenize(text)
    starts = [token.start for token in words.tokens]
    bounds = [0, *starts[1:], len(words.text)]
    return [piece for first, last in pairwise(bounds) if (piece := words.text[first:last]).strip()]


def _parts(word: Word) -> list[Word]:
    """The comparable forms of a recogniser's word, which share its time."""
    return _shared(tokenize(word.text).words() or (word.text,), word, word.start, word.end)


def _shared(forms: Sequence[str], like: Word, start: float, end: float) -> list[Word]:
    """The forms one after the other from `start` to `end`, the long ones longer."""
    lengths = list(accumulate(map(len, forms)))
    bounds = [start, *(start + (end - start) * length / lengths[-1] for length in lengths[:-1]), end]
    return [
        replace(like, text=form, start=first, end=last)
        for form, (first, last) in zip(forms, pairwise(bounds), strict=True)
    ]


def _timed(forms: Sequence[str], spoken: Sequence[Word], start: float, end: float) -> Iterator[Word]:
    """Each form with its time; what both have is the recogniser's.

    By the longest common subsequence. An alignment of the fewest edits, as for the word error rate, gives up words
    that both have where one before them was deleted and one behind them added: two substitutions cost no more.
    """
    from rapidfuzz.distance import Indel

    at = heard = 0
    for same in Indel.opcodes(forms, [word.text for word in spoken]).as_matching_blocks():
        gap = _Gap(forms[at : same.a], spoken[heard - 1 : heard], spoken[heard : same.b], spoken[same.b : same.b + 1])
        yield from gap.words(start, end)
        yield from spoken[same.b : same.b + same.size]
        at, heard = same.a + same.size, same.b + same.size


@dataclass(frozen=True, slots=True)
class _Gap:
    """Forms that only the human has, the recogniser's words that they replace, and the one before and after, if any."""

    forms: Sequence[str]
    before: Sequence[Word]
    replaced: Sequence[Word]
    after: Sequence[Word]

    def words(self, start: float, end: float) -> list[Word]:
        if not self.forms:
            return []
        if len(self.forms) == len(self.replaced):
            pairs = zip(self.forms, self.replaced, strict=True)
            return [replace(word, text=form, confidence=None) for form, word in pairs]
        like = (*self.replaced, *self.before, *self.after, Word("", 0.0, 0.0))[0]
        return _shared(self.forms, replace(like, confidence=None), *self._window(start, end))

    def _window(self, start: float, end: float) -> tuple[float, float]:
        """When they were said (seconds); words around them may overlap."""
        limit = self.after[0].start if self.after else math.inf
        if self.replaced:
            first, last = self.replaced[0].start, max(word.end for word in self.replaced)
        else:
            first = self.before[0].end if self.before else min(start, limit)
            last = limit if self.after else max(end, first)
        last = min(last, limit)
        return min(first, last), last


def _word(text: str, parts: Sequence[Word]) -> Word:
    """A written word made of its parts."""
    cut = max((at for at, each in enumerate(text, 1) if is_letter(each) or each in _SAID), default=len(text))
    agreed = all(part.confidence is not None for part in parts)
    return replace(
        parts[0],
        text=text[:cut],
        end=max(part.end for part in parts),
        confidence=mean_confidence(parts) if agreed else None,
        tail=text[cut:],
    )
