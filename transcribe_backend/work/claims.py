"""The right to hand out the predictions of a task, so that of all answers and pushes one is stored."""

import itertools
import threading
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from transcribe_backend.errors import QueueError
from transcribe_backend.work.database import Database, Execute

_KEPT_SECONDS = 600.0
_AT_ONCE = 500

# One index to keep up: claims are taken thousands of times for each time that they are pruned.
SCHEMA = (
    """create table if not exists transcribe_claims (
        key {key} primary key, until {real} not null, holder text not null){clustered}""",
)


@dataclass(slots=True)
class _Wish:
    """One call that waits for the transaction that answers it."""

    keys: Sequence[str]
    since: float
    seconds: float
    granted: dict[str, bool] | None = None


class Claims:
    """One row per task and version that was handed out lately; each method raises QueueError.

    Calls that arrive while a transaction is under way share the next one.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._arriving = threading.Lock()
        self._writing = threading.Lock()
        self._wishes: list[_Wish] = []
        self._me, self._numbers = uuid.uuid4().hex, itertools.count()

    def take(self, keys: Sequence[str], *, since: float, seconds: float) -> dict[str, bool]:
        """Those of `keys` that nobody else has held since the time `since`; the caller's from now on. Of each it says
        whether it was handed out before, minutes ago at most: that answer was lost, or is still being stored.

        A claim holds for `seconds`: until Label Studio has surely stored what was handed out. So `since` is when Label
        Studio was last seen without the predictions: a claim that ended later may have been followed by its storing.
        """
        if not keys:
            return {}
        mine = _Wish(sorted(set(keys)), since, seconds)
        with self._arriving:
            self._wishes.append(mine)
        with self._writing:
            if mine.granted is None:
                self._grant_all()
        if mine.granted is None:
            raise QueueError("The right to answer could not be claimed.", remedy="It is tried again.")
        return mine.granted

    def _grant_all(self) -> None:
        with self._arriving:
            wishes, self._wishes = self._wishes, []
        now = self._database.now()
        with self._database.transaction() as execute:
            granted = [self._grant(execute, wish, now) for wish in wishes]
        for wish, keys in zip(wishes, granted, strict=True):
            wish.granted = keys

    def _grant(self, execute: Execute, wish: _Wish, now: float) -> dict[str, bool]:
        granted: dict[str, bool] = {}
        for begin in range(0, len(wish.keys), _AT_ONCE):
            granted.update(self._granted(execute, wish.keys[begin : begin + _AT_ONCE], wish.since, now + wish.seconds))
        return granted

    def _granted(self, execute: Execute, keys: Sequence[str], since: float, until: float) -> dict[str, bool]:
        # Mostly all are new: then one number is read, and not row by row, between which other threads get their turn.
        holder = f"{self._me}{next(self._numbers)}"
        count = execute.changed(
            f"insert into transcribe_claims (key, until, holder) values {','.join(['(?, ?, ?)'] * len(keys))} "
            "on conflict (key) do nothing",
            *(value for key in keys for value in (key, until, holder)),
        )
        if count == len(keys):
            return dict.fromkeys(keys, False)
        marks = ",".join("?" * len(keys))
        new = execute(f"select key from transcribe_claims where key in ({marks}) and holder = ?", *keys, holder)
        again = execute(
            f"update transcribe_claims set until = ?, holder = ? where key in ({marks}) and holder <> ? and until <= ? "
            "returning key",
            until, holder, *keys, holder, since,
        )  # fmt: skip
        return {str(key): False for (key,) in new} | {str(key): True for (key,) in again}

    def until(self, keys: Sequence[str]) -> float:
        """When the last of these claims ends; 0 where there is none."""
        latest = 0.0
        for begin in range(0, len(keys), _AT_ONCE):
            part = keys[begin : begin + _AT_ONCE]
            marks = ",".join("?" * len(part))
            rows = self._database.read(f"select max(until) from transcribe_claims where key in ({marks})", *part)
            latest = max(latest, float(rows[0][0] or 0.0))
        return latest

    def prune(self) -> None:
        """Forget what ended minutes ago: no request is that old. And what holds longer than any claim does, by a clock
        that was ahead.
        """
        now = self._database.now()
        with self._database.transaction() as execute:
            execute(
                "delete from transcribe_claims where until < ? or until > ?", now - _KEPT_SECONDS, now + _KEPT_SECONDS
            )
