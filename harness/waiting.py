"""Waiting for a condition, and saying which one did not come true."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_until(condition: Callable[[], T | None], timeout: float, what: str, interval: float = 0.1) -> T:
    """The first true value of `condition`, asked every `interval` seconds; TimeoutError says `what` did not happen."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise TimeoutError(f"Waited {timeout:g} s in vain until {what}")
        time.sleep(interval)


def until(ask: Callable[[], T], holds: Callable[[T], bool], patience: float = 60) -> T:
    """The first answer for which the condition holds; TimeoutError quotes the last answer after `patience` seconds."""
    deadline = time.monotonic() + patience
    while not holds(answer := ask()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"Waited {patience:g} s in vain: it is still {answer!r}")
        time.sleep(0.02)
    return answer
