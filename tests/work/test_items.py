"""Owed work: taken with a lease, moved from queue to queue, and never two who hold it."""

import multiprocessing
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.work.conftest import Clock, held
from transcribe_backend.errors import AudioError, AudioNotFound, AWSError
from transcribe_backend.settings import Settings
from transcribe_backend.work.crew import Lane
from transcribe_backend.work.engine import Engine, engine
from transcribe_backend.work.items import BULK, FAILED, LEASE, URGENT, Item, New, State, Work
from transcribe_backend.work.ledger import DAY

LANES = [("here", URGENT), ("here", BULK), ("there", BULK)]


def owe(process: Engine, *keys: str, **more: Any) -> None:
    process.work.add(New(key, "here", {"of": key}, **more) for key in keys)


def taken(process: Engine, queue: str = "here", priority: int = BULK, count: int = 10) -> list[Item]:
    return process.work.take(queue, priority, count)


def keys(items: list[Item]) -> list[str]:
    return [item.key for item in items]


def test_what_is_due_longest_is_taken_first_and_by_one(one: Engine, two: Engine, clock: Clock) -> None:
    owe(one, "b", due=clock.now - 5)
    owe(one, "a", due=clock.now - 1)
    owe(one, "c", due=clock.now - 9)
    owe(one, "later", due=clock.now + 1)
    owe(one, "urgent", priority=URGENT)
    assert sorted(keys(taken(one, count=2))) == ["b", "c"]
    assert keys(taken(two)) == ["a"]
    assert keys(taken(two, priority=URGENT)) == ["urgent"]
    assert taken(one) == taken(two, "there") == []


def test_an_item_is_its_taker_s_for_the_lease_and_then_anybody_s(one: Engine, two: Engine, clock: Clock) -> None:
    owe(one, "a")
    (mine,) = taken(one)
    clock.now += LEASE - 1
    assert taken(two) == []
    clock.now += 1.1
    (theirs,) = taken(two)
    assert (mine.attempts, theirs.attempts) == (1, 2)
    assert not one.work.finish(mine)
    assert not one.work.later(mine, 5)
    assert not one.work.move(mine, "there")
    assert not one.work.save(mine, {})
    assert not one.work.replace(mine, New("b", "here", {}))
    assert not one.work.fail(mine, AudioError("no"), problem="no", remedy="", body={})
    assert two.work.states(["a", "b"]) == {"a": State("here", "")}
    assert two.work.finish(theirs)
    assert two.work.states(["a"]) == {}


def test_a_taker_that_took_it_again_holds_it_once(one: Engine, clock: Clock) -> None:
    """Two threads of one process, the first of them slow."""
    owe(one, "a")
    (slow,) = taken(one)
    clock.now += LEASE + 1
    (quick,) = taken(one)
    assert not one.work.finish(slow)
    assert one.work.finish(quick)


def test_leases_are_renewed_as_long_as_they_have_not_ended(one: Engine, two: Engine, clock: Clock) -> None:
    owe(one, "a")
    (item,) = taken(one)
    for _ in range(10):
        clock.now += LEASE - 1
        one.work.renew(["a"])
        assert taken(two) == []
    clock.now += LEASE + 1
    one.work.renew(["a"])
    assert keys(taken(two)) == ["a"], "what has ended is not renewed: somebody may have it"
    assert not one.work.finish(item)


def test_what_is_released_is_due_for_others_at_once(one: Engine, two: Engine) -> None:
    owe(one, "a", "b")
    taken(one, count=1)
    one.work.release()
    assert sorted(keys(taken(two))) == ["a", "b"]


def test_attempts_count_in_a_queue_until_one_succeeds(one: Engine, clock: Clock) -> None:
    owe(one, "a")
    counted = []
    for _ in range(3):
        (item,) = taken(one)
        counted.append(item.attempts)
        assert one.work.later(item, 10, AWSError("away", remedy="wait", retryable=True))
        assert taken(one) == []
        clock.now += 10
    (item,) = taken(one)
    assert one.work.later(item, 0)
    (item,) = taken(one)
    counted.append(item.attempts)
    assert one.work.move(item, "there")
    (item,) = taken(one, "there")
    assert counted + [item.attempts] == [1, 2, 3, 1, 1]


