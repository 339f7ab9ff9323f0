"""Owed work as rows of one table: what is due is taken with a lease, and whoever dies with it lets it fall due again.

Nothing reads all rows, nothing sweeps: an item is taken by moving its due time forward.
"""

import json
import uuid
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from transcribe_backend.errors import TranscribeBackendError
from transcribe_backend.work import causes
from transcribe_backend.work.database import Database
from transcribe_backend.work.ledger import DAY

URGENT, BULK = 0, 1
"""Priorities: somebody waits in front of the screen, or nobody does."""
FAILED = "failed"
"""The queue of what ended for good; it waits for people, not for a worker."""
LEASE = 12.0
"""Seconds that an item belongs to the process that took it, unless it renews them (Work.renew)."""
LATEST = 600.0
"""Seconds: no lease, pause or later look lasts longer, but the wait for another day."""
_TOLD_SECONDS = 3600.0
_AT_ONCE = 500  # values of one IN list

SCHEMA = (
    """create table if not exists transcribe_work (
        key {key} primary key, queue text not null, priority integer not null, due {real} not null,
        hold {real} not null, expires {real}, owner text, attempts integer not null, job text not null,
        problem text not null, remedy text not null, news text not null, told {real} not null,
        added {real} not null, body text not null)""",
    "create index if not exists transcribe_work_due on transcribe_work (queue, priority, due)",
    "create index if not exists transcribe_work_owner on transcribe_work (owner) where owner is not null",
    "create index if not exists transcribe_work_job on transcribe_work (job) where job <> ''",
    "create index if not exists transcribe_work_expires on transcribe_work (expires) where expires is not null",
    "alter table transcribe_work add column if not exists cause text not null default ''",
    "create index if not exists transcribe_work_cause on transcribe_work (cause, queue, key) where cause <> ''",
    "alter table transcribe_work add column if not exists what text not null default ''",
)


@dataclass(frozen=True, slots=True)
class Item:
    """One piece of owed work as its taker holds it. `attempts` counts how often it was taken in its queue."""

    key: str
    queue: str
    priority: int
    attempts: int
    job: str
    added: float
    body: Mapping[str, Any]
    owner: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class New:
    """An item to be. It is not handed to its last queue before `hold`, and dropped when nobody waits after `expires`
    (both Unix times). Items of one key that are about another `what` ("" for whichever) are not the same work."""

    key: str
    queue: str
    body: Mapping[str, Any]
    priority: int = BULK
    due: float = 0.0
    hold: float = 0.0
    expires: float | None = None
    job: str = ""
    what: str = ""


@dataclass(frozen=True, slots=True)
class State:
    """Where an item stands: its queue, and the name of its transcription job once there is one."""

    queue: str
    job: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """Equal items of one queue: why they wait (`problem` is "" while all is well; of items with the same `cause` that
    of one of them), what to do, and how many."""

    queue: str
    problem: str
    remedy: str
    count: int
    cause: str = ""


def well(standing: Mapping[tuple[str, int], int], troubles: Iterable[Waiting]) -> dict[str, int]:
    """How many items of each queue are in no trouble, of what `Work.standing` and `Work.troubles` have seen.

    These look at different moments: what gets into trouble in between is counted as that.
    """
    found: Counter[str] = Counter()
    for (queue, _), count in standing.items():
        found[queue] += count
    for group in troubles:
        found[group.queue] -= group.count
    return {queue: max(0, count) for queue, count in found.items()}


@dataclass(frozen=True, slots=True)
class Example:
    """An item in trouble: it failed at the time `due`, or is tried again then."""

    key: str
    problem: str
    remedy: str
    due: float
    body: Mapping[str, Any]


