"""Request rates, on a clock that stands."""

import threading
from collections.abc import Callable

import pytest
from transcribe_backend.aws.pacing import RateLimiter


class Clock:
    """Time that passes in sleep only."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


def limiter(rate: float, clock: Callable[[], float], sleep: Callable[[float], None]) -> RateLimiter:
    return RateLimiter(rate, clock=clock, sleep=sleep)


def test_the_first_waits_for_nothing(clock: Clock) -> None:
    limiter(5, clock, clock.sleep).wait()
    assert clock.slept == []


def test_callers_are_evenly_spaced(clock: Clock) -> None:
    limited = limiter(5, clock, clock.sleep)
    passed = []
    for _ in range(11):
        limited.wait()
        passed.append(round(clock.now - 100, 6))
    assert passed == [round(0.2 * number, 6) for number in range(11)]


def test_a_pause_saves_nothing_up(clock: Clock) -> None:
    limited = limiter(2, clock, clock.sleep)
    limited.wait()
    clock.now += 60
    limited.wait()
    limited.wait()
    assert clock.slept == [0.5]


def test_threads_take_turns() -> None:
    slept: list[float] = []
    limited = limiter(10, lambda: 0.0, slept.append)
    threads = [threading.Thread(target=limited.wait) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(round(seconds, 6) for seconds in slept) == [round(0.1 * number, 6) for number in range(1, 20)]
