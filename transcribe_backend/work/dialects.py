"""What differs between SQLite and PostgreSQL: connecting, the words of a few statements, and who may write when."""

import logging
import re
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg

_log = logging.getLogger(__name__)

_CONNECT_SECONDS = 5
_BUSY_SECONDS = 30.0
_RETRY_SECONDS = 0.02
_INDEX = re.compile(r"create index if not exists (\w+)")
_COLUMN = re.compile(r"alter table (\w+) add column if not exists (\w+)")

Values = Sequence[Any]
Rows = list[tuple[Any, ...]]


class Sqlite:
    """A file of this machine, with one writer at a time."""

    real, key, clustered, skip_locked, lock = "real", "text", " without rowid", "", ""
    begin, now = "begin immediate", "select (julianday('now') - 2440587.5) * 86400.0"

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writing = threading.Lock()

    def connect(self) -> sqlite3.Connection:
        """A new connection."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        made = sqlite3.connect(self._path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            _write_ahead(made)
            # Survives a killed process and a power cut without a flush of the disk per transaction.
            made.execute("pragma synchronous=normal")
            made.execute("pragma journal_size_limit=16777216")
        except BaseException:
            made.close()
            raise
        return made

    @contextmanager
    def turn(self, writes: bool) -> Iterator[None]:
        """SQLite has one writer: threads queue here, because its own waiting is a poll."""
        if not writes:
            yield
            return
        with self._writing:
            yield

    def execute(self, connection: Any, sql: str, values: Values) -> Rows:
        """The rows of one statement."""
        rows: Rows = connection.execute(sql, values).fetchall()
        return rows

    def changed(self, connection: Any, sql: str, values: Values) -> int:
        """How many rows one statement has written."""
        return int(connection.execute(sql, values).rowcount)

    def arrange(self, connection: Any, sql: str) -> None:
        """One statement of the schema."""
        try:
            connection.execute(sql.replace("add column if not exists", "add column"))
        except sqlite3.OperationalError as error:
            if "duplicate column" not in str(error):
                raise

    def many(self, connection: Any, sql: str, rows: Iterable[Values]) -> None:
        """One statement for each of the rows."""
        connection.executemany(sql, rows)

    def in_transaction(self, connection: Any) -> bool:
        """Whether a transaction has begun and not ended."""
        return bool(connection.in_transaction)

    def place(self) -> tuple[int, int] | None:
        """Which file it is: one that was deleted, and perhaps made again, is another."""
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def damaged(self, error: BaseException) -> bool:
        """Whether the error says that the file itself is broken, or its tables are gone."""
        return isinstance(error, sqlite3.DatabaseError) and any(
            told in str(error) for told in ("malformed", "not a database", "no such table")
        )

    def set_aside(self) -> None:
        """A damaged file costs time, never a transcript: what it held is asked for again."""
        if self._is_sound():
            return
        _log.error("%s is damaged; it is kept as %s.damaged and begun anew", self._path, self._path.name)
        for ending in ("", "-wal", "-shm"):
            with suppress(FileNotFoundError):
                part = self._path.with_name(self._path.name + ending)
                part.replace(part.with_name(part.name + ".damaged"))

    def _is_sound(self) -> bool:
        """Whether the file that is there now can be read in all its pages."""
        try:
            with closing(self.connect()) as connection:
                told: Rows = connection.execute("pragma quick_check(1)").fetchall()
        except sqlite3.Error:
            return False
        return told == [("ok",)]


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Of processes that open a new file together only one changes its journal; SQLite does not let the others wait."""
    deadline = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            connection.execute("pragma journal_mode=wal")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(_RETRY_SECONDS)


class Postgres:
    """A server that several machines share."""

    real, key, clustered = "double precision", 'text collate "C"', ""
    skip_locked, lock = " for update skip locked", " for update"
    begin, now = "begin", "select extract(epoch from clock_timestamp())::double precision"

    def __init__(self, url: str) -> None:
        self._url = url

    def connect(self) -> "psycopg.Connection[Any]":
        """A new connection."""
        return psycopg.connect(
            self._url,
            autocommit=True,
            connect_timeout=_CONNECT_SECONDS,
            prepare_threshold=3,
            keepalives_idle=10,
            keepalives_interval=5,
            keepalives_count=3,
            options="-c statement_timeout=30000 -c idle_in_transaction_session_timeout=60000",
        )

    @contextmanager
    def turn(self, writes: bool) -> Iterator[None]:
        """The server orders its writers itself."""
        yield

    def execute(self, connection: Any, sql: str, values: Values) -> Rows:
        """The rows of one statement."""
        cursor = connection.execute(_percent(sql), values or None)
        return cursor.fetchall() if cursor.description else []

    def changed(self, connection: Any, sql: str, values: Values) -> int:
        """How many rows one statement has written."""
        return int(connection.execute(_percent(sql), values).rowcount)

    def arrange(self, connection: Any, sql: str) -> None:
        """One statement of the schema, unless it is done: PostgreSQL locks a table before it looks whether an index or
        a column is there. A process that starts would wait for those that work, or they for each other.
        """
        if not _done(connection, sql):
            connection.execute(sql)

    def many(self, connection: Any, sql: str, rows: Iterable[Values]) -> None:
        """One statement for each of the rows."""
        with connection.cursor() as cursor:
            cursor.executemany(_percent(sql), rows)

    def in_transaction(self, connection: Any) -> bool:
        """Whether a transaction has begun and not ended."""
        return bool(connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE)

    def place(self) -> None:
        """A server is always the same."""

    def damaged(self, error: BaseException) -> bool:
        """Whether the error says that the tables are gone."""
        return isinstance(error, psycopg.errors.UndefinedTable)

    def set_aside(self) -> None:
        """Never: a server mends itself."""


def _done(connection: Any, sql: str) -> bool:
    if index := _INDEX.match(sql):
        return bool(connection.execute("select to_regclass(%s)", (index[1],)).fetchone()[0])
    if column := _COLUMN.match(sql):
        known = "select 1 from pg_attribute where attrelid = to_regclass(%s) and attname = %s and not attisdropped"
        return bool(connection.execute(known, (column[1], column[2])).fetchone())
    return False


def _percent(sql: str) -> Any:
    return sql.replace("?", "%s")
