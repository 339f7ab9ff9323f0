"""What was billed, what reuse saved and how tasks fared: sums by project and day, whatever the number of jobs."""

from collections import defaultdict
from collections.abc import Mapping
from threading import Lock

from transcribe_backend.errors import QueueError
from transcribe_backend.work.database import Database, Execute

_KEPT_DAYS = 400
DAY = 86_400
"""Seconds; a day of the ledger begins at 00:00 UTC and is counted from 1970."""
JOBS, AUDIO, BILLED = "jobs", "audio", "billed"
"""Jobs that completed, seconds of their audio, and seconds that AWS bills for them."""
REUSED, SAVED = "reused", "saved"
"""Tasks that got a transcript which somebody had caused before, and the seconds that AWS would have billed for it."""

SCHEMA = (
    """create table if not exists transcribe_ledger (
        day integer not null, project {key} not null, what text not null, amount {real} not null,
        primary key (day, project, what))""",
)

Sums = dict[str, dict[str, float]]
"""Project (`<id>.<created>`; "" for the command line) -> what -> how much."""


class Ledger:
    """One row per day, project and thing that is counted; all but `note` raise QueueError.

    What costs money is booked in the transaction that records why (Slots.ended). The rest is `noted` and written a
    little later: should the process be killed, a few figures are lost that nobody is charged by.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = Lock()
        self._noted: dict[tuple[int, str, str], float] = defaultdict(float)

    def today(self) -> int:
        """The day by the database's clock."""
        return int(self._database.now() // DAY)

    def book(self, execute: Execute, day: int, project: str, amounts: Mapping[str, float]) -> None:
        """Add to the sums, within the caller's transaction."""
        for what, amount in sorted(amounts.items()):
            execute(
                "insert into transcribe_ledger (day, project, what, amount) values (?, ?, ?, ?) on conflict "
                "(day, project, what) do update set amount = transcribe_ledger.amount + excluded.amount",
                day, project, what, float(amount),
            )  # fmt: skip

    def note(self, project: str, amounts: Mapping[str, float]) -> None:
        """Add to the sums within a minute."""
        try:
            day = self.today()
        except QueueError:
            return
        with self._lock:
            for what, amount in amounts.items():
                self._noted[day, project, what] += amount

    def flush(self) -> None:
        """Write what was noted."""
        with self._lock:
            noted, self._noted = self._noted, defaultdict(float)
        if not noted:
            return
        try:
            with self._database.transaction() as execute:
                for (day, project, what), amount in sorted(noted.items()):
                    self.book(execute, day, project, {what: amount})
        except QueueError:
            with self._lock:
                for key, amount in noted.items():
                    self._noted[key] += amount
            raise

    def prune(self) -> None:
        """Forget what is older than a year and a month."""
        with self._database.transaction() as execute:
            execute("delete from transcribe_ledger where day < ?", self.today() - _KEPT_DAYS)

    def sums(self, since: int) -> Sums:
        """The sums of each project from the day `since` on."""
        rows = self._database.read(
            "select project, what, sum(amount) from transcribe_ledger where day >= ? group by project, what", since
        )
        found: Sums = {}
        for project, what, amount in rows:
            found.setdefault(str(project), {})[str(what)] = float(amount)
        return found

    def days(self, since: int, what: str) -> dict[int, float]:
        """The sums of all projects together, day by day."""
        rows = self._database.read(
            "select day, sum(amount) from transcribe_ledger where day >= ? and what = ? group by day", since, what
        )
        return {int(day): float(amount) for day, amount in rows}
