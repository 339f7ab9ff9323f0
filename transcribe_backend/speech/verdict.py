"""Is a candidate better than the champion? Decided on tasks that neither has learnt from."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from transcribe_backend.speech.corrections import Pair, recognised
from transcribe_backend.speech.normalize import tokenize
from transcribe_backend.speech.wer import Comparison, compare, score

PROMOTED, REJECTED = "promoted", "rejected"
_SURE = 0.9
_EXAMPLES = 10


def judge(
    before: Sequence[Pair], after: Sequence[Pair], phrases: Sequence[str], *, at_least: int = 1
) -> dict[str, Any]:
    """Champion (`before`) against candidate (`after`) on the same tasks: outcome, reason and figures as JSON.

    Promoted when the word error rate falls, at least 90 % sure, or stays the same while more of the vocabulary's
    `phrases` are right; never on fewer tasks than `at_least`.
    """
    compared = compare([score(p.human, p.ours) for p in before], [score(p.human, p.ours) for p in after])
    key = [tokenize(phrase).words() for phrase in phrases]
    right_before, right_after = (_counted(recognised(key, pair) for pair in pairs) for pairs in (before, after))
    return {
        **_verdict(compared, right_before[0], right_after[0], len(before), at_least),
        "wer": asdict(compared),
        "key_phrases": {"spoken": right_before[1], "right_before": right_before[0], "right_after": right_after[0]},
        "examples": list(_examples(before, after)),
    }


def _verdict(compared: Comparison, right_before: int, right_after: int, tasks: int, at_least: int) -> dict[str, str]:
    figures = f"{compared.champion:.1%} -> {compared.candidate:.1%} on {tasks} held-out tasks"
    if tasks < at_least:
        return rejection(f"Only {tasks} held-out tasks could be transcribed.")
    if compared.candidate < compared.champion and compared.confidence >= _SURE:
        return {"outcome": PROMOTED, "reason": f"Word error rate {figures}, {compared.confidence:.0%} sure."}
    if compared.candidate == compared.champion and right_after > right_before:
        return {"outcome": PROMOTED, "reason": f"Word error rate {figures}, but more of its phrases right."}
    return rejection(f"Word error rate {figures}, {compared.confidence:.0%} sure that it falls: not enough.")


def rejection(reason: str) -> dict[str, str]:
    """A verdict without figures."""
    return {"outcome": REJECTED, "reason": reason}


def _counted(counts: Iterator[tuple[int, int]]) -> tuple[int, int]:
    right, spoken = 0, 0
    for some_right, some_spoken in counts:
        right, spoken = right + some_right, spoken + some_spoken
    return right, spoken


def _examples(before: Sequence[Pair], after: Sequence[Pair]) -> Iterator[dict[str, Any]]:
    """The ten tasks that change most, gains before losses."""

    def gain(pairs: tuple[Pair, Pair]) -> int:
        return score(pairs[0].human, pairs[0].ours).errors - score(pairs[1].human, pairs[1].ours).errors

    changed = [pairs for pairs in zip(before, after, strict=True) if pairs[0].ours != pairs[1].ours]
    for old, new in sorted(changed, key=gain, reverse=True)[:_EXAMPLES]:
        yield {"task": old.task, "human": old.human, "before": old.ours, "after": new.ours}
