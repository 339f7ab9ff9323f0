"""Records and queue in SQLite, in a real Redis and in a real PostgreSQL, with many threads and processes at once."""

import multiprocessing
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.adapters.background import Clock
from tests.adapters.queue_servers import redis_server
from transcribe_backend.ledger import Ledger, open_queue

from harness.postgres import postgres as postgres_server
from transcribe_backend import ledger as ledger_module
from transcribe_backend.errors import QueueError
from transcribe_backend.settings import Settings

ROUNDS, CALLERS = 30, 8


@pytest.fixture(scope="module", params=["sqlite", "redis", "postgresql"])
def queue_url(request: pytest.FixtureRequest) -> Iterator[str]:
    if request.param == "sqlite":
        yield ""
        return
    with {"redis": redis_server, "postgresql": postgres_server}[request.param]() as url:
        yield url


@pytest.fixture
def settings(queue_url: str, tmp_path: Path) -> Settings:
    made = Settings(queue_url=queue_url, model_dir=tmp_path)
    for name in ("one", "two"):
        ledger = Ledger(made, name)
        for key, _ in list(ledger.items()):
            ledger.delete(key)
        ledger.close()
    return made


@pytest.fixture
def open_ledger(settings: Settings) -> Iterator[Callable[..., Ledger]]:
    """Opens ledgers, and closes them after the test."""
    with ExitStack() as stack:

        def make(name: str = "one", clock: Clock | None = None) -> Ledger:
            made = Ledger(settings, name, clock or Clock())
            stack.callback(made.close)
            return made

        yield make


@pytest.fixture
def ledger(open_ledger: Callable[..., Ledger]) -> Ledger:
    return open_ledger()


def test_records_are_kept_by_key(ledger: Ledger, open_ledger: Callable[..., Ledger]) -> None:
    key, record = "1.17|täsk 'x' %s|v@1", {"at": 1.5, "data": {"audio": "s3://ü/\u2028"}, "list": [None, True]}
    assert ledger.get(key) is None
    ledger.put(key, {"at": 0})
    ledger.put(key, record)
    assert ledger.get(key) == record
    assert dict(ledger.items()) == {key: record}
    assert len(ledger) == 1
    assert open_ledger().get(key) == record, "another process sees it"
    assert list(open_ledger("two").items()) == []
    ledger.delete(key)
    assert ledger.get(key) is None
    ledger.delete(key)
    assert len(ledger) == 0


def test_the_first_to_add_wins(ledger: Ledger) -> None:
    assert ledger.add("key", {"by": 1})
    assert not ledger.add("key", {"by": 2})
    assert ledger.get("key") == {"by": 1}


def test_a_claim_holds_until_it_is_old(open_ledger: Callable[..., Ledger]) -> None:
    clock = Clock()
    mine, other = open_ledger("one", clock), open_ledger("one", clock)
    begun = clock()
    assert mine.claim("task", begun)
    assert not other.claim("task", begun)
    clock.ahead += 100
    assert not other.claim("task", begun)
    assert other.claim("task", clock() - 50)
    assert not mine.claim("task", clock() - 50)
    assert mine.claim("ahead", clock(), holds=10)
    clock.ahead += 9
    assert not other.claim("ahead", clock())
    clock.ahead += 2
    assert other.claim("ahead", clock())


@pytest.fixture(scope="module")
def processes() -> Iterator[ProcessPoolExecutor]:
    """Four others, as fresh as a started server is."""
    with ProcessPoolExecutor(4, multiprocessing.get_context("forkserver")) as pool:
        yield pool


def _adds(ledger: Ledger, number: int) -> bool:
    return ledger.add(f"round {number}", {"at": 1})


def _claims(ledger: Ledger, number: int) -> bool:
    return ledger.claim(f"round {number}", 0.0)


def _takes_over(ledger: Ledger, number: int) -> bool:
    return ledger.claim(f"round {number}", 1000.0)


def _wins(settings: Settings, act: Callable[[Ledger, int], bool]) -> list[bool]:
    with closing(Ledger(settings, "one")) as ledger:
        return [act(ledger, number) for number in range(ROUNDS)]


CONTESTS = [(_adds, False), (_claims, False), (_takes_over, True)]


@pytest.mark.parametrize(("act", "there"), CONTESTS)
def test_of_many_threads_one_wins(settings: Settings, ledger: Ledger, act: Any, there: bool) -> None:
    if there:
        for number in range(ROUNDS):
            ledger.put(f"round {number}", {"at": 1})
    with ThreadPoolExecutor(CALLERS) as pool:
        won = list(pool.map(lambda _: _wins(settings, act), range(CALLERS)))
    assert [sum(each) for each in zip(*won, strict=True)] == [1] * ROUNDS


@pytest.mark.parametrize(("act", "there"), CONTESTS)
def test_of_many_processes_one_wins(
    settings: Settings, ledger: Ledger, processes: ProcessPoolExecutor, act: Any, there: bool
) -> None:
    if there:
        for number in range(ROUNDS):
            ledger.put(f"round {number}", {"at": 1})
    won = list(processes.map(_wins, [settings] * 4, [act] * 4))
    assert [sum(each) for each in zip(*won, strict=True)] == [1] * ROUNDS


def test_one_ledger_serves_many_threads(ledger: Ledger) -> None:
    def work(number: int) -> None:
        ledger.put(f"key {number}", {"at": number})
        assert ledger.get(f"key {number}") == {"at": number}
        if number % 2:
            ledger.delete(f"key {number}")

    with ThreadPoolExecutor(CALLERS) as pool:
        list(pool.map(work, range(200)))
    assert len(ledger) == 100


def test_the_queue_hands_each_task_to_one_worker(settings: Settings) -> None:
    done: list[int] = []
    queues = [open_queue(settings) for _ in range(3)]
    tasks = [queue.task(name="note")(done.append) for queue in queues]
    for number in range(60):
        tasks[number % 3](number)
    tasks[0].schedule((999,), delay=3600)

    def work(queue: Any) -> None:
        while (task := queue.dequeue()) is not None:
            queue.execute(task)
        queue.storage.close()  # the thread's own connection, too

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(work, queues))
    assert sorted(done) == list(range(60))
    assert queues[1].scheduled_count() == 1
    for queue in queues:
        queue.storage.close()


def test_processes_that_start_together_make_new_tables_once(tmp_path: Path) -> None:
    with postgres_server() as url, ThreadPoolExecutor(CALLERS) as pool:
        settings = Settings(queue_url=url, model_dir=tmp_path)
        for _ in range(5):
            with psycopg.connect(url) as connection:
                connection.execute("drop schema public cascade")
                connection.execute("create schema public")
            together = threading.Barrier(CALLERS)

            def begin(number: int, settings: Settings = settings, together: threading.Barrier = together) -> int:
                together.wait()
                with closing(Ledger(settings, f"process {number}")) as ledger:
                    return len(ledger)

            assert list(pool.map(begin, range(CALLERS))) == [0] * CALLERS


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "model").write_text("no folder")
    with pytest.raises(QueueError) as failure:
        Ledger(Settings(model_dir=tmp_path / "model"), "one")
    assert "MODEL_DIR" in failure.value.remedy


def test_a_server_that_is_silent_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_module, "_ANSWER_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings = Settings(queue_url=f"redis://127.0.0.1:{silent.getsockname()[1]}/0")
        queue = open_queue(settings)
        with closing(Ledger(settings, "one")) as ledger, pytest.raises(QueueError):
            ledger.get("key")
        with pytest.raises(QueueError):
            queue.task(name="note")(print)()
        queue.storage.close()
