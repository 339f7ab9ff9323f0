"""AWS's quotas, which hold for the account and region and therefore for all our processes together."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

from transcribe_backend.work.database import Database
from transcribe_backend.work.dialects import Rows
from transcribe_backend.work.items import BULK

_AHEAD_SECONDS = 0.25
_LONGEST_PAUSE = 60.0  # a turn further ahead was given by a clock that was wrong
_RESERVED_SHARE = 25

SCHEMA = (
    "create table if not exists transcribe_turns (name text primary key, next {real} not null)",
    """create table if not exists transcribe_jobs (
        name text primary key, region text not null, since {real} not null, ask {real} not null)""",
    "create index if not exists transcribe_jobs_region on transcribe_jobs (region)",
)


class Turns:
    """Requests per second, evenly spaced over all processes; every method raises QueueError.

    Evenly, because AWS counts requests per second and not per our second: a burst at a boundary is throttled.
    """

    def __init__(self, database: Database, sleep: Callable[[float], None] = time.sleep) -> None:
        self._database = database
        self.sleep = sleep

    def take(self, name: str, rate: float, ahead: float = _AHEAD_SECONDS) -> float | None:
        """Seconds until this caller's turn among `rate` per second; None when it is not within `ahead` seconds."""
        now = self._database.now()
        with self._database.transaction() as execute:
            execute("insert into transcribe_turns (name, next) values (?, 0) on conflict do nothing", name)
            taken = execute(
                "update transcribe_turns set next = case when next > ? and next <= ? then next else ? end + ? "
                "where name = ? and (next <= ? or next > ?) returning next",
                now, now + _LONGEST_PAUSE, now, 1.0 / rate, name, now + ahead, now + _LONGEST_PAUSE,
            )  # fmt: skip
        return max(0.0, float(taken[0][0]) - 1.0 / rate - now) if taken else None

    def wait(self, name: str, rate: float, seconds: float = 30.0) -> bool:
        """Sleep until it is this caller's turn; False when it does not come within `seconds`."""
        begun = time.monotonic()
        while time.monotonic() - begun < seconds:
            turn = self.take(name, rate)
            if turn is not None:
                self.sleep(turn)
                return True
            self.sleep(_AHEAD_SECONDS / 2)
        return False

    def pause(self, name: str, seconds: float) -> None:
        """Nobody's turn for so long: AWS has refused."""
        until = self._database.now() + min(seconds, _LONGEST_PAUSE)
        with self._database.transaction() as execute:
            execute("update transcribe_turns set next = ? where name = ? and next < ?", until, name, until)


class Slot(Enum):
    """What became of asking for a job slot."""

    OPENED = "opened"
    TAKEN = "taken"
    """Somebody has opened one for just this job: it runs, or is being started."""
    FULL = "full"


@dataclass(frozen=True, slots=True)
class Running:
    """A job that holds a slot `since` a Unix time. It is asked for by itself from the time `ask` on."""

    name: str
    since: float
    ask: float


Ask = Callable[..., Rows]
"""Runs a query, inside a transaction or not."""


class Slots:
    """The account's concurrent transcription jobs, `most` in each region; every method raises QueueError.

    A few slots are kept for urgent jobs as long as more bulk jobs wait than would fit into them.
    """

    def __init__(self, database: Database, most: int) -> None:
        self._database = database
        self._most = most
        self._reserved = most // _RESERVED_SHARE

    def open(self, job: str, region: str, queue: str, priority: int) -> Slot:
        """Hold a slot for a job that is about to be started; `queue` is where bulk jobs wait."""
        now = self._database.now()
        with self._database.transaction() as execute, self._database.locked(execute, region):
            if execute("select 1 from transcribe_jobs where name = ?", job):
                return Slot.TAKEN
            if self._full(execute, region, queue, priority):
                return Slot.FULL
            execute("insert into transcribe_jobs (name, region, since, ask) values (?, ?, ?, ?)", job, region, now, now)
        return Slot.OPENED

    def full(self, region: str, queue: str, priority: int) -> bool:
        """Whether such a job would get none at the moment."""
        return self._full(self._database.read, region, queue, priority)

    def room(self, queue: str, priority: int) -> int:
        """How many such jobs could be started at the moment, were all of them in one region."""
        return max(0, self._allowed(self._database.read, queue, priority) - self.count())

    def _full(self, ask: Ask, region: str, queue: str, priority: int) -> bool:
        used = ask("select count(*) from transcribe_jobs where region = ?", region)[0][0]
        return bool(used >= self._allowed(ask, queue, priority))

    def _allowed(self, ask: Ask, queue: str, priority: int) -> int:
        """How many jobs may run when another of this priority is started."""
        if priority != BULK:
            return self._most
        behind = ask(
            "select count(*) from (select 1 from transcribe_work where queue = ? and priority = ? limit ?) few",
            queue, BULK, self._reserved + 1,
        )  # fmt: skip
        return self._most if behind[0][0] <= self._reserved else self._most - self._reserved

    def close(self, job: str) -> None:
        """The job has ended, or was not started."""
        with self._database.transaction() as execute:
            execute("delete from transcribe_jobs where name = ?", job)

    def holds(self, job: str) -> bool:
        """Whether the job holds a slot."""
        return bool(self._database.read("select 1 from transcribe_jobs where name = ?", job))

    def running(self, region: str) -> list[Running]:
        """The jobs that hold a slot, the oldest first."""
        rows = self._database.read(
            "select name, since, ask from transcribe_jobs where region = ? order by since", region
        )
        return [Running(str(name), float(since), float(ask)) for name, since, ask in rows]

    def ask_again(self, jobs: Sequence[str], seconds: float) -> None:
        """These need not be asked for by themselves before so many seconds have passed."""
        ask = self._database.now() + seconds
        with self._database.transaction() as execute:
            execute.many("update transcribe_jobs set ask = ? where name = ?", [(ask, job) for job in jobs])

    def count(self) -> int:
        """Jobs that hold a slot, in all regions."""
        return int(self._database.read("select count(*) from transcribe_jobs")[0][0])

    def regions(self) -> list[str]:
        """Where jobs run."""
        return [str(row[0]) for row in self._database.read("select distinct region from transcribe_jobs")]
