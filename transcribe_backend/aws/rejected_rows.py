"""Which rows of a vocabulary does AWS refuse? It often says only that there are some."""

import re
from collections.abc import Callable, Sequence

from transcribe_backend.speech.vocabulary import Rejection, Row

ATTEMPTS = 40


class Sieve:
    """Finds the rows that AWS accepts together by trying.

    `attempt` offers rows to AWS and returns the reason of a refusal, "" when they are accepted. Rows that the
    reason names are dropped; where it names none, each half is tried alone.
    """

    def __init__(self, attempt: Callable[[Sequence[Row]], str], attempts: int = ATTEMPTS) -> None:
        self._attempt = attempt
        self._left = attempts
        self._accepted: Sequence[Row] = ()
        self.dropped: list[Rejection] = []

    def sift(self, rows: Sequence[Row]) -> list[Row]:
        """The accepted rows in their order; they are also what AWS was given last. Empty when there are none."""
        good = self._good(rows)
        if not good or list(self._accepted) == good:
            return good
        reason = self._attempt(good)
        return self._drop(good, reason) if reason else good

    def _good(self, rows: Sequence[Row]) -> list[Row]:
        if not self._left:
            return self._drop(rows, "not tried: too many of the rows around it were refused")
        self._left -= 1
        self._accepted = ()
        reason = self._attempt(rows)
        if not reason:
            self._accepted = rows
            return list(rows)
        return self._good_of_refused(rows, reason)

    def _good_of_refused(self, rows: Sequence[Row], reason: str) -> list[Row]:
        named = [row for row in rows if _names(reason, row)]
        if named or len(rows) == 1:
            self._drop(named or rows, reason)
            rest = [row for row in rows if named and row not in named]
            return self._good(rest) if rest else []
        middle = len(rows) // 2
        return self._good(rows[:middle]) + self._good(rows[middle:])

    def _drop(self, rows: Sequence[Row], reason: str) -> list[Row]:
        self.dropped += [Rejection(row.display or row.phrase, reason) for row in rows]
        return []


def _names(reason: str, row: Row) -> bool:
    """Whether the phrase stands in the reason as a quotation: a bare word may be AWS's own."""
    return re.search(rf"['\"‘“]{re.escape(row.phrase)}['\"’”]", reason) is not None
