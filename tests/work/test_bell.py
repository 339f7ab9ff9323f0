"""Requests wait for items that somebody brings to their end."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from harness.waiting import until
from transcribe_backend.errors import AudioError
from transcribe_backend.settings import Settings
from transcribe_backend.work.engine import Engine, engine
from transcribe_backend.work.items import BULK, New

ENDS = frozenset({"ready"})


@pytest.fixture
def process(settings: Settings) -> Iterator[Callable[[], Engine]]:
    """On the store's own clock: a wait takes real time."""
    with ExitStack() as stack:

        def make() -> Engine:
            made = engine(settings)
            stack.callback(made.database.close)
            return made

        yield make


def owe(process: Engine, *keys: str) -> None:
    process.work.add(New(key, "here", {}) for key in keys)


def end(process: Engine, key: str, queue: str = "ready") -> None:
    # Two processes know the store's clock to a millisecond.
    (item,) = until(lambda: process.work.take("here", BULK, 9), bool)
    process.work.move(item, queue, job=f"job of {key}")


def test_a_wait_ends_with_what_has_ended_by_then(one: Engine) -> None:
    owe(one, "a")
    begun = time.monotonic()
    assert one.bell.wait(["a"], one.work.now() + 0.3, ENDS) == {}
    assert 0.3 <= time.monotonic() - begun < 2
    end(one, "a")
    found = one.bell.wait(["a", "a"], one.work.now() - 1, ENDS)
    assert {key: state.job for key, state in found.items()} == {"a": "job of a"}


def test_who_waits_is_woken_by_this_process_and_looks_for_what_others_have_done(one: Engine, two: Engine) -> None:
    owe(one, "a")
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(one.bell.wait, ["a"], one.work.now() + 30, ENDS)
        until(lambda: one.bell._waiting, bool)
        end(two, "a")
        assert waiting.result(5)["a"].job == "job of a"
    assert one.bell._waiting == {}


def test_a_ring_is_never_missed(one: Engine) -> None:
    """However it falls between a look and the wait after it."""
    for number in range(30):
        key = f"{number}"
        owe(one, key)
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(one.bell.wait, [key], one.work.now() + 30, ENDS)
            end(one, key)
            one.bell.ring([key])
            assert waiting.result(3)


def test_what_failed_or_is_gone_is_not_waited_for(one: Engine) -> None:
    owe(one, "a", "b")
    items = {item.key: item for item in one.work.take("here", BULK, 9)}
    one.work.fail(items["a"], AudioError("no"), problem="no", remedy="", body={})
    one.work.finish(items["b"])
    begun = time.monotonic()
    found = one.bell.wait(["a", "b", "never owed"], one.work.now() + 30, ENDS)
    assert {key: state.queue for key, state in found.items()} == {"a": "failed"}
    assert time.monotonic() - begun < 3


def test_how_many_have_ended_is_told_meanwhile(one: Engine) -> None:
    owe(one, "a", "b", "c")
    seen: list[int] = []
    for item in one.work.take("here", BULK, 2):
        one.work.move(item, "ready")
    one.bell.wait(["a", "b", "c"], one.work.now() + 0.1, ENDS, seen.append)
    assert seen[0] == seen[-1] == 2


def test_many_wait_for_the_same(one: Engine) -> None:
    owe(one, "a")
    together = threading.Barrier(9)

    def wait(_: int) -> int:
        together.wait()
        return len(one.bell.wait(["a"], one.work.now() + 30, ENDS))

    with ThreadPoolExecutor(8) as pool:
        waiting = pool.map(wait, range(8))
        together.wait()
        end(one, "a")
        one.bell.ring(["a"])
        assert list(waiting) == [1] * 8
