"""A human's text and a transcript of the same speech, word by word."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from transcribe_backend.speech import conventions
from transcribe_backend.speech.normalize import Words, tokenize

LONGEST_PHRASE = 3


@dataclass(frozen=True, slots=True)
class Pair:
    """One task: what the recogniser heard and what a human wrote, in a language such as "en-US"."""

    task: int
    ours: str
    human: str
    language: str = "en-US"


@dataclass(frozen=True, slots=True)
class Gap:
    """Where two texts disagree: words `start` to `end` of the reference against those of the hypothesis."""

    start: int
    end: int
    other_start: int
    other_end: int

    @property
    def errors(self) -> int:
        """Words to substitute, delete and insert: a best alignment needs no more inside a gap than its longer side."""
        return max(self.end - self.start, self.other_end - self.other_start)


def gaps(reference: Sequence[str], hypothesis: Sequence[str]) -> Iterator[Gap]:
    """The longest runs of disagreement in the best alignment of two word lists, in order."""
    import jiwer  # only a training pays for its import

    open_gap: Gap | None = None
    for chunk in jiwer.process_words(" ".join(reference), " ".join(hypothesis)).alignments[0]:
        if chunk.type == "equal":
            if open_gap:
                yield open_gap
            open_gap = None
        else:
            first = open_gap or Gap(chunk.ref_start_idx, 0, chunk.hyp_start_idx, 0)
            open_gap = Gap(first.start, chunk.ref_end_idx, first.other_start, chunk.hyp_end_idx)
    if open_gap:
        yield open_gap


class Alignment:
    """The two texts of a pair, without what nobody said, and the gaps between them.

    No gaps are places that differ in convention only (`conventions.same`), nor those where AWS has redacted its text.
    """

    def __init__(self, pair: Pair) -> None:
        self.task = pair.task
        self.human: Words = tokenize(conventions.spoken(pair.human))
        self.ours: Words = tokenize(conventions.recognised(pair.ours))
        self._language = pair.language
        found = [gap for gap in gaps(self.human.words(), self.ours.words()) if not self._is_convention(gap)]
        self.gaps = tuple(gap for gap in found if conventions.HIDDEN not in self.heard_in(gap))
        self.gap_at: list[Gap | None] = [None] * len(self.human)
        for gap in self.gaps:
            self.gap_at[gap.start : gap.end] = [gap] * (gap.end - gap.start)
        self._hidden = {at for gap in set(found) - set(self.gaps) for at in range(gap.start, gap.end)}

    @property
    def errors(self) -> int:
        """Substituted, missing and extra words."""
        return sum(gap.errors for gap in self.gaps)

    @cached_property
    def spans(self) -> tuple[tuple[int, int], ...]:
        """Every phrase of up to three words of the human that no punctuation divides."""
        return tuple(self._spans())

    def is_hit(self, start: int, end: int) -> bool:
        """Whether all of the human's words `start` to `end` (exclusive) were recognised."""
        return not any(self.gap_at[start:end]) and self._hidden.isdisjoint(range(start, end))

    def heard_in(self, gap: Gap) -> tuple[str, ...]:
        """What the transcript has in a gap."""
        return self.ours.words(gap.other_start, gap.other_end)

    def _spans(self) -> Iterator[tuple[int, int]]:
        for start in range(len(self.human)):
            for end in range(start + 1, min(start + LONGEST_PHRASE, len(self.human)) + 1):
                if end - start > 1 and not self._adjoin(end - 2):
                    break
                yield start, end

    def _adjoin(self, index: int) -> bool:
        between = self.human.text[self.human.tokens[index].end : self.human.tokens[index + 1].start]
        return not between.strip(" \t\n-\u2010\u2011")

    def _is_convention(self, gap: Gap) -> bool:
        human = self.human.between(gap.start, gap.end)
        return conventions.same(human, self.ours.between(gap.other_start, gap.other_end), self._language)
