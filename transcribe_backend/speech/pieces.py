"""A long recording in pieces: stretches of speech, between pauses, of which it is known what a human wrote there."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from transcribe_backend.speech.alignment import Alignment, Pair, gaps
from transcribe_backend.speech.conventions import recognised
from transcribe_backend.speech.normalize import tokenize
from transcribe_backend.speech.transcript import Transcript, Word

_PAUSE = 0.2  # seconds of silence that a cut needs
_SHORTEST = 8.0  # seconds


@dataclass(frozen=True, slots=True)
class Piece:
    """Seconds `start` to `end` of a recording, and what a human wrote there."""

    start: float
    end: float
    text: str


@dataclass(frozen=True, slots=True)
class _Cut:
    """A place where both texts agree on the words before and after a pause: its middle, and the human's next word."""

    time: float
    word: int


def pieces(transcript: Transcript, human: str, language: str) -> list[Piece]:
    """Pieces of eight seconds or more, in order; none where the texts do not agree on any pause.

    What is said before the first such pause and after the last is in no piece.
    """
    alignment = Alignment(Pair(0, transcript.text, human, language))
    words = _by_token(transcript)
    if len(words) != len(alignment.ours):
        return []  # AWS's text is not simply its words
    return [
        Piece(one.time, other.time, _text(alignment, one.word, other.word))
        for one, other in pairwise(_spaced(_cuts(alignment, words)))
    ]


def _by_token(transcript: Transcript) -> list[Word]:
    return [word for word in transcript.words for _ in tokenize(recognised(word.text)).tokens]


def _cuts(alignment: Alignment, words: list[Word]) -> Iterator[_Cut]:
    """The pauses within the runs of words that both texts have."""
    at = other = 0
    for gap in [*gaps(alignment.human.words(), alignment.ours.words()), None]:
        end = gap.start if gap else len(alignment.human)
        for step in range(1, end - at):
            before, after = words[other + step - 1], words[other + step]
            if after.start - before.end >= _PAUSE:
                yield _Cut((before.end + after.start) / 2, at + step)
        if gap:
            at, other = gap.end, gap.other_end


def _spaced(cuts: Iterator[_Cut]) -> Iterator[_Cut]:
    last = float("-inf")
    for cut in cuts:
        if cut.time - last >= _SHORTEST:
            last = cut.time
            yield cut


def _text(alignment: Alignment, first: int, last: int) -> str:
    tokens, text = alignment.human.tokens, alignment.human.text
    return text[tokens[first].start : tokens[last].start].strip()
