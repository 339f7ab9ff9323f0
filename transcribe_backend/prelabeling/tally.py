"""How tasks fared: how many got a text, how sure AWS was of it, and how long it took; sums by project and day."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Sequence

from transcribe_backend.work.ledger import Ledger

TASKS, CONFIDENCE, WAIT = "tasks", "confidence:", "wait:"
TENTHS = 10
"""Confidence is counted in tenths: 0 for [0, 0.1), … 9 for [0.9, 1]."""
WAITS = (10.0, 60.0, 300.0, 1800.0, 7200.0, 86_400.0)
"""Upper bounds of the steps (seconds) in which waiting is counted; what waited longer is in a step of its own."""


class Tally:
    """Counts texts that were given to Label Studio; `observe` is told after how many seconds, and of how many tasks."""

    def __init__(self, ledger: Ledger, observe: Callable[[float, int], None] = lambda seconds, tasks: None) -> None:
        self._ledger = ledger
        self._observe = observe

    def texts(self, project: str, seconds: float, scores: Sequence[float | None]) -> None:
        """Tasks of the project have their texts, so many seconds after they were imported (or asked for)."""
        if not scores:
            return
        amounts = Counter({TASKS: len(scores), f"{WAIT}{bisect_left(WAITS, seconds)}": len(scores)})
        amounts.update(f"{CONFIDENCE}{min(int(score * TENTHS), TENTHS - 1)}" for score in scores if score is not None)
        self._ledger.note(project, amounts)
        self._observe(max(0.0, seconds), len(scores))
