"""What annotators keep correcting: names and terms that humans write and the recogniser misses."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field

from transcribe_backend.speech.alignment import Alignment, Gap, Pair
from transcribe_backend.speech.lexicon import UNKNOWN, Lexicon

_TRUSTED_SHARE = 0.3
_SHORT = 3
_SHORTEST_TERM = 5  # letters; a shorter word that the recogniser just leaves out is a sound such as "euh"
_PRIVATE = re.compile(
    r"(?<!\S)@*+[^\s@]++@\S+|https?://\S+|www\.\S+|\b\w+(?: dot \w+){0,5} at \w+ dot \w+|\+?\d[\d\s()./-]{5,}\d",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"[.!?\u2026\n]")
_DRAWN_OUT = re.compile(r"(?<=\w)([^\W\d_i])\1\1h?$|([^\W\d_])\2{3}")
"""As in "sooo" and "niiiice", but not "AAA", "XVIII" or the German "Schifffahrt"."""
_NAME_WITH_DIGITS = re.compile(r"(?=.*[A-Z])[A-Za-z]{1,5}\d{1,2}[A-Za-z]?")
_NUMBERS = re.compile(
    r"zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|(thir|four|fif|six|seven|eigh|nine)teen|"
    r"(twen|thir|for|fif|six|seven|eigh|nine)ty|hundred|thousand|million|billion"
)


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
    inside: int = 0
    """How often it is not the first of a sentence."""

    def add_miss(self, correction: "_Correction", start: int) -> None:
        self.misses += 1
        self.tasks.add(correction.task)
        self.heard[correction.heard(start)] += 1


def candidates(
    pairs: Iterable[Pair], *, min_tasks: int = 2, max_recall: float = 0.8, lexicon: Lexicon = UNKNOWN
) -> list[Candidate]:
    """Phrases missed in at least `min_tasks` tasks and recognised less often than `max_recall` (0..1), best first.

    Left out: words that are common in the language, spelling variants, sounds such as "euh" or "hmmm", numbers, e-mail
    addresses, links, telephone numbers, what stands where AWS has redacted its text, and differences that are only
    case, punctuation or spacing. Words are one phrase only where they are missed together more often than apart.
    """
    corrections = [
        correction for correction in (_Correction(pair, lexicon) for pair in pairs) if correction.is_evidence()
    ]
    tallies = _tally(corrections)
    wanted = {
        words: tally
        for words, tally in tallies.items()
        if len(tally.tasks) >= min_tasks and tally.hits < max_recall * (tally.hits + tally.misses)
    }
    wanted = {words: wanted[words] for words in wanted if _belong_together(words, wanted)}
    parts = _parts(wanted)
    terms = [words for words in wanted.keys() - parts if lexicon is UNKNOWN or _is_term(wanted[words])]
    return sorted(
        (_candidate(words, wanted[words]) for words in terms),
        key=lambda each: (-each.tasks, -each.misses, each.hits, each.words),
    )


class _Correction(Alignment):
    """One task's two texts: which phrases a human wrote where the recogniser heard others."""

    def __init__(self, pair: Pair, lexicon: Lexicon) -> None:
        super().__init__(pair)
        self._lexicon = lexicon
        self._shouted = len(self.human) > 1 and self.human.text.isupper()
        self._private = [match.span() for match in _PRIVATE.finditer(self.human.text)]

    def is_evidence(self) -> bool:
        """Texts with next to nothing in common are not a correction of each other."""
        hits = sum(self.is_hit(at, at + 1) for at in range(len(self.human)))
        return len(self.human) <= _SHORT or hits >= _TRUSTED_SHARE * len(self.human)

    def learnable(self) -> Iterator[tuple[int, int]]:
        """The phrases that may go into a vocabulary: uncommon words, of two letters at least, none of them private."""
        usable = [self._is_usable(index) for index in range(len(self.human))]
        rare = [not self._lexicon.is_common(token.word) for token in self.human.tokens]
        return (span for span in self.spans if all(usable[slice(*span)]) and rare[span[0]] and rare[span[1] - 1])

    def hits(self) -> set[str]:
        """The words that were recognised somewhere in this task."""
        return {token.word for at, token in enumerate(self.human.tokens) if self.is_hit(at, at + 1)}

    def is_miss(self, start: int, end: int, known: Set[str]) -> bool:
        """Missed together: every word of it, in one place, and not merely written in another way.

        A word that is `known` elsewhere is not to blame for a place where an unknown one is missed beside it: a phrase
        neither begins nor ends with such a word.
        """
        gap = self.gap_at[start]
        if gap is None or self.gap_at[end - 1] is not gap or self._is_number(gap) or self._is_variant(start, end, gap):
            return False
        missed = set(self.human.words(gap.start, gap.end))
        ends = {self.human.tokens[start].word, self.human.tokens[end - 1].word}
        return not ends & known or missed <= known

    def heard(self, start: int) -> str:
        gap = self.gap_at[start]
        return self.ours.written(gap.other_start, gap.other_end) if gap and gap.other_end > gap.other_start else ""

    def written(self, start: int, end: int) -> str:
        written = self.human.written(start, end)
        return written.lower() if self._shouted else written

    def is_inside(self, start: int) -> bool:
        """Whether a word is not the first of its sentence, where any word has a capital."""
        return start > 0 and not _SENTENCE_END.search(self.human.between(start, start))

    def _is_usable(self, index: int) -> bool:
        token = self.human.tokens[index]
        if len(token.word) < 2 or _NUMBERS.fullmatch(token.word) or _DRAWN_OUT.search(token.word):
            return False
        if any(map(str.isnumeric, token.word)) and not _NAME_WITH_DIGITS.fullmatch(
            self.human.written(index, index + 1)
        ):
            return False
        return not any(start < token.end and token.start < end for start, end in self._private)

    def _is_number(self, gap: Gap) -> bool:
        ours = self.heard_in(gap)
        return bool(ours) and all(any(map(str.isnumeric, word)) for word in ours)

    def _is_variant(self, start: int, end: int, gap: Gap) -> bool:
        word = self.human.tokens[start].word
        return end - start == 1 and any(self._lexicon.are_variants(word, ours) for ours in self.heard_in(gap))


def _tally(corrections: Sequence[_Correction]) -> dict[tuple[str, ...], _Tally]:
    tallies: dict[tuple[str, ...], _Tally] = {}
    known: set[str] = set().union(*(correction.hits() for correction in corrections))
    for correction in corrections:
        for span in correction.learnable():
            if correction.is_miss(*span, known):
                tallies.setdefault(correction.human.words(*span), _Tally()).add_miss(correction, span[0])
    for correction in corrections:
        for span in correction.learnable():
            if tally := tallies.get(correction.human.words(*span)):
                tally.hits += correction.is_hit(*span)
                tally.written[correction.written(*span)] += 1
                tally.inside += correction.is_inside(span[0])
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


def _is_term(tally: _Tally) -> bool:
    """Not a sound that only the annotator writes: short, without a capital of its own, and never heard as anything."""
    display = _most_common(tally.written)
    own = display if tally.inside else display[1:]
    return bool(_most_common(tally.heard)) or len(display) >= _SHORTEST_TERM or not own.islower()


def _belong_together(words: tuple[str, ...], wanted: Mapping[tuple[str, ...], _Tally]) -> bool:
    """Whether a phrase is missed at least as often as its parts are missed without it."""
    misses = wanted[words].misses
    return all(part not in wanted or 2 * misses >= wanted[part].misses for part in _inside(words))


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
