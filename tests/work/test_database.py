"""The store itself: transactions, few connections, its own clock, and what becomes of it when it is away or broken."""

import multiprocessing
import shutil
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from harness.waiting import until
from tests.work.conftest import held
from transcribe_backend.errors import QueueError, SettingsError
from transcribe_backend.settings import Settings
from transcribe_backend.work.database import Database
from transcribe_backend.work.engine import Engine, engine
from transcribe_backend.work.items import BULK, New
from transcribe_backend.work.records import SCHEMA

COUNTS = ("create table if not exists counts (name text primary key, number integer not null)",)


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    made = Database(settings, COUNTS)
    yield made
    made.close()


def count(database: Database, times: int = 1) -> None:
    for _ in range(times):
        with database.transaction() as execute:
            execute("insert into counts values ('a', 1) on conflict (name) do update set number = counts.number + 1")


def counted(database: Database) -> int:
    rows = database.read("select number from counts where name = 'a'")
    return int(rows[0][0]) if rows else 0


def test_a_transaction_is_done_wholly_or_not_at_all(database: Database) -> None:
    count(database)

    class Killed(BaseException):
        pass

    with pytest.raises(Killed), database.transaction() as execute:
        execute("update counts set number = 7")
        raise Killed
    with pytest.raises(QueueError), database.transaction() as execute:
        execute("update counts set number = 8")
        execute("no sql at all")
    assert counted(database) == 1
    count(database)
    assert counted(database) == 2


def _counts(settings: Settings) -> None:
    made = Database(settings, COUNTS)
    count(made, 50)
    made.close()


def test_processes_lose_nothing_to_each_other(settings: Settings, database: Database) -> None:
    with ProcessPoolExecutor(4, multiprocessing.get_context("forkserver")) as pool:
        list(pool.map(_counts, [settings] * 4))
    assert counted(database) == 200


def test_a_new_file_that_another_process_has_just_begun_is_waited_for(tmp_path: Path) -> None:
    """SQLite refuses at once to change the journal of a file in which somebody writes."""
    made = Database(Settings(model_dir=tmp_path), COUNTS)
    other = sqlite3.connect(tmp_path / "work.db", isolation_level=None)
    other.execute("begin immediate")
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(counted, made)
        with pytest.raises(TimeoutError):
            answer.result(timeout=0.3)
        other.execute("rollback")
        assert answer.result(timeout=30) == 0
    other.close()
    made.close()


def test_threads_lose_nothing_to_each_other(database: Database) -> None:
    with ThreadPoolExecutor(12) as pool:
        list(pool.map(lambda _: count(database, 20), range(12)))
    assert counted(database) == 240


