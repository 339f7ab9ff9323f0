"""Is a candidate better than the champion? Decided on tasks that neither its rows nor their pruning were chosen by.

A project is trained again and again, and each training is one more chance for noise to look like a gain. So the first
training may err with 5 %, the second with 1.7 %, the third with 0.8 %: `level(n)` = 10 % / n(n + 1), which adds up to
less than 10 % however many trainings there are (Bonferroni's inequality). docs/learning.md has the derivation.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from math import ceil, erfc, log2, sqrt
from typing import Any

from transcribe_backend.speech.alignment import Alignment, Pair
from transcribe_backend.speech.wer import Score, compare, scored

PROMOTED, REJECTED = "promoted", "rejected"
ERROR = 0.1
"""How likely (0..1) a project may ever promote a vocabulary that is no gain."""
_EXAMPLES = 10
_EXACT = 100
_FARTHEST = 10  # times as many tasks as there are


def level(attempt: int) -> float:
    """The probability (0..1) of promoting without a gain that the n-th training since the last promotion may have."""
    return ERROR / (attempt * (attempt + 1))


def needed(attempt: int) -> int:
    """The fewest changed tasks that can convince: all better has the probability 2**-n when nothing is better."""
    return ceil(-log2(level(attempt)))


def p_value(gains: Sequence[int]) -> float:
    """How likely (0..1) gains that rank as high as these are when each might as well have been a loss.

    Wilcoxon's signed-rank test (1945), one of those by which NIST compares recognisers (SCTK): `gains` are the errors
    saved per task, ranked by size, equal ones sharing their mean rank; a task that goes off the rails counts as the
    highest rank, not as all its errors. Unchanged tasks say nothing. Exact for up to a hundred changed tasks.
    """
    changes = sorted((gain for gain in gains if gain), key=abs)
    ranks = _doubled_ranks([abs(gain) for gain in changes])
    better = sum(rank for rank, gain in zip(ranks, changes, strict=True) if gain > 0)
    if not changes:
        return 1.0
    return _exact(ranks, better) if len(changes) <= _EXACT else _normal(ranks, better)


def _exact(ranks: Sequence[int], better: int) -> float:
    """The share of all choices of signs whose positive ranks add up to `better` or more."""
    digit = len(ranks) + 1  # bits, so that no count overflows
    counts = 1  # the digits of this number: how many choices have each sum
    for rank in ranks:
        counts += counts << rank * digit
    as_high = (counts >> better * digit) % ((1 << digit) - 1)  # the sum of the digits from there on
    return as_high / (1 << len(ranks))


def _normal(ranks: Sequence[int], better: int) -> float:
    deviation = sqrt(sum(rank * rank for rank in ranks)) / 2
    return erfc((better - sum(ranks) / 2) / deviation / sqrt(2)) / 2


def _doubled_ranks(sizes: Sequence[int]) -> list[int]:
    """Twice the rank of each of the rising sizes: whole numbers also where equal ones share a rank."""
    first = {size: at + 1 for at, size in reversed(list(enumerate(sizes)))}
    last = {size: at + 1 for at, size in enumerate(sizes)}
    return [first[size] + last[size] for size in sizes]


def missing(gains: Sequence[int], attempt: int) -> int | None:
    """How many more held-out tasks would convince at the next attempt, if they gained as these did; None: too many."""
    for times in range(2, _FARTHEST + 1):
        if p_value([*gains] * times) <= level(attempt + 1):
            return len(gains) * (times - 1)
    return None


def judge(before: Sequence[Pair], after: Sequence[Pair], *, attempt: int = 1, at_least: int = 1) -> dict[str, Any]:
    """Champion (`before`) against candidate (`after`) on the same tasks: outcome, reason and figures as JSON.

    Promoted when errors fall in all and the `p_value` of the gains is at most the `level` of this attempt; never on
    fewer tasks than `at_least`.
    """
    old, new = ([scored(Alignment(pair)) for pair in pairs] for pairs in (before, after))
    gains = [one.errors - other.errors for one, other in zip(old, new, strict=True)]
    return {
        **_verdict(old, new, gains, attempt, at_least),
        "wer": {**asdict(compare(old, new)), "p": p_value(gains), "level": level(attempt), "attempt": attempt},
        "gains": gains,
        "changed": {"better": sum(gain > 0 for gain in gains), "worse": sum(gain < 0 for gain in gains)},
        "examples": list(_examples(before, after, gains)),
    }


def _verdict(
    old: Sequence[Score], new: Sequence[Score], gains: Sequence[int], attempt: int, at_least: int
) -> dict[str, str]:
    compared, p, changed = compare(old, new), p_value(gains), sum(map(bool, gains))
    figures = f"Word error rate {compared.champion:.1%} -> {compared.candidate:.1%} on {len(gains)} held-out tasks"
    if len(gains) < at_least:
        return rejection(f"Only {len(gains)} held-out tasks could be transcribed.")
    if p <= level(attempt) and sum(gains) > 0:
        return {"outcome": PROMOTED, "reason": f"{figures} (p = {p:.2g}, at most {level(attempt):.2g} is required)."}
    if sum(gains) <= 0:
        return rejection(f"{figures}: no gain.")
    more = missing(gains, attempt)
    hope = f" About {more} more held-out tasks like these would prove it." if more else ""
    if changed < needed(attempt):
        return rejection(f"{figures}, but only {changed} changed: {needed(attempt)} or more prove something.{hope}")
    return rejection(f"{figures} may be luck (p = {p:.2g}, at most {level(attempt):.2g} is required).{hope}")


def rejection(reason: str) -> dict[str, str]:
    """A verdict without figures."""
    return {"outcome": REJECTED, "reason": reason}


def _examples(before: Sequence[Pair], after: Sequence[Pair], gains: Sequence[int]) -> Iterator[dict[str, Any]]:
    """The ten tasks that change most, gains before losses."""
    changed = [each for each in zip(before, after, gains, strict=True) if each[0].ours != each[1].ours]
    for old, new, _ in sorted(changed, key=lambda each: each[2], reverse=True)[:_EXAMPLES]:
        yield {"task": old.task, "human": old.human, "before": old.ours, "after": new.ours}
