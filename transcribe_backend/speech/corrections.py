"""What annotators keep correcting: phrases that humans write and the recogniser misses."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field

from transcribe_backend.speech.normalize import Words, tokenize
from transcribe_backend.speech.wer import Gap, gaps

LONGEST_PHRASE = 3
_TRUSTED_SHARE = 0.3
_SHORT = 3
_PRIVATE = re.compile(
    r"(?<!\S)@*+[^\s@]++@\S+|https?://\S+|www\.\S+|\b\w+(?: dot \w+){0,5} at \w+ dot \w+|\+?\d[\d\s()./-]{5,}\d",
    re.IGNORECASE,
)
_NUMBERS = re.compile(
    r"zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|(thir|four|fif|six|seven|eigh|nine)teen|"
    r"(twen|thir|for|fif|six|seven|eigh|nine)ty|hundred|thousand|million|billion"
)


@dataclass(frozen=True, slots=True)
class Pair:
    """One task: what the recogniser heard and what a human wrote."""

    task: int
    ours: str
    human: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """A phrase that could go into a vocabulary."""

    words: tuple[str, ...]
    display: str
    """Its most common written form."""
    misses: int
    hits: int
    tasks: int
    """Tasks in which it was missed."""
    heard: str
    """What the recogniser wrote most often instead; empty where it wrote nothing."""


@dataclass(slots=True)
class _Tally:
    hits: int = 0
    misses: int = 0
    tasks: set[int] = field(default_factory=set)
    written: Counter[str] = field(default_factory=Counter)
    heard: Counter[str] = field(default_factory=Counter)

    def add_miss(self, alignment: "_Alignment", start: int) -> None:
        self.misses += 1
        self.tasks.add(alignment.task)
        self.heard[alignment.heard(start)] += 1


def candidates(pairs: Iterable[Pair], *, min_tasks: int = 2, max_recall: float = 0.8) -> list[Candidate]:
    """Phrases missed in at least `min_tasks` tasks and recognised less often than `max_recall` (0..1), best first.

    Left out: numbers, e-mail addresses, links, telephone numbers, and differences that are only case, punctuation
    or spacing. A part of a longer phrase is left out when it is never missed without the rest.
    """
    alignments = [_Alignment(pair) for pair in pairs]
    tallies = _tally([alignment for alignment in alignments if alignment.is_evidence()])
    wanted = {
        words: tally
        for words, tally in tallies.items()
        if len(tally.tasks) >= min_tasks and tally.hits < max_recall * (tally.hits + tally.misses)
    }
    found = [_candidate(words, wanted[words]) for words in wanted.keys() - _parts(wanted)]
    return sorted(found, key=lambda each: (-each.tasks, -each.misses, each.hits, each.words))


def recognised(phrases: Iterable[tuple[str, ...]], pair: Pair) -> tuple[int, int]:
    """How many of the spoken occurrences of `phrases` in this task our transcript has, and how many there are."""
    alignment, wanted = _Alignment(pair), set(phrases)
    spoken = [span for span in alignment.spans() if alignment.human.words(*span) in wanted]
    return sum(alignment.is_hit(*span) for span in spoken), len(spoken)


class _Alignment:
    """One task's two texts, word by word."""

    def __init__(self, pair: Pair) -> None:
        self.task = pair.task
        self.human: Words = tokenize(pair.human)
        self.ours: Words = tokenize(pair.ours)
        self._gap_at: list[Gap | None] = [None] * len(self.human)
        for gap in gaps(self.human.words(), self.ours.words()):
            if not self._same_letters(gap):
                self._gap_at[gap.start : gap.end] = [gap] * (gap.end - gap.start)
        self._shouted = len(self.human) > 1 and self.human.text.isupper()
        self._private = [match.span() for match in _PRIVATE.finditer(self.human.text)]

    def is_evidence(self) -> bool:
        """Texts with next to nothing in common are not a correction of each other."""
        hits = sum(gap is None for gap in self._gap_at)
        return len(self.human) <= _SHORT or hits >= _TRUSTED_SHARE * len(self.human)

    def spans(self) -> Iterator[tuple[int, int]]:
        """Every phrase of up to three words that no punctuation divides."""
        for start in range(len(self.human)):
            for end in range(start + 1, min(start + LONGEST_PHRASE, len(self.human)) + 1):
                if end - start > 1 and not self._adjoin(end - 2):
                    break
                yield start, end

    def learnable(self) -> Iterator[tuple[int, int]]:
        """The phrases that may go into a vocabulary: words, of two letters at least, none of them private."""
        usable = [self._is_usable(index) for index in range(len(self.human))]
        return (span for span in self.spans() if all(usable[slice(*span)]))

    def is_hit(self, start: int, end: int) -> bool:
        return not any(self._gap_at[start:end])

    def hits(self) -> set[str]:
        """The words that were recognised somewhere in this task."""
        return {token.word for token, gap in zip(self.human.tokens, self._gap_at, strict=True) if gap is None}

    def is_miss(self, start: int, end: int, known: Set[str]) -> bool:
        """Missed together: every word of it, in one place, and not merely written in digits.

        A word that is `known` elsewhere is not to blame for a place where an unknown one is missed beside it: a phrase
        neither begins nor ends with such a word.
        """
        gap = self._gap_at[start]
        if gap is None or self._gap_at[end - 1] is not gap or self._is_number(gap):
            return False
        missed = set(self.human.words(gap.start, gap.end))
        ends = {self.human.tokens[start].word, self.human.tokens[end - 1].word}
        return not ends & known or missed <= known

    def heard(self, start: int) -> str:
        gap = self._gap_at[start]
        return self.ours.written(gap.other_start, gap.other_end) if gap and gap.other_end > gap.other_start else ""

    def written(self, start: int, end: int) -> str:
        written = self.human.written(start, end)
        return written.lower() if self._shouted else written

    def _adjoin(self, index: int) -> bool:
        between = self.human.text[self.human.tokens[index].end : self.human.tokens[index + 1].start]
        return not between.strip(" \t\n-\u2010\u2011")

    def _is_usable(self, index: int) -> bool:
        token = self.human.tokens[index]
        if len(token.word) < 2 or _NUMBERS.fullmatch(token.word) or any(map(str.isnumeric, token.word)):
            return False
        return not any(start < token.end and token.start < end for start, end in self._private)

    def _same_letters(self, gap: Gap) -> bool:
        ours = self.ours.words(gap.other_start, gap.other_end)
        return "".join(self.human.words(gap.start, gap.end)) == "".join(ours)

    def _is_number(self, gap: Gap) -> bool:
        ours = self.ours.words(gap.other_start, gap.other_end)
        return bool(ours) and all(any(map(str.isnumeric, word)) for word in ours)


