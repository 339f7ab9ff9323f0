"""The engine of a process, put together: what is owed, who may answer, what AWS allows, and how to wait for it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from transcribe_backend.settings import Settings
from transcribe_backend.work import claims, items, ledger, quotas, records
from transcribe_backend.work.bell import Bell
from transcribe_backend.work.claims import Claims
from transcribe_backend.work.crew import Crew, Lane
from transcribe_backend.work.database import Database, Observe
from transcribe_backend.work.failures import Failures
from transcribe_backend.work.items import Work
from transcribe_backend.work.ledger import Ledger
from transcribe_backend.work.quotas import Slots, Turns

_SCHEMA = (*items.SCHEMA, *claims.SCHEMA, *quotas.SCHEMA, *records.SCHEMA, *ledger.SCHEMA)


@dataclass(slots=True)
class Engine:
    """One per process, on a database that all processes share; `staff` gives it hands."""

    database: Database
    work: Work
    bell: Bell
    claims: Claims
    turns: Turns
    slots: Slots
    failures: Failures
    ledger: Ledger
    crew: Crew | None = field(default=None)

    def staff(self, lanes: list[Lane], chores: list[Callable[[], None]]) -> Crew:
        """The crew that does the work of these lanes, and now and then the chores and the engine's own."""
        books = [self.ledger.flush, self.ledger.prune]
        put_off = partial(self.work.recall, [(lane.queue, lane.priority) for lane in lanes])
        recalls: list[Callable[[], None]] = [put_off, self.slots.recall]
        own = [*recalls, self.work.expire, self.failures.prune, self.claims.prune, *books, self.database.trim]
        self.crew = Crew(self.work, lanes, self.failures.tell, [*chores, *own])
        return self.crew

    def wake(self) -> None:
        """Something may be due."""
        if self.crew is not None:
            self.crew.wake()


def engine(
    settings: Settings, clock: Callable[[], float] | None = None, observe: Observe = lambda kind, seconds: None
) -> Engine:
    """The engine on the database of the settings; `clock` replaces the database's clock, `observe` is told how long
    each of its transactions and queries took.
    """
    database = Database(settings, _SCHEMA, clock, observe)
    work = Work(database)
    return Engine(
        database,
        work,
        Bell(work),
        Claims(database),
        Turns(database),
        Slots(database, settings.max_jobs, settings.max_audio_hours * 3600 or float("inf")),
        Failures(work),
        Ledger(database),
    )
