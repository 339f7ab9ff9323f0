"""ADAPTER: the database of the engine: SQLite in MODEL_DIR, or PostgreSQL at QUEUE_URL. A few connections, no more.

Both speak the same SQL with `?` for values. Times are Unix times by the database's own clock, so that hosts whose
clocks differ agree on what is due.
"""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

import psycopg

from transcribe_backend.errors import QueueError
from transcribe_backend.settings import Settings
from transcribe_backend.work.dialects import Postgres, Rows, Sqlite, Values

_CONNECTIONS = 4
_IDLE_SECONDS = 20.0
_CLOCK_SECONDS = 30.0
_LOCK = 7_301_221  # of ours among PostgreSQL's advisory locks

Observe = Callable[[str, float], None]
"""Called with "read" or "write" and how many seconds it took, the wait for a connection included."""


class Execute(Protocol):
    """Runs statements inside one transaction."""

    def __call__(self, sql: str, *values: Any) -> Rows:
        """One statement; the rows that it returns."""

    def changed(self, sql: str, *values: Any) -> int:
        """One statement; how many rows it has written."""

    def many(self, sql: str, rows: Iterable[Values]) -> None:
        """One statement for each of the rows."""


class Database:
    """Transactions on a pool of at most four connections, one of which stays open while nothing happens.

    Every call raises QueueError when the database does not answer. `clock` replaces the database's clock.
    """

    def __init__(
        self,
        settings: Settings,
        schema: Iterable[str],
        clock: Callable[[], float] | None = None,
        observe: Observe = lambda kind, seconds: None,
    ) -> None:
        self._observe = observe
        self._dialect = _dialect(settings)
        self.skip_locked, self.lock = self._dialect.skip_locked, self._dialect.lock
        self._clock = clock
        self._offset, self._measured = 0.0, float("-inf")
        words = {"real": self._dialect.real, "key": self._dialect.key, "clustered": self._dialect.clustered}
        self._schema = tuple(statement.format_map(words) for statement in schema)
        self._ready = False
        self._place: tuple[int, int] | None = None
        self._lock = threading.Lock()
        self._room = threading.BoundedSemaphore(_CONNECTIONS)
        self._free: list[tuple[float, Any]] = []
        self._generation = 0
        self._closed = False

    @contextmanager
    def transaction(self) -> Iterator[Execute]:
        """All or nothing of what is executed inside; other writers of an SQLite file wait for its end."""
        with self._timed("write"), self._errors(), self._connection(writes=True) as connection:
            yield from self._within(connection)

    def read(self, sql: str, *values: Any) -> Rows:
        """The rows of one query."""
        with self._timed("read"), self._errors(), self._connection(writes=False) as connection:
            return self._dialect.execute(connection, sql, values)

    def now(self) -> float:
        """Unix time by the database's clock, asked for twice a minute and counted on in between."""
        if self._clock is not None:
            return self._clock()
        if time.monotonic() - self._measured > _CLOCK_SECONDS:
            begun = time.monotonic()
            told = float(self.read(self._dialect.now)[0][0])
            self._measured = time.monotonic()
            self._offset = told - (begun + self._measured) / 2
        return time.monotonic() + self._offset

    def trim(self) -> None:
        """Close the connections that nobody has used for a while, but one."""
        with self._lock:
            oldest = time.monotonic() - _IDLE_SECONDS
            spare = [made for since, made in self._free[:-1] if since < oldest]
            self._free = [(since, made) for since, made in self._free if made not in spare]
        _close(spare)

    def close(self) -> None:
        """Close the connections; what is in use is closed when it is given back."""
        with self._lock:
            self._closed = True
            spare, self._free = [made for _, made in self._free], []
        _close(spare)

    @contextmanager
    def locked(self, execute: Execute, name: str) -> Iterator[None]:
        """Until its end the transaction is the only one that holds `name`; SQLite has one writer anyhow."""
        if self.skip_locked:
            execute("select pg_advisory_xact_lock(?, hashtext(?))", _LOCK, name)
        yield

    @contextmanager
    def _timed(self, kind: str) -> Iterator[None]:
        begun = time.monotonic()
        yield
        self._observe(kind, time.monotonic() - begun)

    def _within(self, connection: Any) -> Iterator[Execute]:
        run = _Run(self._dialect, connection)
        try:
            yield run
            self._dialect.execute(connection, "commit", ())
        except BaseException:
            with suppress(sqlite3.Error, psycopg.Error):
                self._dialect.execute(connection, "rollback", ())
            raise

    @contextmanager
    def _connection(self, *, writes: bool) -> Iterator[Any]:
        with self._dialect.turn(writes), self._room:
            self._prepare()
            generation, connection = self._generation, self._begun(writes)
            try:
                yield connection
            finally:
                self._give_back(connection, generation)

    def _begun(self, writes: bool) -> Any:
        """A connection in a transaction; a pooled one may have lost its server meanwhile."""
        begin = self._dialect.begin if writes else ""
        while True:
            with self._lock:
                pooled = self._free.pop()[1] if self._free else None
            connection = pooled or self._dialect.connect()
            try:
                if begin:
                    self._dialect.execute(connection, begin, ())
                elif pooled and self._dialect.skip_locked:
                    self._dialect.execute(connection, "select 1", ())
                return connection
            except psycopg.OperationalError:
                _close([connection])
                if not pooled:
                    raise
            except BaseException:
                _close([connection])
                raise

    def _give_back(self, connection: Any, generation: int) -> None:
        usable = not getattr(connection, "closed", False) and not self._dialect.in_transaction(connection)
        with self._lock:
            if usable and not self._closed and generation == self._generation:
                self._free.append((time.monotonic(), connection))
                return
        _close([connection])

    def _prepare(self) -> None:
        """Make the tables, as soon as the database can be reached, and again when it has been deleted."""
        if self._ready and self._dialect.place() != self._place:
            self._begin_anew()
        if self._ready:
            return
        with self._lock:
            if self._ready:
                return
            connection = self._dialect.connect()
            try:
                self._dialect.execute(connection, self._dialect.begin, ())
                if self._dialect.skip_locked:
                    self._dialect.execute(connection, "select pg_advisory_xact_lock(?, 0)", (_LOCK,))
                for statement in self._schema:
                    self._dialect.arrange(connection, statement)
                self._dialect.execute(connection, "commit", ())
                self._place = self._dialect.place()
                self._ready = True
            finally:
                _close([connection])

    def _begin_anew(self) -> None:
        """Of a file that is damaged or gone no connection is used again. Only one that is damaged itself is set aside:
        it may be one that another process or thread has made since.
        """
        with self._lock:
            spare, self._free = [made for _, made in self._free], []
            self._ready = False
            self._generation += 1
            self._dialect.set_aside()
        _close(spare)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, psycopg.Error, OSError) as error:
            if self._dialect.damaged(error):
                self._begin_anew()
            raise QueueError(
                f"The store of owed work does not answer ({type(error).__name__}: {_first_line(error)}).",
                remedy="Check that the server at QUEUE_URL runs, or that MODEL_DIR is writable and its disk not full.",
            ) from error


class _Run:
    def __init__(self, dialect: Sqlite | Postgres, connection: Any) -> None:
        self._dialect, self._connection = dialect, connection

    def __call__(self, sql: str, *values: Any) -> Rows:
        return self._dialect.execute(self._connection, sql, values)

    def changed(self, sql: str, *values: Any) -> int:
        return self._dialect.changed(self._connection, sql, values)

    def many(self, sql: str, rows: Iterable[Values]) -> None:
        self._dialect.many(self._connection, sql, rows)


def _dialect(settings: Settings) -> Sqlite | Postgres:
    url = settings.queue_url
    if urlsplit(url).scheme in ("postgresql", "postgres"):
        return Postgres(url)
    return Sqlite(Path(unquote(urlsplit(url).path)) if url else settings.model_dir / "work.db")


def _close(connections: Iterable[Any]) -> None:
    for connection in connections:
        with suppress(sqlite3.Error, psycopg.Error):
            connection.close()


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0][:200]