class Work:
    """The table of owed work, shared by all processes; every method raises QueueError.

    What a taker does with an item (`finish`, `later`, `move`, `fail`) counts only while it is still the taker's: each
    returns False when the lease was lost and somebody else has taken the item since.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self.me = uuid.uuid4().hex

    def now(self) -> float:
        """Unix time by the database's clock."""
        return self._database.now()

    def add(self, items: Iterable[New]) -> None:
        """Owe these. One that is owed already becomes urgent if this one is, and is then due no later; one that failed
        a minute ago, that nobody waits for any more, or that was about another `what`, is begun anew.

        One that nobody has begun goes on with the new body, whose address is as somebody may have corrected it, and
        whose signed URL is still valid.
        """
        now = self.now()
        rows = [_row(new, now) for new in items]
        if rows:
            with self._database.transaction() as execute:
                execute.many(_ADD, sorted(rows, key=lambda row: row[0]))

    def take(self, queue: str, priority: int, count: int, lease: float = LEASE) -> list[Item]:
        """At most `count` due items, those that are due longest; the caller's for `lease` seconds."""
        now = self.now()
        with self._database.transaction() as execute:
            rows = execute(
                "update transcribe_work set owner = ?, due = ?, attempts = attempts + 1 where key in (select key from "
                "transcribe_work where queue = ? and priority = ? and due <= ? order by due limit ?"
                f"{self._database.skip_locked}) and due <= ? returning "
                "key, queue, priority, attempts, job, added, body",
                self.me, now + lease, queue, priority, now, count, now,
            )  # fmt: skip
        return [self._item(row) for row in rows]

    def take_waiting(self, job: str, queue: str) -> list[Item]:
        """All items of `queue` that wait for a transcription job, due or not; the caller's for a moment."""
        now = self.now()
        with self._database.transaction() as execute:
            rows = execute(
                "update transcribe_work set owner = ?, due = ?, attempts = attempts + 1 where "
                f"{self._ordered('job = ? and queue = ?')} returning key, queue, priority, attempts, job, added, body",
                self.me, now + LEASE, job, queue,
            )  # fmt: skip
        return [self._item(row) for row in rows]

    def due(self, lanes: Sequence[tuple[str, int]]) -> set[tuple[str, int]]:
        """Those of the (queue, priority) pairs in which something is due: one cheap look for all of them."""
        now = self.now()
        query = " union all ".join(
            "select * from (select ?, ? from transcribe_work where queue = ? and priority = ? and due <= ? limit 1) a"
            for _ in lanes
        )
        values = [value for queue, priority in lanes for value in (queue, priority, queue, priority, now)]
        return {(str(queue), int(priority)) for queue, priority in self._database.read(query, *values)}

    def finish(self, item: Item) -> bool:
        """It is done."""
        with self._database.transaction() as execute:
            return bool(execute(f"delete from transcribe_work where {_MINE} returning 1", *_mine(item)))

    def later(
        self,
        item: Item,
        seconds: float,
        error: TranscribeBackendError | None = None,
        *,
        body: Mapping[str, Any] | None = None,
    ) -> bool:
        """Not now: due again in so many seconds. `error` says why, and makes it count as an attempt."""
        why = (error.problem, error.remedy, causes.cause(error)) if error else ("", "", "")
        attempts, due = item.attempts if error else 0, self.now() + seconds
        with self._database.transaction() as execute:
            return bool(
                execute(
                    "update transcribe_work set owner = null, due = ?, attempts = ?, problem = ?, remedy = ?, "
                    f"cause = ?, body = {_BODY} where {_MINE} returning 1",
                    due, attempts, *why, None if body is None else _encode(body), *_mine(item),
                )
            )  # fmt: skip

    def move(
        self,
        item: Item,
        queue: str,
        *,
        seconds: float = 0.0,
        held: bool = False,
        job: str = "",
        attempts: int = 0,
        body: Mapping[str, Any] | None = None,
    ) -> bool:
        """Its next stage, due in `seconds`; `held`: and not before its hold. `attempts` count there already."""
        due = self.now() + seconds
        earliest = due if held else float("inf")
        with self._database.transaction() as execute:
            return bool(
                execute(
                    "update transcribe_work set queue = ?, due = case when hold > ? then hold else ? end, "
                    f"owner = null, attempts = ?, job = ?, problem = '', remedy = '', cause = '', body = {_BODY} "
                    f"where {_MINE} returning 1",
                    queue, earliest, due, attempts, job, None if body is None else _encode(body), *_mine(item),
                )
            )  # fmt: skip

    def replace(self, item: Item, new: New) -> bool:
        """It became another: in one step the old one is done and the new one owed."""
        now = self.now()
        with self._database.transaction() as execute:
            if not execute(f"delete from transcribe_work where {_MINE} returning 1", *_mine(item)):
                return False
            execute(_ADD, *_row(new, now))
            return True

    def fail(
        self, item: Item, error: TranscribeBackendError, *, problem: str, remedy: str, body: Mapping[str, Any]
    ) -> bool:
        """It ended for good and is kept for people to see; True when that is news that they should be told."""
        now, news = self.now(), f"{type(error).__name__}: {problem}"
        with self._database.transaction() as execute:
            known = execute(f"select news, told from transcribe_work where {_MINE}", *_mine(item))
            if not known:
                return False
            is_news = known[0][0] != news or known[0][1] < now - _TOLD_SECONDS
            execute(
                "update transcribe_work set queue = ?, due = ?, owner = null, problem = ?, remedy = ?, cause = ?, "
                "news = ?, told = ?, body = ? where key = ?",
                FAILED, now, problem, remedy, f"{type(error).__name__}: {causes.general(problem)}", news,
                now if is_news else known[0][1], _encode(body), item.key,
            )  # fmt: skip
            return bool(is_news)

    def ended(self, job: str, waiting: str, queue: str) -> list[str]:
        """The transcription job has ended: what waited for it goes on in `queue`, not before its hold. Their keys."""
        now = self.now()
        with self._database.transaction() as execute:
            rows = execute(
                "update transcribe_work set queue = ?, due = case when hold > ? then hold else ? end, owner = null, "
                f"attempts = 0 where {self._ordered('job = ? and queue = ?')} returning key",
                queue, now, now, job, waiting,
            )  # fmt: skip
        return [str(row[0]) for row in rows]

    def hold(self, keys: Iterable[str], queue: str, until: float) -> None:
        """These are being answered: they are not due in `queue`, where they are or will be, before `until`."""
        self._each(keys, "update transcribe_work set hold = ?, due = case when queue = ? and owner is null and due < ? "
                         "then ? else due end where {chosen}", until, queue, until, until)  # fmt: skip

    def keep(self, keys: Iterable[str], until: float) -> None:
        """Somebody still waits for these: they expire at `until`."""
        self._each(keys, "update transcribe_work set expires = ? where expires is not null and {chosen}", until)

    def forget(self, keys: Iterable[str]) -> None:
        """Nobody wants these any more."""
        self._each(keys, "delete from transcribe_work where {chosen}")

    def save(self, item: Item, body: Mapping[str, Any]) -> bool:
        """How far it has come, should this process die."""
        with self._database.transaction() as execute:
            return bool(
                execute(f"update transcribe_work set body = ? where {_MINE} returning 1", _encode(body), *_mine(item))
            )

    def renew(self, keys: Collection[str], lease: float = LEASE) -> None:
        """These stay this process's own. Only what it has in hand: where the store did not answer, and the taker was
        interrupted, the item must fall due again.
        """
        now = self.now()
        if keys:
            self._each(keys, "update transcribe_work set due = ? where owner = ? and due > ? and {chosen}",
                       now + lease, self.me, now)  # fmt: skip

    def release(self) -> None:
        """This process ends: what it has taken is due for others at once."""
        now, mine = self.now(), self._ordered("owner = ?")
        with self._database.transaction() as execute:
            execute(f"update transcribe_work set due = ?, owner = null where {mine}", now, self.me)

    def expire(self) -> None:
        """Drop what nobody waits for any more and nobody has in hand."""
        now = self.now()
        with self._database.transaction() as execute:
            execute("delete from transcribe_work where expires < ? and owner is null", now)

    def recall(self, lanes: Iterable[tuple[str, int]]) -> None:
        """What is due later than anything can be is due now: the store's clock was ahead when that was decided. In the
        queues and priorities `lanes`; what waits for midnight (UTC) goes on waiting.
        """
        now = self.now()
        midnight = now - now % DAY + DAY
        with self._database.transaction() as execute:
            for queue, priority in lanes:
                for after, before in ((now + LATEST, midnight - 60), (midnight + 60, float("inf"))):
                    chosen = self._ordered("queue = ? and priority = ? and due > ? and due < ?")
                    execute(f"update transcribe_work set due = ? where {chosen}", now, queue, priority, after, before)

    def states(self, keys: Sequence[str]) -> dict[str, State]:
        """Where these stand; what is done is not in it."""
        found: dict[str, State] = {}
        for part in _parts(keys):
            marks = ",".join("?" * len(part))
            rows = self._database.read(f"select key, queue, job from transcribe_work where key in ({marks})", *part)
            found |= {str(key): State(str(queue), str(job)) for key, queue, job in rows}
        return found

    def count(self, *queues: str) -> int:
        """How many items the queues hold."""
        marks = ",".join("?" * len(queues))
        rows = self._database.read(f"select count(*) from transcribe_work where queue in ({marks})", *queues)
        return int(rows[0][0])

    def standing(self) -> dict[tuple[str, int], int]:
        """How many items each queue holds, by priority."""
        rows = self._database.read("select queue, priority, count(*) from transcribe_work group by queue, priority")
        return {(str(queue), int(priority)): int(count) for queue, priority, count in rows}

    def waiting(self, most: int = 50) -> list[Waiting]:
        """What is owed, by queue and by what it waits for, the most frequent first: troubles, then what has none."""
        troubles = self.troubles(most)
        calm = [Waiting(queue, "", "", count) for queue, count in well(self.standing(), troubles).items() if count]
        calm = [group for group in calm if group.queue != FAILED]
        return [group for group in troubles if group.queue != FAILED] + calm

    def troubles(self, most: int = 50) -> list[Waiting]:
        """Items that failed or wait for something, by queue and cause, the most frequent first."""
        rows = self._database.read(
            "select cause, queue, count(*) from transcribe_work where cause <> '' group by cause, queue "
            "order by count(*) desc, cause limit ?",
            most,
        )
        found = []
        for cause, queue, count in rows:
            for example in self.examples(str(cause), str(queue), 1):
                found.append(Waiting(str(queue), example.problem, example.remedy, int(count), str(cause)))
        return found

    def examples(self, cause: str, queue: str, most: int) -> list[Example]:
        """Some items of a group."""
        rows = self._database.read(
            "select key, problem, remedy, due, body from transcribe_work where cause = ? and queue = ? and cause <> '' "
            "order by key limit ?",
            cause, queue, most,
        )  # fmt: skip
        return [
            Example(str(key), str(problem), str(remedy), float(due), json.loads(body))
            for key, problem, remedy, due, body in rows
        ]

    def of(self, project: str) -> int:
        """How many items there are of a project, failed ones included."""
        begin, end = f"{project}|", f"{project}}}"  # } follows |
        rows = self._database.read("select count(*) from transcribe_work where key >= ? and key < ?", begin, end)
        return int(rows[0][0])

    def again(self, cause: str, queue: str) -> int:
        """What failed for this cause goes on in `queue`, and is told when it fails once more. How many that are."""
        now = self.now()
        with self._database.transaction() as execute:
            chosen = self._ordered(f"queue = '{FAILED}' and cause = ? and cause <> ''")
            rows = execute(
                "update transcribe_work set queue = ?, due = ?, added = ?, attempts = 0, problem = '', remedy = '', "
                f"cause = '', told = 0 where {chosen} returning 1",
                queue, now, now, cause,
            )  # fmt: skip
        return len(rows)

    def hurry(self, cause: str) -> int:
        """What waits for this cause is due now; how many that are."""
        now = self.now()
        with self._database.transaction() as execute:
            chosen = self._ordered(f"cause = ? and cause <> '' and queue <> '{FAILED}' and owner is null")
            return len(execute(f"update transcribe_work set due = ? where {chosen} returning 1", now, cause))

    def drop(self, cause: str) -> int:
        """Forget what failed or waits for this cause, unless somebody has it in hand; how many that were."""
        with self._database.transaction() as execute:
            chosen = self._ordered("cause = ? and cause <> '' and owner is null")
            return len(execute(f"delete from transcribe_work where {chosen} returning 1", cause))

    def keys(self, queue: str, most: int = 2000) -> list[str]:
        """The keys of the items of a queue, so many at most."""
        rows = self._database.read("select key from transcribe_work where queue = ? limit ?", queue, most)
        return [str(row[0]) for row in rows]

    def beginning(self, prefixes: Sequence[str]) -> list[str]:
        """The keys that begin with one of these, which end in a bar."""
        found: list[str] = []
        for part in _parts(prefixes):
            ranges = " or ".join("key >= ? and key < ?" for _ in part)
            values = [bound for prefix in part for bound in (prefix, prefix[:-1] + chr(ord("|") + 1))]
            found += [
                str(row[0]) for row in self._database.read(f"select key from transcribe_work where {ranges}", *values)
            ]
        return found

    def failure(self, key: str) -> tuple[str, str] | None:
        """Problem and remedy of an item that ended for good."""
        rows = self._database.read(
            "select problem, remedy from transcribe_work where key = ? and queue = ?", key, FAILED
        )
        return (str(rows[0][0]), str(rows[0][1])) if rows else None

    def failures(self, most: int = 50) -> list[dict[str, Any]]:
        """What ended for good, the newest first."""
        rows = self._database.read(
            "select key, due, problem, remedy, body from transcribe_work where queue = ? order by due desc limit ?",
            FAILED, most,
        )  # fmt: skip
        return [{**json.loads(body), "key": key, "at": at, "problem": p, "remedy": r} for key, at, p, r, body in rows]

    def held_up(self, kind: type[TranscribeBackendError]) -> int:
        """How many items wait because of an error of this kind."""
        name = kind.__name__
        rows = self._database.read(
            "select count(*) from transcribe_work where cause >= ? and cause < ? and cause <> '' and queue <> ?",
            f"{name}:", f"{name};", FAILED,
        )  # fmt: skip
        return int(rows[0][0])

    def hasten(self, kind: type[TranscribeBackendError]) -> None:
        """What waits because of an error of this kind is due now."""
        now, name = self.now(), kind.__name__
        with self._database.transaction() as execute:
            mine = self._ordered("cause >= ? and cause < ? and queue <> ? and owner is null")
            execute(f"update transcribe_work set due = ? where {mine}", now, f"{name}:", f"{name};", FAILED)

    def forget_failed(self, job: str) -> None:
        """Forget the failures that this transcription job caused."""
        with self._database.transaction() as execute:
            execute(f"delete from transcribe_work where {self._ordered('queue = ? and job = ?')}", FAILED, job)

    def prune(self, older: float, most: int) -> None:
        """Forget failures that are older than `older` seconds or beyond the newest `most`."""
        oldest = self.now() - older
        with self._database.transaction() as execute:
            execute(f"delete from transcribe_work where {self._ordered('queue = ? and due < ?')}", FAILED, oldest)
            execute(
                "delete from transcribe_work where queue = ? and due < (select min(due) from (select due from "
                "transcribe_work where queue = ? order by due desc limit ?) newest)",
                FAILED, FAILED, most,
            )  # fmt: skip

    def _item(self, row: tuple[Any, ...]) -> Item:
        key, queue, priority, attempts, job, added, body = row
        return Item(key, queue, priority, attempts, job, added, json.loads(body), self.me)

    def _each(self, keys: Iterable[str], sql: str, *values: Any) -> None:
        with self._database.transaction() as execute:
            for part in _parts(sorted(keys)):
                chosen = self._ordered(f"key in ({','.join('?' * len(part))})")
                execute(sql.replace("{chosen}", chosen), *values, *part)

    def _ordered(self, condition: str) -> str:
        """The rows of a condition, locked in order of their keys: no two transactions can wait for each other."""
        return f"key in (select key from transcribe_work where {condition} order by key{self._database.lock})"


