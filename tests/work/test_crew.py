"""Hands that do owed work: what becomes of errors, of slow work, and of work whose process is gone."""

import logging
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from harness import ROOT
from harness.waiting import until
from tests.work.conftest import Clock
from transcribe_backend.errors import (
    AccessDenied,
    AudioNotFound,
    AWSError,
    CredentialsError,
    DailyLimit,
    Mended,
    QueueError,
    StudioUnreachable,
    TranscribeBackendError,
)
from transcribe_backend.settings import Settings
from transcribe_backend.work.crew import Crew, Lane
from transcribe_backend.work.engine import Engine, engine
from transcribe_backend.work.items import BULK, LEASE, URGENT, Item, New

DAY = 24 * 3600.0


class Hands:
    """What a crew does: it counts, and fails as it is told."""

    def __init__(self, process: Engine) -> None:
        self.process = process
        self.done: Counter[str] = Counter()
        self.errors: dict[str, Exception] = {}

    def do(self, item: Item) -> None:
        self.done[item.key] += 1
        if item.key in self.errors:
            raise self.errors[item.key]
        self.process.work.finish(item)

    def crew(self, **options: Any) -> Crew:
        lanes = [Lane("here", priority, 2, self.do, **options) for priority in (URGENT, BULK)]
        return self.process.staff(lanes, [])


@pytest.fixture
def hands(one: Engine) -> Hands:
    return Hands(one)


def owe(process: Engine, *keys: str, priority: int = BULK) -> None:
    process.work.add(New(key, "here", {"audio": f"s3://calls/{key}.wav", "task": 7}, priority) for key in keys)


def problem(process: Engine, key: str) -> tuple[str, float]:
    """Queue of an item, and in how many seconds it is due."""
    ((queue, due),) = process.database.read("select queue, due from transcribe_work where key = ?", key)
    return str(queue), float(due) - process.work.now()


def test_urgent_work_is_done_first_and_all_of_it(hands: Hands, one: Engine) -> None:
    owe(one, "a", "b")
    owe(one, "c", priority=URGENT)
    assert hands.crew().step() == 3
    assert list(hands.done)[0] == "c"
    assert one.work.count("here") == 0


@pytest.mark.parametrize(
    ("error", "pauses"),
    [
        (StudioUnreachable("away"), [2, 4, 8, 16, 32, 60, 60]),
        (AWSError("throttled", retryable=True), [2, 4, 8, 16, 32, 60, 60]),
        (AccessDenied("denied"), [5, 10, 20, 40, 80, 160, 300, 300]),
        (AWSError("moved", mended=Mended.OPERATOR), [5, 10, 20, 40, 80, 160, 300, 300]),
    ],
)
def test_what_passes_or_is_mended_is_tried_again_after_growing_pauses(
    hands: Hands, one: Engine, clock: Clock, error: TranscribeBackendError, pauses: list[float]
) -> None:
    crew = hands.crew()
    owe(one, "a")
    hands.errors["a"] = error
    for pause in pauses:
        assert crew.step() == 1
        assert problem(one, "a") == ("here", pytest.approx(pause))
        assert crew.step() == 0
        clock.now += pause
    del hands.errors["a"]
    assert crew.step() == 1 and one.work.states(["a"]) == {}
    assert one.work.failures() == []