def test_what_waits_without_trouble_says_none_and_goes_on_with_its_new_body(one: Engine) -> None:
    owe(one, "a")
    (item,) = taken(one)
    assert one.work.later(item, 0, body={"of": "a", "page": 2})
    (waiting,) = one.work.waiting()
    assert (waiting.problem, waiting.remedy) == ("", "")
    (item,) = taken(one)
    assert item.body == {"of": "a", "page": 2}


def test_what_a_clock_that_was_ahead_has_put_off_is_due_at_once(one: Engine, clock: Clock) -> None:
    owe(one, "refused", "in hand", "tomorrow")
    items = {item.key: item for item in taken(one)}
    one.work.later(items["refused"], 300, AWSError("away", retryable=True))
    one.work.later(items["tomorrow"], DAY - clock.now % DAY)
    one.slots.open("job", "us-east-1", "here", held("in hand"))
    one.slots.ask_again(["job"], 30)
    one.claims.take(["answered"], since=clock.now, seconds=300)
    clock.now -= 3600
    assert taken(one) == []
    one.staff([Lane("here", BULK, 1, one.work.finish)], []).tidy()
    assert sorted(keys(taken(one))) == ["in hand", "refused"], "what waits for another day goes on waiting"
    (job,) = one.slots.running("us-east-1")
    assert (job.since, job.ask) == (clock.now, clock.now)
    assert one.claims.take(["answered"], since=clock.now, seconds=300)


def test_why_items_wait_is_told_by_kind(one: Engine) -> None:
    owe(one, "a", "b", "c")
    for item in taken(one, count=2):
        one.work.later(item, 10, AWSError("away", remedy="wait", retryable=True))
    first, second = one.work.waiting()
    assert (first.problem, first.remedy, first.count) == ("away", "wait", 2)
    assert (second.problem, second.count) == ("", 1)
    (item,) = taken(one)
    one.work.move(item, "there")
    assert {(group.queue, group.problem) for group in one.work.waiting()} == {("here", "away"), ("there", "")}


def test_the_next_stage_comes_with_its_body_job_and_time(one: Engine, clock: Clock) -> None:
    owe(one, "a")
    (item,) = taken(one)
    assert one.work.move(item, "there", seconds=30, job="ls-1", body={"of": "b"})
    assert one.work.states(["a"]) == {"a": State("there", "ls-1")}
    clock.now += 29
    assert taken(one, "there") == []
    clock.now += 1
    (item,) = taken(one, "there")
    assert (item.job, item.body) == ("ls-1", {"of": "b"})


def test_a_held_item_is_not_due_before_its_hold(one: Engine, clock: Clock) -> None:
    owe(one, "a", hold=clock.now + 50)
    (item,) = taken(one)
    assert one.work.move(item, "there", held=True)
    clock.now += 49
    assert taken(one, "there") == []
    one.work.hold(["a"], "there", clock.now + 20)
    clock.now += 19
    assert taken(one, "there") == []
    clock.now += 2
    assert keys(taken(one, "there")) == ["a"]


def test_what_is_in_hand_is_not_put_off(one: Engine, two: Engine, clock: Clock) -> None:
    owe(one, "a")
    (item,) = taken(one)
    two.work.hold(["a"], "here", clock.now + 500)
    clock.now += LEASE + 1
    assert keys(taken(two)) == ["a"], "its hold must not keep it from being taken over"
    assert not one.work.finish(item)


def test_all_who_wait_for_a_job_go_on_when_it_has_ended(one: Engine, clock: Clock) -> None:
    owe(one, "a", "b", "c")
    jobs = {"a": "ls-1", "b": "ls-1", "c": "ls-2"}
    for item in taken(one):
        one.work.move(item, "waiting", seconds=120, job=jobs[item.key])
    one.work.hold(["b"], "there", clock.now + 5)
    assert sorted(one.work.ended("ls-1", "waiting", "there")) == ["a", "b"]
    assert keys(taken(one, "there")) == ["a"]
    clock.now += 6
    assert keys(taken(one, "there")) == ["b"]
    assert one.work.states(["c"]) == {"c": State("waiting", "ls-2")}
    assert keys(one.work.take_waiting("ls-2", "waiting")) == ["c"], "due or not"
    assert one.work.ended("ls-1", "waiting", "there") == []


