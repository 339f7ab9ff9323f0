"""What was billed: booked once for each job, with the write that records its end, in days that begin at 00:00 UTC."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.work.conftest import Clock, held
from transcribe_backend.work.engine import Engine
from transcribe_backend.work.ledger import AUDIO, BILLED, DAY, JOBS, REUSED, SAVED
from transcribe_backend.work.quotas import Length, Slot, Slots

TODAY = 1_000_000 // DAY


def opened(slots: Slots, job: str, seconds: float = 60.0, project: str = "1.2") -> Slot:
    return slots.open(job, "us", "transcribe", held(job), project, Length(seconds, measured=True))


def test_a_job_is_booked_once_whoever_tells_of_its_end(one: Engine, two: Engine) -> None:
    opened(one.slots, "ls-1")
    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(lambda number: (one, two)[number % 2].slots.ended("ls-1", 60.0, 61), range(8)))
    assert sorted(told) == [False] * 7 + [True]
    assert one.ledger.sums(TODAY) == {"1.2": {JOBS: 1, AUDIO: 60, BILLED: 61}}


def test_what_was_not_started_or_failed_or_was_adopted_costs_nothing(one: Engine) -> None:
    for job in ("ls-failed", "ls-adopted"):
        opened(one.slots, job)
    one.slots.close("ls-failed")
    one.slots.adopted("ls-adopted")
    assert one.slots.today().used == 0
    one.slots.ended("ls-adopted", 60.0, 60)
    assert one.ledger.sums(TODAY) == {"1.2": {REUSED: 1, SAVED: 60}}


def test_a_job_belongs_to_the_day_of_its_start(one: Engine, clock: Clock) -> None:
    clock.now = (TODAY + 1) * DAY - 1.0
    opened(one.slots, "ls-1")
    assert one.slots.today().used == 60
    clock.now += 2
    assert one.slots.today().used == 0
    one.slots.ended("ls-1", 60.0, 60)
    assert one.ledger.days(TODAY, BILLED) == {TODAY: 60}
    assert one.ledger.sums(TODAY + 1) == {}


def test_a_day_has_so_much_audio_whatever_process_starts_it(one: Engine, two: Engine, clock: Clock) -> None:
    mine, theirs = Slots(one.database, 100, 600.0), Slots(two.database, 100, 600.0)
    with ThreadPoolExecutor(12) as pool:
        jobs = [((mine, theirs)[number % 2], f"ls-{number}") for number in range(12)]
        found = list(pool.map(lambda each: opened(each[0], each[1], 100.0), jobs))
    assert (found.count(Slot.OPENED), found.count(Slot.SPENT)) == (6, 6)
    job = next(name for (_, name), slot in zip(jobs, found, strict=True) if slot is Slot.OPENED)
    mine.ended(job, 100.0, 100)
    assert opened(mine, "ls-more", 100.0) is Slot.SPENT, "what has ended counts as well"
    mine.close(next(name for (_, name), slot in zip(jobs[::-1], found[::-1], strict=True) if slot is Slot.OPENED))
    assert opened(theirs, "ls-more", 100.0) is Slot.OPENED, "what was not started does not"
    clock.now += DAY
    assert opened(theirs, "ls-tomorrow", 600.0) is Slot.OPENED


def test_what_is_noted_is_written_a_little_later(one: Engine, two: Engine) -> None:
    for _ in range(3):
        one.ledger.note("1.2", {REUSED: 1, SAVED: 30})
    assert two.ledger.sums(TODAY) == {}
    one.ledger.flush()
    one.ledger.flush()
    assert two.ledger.sums(TODAY) == {"1.2": {REUSED: 3, SAVED: 90}}


def test_a_store_of_before_is_given_what_it_lacks(one: Engine) -> None:
    one.slots.count()
    with one.database.transaction() as execute:
        execute("drop table transcribe_jobs")
        execute("create table transcribe_jobs (name text primary key, region text not null, "
                "since double precision not null, ask double precision not null)")  # fmt: skip
        execute("insert into transcribe_jobs values ('ls-1', 'us', 0, 0)")
    one.database._ready = False
    assert [running.seconds for running in one.slots.running("us")] == pytest.approx([0.0])
    assert one.slots.ended("ls-1", 5.0, 5)


def test_a_year_is_kept(one: Engine, clock: Clock) -> None:
    one.ledger.note("1.2", {REUSED: 1})
    one.ledger.flush()
    clock.now += 380 * DAY
    one.ledger.prune()
    assert one.ledger.sums(0) == {"1.2": {REUSED: 1}}
    clock.now += 30 * DAY
    one.ledger.prune()
    assert one.ledger.sums(0) == {}
