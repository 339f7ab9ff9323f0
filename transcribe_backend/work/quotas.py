"""AWS's quotas, which hold for the account and region and therefore for all our processes together."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

from transcribe_backend.work.database import Database
from transcribe_backend.work.dialects import Rows
from transcribe_backend.work.items import BULK, LATEST, Item
from transcribe_backend.work.ledger import AUDIO, BILLED, DAY, JOBS, REUSED, SAVED, Ledger

_AHEAD_SECONDS = 0.25
_LONGEST_PAUSE = 60.0  # a turn further ahead was given by a clock that was wrong
_RESERVED_SHARE = 25

SCHEMA = (
    "create table if not exists transcribe_turns (name text primary key, next {real} not null)",
    """create table if not exists transcribe_jobs (
        name text primary key, region text not null, since {real} not null, ask {real} not null)""",
    "create index if not exists transcribe_jobs_region on transcribe_jobs (region)",
    "alter table transcribe_jobs add column if not exists project text not null default ''",
    "alter table transcribe_jobs add column if not exists seconds {real} not null default 0",
    "alter table transcribe_jobs add column if not exists measured integer not null default 0",
    "alter table transcribe_jobs add column if not exists ours integer not null default 1",
    "alter table transcribe_jobs add column if not exists item text not null default ''",
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
    REOPENED = "reopened"
    """The same item has opened it before, and did not hear whether the job was started."""
    TAKEN = "taken"
    """Another item has opened one for just this job: it runs, or is being started."""
    FULL = "full"
    SPENT = "spent"
    """Today's audio is used up."""


@dataclass(frozen=True, slots=True)
class Running:
    """A job that holds a slot `since` a Unix time, on `seconds` of audio (0 where that was not measured). It is asked
    for by itself from the time `ask` on."""

    name: str
    since: float
    ask: float
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Length:
    """How long an audio lasts, in seconds; one that is not `measured` is a guess that rather errs on the long side."""

    seconds: float = 0.0
    measured: bool = False


_UNKNOWN = Length()


@dataclass(frozen=True, slots=True)
class Today:
    """Seconds of audio: `used` by the jobs that were started since 00:00 UTC, of `most`; inf where nothing limits."""

    used: float
    most: float

    def allows(self, seconds: float) -> bool:
        """Whether a job on so much audio may be started today."""
        return self.used + seconds <= self.most


Ask = Callable[..., Rows]
"""Runs a query, inside a transaction or not."""