def test_how_far_a_process_came_is_known_to_whoever_takes_over(one: Engine, two: Engine, clock: Clock) -> None:
    owe(one, "a")
    (item,) = taken(one)
    assert one.work.save(item, {"of": "page 7"})
    clock.now += LEASE + 1
    (theirs,) = taken(two)
    assert theirs.body == {"of": "page 7"}


# Owed once more


def test_what_is_owed_once_more_is_one_item_and_the_more_urgent_of_both(one: Engine, clock: Clock) -> None:
    owe(one, "a", due=clock.now + 60)
    owe(one, "a")
    assert taken(one) == [], "bulk changes nothing"
    owe(one, "a", priority=URGENT)
    assert keys(taken(one, priority=URGENT)) == ["a"]
    owe(one, "a", priority=BULK)
    assert one.work.count("here") == 1
    clock.now += LEASE + 1
    assert taken(one) == [] and keys(taken(one, priority=URGENT)) == ["a"], "and it stays urgent"


def test_what_is_in_hand_stays_in_hand_and_becomes_urgent(one: Engine, two: Engine, clock: Clock) -> None:
    owe(one, "a")
    (item,) = taken(one)
    two.work.add([New("a", "here", {"of": "another"}, URGENT)])
    assert taken(two, priority=URGENT) == []
    assert one.work.later(item, 0)
    (item,) = taken(two, priority=URGENT)
    assert item.body == {"of": "a"}, "the body that was worked on"


def test_what_nobody_has_begun_goes_on_with_what_is_owed_now(one: Engine) -> None:
    owe(one, "a")
    one.work.add([New("a", "here", {"of": "corrected"})])
    (item,) = taken(one)
    assert item.body == {"of": "corrected"}
    one.work.move(item, "there", job="ls-1")
    one.work.add([New("a", "here", {"of": "too late"})])
    (item,) = taken(one, "there")
    assert (item.body, item.job) == ({"of": "corrected"}, "ls-1")


def test_an_urgent_one_ends_the_pause_after_a_failure(one: Engine) -> None:
    owe(one, "a", priority=URGENT)
    (item,) = taken(one, priority=URGENT)
    one.work.later(item, 300, AWSError("expired", retryable=True))
    owe(one, "a", priority=URGENT)
    assert keys(taken(one, priority=URGENT)) == ["a"]


def failed(process: Engine, key: str = "a", queue: str = "here", problem: str = "gone") -> bool:
    (item,) = [item for item in taken(process, queue) if item.key == key]
    return process.work.fail(item, AudioNotFound(problem), problem=problem, remedy="look", body={"audio": "short"})


def test_a_failure_is_kept_for_people_and_not_tried_again_for_a_minute(one: Engine, clock: Clock) -> None:
    owe(one, "a")
    assert failed(one)
    assert one.work.failure("a") == ("gone", "look")
    (told,) = one.work.failures()
    assert (told["key"], told["audio"], told["at"], told["problem"]) == ("a", "short", clock.now, "gone")
    clock.now += 59
    owe(one, "a", priority=URGENT)
    assert one.work.states(["a"])["a"].queue == FAILED
    clock.now += 2
    one.work.add([New("a", "here", {"of": "anew"}, hold=clock.now + 7)])
    assert one.work.failures() == [] and one.work.failure("a") is None


def test_what_failed_is_begun_wholly_anew(one: Engine, clock: Clock) -> None:
    owe(one, "a")
    for _ in range(4):
        (item,) = taken(one)
        one.work.later(item, 1, AWSError("away", retryable=True))
        clock.now += 1
    assert failed(one)
    clock.now += 61
    one.work.add([New("a", "here", {"of": "anew"})])
    (item,) = taken(one)
    assert (item.attempts, item.added, item.body, item.job) == (1, clock.now, {"of": "anew"}, "")


def test_the_same_failure_is_news_once_an_hour_whatever_stages_came_between(one: Engine, clock: Clock) -> None:
    owe(one, "a")
    news = [failed(one)]
    for pause in (70, 70, 70, 3700):
        clock.now += pause
        owe(one, "a")
        (item,) = taken(one)
        one.work.later(item, 0, AWSError("away", retryable=True))
        (item,) = taken(one)
        one.work.move(item, "there")
        news.append(failed(one, queue="there"))
    clock.now += 70
    owe(one, "a")
    news.append(failed(one, problem="another"))
    assert news == [True, False, False, False, True, True]


