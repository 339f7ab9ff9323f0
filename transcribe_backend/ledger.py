"""ADAPTER: the queue and the small durable records beside it, in SQLite, Redis or Postgres.

Both live in huey's storages, so that one QUEUE_URL decides for all of them. Everything here can be deleted at any
moment: it costs time, never a transcript or a prediction.
"""

import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
from huey.api import Huey
from huey.constants import EmptyData
from huey.storage import BaseStorage, PostgresStorage, RedisStorage, SqliteStorage
from redis import ConnectionPool
from redis.exceptions import RedisError

from transcribe_backend.errors import QueueError
from transcribe_backend.settings import Settings

_NAME = "label-studio-transcribe"
_CONNECT_SECONDS, _ANSWER_SECONDS = 5, 15
AFTER = "|after "
"""Follows the key in the records that a claim leaves when it is taken over (Ledger.claim)."""


class _DurableSqlite(SqliteStorage):  # type: ignore[misc]
    """SQLite that survives a killed process and a power cut, without a disk flush per record (WAL, NORMAL)."""

    def _create_connection(self) -> Any:
        connection = super()._create_connection()
        connection.execute("pragma synchronous=normal")
        return connection


def storage(settings: Settings, name: str) -> BaseStorage:
    """The storage of one namespace, at QUEUE_URL or in MODEL_DIR; raises QueueError."""
    with _queue_errors():
        return _open(settings, f"{_NAME}.{name}")


def _open(settings: Settings, name: str) -> BaseStorage:
    url = settings.queue_url
    scheme = urlsplit(url).scheme
    if scheme in ("redis", "rediss"):
        limits = {"socket_connect_timeout": _CONNECT_SECONDS, "socket_timeout": _ANSWER_SECONDS}
        return RedisStorage(name, connection_pool=ConnectionPool.from_url(url, **limits))
    if scheme in ("postgresql", "postgres"):
        return _open_postgres(url, name)
    path = Path(urlsplit(url).path) if url else settings.model_dir / "queue.db"
    path.parent.mkdir(parents=True, exist_ok=True)
    return _DurableSqlite(name, filename=str(path), timeout=30)


def _open_postgres(url: str, name: str) -> BaseStorage:
    """One process at a time: of two that make the tables at the same moment, PostgreSQL refuses one."""
    with psycopg.connect(url, connect_timeout=_CONNECT_SECONDS) as turn:
        turn.execute("select pg_advisory_xact_lock(hashtext(%s))", [_NAME])
        return PostgresStorage(name, dsn=url, connect_timeout=_CONNECT_SECONDS)


class _Queue(Huey):  # type: ignore[misc]
    """A huey on a storage that is already made."""

    def __init__(self, made: BaseStorage) -> None:
        self._made = made
        super().__init__(_NAME, results=False, utc=True)

    def create_storage(self) -> BaseStorage:
        return self._made

    def enqueue(self, task: Any) -> Any:
        """Raises QueueError."""
        with _queue_errors():
            return super().enqueue(task)


def open_queue(settings: Settings) -> Huey:
    """The background queue; tasks are registered on it by deliver and learn."""
    return _Queue(storage(settings, "queue"))


class Ledger:
    """Small JSON records by key, shared by all processes; each operation is atomic and may raise QueueError."""

    def __init__(self, settings: Settings, name: str, clock: Callable[[], float] = time.time) -> None:
        self._storage = storage(settings, name)
        self._clock = clock

    def put(self, key: str, record: dict[str, Any]) -> None:
        """Write or overwrite."""
        with _queue_errors():
            self._storage.put_data(key, _encode(record))

    def get(self, key: str) -> dict[str, Any] | None:
        """The record, or None."""
        with _queue_errors():
            return _decode(self._storage.peek_data(key))

    def delete(self, key: str) -> None:
        """Delete, if it is there."""
        with _queue_errors():
            self._storage.delete_data(key)

    def add(self, key: str, record: dict[str, Any]) -> bool:
        """Write unless there is one: of several writers one is told True."""
        with _queue_errors():
            return bool(self._storage.put_if_empty(key, _encode(record)))

    def items(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """All records, in no order."""
        with _queue_errors():
            found = self._storage.result_items()
        for key, value in found.items():
            record = _decode(value)
            if record is not None:
                yield key if isinstance(key, str) else bytes(key).decode(), record

    def close(self) -> None:
        """Give the connection back; the next use opens another."""
        self._storage.close()

    def __len__(self) -> int:
        with _queue_errors():
            return int(self._storage.result_store_size())

    def claim(self, key: str, since: float, *, holds: float = 0.0) -> bool:
        """Whether the caller is the one to act on `key`: nobody else has claimed it since the time `since`.

        An older claim is taken over; of several callers at the same moment one is told True. The claim counts as made
        `holds` seconds from now.
        """
        mine = {"at": self._clock() + holds}
        if self.add(key, mine):
            return True
        other = self.get(key)
        if other is None:
            return self.add(key, mine)
        # Who adds the successor of just that claim may replace it: no storage has a compare-and-swap.
        if other["at"] >= since or not self.add(f"{key}{AFTER}{other['at']}", mine):
            return False
        self.put(key, mine)
        return True


@contextmanager
def _queue_errors() -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, psycopg.Error, RedisError, OSError) as error:
        raise QueueError(
            f"The queue does not answer ({type(error).__name__}).",
            remedy="Check that the server at QUEUE_URL runs, or that MODEL_DIR is writable and its disk not full.",
        ) from error


def _encode(record: dict[str, Any]) -> bytes:
    return json.dumps(record, separators=(",", ":")).encode()


def _decode(value: Any) -> dict[str, Any] | None:
    if value is EmptyData:
        return None
    decoded = json.loads(bytes(value))
    return decoded if isinstance(decoded, dict) else None