_AGAIN = (
    "(transcribe_work.queue = 'failed' and transcribe_work.due < excluded.added - 60 "
    "or transcribe_work.expires < excluded.added and transcribe_work.owner is null "
    "or transcribe_work.what <> excluded.what and transcribe_work.what <> '' and excluded.what <> '')"
)
_FREE = "transcribe_work.owner is null and transcribe_work.job = '' and transcribe_work.queue <> 'failed'"
_ADD = f"""insert into transcribe_work
    (key, queue, priority, due, hold, expires, owner, attempts, job, problem, remedy, news, told, added, body,
    what) values (?, ?, ?, ?, ?, ?, null, 0, ?, '', '', '', 0, ?, ?, ?)
    on conflict (key) do update set
    queue = case when {_AGAIN} then excluded.queue else transcribe_work.queue end,
    owner = case when {_AGAIN} then null else transcribe_work.owner end,
    job = case when {_AGAIN} then excluded.job else transcribe_work.job end,
    what = case when excluded.what <> '' then excluded.what else transcribe_work.what end,
    added = case when {_AGAIN} then excluded.added else transcribe_work.added end,
    attempts = case when {_AGAIN} then 0 else transcribe_work.attempts end,
    problem = case when {_AGAIN} then '' else transcribe_work.problem end,
    remedy = case when {_AGAIN} then '' else transcribe_work.remedy end,
    cause = case when {_AGAIN} then '' else transcribe_work.cause end,
    body = case when {_AGAIN} or (transcribe_work.queue = excluded.queue and {_FREE})
        then excluded.body else transcribe_work.body end,
    due = case when {_AGAIN} or ({_FREE} and excluded.priority = {URGENT} and excluded.due < transcribe_work.due)
        then excluded.due else transcribe_work.due end,
    priority = case when excluded.priority < transcribe_work.priority then excluded.priority
        else transcribe_work.priority end,
    hold = case when excluded.hold > transcribe_work.hold then excluded.hold else transcribe_work.hold end,
    expires = case when transcribe_work.expires is null or excluded.expires is null then null
        when excluded.expires > transcribe_work.expires then excluded.expires else transcribe_work.expires end
    """
_BODY = "coalesce(cast(? as text), body)"  # without a new body the one that was saved last stays
_MINE = "key = ? and queue = ? and owner = ? and attempts = ?"


def _row(new: New, now: float) -> tuple[Any, ...]:
    due, body = new.due or now, _encode(new.body)
    return new.key, new.queue, new.priority, due, new.hold, new.expires, new.job, now, body, new.what


def _mine(item: Item) -> tuple[Any, ...]:
    return item.key, item.queue, item.owner, item.attempts


def _encode(body: Mapping[str, Any]) -> str:
    return json.dumps(body, separators=(",", ":"))


def _parts(keys: Sequence[str]) -> Iterable[Sequence[str]]:
    return (keys[begin : begin + _AT_ONCE] for begin in range(0, len(keys), _AT_ONCE))
