"""Small facts that all processes share: one table, typed by whoever keeps them."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from typing import Any, Generic, TypeVar

from transcribe_backend.work.database import Database

SCHEMA = (
    """create table if not exists transcribe_records (
        kind text not null, key text not null, at {real} not null, body text not null, primary key (kind, key))""",
    "create index if not exists transcribe_records_at on transcribe_records (kind, at)",
)

Fact = TypeVar("Fact")


class Records(Generic[Fact]):
    """The facts of one `kind`, each a dataclass of JSON values under a key; every method raises QueueError."""

    def __init__(self, database: Database, kind: str, make: Callable[..., Fact]) -> None:
        self._database = database
        self._kind = kind
        self._make = make

    def put(self, key: str, fact: Fact) -> None:
        """Write or overwrite."""
        now = self._database.now()
        with self._database.transaction() as execute:
            execute(
                "insert into transcribe_records (kind, key, at, body) values (?, ?, ?, ?) on conflict (kind, key) "
                "do update set at = excluded.at, body = excluded.body",
                self._kind, key, now, _encode(fact),
            )  # fmt: skip

    def add(self, facts: Mapping[str, Fact]) -> None:
        """Write those that are not there."""
        now = self._database.now()
        with self._database.transaction() as execute:
            execute.many(
                "insert into transcribe_records (kind, key, at, body) values (?, ?, ?, ?) on conflict do nothing",
                [(self._kind, key, now, _encode(fact)) for key, fact in facts.items()],
            )

    def get(self, key: str) -> Fact | None:
        """The fact, or None."""
        rows = self._database.read("select body from transcribe_records where kind = ? and key = ?", self._kind, key)
        return self._make(**json.loads(rows[0][0])) if rows else None

    def newest(self, most: int) -> Iterator[tuple[str, float, Fact]]:
        """Key, Unix time of writing and fact, the newest first."""
        rows = self._database.read(
            "select key, at, body from transcribe_records where kind = ? order by at desc limit ?", self._kind, most
        )
        for key, at, body in rows:
            yield str(key), float(at), self._make(**json.loads(body))

    def count(self, prefix: str) -> int:
        """How many keys begin with `prefix`."""
        rows = self._database.read(
            f"select count(*) from transcribe_records where {_PREFIXED}", *self._prefixed(prefix)
        )
        return int(rows[0][0])

    def delete(self, key: str) -> None:
        """Forget one, if it is there."""
        with self._database.transaction() as execute:
            execute("delete from transcribe_records where kind = ? and key = ?", self._kind, key)

    def clear(self, prefix: str, before: float) -> None:
        """Forget those whose keys begin with `prefix` and that were written before the Unix time `before`."""
        with self._database.transaction() as execute:
            execute(f"delete from transcribe_records where {_PREFIXED} and at < ?", *self._prefixed(prefix), before)

    def prune(self, most: int) -> None:
        """Forget all but the newest `most`."""
        with self._database.transaction() as execute:
            execute(
                "delete from transcribe_records where kind = ? and at < (select min(at) from (select at from "
                "transcribe_records where kind = ? order by at desc limit ?) newest)",
                self._kind, self._kind, most,
            )  # fmt: skip

    def _prefixed(self, prefix: str) -> tuple[str, int, str]:
        return self._kind, len(prefix), prefix


_PREFIXED = "kind = ? and substr(key, 1, ?) = ?"


def _encode(fact: Any) -> str:
    return json.dumps(asdict(fact), separators=(",", ":"))
