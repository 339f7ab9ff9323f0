"""How tasks fared: how many got a text, how sure AWS was of it, and how long it took; sums by project and day."""

from bisect import bisect_left
from collections.abc import Callable

from transcribe_backend.work.ledger import Ledger

TASKS, CONFIDENCE, WAIT = "tasks", "confidence:", "wait:"
TENTHS = 10
"""Confidence is counted in tenths: 0 for [0, 0.1), … 9 for [0.9, 1]."""
WAITS = (10.0, 60.0, 300.0, 1800.0, 7200.0, 86_400.0)
"""Upper bounds of the steps (seconds) in which waiting is counted; what waited longer is in a step of its own."""


class Tally:
    """Counts texts that were given to Label Studio; `observe` is called with how long each took, in seconds."""

    def __init__(self, ledger: Ledger, observe: Callable[[float], None] = lambda seconds: None) -> None:
        self._ledger = ledger
        self._observe = observe

    def text(self, project: str, seconds: float, score: float | None) -> None:
        """A task of the project has its text, so many seconds after it was imported (or asked for)."""
        amounts = {TASKS: 1.0, f"{WAIT}{bisect_left(WAITS, seconds)}": 1.0}
        if score is not None:
            amounts[f"{CONFIDENCE}{min(int(score * TENTHS), TENTHS - 1)}"] = 1.0
        self._ledger.note(project, amounts)
        self._observe(max(0.0, seconds))
