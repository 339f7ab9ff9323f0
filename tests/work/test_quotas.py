"""AWS's quotas, which hold for all processes together."""

import multiprocessing
import threading
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import pytest

from tests.work.conftest import Clock, held
from transcribe_backend.settings import Settings
from transcribe_backend.work.engine import Engine, engine
from transcribe_backend.work.items import BULK, URGENT, New
from transcribe_backend.work.quotas import Slot, Slots, Turns

RATE, TURNS, PROCESSES = 40.0, 30, 4


@pytest.fixture
def slept() -> list[float]:
    return []


@pytest.fixture
def turns(one: Engine, clock: Clock, slept: list[float]) -> Turns:
    def sleep(seconds: float) -> None:
        slept.append(seconds)
        clock.now += seconds

    return Turns(one.database, sleep)


def test_the_first_waits_for_nothing(turns: Turns, slept: list[float]) -> None:
    assert turns.wait("start", 5)
    assert sum(slept) == 0


def test_callers_are_evenly_spaced(turns: Turns, clock: Clock) -> None:
    passed = []
    for _ in range(11):
        begun = clock.now
        turns.wait("start", 5)
        passed.append(clock.now - 1_000_000.0)
        assert clock.now - begun < 0.5
    assert passed == pytest.approx([0.2 * number for number in range(11)], abs=0.15)
    gaps = [later - earlier for earlier, later in zip(passed, passed[1:], strict=False)]
    assert min(gaps) > 0.19


def test_names_are_counted_apart(turns: Turns) -> None:
    assert turns.take("start|us", 5) == 0
    assert turns.take("start|eu", 5) == 0
    assert turns.take("list|us", 5) == 0
    assert turns.take("start|us", 5) == pytest.approx(0.2)


def test_a_pause_saves_nothing_up(turns: Turns, clock: Clock) -> None:
    turns.take("start", 2)
    clock.now += 60
    assert turns.take("start", 2) == 0
    assert turns.take("start", 2, ahead=5) == pytest.approx(0.5)


def test_who_looks_far_ahead_is_before_those_who_do_not(turns: Turns, clock: Clock) -> None:
    """Urgent starts book a turn that bulk is not given yet."""
    booked = [turns.take("start", 2, ahead=20) for _ in range(4)]
    assert booked == pytest.approx([0, 0.5, 1.0, 1.5])
    assert turns.take("start", 2) is None, "not within a quarter of a second"
    assert turns.take("start", 2, ahead=20) == pytest.approx(2.0)
    clock.now += 2.4
    assert turns.take("start", 2) == pytest.approx(0.1, abs=0.02)


def test_nobody_s_turn_comes_while_aws_refuses(turns: Turns, clock: Clock) -> None:
    turns.take("start", 5)
    turns.pause("start", 10)
    assert turns.take("start", 5, ahead=5) is None
    assert turns.take("start", 5, ahead=20) == pytest.approx(10)
    assert turns.take("other", 5) == 0
    clock.now += 11
    turns.pause("start", 1)
    turns.pause("start", 0.1)
    assert turns.take("start", 5, ahead=5) == pytest.approx(1), "a shorter pause does not end a longer one"


def test_a_turn_of_a_wrong_clock_is_not_waited_for(turns: Turns, clock: Clock) -> None:
    clock.now += 3600
    turns.take("start", 5)
    clock.now -= 3600
    assert turns.take("start", 5) == 0


def test_one_s_turn_is_not_waited_for_longer_than_asked(one: Engine) -> None:
    turns = Turns(one.database)
    turns.take("start", 5)
    turns.pause("start", 60)
    begun = time.monotonic()
    assert not turns.wait("start", 5, 0.5)
    assert 0.4 < time.monotonic() - begun < 3


def _turns(settings: Settings) -> list[float]:
    made, times = engine(settings), []
    for _ in range(TURNS):
        assert made.turns.wait("start", RATE)
        times.append(made.database.now())
    made.database.close()
    return times


def test_turns_are_evenly_spaced_over_all_processes(settings: Settings) -> None:
    with ProcessPoolExecutor(PROCESSES, multiprocessing.get_context("forkserver")) as pool:
        times = sorted(at for part in pool.map(_turns, [settings] * PROCESSES) for at in part)
    turns = PROCESSES * TURNS
    assert len(times) == turns
    assert times[-1] - times[0] > (turns - 1) / RATE - 0.5
    window = int(RATE)
    fastest = min(later - earlier for earlier, later in zip(times, times[window:], strict=False))
    assert fastest > 0.7, f"{window} turns in {fastest:.2f} s"  # a process on a busy machine may wake up late