def test_what_expires_is_dropped_unless_somebody_still_waits_or_has_it_in_hand(one: Engine, clock: Clock) -> None:
    owe(one, "dropped", "kept", "in hand", expires=clock.now + 10)
    owe(one, "for ever")
    one.work.keep(["kept", "for ever"], clock.now + 100)
    for item in taken(one):
        if item.key != "in hand":
            one.work.later(item, 0)
    clock.now += 11
    one.work.expire()
    assert set(one.work.states(["dropped", "kept", "in hand", "for ever"])) == {"kept", "in hand", "for ever"}
    clock.now += 90
    one.work.expire()
    assert "kept" not in one.work.states(["kept"])


def test_what_has_expired_is_begun_anew_although_nobody_has_dropped_it_yet(one: Engine, clock: Clock) -> None:
    owe(one, "a", expires=clock.now + 10)
    (item,) = taken(one)
    one.work.move(item, "ready", job="ls-old")
    clock.now += 11
    owe(one, "a", expires=clock.now + 10)
    assert one.work.states(["a"]) == {"a": State("here", "")}


def test_of_two_who_wait_the_longer_counts(one: Engine, clock: Clock) -> None:
    owe(one, "a", expires=clock.now + 10)
    owe(one, "a", expires=clock.now + 50)
    owe(one, "a", expires=clock.now + 20)
    clock.now += 45
    one.work.expire()
    assert one.work.states(["a"])
    owe(one, "a")
    clock.now += 1000
    one.work.expire()
    assert one.work.states(["a"]), "and who is owed it for ever most of all"


# By name


def test_what_becomes_another_item_is_never_neither(one: Engine) -> None:
    owe(one, "old")
    (item,) = taken(one)
    assert one.work.replace(item, New("new", "there", {"of": "new"}))
    assert one.work.states(["old", "new"]) == {"new": State("there", "")}


def test_items_are_found_by_how_their_keys_begin(one: Engine) -> None:
    owe(one, "1.7|5|v", "1.7|5|w", "1.7|50|v", "1.7|5", "1.70|5|v", "1.7|5}", "%", "1_7|5|v", "1.7|6|ü")
    assert sorted(one.work.beginning(["1.7|5|"])) == ["1.7|5|v", "1.7|5|w"]
    assert sorted(one.work.beginning(["1.7|6|", "1.70|5|"])) == sorted(["1.7|6|ü", "1.70|5|v"])
    assert one.work.beginning([]) == []
    one.work.forget(["1.7|5|v"])
    assert one.work.beginning(["1.7|5|"]) == ["1.7|5|w"]


def test_thousands_of_keys_are_no_problem(one: Engine) -> None:
    many = [f"1.7|{number}|v" for number in range(2500)]
    owe(one, *many)
    assert len(one.work.states(many)) == one.work.count("here") == 2500
    assert len(one.work.beginning([f"1.7|{number}|" for number in range(2500)])) == 2500
    one.work.forget(many)
    assert one.work.count("here", "there") == 0


def test_where_something_is_due_is_told_for_all_lanes_at_once(one: Engine, clock: Clock) -> None:
    assert one.work.due(LANES) == set()
    owe(one, "a", priority=URGENT)
    owe(one, "b", due=clock.now + 1)
    assert one.work.due(LANES) == {("here", URGENT)}
    clock.now += 1
    assert one.work.due(LANES) == {("here", URGENT), ("here", BULK)}


def test_old_failures_and_too_many_are_forgotten(one: Engine, clock: Clock) -> None:
    for number in range(6):
        owe(one, f"{number}")
        assert failed(one, f"{number}")
        clock.now += 100
    one.work.prune(450, 1000)
    assert [each["key"] for each in one.work.failures()] == ["5", "4", "3", "2"]
    one.work.prune(10_000, 2)
    assert [each["key"] for each in one.work.failures()] == ["5", "4"]


