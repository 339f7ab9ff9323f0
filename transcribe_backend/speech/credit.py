"""What each row of a vocabulary has done: counted on transcripts of the same audio without and with it."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

from transcribe_backend.speech.alignment import LONGEST_PHRASE, Alignment, Pair
from transcribe_backend.speech.normalize import tokenize

Phrase = tuple[str, ...]
_USELESS = 3
_EXAMPLES = 3


@dataclass(frozen=True, slots=True)
class Credit:
    """The record of one row on some tasks."""

    spoken: int = 0
    """How often a human wrote it."""
    right_before: int = 0
    right_after: int = 0
    false_before: int = 0
    false_after: int = 0
    """How often it stands where nobody said it."""
    broken: int = 0
    """Words that were right before and are wrong now because it stands in their place."""
    examples: tuple[tuple[str, str], ...] = ()
    """(what stood there before, what stands there now), gains and harms."""

    @property
    def gained(self) -> int:
        """How much more often it is recognised."""
        return self.right_after - self.right_before

    @property
    def inserted(self) -> int:
        """How much more often it stands where nobody said it."""
        return self.false_after - self.false_before

    def __add__(self, other: "Credit") -> "Credit":
        return Credit(
            self.spoken + other.spoken,
            self.right_before + other.right_before,
            self.right_after + other.right_after,
            self.false_before + other.false_before,
            self.false_after + other.false_after,
            self.broken + other.broken,
            (self.examples + other.examples)[:_EXAMPLES],
        )

    def earns_its_place(self, *, old: bool) -> bool:
        """Whether the row should stay in the vocabulary; an `old` one was there before, too, so that it gains nothing.

        A row that nobody has said yet may stay as long as it does no harm.
        """
        use, harm = (self.right_after, self.false_after) if old else (self.gained, self.inserted + self.broken)
        return use > harm if harm > 0 else use > 0 or self.spoken < _USELESS


def credits(phrases: Collection[Phrase], before: Sequence[Pair], after: Sequence[Pair]) -> dict[Phrase, Credit]:
    """The record of each phrase (comparable words); both sequences hold the same tasks in the same order."""
    found = [_of_task(set(phrases), Alignment(old), Alignment(new)) for old, new in zip(before, after, strict=True)]
    return {phrase: total(each[phrase] for each in found if phrase in each) for phrase in phrases}


def total(each: Iterable[Credit]) -> Credit:
    """Several records of one row as one."""
    return reduce(lambda one, other: one + other, each, Credit())


def _of_task(phrases: set[Phrase], before: Alignment, after: Alignment) -> Mapping[Phrase, Credit]:
    records = {phrase: Credit() for phrase in phrases}
    for start, end in after.spans:
        phrase = after.human.words(start, end)
        if phrase in phrases:
            records[phrase] += _spoken(before, after, start, end)
    for phrase, count in _false(phrases, before).items():
        records[phrase] += Credit(false_before=count)
    for phrase, count in _false(phrases, after).items():
        records[phrase] += Credit(false_after=count)
    for phrase, broken, example in _broken(phrases, before, after):
        records[phrase] += Credit(broken=broken, examples=(example,))
    return records


def _spoken(before: Alignment, after: Alignment, start: int, end: int) -> Credit:
    was, now = before.is_hit(start, end), after.is_hit(start, end)
    examples = ((_written(before, start), after.human.written(start, end)),) if now and not was else ()
    return Credit(1, int(was), int(now), examples=examples)


def _false(phrases: set[Phrase], alignment: Alignment) -> Counter[Phrase]:
    """How often each phrase was heard in places where the human wrote something else."""
    return Counter(phrase for gap in alignment.gaps for phrase in _within(alignment.heard_in(gap)) if phrase in phrases)


def _broken(phrases: set[Phrase], before: Alignment, after: Alignment) -> Iterator[tuple[Phrase, int, tuple[str, str]]]:
    for gap in after.gaps:
        lost = sum(before.is_hit(at, at + 1) for at in range(gap.start, gap.end))
        to_blame = sorted(phrases.intersection(_within(after.heard_in(gap))))
        for phrase in to_blame if lost else ():
            yield phrase, lost, (after.human.written(gap.start, gap.end), _written(after, gap.start))


def _written(alignment: Alignment, at: int) -> str:
    gap = alignment.gap_at[at]
    return alignment.ours.written(gap.other_start, gap.other_end) if gap and gap.other_end > gap.other_start else ""


def _within(words: Phrase) -> Iterator[Phrase]:
    for start in range(len(words)):
        for end in range(start + 1, min(start + LONGEST_PHRASE, len(words)) + 1):
            yield words[start:end]


def holds(words: Phrase, phrases: Collection[Phrase]) -> bool:
    """Whether one of the phrases stands in a text."""
    return any(
        words[at : at + len(phrase)] == phrase for phrase in phrases for at in range(len(words) - len(phrase) + 1)
    )


def comparable(phrase: str) -> Phrase:
    """A written phrase as words to compare."""
    return tokenize(phrase).words()