# Slots


def fill(slots: Slots, count: int, priority: int = BULK, first: int = 0, region: str = "us") -> list[Slot]:
    return [
        slots.open(f"ls-{region}-{number}", region, "transcribe", held(f"{number}", priority))
        for number in range(first, first + count)
    ]


def test_a_region_has_so_many_slots_and_each_job_one(one: Engine, two: Engine) -> None:
    mine, theirs = Slots(one.database, 3), Slots(two.database, 3)
    assert fill(mine, 2) == [Slot.OPENED] * 2
    assert theirs.open("ls-us-0", "us", "transcribe", held("another", URGENT)) is Slot.TAKEN
    assert theirs.open("ls-us-2", "us", "transcribe", held("2")) is Slot.OPENED
    assert mine.open("ls-us-3", "us", "transcribe", held("3", URGENT)) is Slot.FULL
    assert mine.open("ls-eu-3", "eu", "transcribe", held("3")) is Slot.OPENED
    assert (mine.count(), sorted(mine.regions())) == (4, ["eu", "us"])
    theirs.close("ls-us-1")
    assert (mine.holds("ls-us-0"), mine.holds("ls-us-1")) == (True, False)
    assert mine.open("ls-us-3", "us", "transcribe", held("3")) is Slot.OPENED


def test_an_item_that_tries_again_holds_its_slot_since_then(one: Engine, two: Engine, clock: Clock) -> None:
    (mine, theirs), region, before = (Slots(each.database, 1) for each in (one, two)), ("us", "transcribe"), clock.now
    assert mine.open("ls-1", *region, held("mine")) is Slot.OPENED
    clock.now += 100
    assert theirs.vacancy("ls-1", *region, held("mine")) is Slot.REOPENED
    assert mine.vacancy("ls-1", *region, held("another")) is Slot.TAKEN
    assert theirs.open("ls-1", *region, held("mine")) is Slot.REOPENED
    assert not mine.close("ls-1", before), "whoever looked at the try before knows nothing of this one"
    (job,) = mine.running("us")
    assert (job.since, job.ask) == (clock.now, clock.now)
    assert mine.close("ls-1", clock.now)
    assert mine.count() == 0


def test_some_slots_are_kept_for_urgent_jobs_while_bulk_waits(one: Engine) -> None:
    slots = Slots(one.database, 100)
    one.work.add(New(f"{number}", "transcribe", {}) for number in range(50))
    assert fill(slots, 97).count(Slot.OPENED) == 96
    assert fill(slots, 5, URGENT, 200) == [Slot.OPENED] * 4 + [Slot.FULL]


def test_what_fits_is_not_kept_from_the_last_of_a_bulk(one: Engine) -> None:
    slots = Slots(one.database, 100)
    one.work.add(New(f"{number}", "transcribe", {}) for number in range(4))
    assert fill(slots, 101).count(Slot.OPENED) == 100


def test_bulk_has_no_room_in_what_is_kept_for_urgent_jobs(one: Engine) -> None:
    slots = Slots(one.database, 100)
    one.work.add(New(f"{number}", "transcribe", {}) for number in range(50))
    assert slots.room("transcribe", BULK) == 96
    fill(slots, 96)
    assert (slots.room("transcribe", BULK), slots.room("transcribe", URGENT)) == (0, 4)
    one.work.forget(f"{number}" for number in range(46))
    assert slots.room("transcribe", BULK) == 4


def test_running_jobs_are_told_with_their_age(one: Engine, clock: Clock) -> None:
    slots = Slots(one.database, 10)
    fill(slots, 1)
    clock.now += 5
    fill(slots, 1, first=1)
    slots.ask_again(["ls-us-0", "ls-gone"], 30)
    first, second = slots.running("us")
    assert (first.name, first.since, first.ask) == ("ls-us-0", clock.now - 5, clock.now + 30)
    assert (second.name, second.since, second.ask) == ("ls-us-1", clock.now, clock.now)
    assert slots.running("eu") == []


def test_threads_and_processes_never_hold_more_slots_than_there_are(one: Engine, two: Engine) -> None:
    gate = threading.Barrier(8)

    def open_many(number: int) -> int:
        slots = Slots((one, two)[number % 2].database, 25)
        gate.wait()
        return fill(slots, 10, first=10 * number).count(Slot.OPENED)

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(open_many, range(8))) == 25
    assert one.slots.count() == 25
