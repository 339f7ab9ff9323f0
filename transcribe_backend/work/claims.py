"""The right to hand out the predictions of a task, so that of all answers and pushes one is stored."""

from collections.abc import Sequence

from transcribe_backend.work.database import Database

_KEPT_SECONDS = 600.0
_AT_ONCE = 500

SCHEMA = (
    "create table if not exists transcribe_claims (key {key} primary key, at {real} not null, until {real} not null)",
    "create index if not exists transcribe_claims_until on transcribe_claims (until)",
)


class Claims:
    """One row per task and version that was handed out lately; each method raises QueueError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def take(self, keys: Sequence[str], *, since: float, seconds: float) -> set[str]:
        """Those of `keys` that nobody else has claimed since the time `since` or holds now; the caller's from now on.

        A claim holds for `seconds`: until Label Studio has surely stored what was handed out.
        """
        if not keys:
            return set()
        now = self._database.now()
        rows = [(key, now, now + seconds) for key in dict.fromkeys(keys)]
        granted: set[str] = set()
        with self._database.transaction() as execute:
            for begin in range(0, len(rows), _AT_ONCE):
                part = rows[begin : begin + _AT_ONCE]
                found = execute(
                    f"insert into transcribe_claims (key, at, until) values {','.join(['(?, ?, ?)'] * len(part))} "
                    "on conflict (key) do update set at = excluded.at, until = excluded.until "
                    "where transcribe_claims.at < ? and transcribe_claims.until <= ? returning key",
                    *(value for row in part for value in row), since, now,
                )  # fmt: skip
                granted |= {str(row[0]) for row in found}
        return granted

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
        """Forget what ended minutes ago: no request is that old."""
        with self._database.transaction() as execute:
            execute("delete from transcribe_claims where until < ?", self._database.now() - _KEPT_SECONDS)
