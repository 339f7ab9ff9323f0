"""Is a candidate better than the champion? Decided on tasks that neither its rows nor their pruning were chosen by.

A project is trained again and again, and each training is one more chance for noise to look like a gain. So the first
training may err with 5 %, the second with 1.7 %, the third with 0.8 %: `level(n)` = 10 % / n(n + 1), which adds up to
less than 10 % however many trainings there are (Bonferroni's inequality). docs/learning.md has the derivation.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from math import ceil, log2
from typing import Any

from transcribe_backend.speech.alignment import Alignment, Pair
from transcribe_backend.speech.wer import Score, compare, scored

PROMOTED, REJECTED = "promoted", "rejected"
ERROR = 0.1
"""How likely (0..1) a project may ever promote a vocabulary that is no gain."""
_EXAMPLES = 10
_FARTHEST, _LARGEST = 10, 2000  # times as many tasks as there are, errors in all of them


def level(attempt: int) -> float:
    """The probability (0..1) of promoting without a gain that the n-th training since the last promotion may have."""
    return ERROR / (attempt * (attempt + 1))


def needed(attempt: int) -> int:
    """The fewest changed tasks that can convince: all better has the probability 2**-n when nothing is better."""
    return ceil(-log2(level(attempt)))


def p_value(gains: Sequence[int]) -> float:
    """How likely (0..1) a total gain as large as this is when, in each task, it might as well have been a loss.

    The exact paired permutation test (Fisher, 1935; for word error rates Gillick and Cox, 1989): `gains` are the errors
    saved per task; the distribution of their sum over all signs is computed, not sampled. Unchanged tasks say nothing.
    """
    changes = [abs(gain) for gain in gains if gain]
    if not changes:
        return 1.0
    total = sum(changes)
    ways = [0] * (2 * total + 1)
    ways[total] = 1
    for change in changes:
        ways = [
            (ways[at - change] if at >= change else 0) + (ways[at + change] if at + change <= 2 * total else 0)
            for at in range(len(ways))
        ]
    as_large = sum(ways[total + sum(gains) :])
    return as_large / (1 << len(changes))


def missing(gains: Sequence[int], attempt: int) -> int | None:
    """How many more held-out tasks would convince at the next attempt, if they gained as these did; None: too many."""
    for times in range(2, min(_FARTHEST, _LARGEST // max(1, sum(map(abs, gains)))) + 1):
        if p_value([*gains] * times) <= level(attempt + 1):
            return len(gains) * (times - 1)
    return None


def judge(before: Sequence[Pair], after: Sequence[Pair], *, attempt: int = 1, at_least: int = 1) -> dict[str, Any]:
    """Champion (`before`) against candidate (`after`) on the same tasks: outcome, reason and figures as JSON.

    Promoted when errors fall and the `p_value` of that lies below the `level` of this attempt; never on fewer tasks
    than `at_least`.
    """
    old, new = ([scored(Alignment(pair)) for pair in pairs] for pairs in (before, after))
    gains = [one.errors - other.errors for one, other in zip(old, new, strict=True)]
    return {
        **_verdict(old, new, gains, attempt, at_least),
        "wer": {**asdict(compare(old, new)), "p": p_value(gains), "level": level(attempt), "attempt": attempt},
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
    if p <= level(attempt):
        return {"outcome": PROMOTED, "reason": f"{figures} (p = {p:.2g}, at most {level(attempt):.2g} is asked for)."}
    if sum(gains) <= 0:
        return rejection(f"{figures}: no gain.")
    more = missing(gains, attempt)
    hope = f" About {more} more held-out tasks like these would prove it." if more else ""
    if changed < needed(attempt):
        return rejection(f"{figures}, but only {changed} changed: {needed(attempt)} or more prove something.{hope}")
    return rejection(f"{figures} may be luck (p = {p:.2g}, at most {level(attempt):.2g} is asked for).{hope}")


def rejection(reason: str) -> dict[str, str]:
    """A verdict without figures."""
    return {"outcome": REJECTED, "reason": reason}


def _examples(before: Sequence[Pair], after: Sequence[Pair], gains: Sequence[int]) -> Iterator[dict[str, Any]]:
    """The ten tasks that change most, gains before losses."""
    changed = [each for each in zip(before, after, gains, strict=True) if each[0].ours != each[1].ours]
    for old, new, _ in sorted(changed, key=lambda each: each[2], reverse=True)[:_EXAMPLES]:
        yield {"task": old.task, "human": old.human, "before": old.ours, "after": new.ours}