def test_time_is_the_store_s(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host whose clock is wrong by a day agrees with the others."""
    right = database.now()
    assert abs(right - time.time()) < 5, "here both are the same machine"
    monkeypatch.setattr(time, "time", lambda: right + 24 * 3600)
    monkeypatch.setattr("transcribe_backend.work.database._CLOCK_SECONDS", 0.0)
    assert abs(database.now() - right) < 5


def test_reading_the_clock_within_work_never_takes_the_last_connection(
    on_postgres: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each thread holds a connection; were the clock asked for inside a transaction, none would be left for it."""
    monkeypatch.setattr("transcribe_backend.work.database._CLOCK_SECONDS", 0.0)
    process = engine(on_postgres)
    process.work.add(New(f"{number}", "here", {}) for number in range(200))

    def work(_: int) -> int:
        done = 0
        while items := process.work.take("here", BULK, 3):
            for item in items:
                process.work.later(item, 5)
                done += 1
            process.claims.prune()
            process.work.expire()
            process.slots.ask_again(["a"], 1)
        return done

    with ThreadPoolExecutor(12) as pool:
        assert sum(pool.map(work, range(12), timeout=60)) == 200
    process.database.close()


def test_a_process_that_starts_does_not_wait_for_those_that_work(on_postgres: Settings) -> None:
    """It looks whether its tables are there; the locks of making them led to deadlocks with whoever opened a slot."""
    working, starting = engine(on_postgres), engine(on_postgres)
    working.slots.open("a", "r", "here", held("a"))
    with ThreadPoolExecutor(1) as pool, working.database.transaction() as execute:
        execute("update transcribe_jobs set since = 0")
        execute("update transcribe_work set due = 0")
        assert pool.submit(starting.slots.count).result(timeout=20) == 1
    for process in (working, starting):
        process.database.close()


# Connections


@contextmanager
def connections(url: str) -> Iterator[Callable[[], int]]:
    """Counts the clients of the server, but itself."""
    with psycopg.connect(url, autocommit=True) as connection:

        def ask() -> int:
            row = connection.execute(
                "select count(*) from pg_stat_activity "
                "where backend_type = 'client backend' and pid <> pg_backend_pid()"
            ).fetchone()
            return int(row[0]) if row else 0

        yield ask


def test_a_process_has_at_most_five_connections_at_work_and_two_when_idle(
    on_postgres: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transcribe_backend.work.database._IDLE_SECONDS", 0.0)
    with connections(on_postgres.queue_url) as ask:
        before = ask()
        database, ended, most = Database(on_postgres, COUNTS), threading.Event(), 0
        with ThreadPoolExecutor(33) as pool:
            working = [pool.submit(count, database, 40) for _ in range(32)]
            while not all(each.done() for each in working):
                most = max(most, ask() - before)
            ended.set()
        assert counted(database) == 32 * 40
        assert 1 < most <= 5
        database.trim()
        until(lambda: ask() - before, lambda left: left <= 2)
        database.close()
        until(lambda: ask() - before, lambda left: left == 0)


def test_what_is_in_use_is_closed_when_it_is_given_back(on_postgres: Settings) -> None:
    with connections(on_postgres.queue_url) as ask:
        before = ask()
        database = Database(on_postgres, COUNTS)
        with database.transaction() as execute:
            database.close()
            execute("select 1")
        until(lambda: ask() - before, lambda left: left == 0)


def test_a_server_that_was_restarted_is_used_again(on_postgres: Settings) -> None:
    database = Database(on_postgres, COUNTS)
    gate = threading.Barrier(4)

    def work(_: int) -> None:
        with database.transaction() as execute:
            execute("select 1")
            gate.wait()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    with psycopg.connect(on_postgres.queue_url, autocommit=True) as other:
        other.execute("select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid()")
    for _ in range(4):
        count(database)
        assert database.read("select 1") == [(1,)]
    assert counted(database) == 4
    database.close()


def test_processes_that_start_together_make_the_tables_once(on_postgres: Settings) -> None:
    for _ in range(5):
        with psycopg.connect(on_postgres.queue_url) as connection:
            connection.execute("drop schema public cascade")
            connection.execute("create schema public")
        together = threading.Barrier(8)

        def begin(_: int, together: threading.Barrier = together) -> int:
            made = engine(on_postgres)
            together.wait()
            try:
                return made.work.count("here")
            finally:
                made.database.close()

        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(begin, range(8))) == [0] * 8


# Away


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "model").write_text("no folder")
    with pytest.raises(QueueError) as failure:
        Database(Settings(model_dir=tmp_path / "model"), SCHEMA).read("select 1")
    assert "MODEL_DIR" in failure.value.remedy


def test_nobody_there_is_told_at_once() -> None:
    begun = time.monotonic()
    with pytest.raises(QueueError) as failure:
        Database(Settings(queue_url="postgresql://127.0.0.1:1/owed"), SCHEMA).read("select 1")
    assert "QUEUE_URL" in failure.value.remedy and failure.value.retryable
    assert time.monotonic() - begun < 3


def test_a_server_that_is_silent_is_not_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://127.0.0.1:{silent.getsockname()[1]}/owed"
        begun = time.monotonic()
        with pytest.raises(QueueError):
            Database(Settings(queue_url=url), SCHEMA).read("select 1")
        assert time.monotonic() - begun < 10


def test_a_password_is_not_told() -> None:
    with pytest.raises(QueueError) as failure:
        Database(Settings(queue_url="postgresql://me:hunter22@127.0.0.1:1/owed"), SCHEMA).read("select 1")
    assert "hunter22" not in failure.value.advice


