"""Chores that fail leave the others going, and say why."""

import logging

import pytest

from transcribe_backend import background
from transcribe_backend.errors import QueueError


def test_a_queue_that_is_down_is_told_with_its_remedy_and_no_traceback(caplog: pytest.LogCaptureFixture) -> None:
    def chore() -> None:
        raise QueueError("The queue does not answer.", remedy="Check QUEUE_URL.")

    background._do(chore)
    (record,) = caplog.records
    assert record.getMessage() == "Housekeeping waits: The queue does not answer. Check QUEUE_URL."
    assert (record.levelno, record.exc_info) == (logging.ERROR, None)


def test_a_mistake_of_ours_is_told_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    background._do(lambda: [][1])
    (record,) = caplog.records
    assert record.exc_info