def test_failures_of_a_job_are_forgotten_with_it(one: Engine) -> None:
    owe(one, "a", "b")
    for item in taken(one):
        one.work.move(item, "waiting", job=f"ls-{item.key}")
        for waiting in one.work.take_waiting(f"ls-{item.key}", "waiting"):
            one.work.fail(waiting, AWSError("failed"), problem="failed", remedy="", body={})
    one.work.forget_failed("ls-a")
    assert [each["key"] for each in one.work.failures()] == ["b"]


# Many at once


def _takes(settings: Settings) -> list[str]:
    made, found = engine(settings), []
    while items := made.work.take("here", BULK, 7):
        found += [item.key for item in items if made.work.finish(item)]
    made.database.close()
    return found


@pytest.fixture(scope="module")
def pool() -> Any:
    """Four others, as fresh as a started server is."""
    with ProcessPoolExecutor(4, multiprocessing.get_context("forkserver")) as made:
        yield made


def test_of_many_processes_one_has_each_item(settings: Settings, pool: ProcessPoolExecutor) -> None:
    owing = engine(settings)
    owe(owing, *(f"{number:04}" for number in range(600)))
    owing.database.close()
    found = [key for part in pool.map(_takes, [settings] * 4) for key in part]
    assert Counter(found) == Counter(f"{number:04}" for number in range(600))


def test_of_many_threads_one_has_each_item(one: Engine) -> None:
    owe(one, *(f"{number:04}" for number in range(300)))

    def take_all(_: int) -> list[str]:
        found: list[str] = []
        while items := taken(one, count=5):
            found += [item.key for item in items if one.work.finish(item)]
        return found

    with ThreadPoolExecutor(8) as pool:
        found = [key for part in pool.map(take_all, range(8)) for key in part]
    assert Counter(found) == Counter(f"{number:04}" for number in range(300))


def test_those_who_owe_and_hold_the_same_never_wait_for_each_other(
    process: Callable[[], Engine], settings: Settings
) -> None:
    """In whatever order they name it: a deadlock would be an error for one of them."""
    many = [f"{number:04}" for number in range(1200)]
    orders = [many, many[::-1], many[600:] + many[:600]]
    gate = threading.Barrier(6)

    def work(number: int) -> None:
        mine, order = process(), orders[number % 3]
        gate.wait()
        for _ in range(4):
            owe(mine, *order)
            mine.work.hold(order, "there", 0.0)
            mine.work.renew(order)
            mine.work.keep(order, 0.0)
            mine.claims.take(order, since=0.0, seconds=0.0)
            for item in taken(mine, count=30):
                mine.work.move(item, "here", job="ls-1")
            mine.work.take_waiting("ls-1", "here")
            mine.work.ended("ls-1", "here", "here")
            mine.work.release()

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(6)))


def test_nothing_reads_the_whole_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a hundred thousand items each look must cost what a look into an empty table costs."""
    made = engine(Settings(model_dir=tmp_path))
    owe(made, *(f"1.7|{number}|v" for number in range(3000)))
    asked: list[tuple[str, tuple[Any, ...]]] = []
    dialect = type(made.database._dialect)
    execute = dialect.execute

    def noted(self: Any, connection: Any, sql: str, values: Any) -> Any:
        asked.append((sql, tuple(values)))
        return execute(self, connection, sql, values)

    monkeypatch.setattr(dialect, "execute", noted)
    work: Work = made.work
    work.due(LANES)
    for item in work.take("here", BULK, 5):
        work.move(item, "waiting", job="ls-1")
    work.renew(["1.7|1|v"])
    work.states(["1.7|1|v"])
    work.beginning(["1.7|1|"])
    work.take_waiting("ls-1", "waiting")
    work.release()
    work.ended("ls-1", "waiting", "here")
    work.expire()
    monkeypatch.undo()
    made.database.close()
    with sqlite3.connect(tmp_path / "work.db") as store:
        plans = {
            sql: [row[3] for row in store.execute(f"explain query plan {sql}", values)]
            for sql, values in asked
            if "transcribe_work" in sql
        }
    store.close()
    assert len(plans) >= 9
    scans = {sql: plan for sql, plan in plans.items() if any(step.startswith("SCAN transcribe_work") for step in plan)}
    assert scans == {}