@pytest.mark.parametrize("url", ["redis://localhost:6379/0", "mysql://localhost/x", "localhost"])
def test_what_is_no_store_for_owed_work_is_refused_by_the_settings(url: str) -> None:
    with pytest.raises(SettingsError, match="postgresql://"):
        Settings.from_env({"QUEUE_URL": url})


# SQLite's file


def owed(process: Engine, *keys: str) -> None:
    process.work.add(New(key, "here", {}) for key in keys)


def test_a_file_that_is_no_database_is_set_aside(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "work.db").write_bytes(b"no database at all, but rather long, so that SQLite notices" * 100)
    process = engine(Settings(model_dir=tmp_path))
    with pytest.raises(QueueError):
        owed(process, "a")
    owed(process, "a")
    assert process.work.states(["a"])
    assert (tmp_path / "work.db.damaged").read_bytes().startswith(b"no database")
    assert "damaged" in caplog.text
    process.database.close()


def damage(path: Path) -> None:
    """Garbage over all pages but the first."""
    with sqlite3.connect(path) as store:
        store.execute("pragma wal_checkpoint(truncate)")
    store.close()
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * (size - 4096))


def test_a_file_that_breaks_in_use_is_set_aside_once_and_all_go_on_in_one_new_file(tmp_path: Path) -> None:
    processes = [engine(Settings(model_dir=tmp_path)) for _ in range(3)]
    gate = threading.Barrier(4)

    def look(process: Engine) -> None:
        for _ in range(3):
            process.work.count("here")

    owed(processes[0], *(f"{number}" for number in range(500)))
    for process in processes:
        with ThreadPoolExecutor(4) as pool:  # so that each has several connections open
            list(pool.map(lambda _, process=process: (gate.wait(), look(process)), range(4)))
    damage(tmp_path / "work.db")
    for process in processes:
        for attempt in range(12):
            try:
                owed(process, f"after {attempt}")
                break
            except QueueError:
                continue
        else:
            pytest.fail("it never goes on")
    owed(processes[0], "of the first")
    assert processes[1].work.states(["of the first"]) and processes[2].work.states(["of the first"])
    for process in processes:
        for number in range(20):
            owed(process, f"{number} again")
        process.database.close()
    with sqlite3.connect(tmp_path / "work.db") as store:
        assert store.execute("pragma quick_check").fetchall() == [("ok",)]
    store.close()
    assert b"\xa5" * 4096 in (tmp_path / "work.db.damaged").read_bytes(), "what is kept is what was damaged"


def test_what_is_deleted_in_use_is_made_anew_and_all_go_on_in_it(tmp_path: Path) -> None:
    model_dir = tmp_path / "model"
    processes = [engine(Settings(model_dir=model_dir)) for _ in range(2)]
    for process in processes:
        owed(process, "before")
    shutil.rmtree(model_dir)
    for number, process in enumerate(processes):
        owed(process, f"after {number}")
    for process in processes:
        assert set(process.work.states(["before", "after 0", "after 1"])) == {"after 0", "after 1"}
        process.database.close()


def test_tables_that_are_dropped_in_use_are_made_anew(settings: Settings) -> None:
    process = engine(settings)
    owed(process, "before")
    with process.database.transaction() as execute:
        execute("drop table transcribe_work")
    with pytest.raises(QueueError):
        owed(process, "after")
    owed(process, "after")
    assert set(process.work.states(["before", "after"])) == {"after"}
    process.database.close()


def test_a_model_dir_of_the_first_version_does_not_break_the_start(tmp_path: Path) -> None:
    """It had a queue and records of its own in queue.db; what is owed there is asked for again by Label Studio."""
    with sqlite3.connect(tmp_path / "queue.db") as old:
        old.execute("create table task (id integer primary key, queue text, data blob, priority real)")
        old.execute("create table kv (queue text, key text, value blob, primary key (queue, key))")
        old.execute("insert into task values (1, 'transcribe', x'80', 0)")
    old.close()
    before = (tmp_path / "queue.db").read_bytes()
    process = engine(Settings(model_dir=tmp_path))
    owed(process, "a")
    assert process.work.states(["a"])
    process.database.close()
    assert (tmp_path / "queue.db").read_bytes() == before