def test_what_will_never_help_is_told_once_and_not_tried_again(
    hands: Hands, one: Engine, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    crew = hands.crew()
    owe(one, "a")
    hands.errors["a"] = AudioNotFound("It is not there.", remedy="Check the key.")
    crew.step()
    clock.now += DAY
    assert crew.step() == 0
    (failure,) = one.work.failures()
    assert (failure["problem"], failure["remedy"], failure["audio"]) == (
        "It is not there.", "Check the key.", "s3://calls/a.wav",
    )  # fmt: skip
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "task 7" in caplog.text and "Check the key." in caplog.text


def test_a_defect_is_tried_a_few_times_and_then_told(
    hands: Hands, one: Engine, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    crew = hands.crew()
    owe(one, "a")
    hands.errors["a"] = ZeroDivisionError("of ours")
    for _ in range(20):
        crew.step()
        clock.now += 400
    assert hands.done["a"] == 5
    assert "ZeroDivisionError" in one.work.failures()[0]["problem"]
    assert "Traceback" in caplog.text


def test_what_could_not_be_done_for_two_weeks_is_given_up(hands: Hands, one: Engine, clock: Clock) -> None:
    crew = hands.crew()
    owe(one, "a")
    hands.errors["a"] = StudioUnreachable("Label Studio does not answer.")
    crew.step()
    clock.now += 13.9 * DAY
    crew.step()
    assert one.work.failures() == []
    clock.now += 0.2 * DAY
    crew.step()
    assert one.work.failures()[0]["problem"] == "Label Studio does not answer."


def test_what_waits_for_its_day_is_not_given_up_however_many_days_that_takes(
    hands: Hands, one: Engine, clock: Clock
) -> None:
    """A hundred days' worth of audio may be imported at once (MAX_AUDIO_HOURS_PER_DAY)."""
    crew = hands.crew()
    owe(one, "a")
    hands.errors["a"] = limit = DailyLimit("Today's audio hours are used up.")
    limit.pause = DAY
    for _ in range(30):
        assert crew.step() == 1
        clock.now += DAY
    assert one.work.failures() == []
    del hands.errors["a"]
    assert crew.step() == 1 and one.work.states(["a"]) == {}


def test_what_lasts_is_never_given_up_and_tried_again_soon(hands: Hands, one: Engine, clock: Clock) -> None:
    crew = hands.crew(lasting=15.0)
    owe(one, "a")
    for error in (AudioNotFound("never"), CredentialsError("expired"), AWSError("away", retryable=True)) * 3:
        hands.errors["a"] = error
        clock.now += 30 * DAY
        assert crew.step() == 1
        assert problem(one, "a")[0] == "here" and problem(one, "a")[1] <= 15
    assert one.work.failures() == []


def test_a_store_that_is_away_costs_no_attempt_and_no_item(hands: Hands, one: Engine, clock: Clock) -> None:
    crew = hands.crew()
    owe(one, "a")
    hands.errors["a"] = QueueError("The store does not answer.")
    crew.step()
    assert (one.work.failures(), problem(one, "a")) == ([], ("here", pytest.approx(LEASE)))
    del hands.errors["a"]
    clock.now += LEASE
    assert crew.step() == 1 and one.work.states(["a"]) == {}


def test_in_an_outage_one_line_tells_of_all_items(
    hands: Hands, one: Engine, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    crew = hands.crew()
    for number in range(50):
        key = f"{number}"
        owe(one, key)
        hands.errors[key] = AWSError(
            f"Cannot look at s3://calls/{key}.wav.", remedy="Check the network.", retryable=True
        )
    crew.step()
    clock.now += 2
    crew.step()
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "Check the network." in caplog.text


# With threads


@pytest.fixture
def live(settings: Settings) -> Iterator[Callable[[], Engine]]:
    """Processes on the store's own clock, whose crews are closed after the test."""
    with ExitStack() as stack:

        def make() -> Engine:
            made = engine(settings)
            stack.callback(made.database.close)
            stack.callback(lambda: made.crew and made.crew.close())
            return made

        yield make


def test_bulk_that_hangs_holds_up_nothing_urgent(live: Callable[[], Engine]) -> None:
    process, ended, done = live(), threading.Event(), threading.Event()

    def urgent(item: Item) -> None:
        process.work.finish(item)
        done.set()

    process.staff([Lane("here", BULK, 2, lambda item: ended.wait(30) and None), Lane("here", URGENT, 1, urgent)], [])
    owe(process, *(f"{number}" for number in range(20)))
    process.wake()
    owe(process, "opened", priority=URGENT)
    process.wake()
    assert done.wait(5)
    ended.set()


def test_no_more_than_its_threads_and_its_room_are_in_hand(live: Callable[[], Engine]) -> None:
    process, gate = live(), threading.Event()
    busy: Counter[str] = Counter()
    most: Counter[str] = Counter()
    lock = threading.Lock()

    def work(queue: str) -> Callable[[Item], None]:
        def do(item: Item) -> None:
            with lock:
                busy[queue] += 1
                most[queue] = max(most[queue], busy[queue])
            gate.wait(10)
            with lock:
                busy[queue] -= 1
            process.work.finish(item)

        return do

    process.staff([Lane("wide", BULK, 3, work("wide")), Lane("narrow", BULK, 3, work("narrow"), room=lambda: 1)], [])
    process.work.add(New(f"{queue} {number}", queue, {}) for queue in ("wide", "narrow") for number in range(9))
    process.wake()
    until(lambda: busy["wide"], lambda number: number == 3)
    gate.set()
    until(lambda: process.work.count("wide", "narrow"), lambda left: left == 0)
    assert most["wide"] == 3
    assert most["narrow"] <= 3


def test_a_process_takes_no_more_than_it_has_free_hands_for(live: Callable[[], Engine]) -> None:
    process, gate, begun = live(), threading.Event(), Counter[str]()

    def work(item: Item) -> None:
        begun["work"] += 1
        gate.wait(10)
        process.work.finish(item)

    process.staff([Lane("here", BULK, 3, work)], [])
    owe(process, "first")
    process.wake()
    until(lambda: begun["work"], lambda number: number == 1)
    owe(process, *(f"later {number}" for number in range(6)))
    process.wake()
    until(lambda: begun["work"], lambda number: number == 3)
    ((held,),) = process.database.read("select count(*) from transcribe_work where owner is not null")
    gate.set()
    assert held == 3, "the others are there for whoever has hands"


def test_the_pauses_of_a_queue_in_trouble_grow(live: Callable[[], Engine], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("transcribe_backend.work.crew._PAUSE", (0.2, 30.0))
    process, tried = live(), list[float]()

    def denied(item: Item) -> None:
        tried.append(time.monotonic())
        raise CredentialsError("expired")

    process.staff([Lane("here", BULK, 1, denied, pauses=(CredentialsError,))], [])
    owe(process, *(f"{number}" for number in range(20)))
    process.wake()
    until(lambda: len(tried), lambda number: number >= 4)
    pauses = [after - before for before, after in zip(tried, tried[1:], strict=False)]
    assert [pause >= least for pause, least in zip(pauses, (0.2, 0.4, 0.8), strict=False)] == [True] * 3


def test_trouble_that_concerns_all_stops_its_queue_for_a_moment(live: Callable[[], Engine]) -> None:
    process, tried = live(), Counter[str]()

    def denied(item: Item) -> None:
        tried["here"] += 1
        raise CredentialsError("expired")

    def fine(item: Item) -> None:
        tried["there"] += 1
        process.work.finish(item)

    process.staff([Lane("here", BULK, 1, denied, pauses=(CredentialsError,)), Lane("there", BULK, 1, fine)], [])
    process.work.add(New(f"{queue} {number}", queue, {}) for queue in ("here", "there") for number in range(40))
    process.wake()
    until(lambda: tried["there"], lambda done: done == 40)
    assert 1 <= tried["here"] <= 3, "the other thirty-eight are not asked for in vain"


def test_work_that_takes_longer_than_its_lease_stays_in_hand(
    live: Callable[[], Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transcribe_backend.work.crew._RENEW_SECONDS", 0.2)
    monkeypatch.setattr("transcribe_backend.work.items.LEASE", 1.0)
    monkeypatch.setattr("transcribe_backend.work.items.Work.renew.__defaults__", (1.0,))
    monkeypatch.setattr("transcribe_backend.work.items.Work.take.__defaults__", (1.0,))
    done: list[str] = []
    processes = [live(), live()]
    for process in processes:

        def slowly(item: Item, process: Engine = process) -> None:
            time.sleep(3)
            if process.work.finish(item):
                done.append(process.work.me)

        process.staff([Lane("here", BULK, 2, slowly)], [])
    owe(processes[0], "a")
    for process in processes:
        process.wake()
    until(lambda: processes[0].work.states(["a"]), lambda states: states == {})
    assert len(done) == 1


def test_work_that_was_interrupted_by_the_store_is_done_again_by_a_process_that_lives(
    one: Engine, hands: Hands, clock: Clock
) -> None:
    """A deadlock, a restart of PostgreSQL: shorter than a lease, so nothing else lets the item go."""
    crew = hands.crew()
    owe(one, "a")
    hands.errors["a"] = QueueError("The store of owed work does not answer.")
    crew.step()
    hands.errors.clear()
    for _ in range(5):
        clock.now += LEASE - 1
        crew.renew()
    assert crew.step() == 1
    assert one.work.states(["a"]) == {}


def test_a_closed_process_gives_its_work_back_at_once(live: Callable[[], Engine]) -> None:
    leaving, staying, done = live(), live(), threading.Event()
    stuck, started = threading.Event(), threading.Event()

    def hang(item: Item) -> None:
        started.set()
        stuck.wait(30)

    def finish(item: Item) -> None:
        staying.work.finish(item)
        done.set()

    crew = leaving.staff([Lane("here", BULK, 1, hang)], [])
    owe(leaving, "a")
    leaving.wake()
    assert started.wait(10)
    staying.staff([Lane("here", BULK, 1, finish)], [])
    begun = time.monotonic()
    crew.close()
    assert time.monotonic() - begun < 2, "it does not wait for what is in hand"
    staying.wake()
    assert done.wait(3)
    stuck.set()


def test_after_closing_nothing_is_taken(live: Callable[[], Engine]) -> None:
    process = live()
    hands = Hands(process)
    crew = hands.crew()
    crew.close()
    crew.close()
    owe(process, "a")
    process.wake()
    assert crew.closed
    time.sleep(0.7)  # longer than between two looks
    assert hands.done == {}


KILLED = """
import os, sys, time
from pathlib import Path
from transcribe_backend.settings import Settings
from transcribe_backend.work.crew import Lane
from transcribe_backend.work.engine import engine

def hang(item):
    os.write(1, item.key.encode() + bytes([10]))  # in one piece, for others print as well
    time.sleep(600)

process = engine(Settings(queue_url=sys.argv[1], model_dir=Path(sys.argv[2])))
process.staff([Lane("here", 1, 5, hang)], [])
process.wake()
time.sleep(600)
"""


def test_work_of_a_killed_process_is_taken_over_within_twenty_seconds(
    live: Callable[[], Engine], settings: Settings
) -> None:
    heir = live()
    hands = Hands(heir)
    hands.crew()
    owe(heir, "a", "b", "c")
    command = [sys.executable, "-c", KILLED, settings.queue_url, str(settings.model_dir)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as victim:
        try:
            assert victim.stdout
            assert {victim.stdout.readline().strip() for _ in range(3)} == {"a", "b", "c"}
            heir.wake()
            time.sleep(LEASE + 2)
            assert hands.done == {}, "it lives, and renews"
            victim.send_signal(signal.SIGKILL)
            killed = time.monotonic()
        finally:
            victim.kill()
        until(lambda: heir.work.count("here"), lambda left: left == 0, patience=25)
        assert time.monotonic() - killed < 20
    assert hands.done == {"a": 1, "b": 1, "c": 1}


def test_chores_are_done_and_one_that_fails_does_not_keep_the_others(one: Engine) -> None:
    done: list[str] = []

    def broken() -> None:
        raise ZeroDivisionError

    one.staff([], [broken, lambda: done.append("swept")]).tidy()
    assert done == ["swept"]