class Slots:
    """The account's concurrent transcription jobs, `most` in each region; every method raises QueueError.

    A few slots are kept for urgent jobs as long as more bulk jobs wait than would fit into them. All jobs that are
    started on one day (UTC) have `most_audio` seconds of audio at most.

    A slot is opened once and ended once, whatever process dies: with its row goes what it costs into the ledger.
    """

    def __init__(self, database: Database, most: int, most_audio: float = float("inf")) -> None:
        self._database = database
        self._ledger = Ledger(database)
        self._most = most
        self._most_audio = most_audio
        self._reserved = most // _RESERVED_SHARE

    def open(self, job: str, region: str, queue: str, item: Item, project: str = "", length: Length = _UNKNOWN) -> Slot:
        """Hold a slot for a job that an item is about to start on an audio of that length, for a project; `queue` is
        where bulk jobs wait.
        """
        now = self._database.now()
        with self._database.transaction() as execute, self._database.locked(execute, region):
            slot = self._vacancy(execute, job, region, queue, item)
            if slot is Slot.REOPENED:  # what is known of the job by now is about the start before
                execute("update transcribe_jobs set since = ?, ask = ? where name = ?", now, now, job)
            if slot is not Slot.OPENED:
                return slot
            with self._database.locked(execute, "today"):
                if not self._today(execute).allows(length.seconds):
                    return Slot.SPENT
            execute(
                "insert into transcribe_jobs (name, region, since, ask, item, project, seconds, measured) "
                "values (?, ?, ?, ?, ?, ?, ?, ?)",
                job, region, now, now, item.key, project, length.seconds, int(length.measured),
            )  # fmt: skip
        return Slot.OPENED

    def vacancy(self, job: str, region: str, queue: str, item: Item) -> Slot:
        """What `open` would answer at the moment, were there audio left for today."""
        return self._vacancy(self._database.read, job, region, queue, item)

    def _vacancy(self, ask: Ask, job: str, region: str, queue: str, item: Item) -> Slot:
        for (opener,) in ask("select item from transcribe_jobs where name = ?", job):
            return Slot.REOPENED if opener == item.key else Slot.TAKEN
        used = ask("select count(*) from transcribe_jobs where region = ?", region)[0][0]
        return Slot.FULL if used >= self._allowed(ask, queue, item.priority) else Slot.OPENED

    def today(self) -> Today:
        """How much audio the jobs of this day have, those that run included."""
        return self._today(self._database.read)

    def _today(self, ask: Callable[..., Rows]) -> Today:
        day = self._ledger.today()
        ended = ask("select sum(amount) from transcribe_ledger where day = ? and what = ?", day, AUDIO)
        run = ask("select sum(seconds) from transcribe_jobs where since >= ? and ours = 1", float(day * DAY))
        return Today((ended[0][0] or 0.0) + (run[0][0] or 0.0), self._most_audio)

    def room(self, queue: str, priority: int) -> int:
        """How many such jobs could be started at the moment, were all of them in one region."""
        return max(0, self._allowed(self._database.read, queue, priority) - self.count())

    def _allowed(self, ask: Ask, queue: str, priority: int) -> int:
        """How many jobs may run when another of this priority is started."""
        if priority != BULK:
            return self._most
        behind = ask(
            "select count(*) from (select 1 from transcribe_work where queue = ? and priority = ? limit ?) few",
            queue, BULK, self._reserved + 1,
        )  # fmt: skip
        return self._most if behind[0][0] <= self._reserved else self._most - self._reserved

    def close(self, job: str, since: float | None = None) -> bool:
        """The job was not started, or failed: it costs nothing. False when no slot was held, `since` then if given."""
        with self._database.transaction() as execute:
            held = "name = ? and since = coalesce(?, since)"
            return bool(execute(f"delete from transcribe_jobs where {held} returning 1", job, since))

    def ended(self, job: str, audio: float, billed: float) -> bool:
        """The job has completed: so many seconds of audio, and what AWS bills for them. False when that is known."""
        with self._database.transaction() as execute:
            for project, since, ours in execute(
                "delete from transcribe_jobs where name = ? returning project, since, ours", job
            ):
                amounts = {JOBS: 1, AUDIO: audio, BILLED: billed} if ours else {REUSED: 1, SAVED: billed}
                self._ledger.book(execute, int(since // DAY), str(project), amounts)
                return True
        return False

    def adopted(self, job: str) -> None:
        """AWS had a job of that name already: somebody else pays for it."""
        with self._database.transaction() as execute:
            execute("update transcribe_jobs set ours = 0 where name = ?", job)

    def holds(self, job: str) -> bool:
        """Whether the job holds a slot."""
        return bool(self._database.read("select 1 from transcribe_jobs where name = ?", job))

    def running(self, region: str) -> list[Running]:
        """The jobs that hold a slot, the oldest first."""
        rows = self._database.read(
            "select name, since, ask, seconds * measured from transcribe_jobs where region = ? order by since", region
        )
        return [Running(str(name), float(since), float(ask), float(seconds)) for name, since, ask, seconds in rows]

    def ask_again(self, jobs: Sequence[str], seconds: float) -> None:
        """These need not be asked for by themselves before so many seconds have passed."""
        ask = self._database.now() + seconds
        with self._database.transaction() as execute:
            execute.many("update transcribe_jobs set ask = ? where name = ?", [(ask, job) for job in jobs])

    def recall(self) -> None:
        """No job was started later than now, or is to be asked for in an hour: the store's clock was ahead then."""
        now = self._database.now()
        with self._database.transaction() as execute:
            execute("update transcribe_jobs set since = ? where since > ?", now, now + _LONGEST_PAUSE)
            execute("update transcribe_jobs set ask = ? where ask > ?", now, now + LATEST)

    def count(self) -> int:
        """Jobs that hold a slot, in all regions."""
        return int(self._database.read("select count(*) from transcribe_jobs")[0][0])

    def oldest(self) -> float:
        """For how many seconds the job that runs longest has held its slot; 0 without any."""
        since = self._database.read("select min(since) from transcribe_jobs")[0][0]
        return self._database.now() - float(since) if since is not None else 0.0

    def regions(self) -> list[str]:
        """Where jobs run."""
        return [str(row[0]) for row in self._database.read("select distinct region from transcribe_jobs")]