def _tally(alignments: Sequence[_Alignment]) -> dict[tuple[str, ...], _Tally]:
    tallies: dict[tuple[str, ...], _Tally] = {}
    known: set[str] = set().union(*(alignment.hits() for alignment in alignments))
    for alignment in alignments:
        for span in alignment.learnable():
            if alignment.is_miss(*span, known):
                tallies.setdefault(alignment.human.words(*span), _Tally()).add_miss(alignment, span[0])
    for alignment in alignments:
        for span in alignment.learnable():
            if tally := tallies.get(alignment.human.words(*span)):
                tally.hits += alignment.is_hit(*span)
                tally.written[alignment.written(*span)] += 1
    return tallies


def _candidate(words: tuple[str, ...], tally: _Tally) -> Candidate:
    return Candidate(
        words=words,
        display=_most_common(tally.written),
        misses=tally.misses,
        hits=tally.hits,
        tasks=len(tally.tasks),
        heard=_most_common(tally.heard),
    )


def _most_common(counts: Counter[str]) -> str:
    return min(counts, key=lambda text: (-counts[text], text))


def _parts(wanted: Mapping[tuple[str, ...], _Tally]) -> set[tuple[str, ...]]:
    """The phrases that are never missed without a longer one that holds them."""
    return {
        part
        for longer in wanted
        for part in _inside(longer)
        if part in wanted and wanted[longer].misses >= wanted[part].misses
    }


def _inside(words: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for size in range(1, len(words)):
        for at in range(len(words) - size + 1):
            yield words[at : at + size]
