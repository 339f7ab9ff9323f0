"""Of all who hand out the prediction of a task, one has the right to."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import pytest

from tests.work.conftest import Clock
from transcribe_backend.settings import Settings
from transcribe_backend.work.engine import Engine, engine

ROUNDS = 40


def test_a_claim_keeps_others_away_until_it_ends_and_from_those_who_asked_before_it(
    one: Engine, two: Engine, clock: Clock
) -> None:
    assert one.claims.take(["a", "b"], since=clock.now, seconds=10) == {"a": False, "b": False}
    clock.now += 1
    assert two.claims.take(["a", "c"], since=clock.now, seconds=10) == {"c": False}
    clock.now += 8
    assert two.claims.take(["a"], since=clock.now, seconds=10) == {}
    clock.now += 2
    assert two.claims.take(["a"], since=clock.now - 50, seconds=10) == {}, "it asked before the claim was made"
    assert two.claims.take(["a", "d"], since=clock.now, seconds=10) == {"a": True, "d": False}
    assert one.claims.take(["a"], since=clock.now, seconds=10) == {}


def test_until_when_claims_hold_is_told(one: Engine, two: Engine, clock: Clock) -> None:
    assert one.claims.until(["a"]) == 0.0
    one.claims.take(["a"], since=clock.now, seconds=10)
    one.claims.take(["b"], since=clock.now, seconds=30)
    assert two.claims.until(["a"]) == clock.now + 10
    assert two.claims.until(["a", "b", "c"]) == clock.now + 30
    assert two.claims.until([]) == 0.0


def test_nothing_is_claimed_of_nothing_and_thousands_at_once(one: Engine, clock: Clock) -> None:
    assert one.claims.take([], since=clock.now, seconds=1) == {}
    many = {f"{number}" for number in range(3000)}
    assert one.claims.take([*many, *many], since=clock.now, seconds=1).keys() == many
    assert one.claims.take(list(many), since=clock.now, seconds=1) == {}


def test_claims_are_forgotten_after_minutes(one: Engine, clock: Clock) -> None:
    one.claims.take(["old"], since=clock.now, seconds=1)
    clock.now += 590
    one.claims.take(["young"], since=clock.now, seconds=1)
    clock.now += 20
    one.claims.prune()
    assert (one.claims.until(["old"]), one.claims.until(["young"]) > 0) == (0.0, True)


def _claims(settings: Settings) -> list[bool]:
    made = engine(settings)
    won = [bool(made.claims.take([f"round {number}"], since=0.0, seconds=60)) for number in range(ROUNDS)]
    made.database.close()
    return won


def test_of_many_processes_one_wins(settings: Settings) -> None:
    with ProcessPoolExecutor(4, multiprocessing.get_context("forkserver")) as pool:
        won = list(pool.map(_claims, [settings] * 4))
    assert [sum(each) for each in zip(*won, strict=True)] == [1] * ROUNDS


@pytest.mark.parametrize("claimed_before", [False, True])
def test_of_many_threads_one_wins(one: Engine, clock: Clock, claimed_before: bool) -> None:
    """Those of one process share transactions."""
    keys = [f"round {number}" for number in range(ROUNDS)]
    if claimed_before:
        one.claims.take(keys, since=clock.now, seconds=1)
        clock.now += 10

    def claim(number: int) -> list[bool]:
        return [bool(one.claims.take([key], since=clock.now, seconds=60)) for key in keys]

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(claim, range(8)))
    assert [sum(each) for each in zip(*won, strict=True)] == [1] * ROUNDS
