"""Questions that are asked in the background."""

import threading

import pytest

from harness.waiting import wait_until
from transcribe_backend.asking import Asking
from transcribe_backend.web.health import BAD, Health


def test_who_asks_while_it_is_asked_gets_the_same_answer() -> None:
    gate, asked = threading.Event(), []

    def ask(question: str) -> str:
        asked.append(question)
        assert gate.wait(30)
        return question.upper()

    asking = Asking(ask, 2, "test")
    first, same, other = asking.begin("a"), asking.begin("a"), asking.begin("b")
    gate.set()
    assert (first.result(30), same.result(30), other.result(30)) == ("A", "A", "B")
    assert sorted(asked) == ["a", "b"]
    assert asking.begin("a").result(30) == "A" and sorted(asked) == ["a", "a", "b"], "an answer is not kept"


def test_what_is_forgotten_is_asked_anew() -> None:
    gate, numbers = threading.Event(), iter(range(10))

    def ask(question: str) -> int:
        number = next(numbers)
        assert number or gate.wait(30)
        return number

    asking = Asking(ask, 2, "test")
    late = asking.begin("a")
    asking.forget("a")
    assert asking.begin("a").result(30) == 1
    gate.set()
    assert late.result(30) == 0


def test_a_check_that_fails_itself_is_told_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    health = Health({"Odd": lambda: {}["missing"]})
    (found,) = wait_until(lambda: [each for each in health.findings() if each.state == BAD], 30, "it is checked")
    assert "KeyError" in found.told
    assert "The check of Odd failed" in caplog.text and "missing" in caplog.text
