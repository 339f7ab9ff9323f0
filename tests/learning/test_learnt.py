"""The vocabulary in use, as each request asks for it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from transcribe_backend.errors import AccessDenied, AWSError, QueueError
from transcribe_backend.learning.learnt import InUse, Learnt
from transcribe_backend.settings import Settings
from transcribe_backend.work import records
from transcribe_backend.work.database import Database
from transcribe_backend.work.records import Records


class AWS:
    """Answers what is promoted, or refuses; counts how often it is asked."""

    def __init__(self) -> None:
        self.answer: str | None | Exception = None
        self.fitted: dict[str, Any] | Exception = {}
        self.asked = 0

    def read(self, project: str, language: str) -> dict[str, Any]:
        if isinstance(self.fitted, Exception):
            raise self.fitted
        return self.fitted

    def promoted(self, project: str, language: str) -> str | None:
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def aws() -> AWS:
    return AWS()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def process(aws: AWS, clock: Clock, tmp_path: Path) -> Callable[[], Learnt]:
    """Another process of the same deployment."""
    return lambda: Learnt(aws, aws, _records(tmp_path, clock), clock)


def _records(folder: Path, clock: Clock) -> Records[InUse]:
    return Records(Database(Settings(model_dir=folder), records.SCHEMA, clock), "learnt", InUse)


def test_aws_is_asked_once_for_all_processes(process: Callable[[], Learnt], aws: AWS) -> None:
    aws.answer = "v1"
    assert [process().name("7.1", "en-US") for _ in range(3)] == ["v1"] * 3
    assert aws.asked == 1


def test_a_change_is_seen_within_a_minute(process: Callable[[], Learnt], aws: AWS, clock: Clock) -> None:
    learnt = process()
    assert learnt.name("7.1", "en-US") == ""
    aws.answer = "v1"
    clock.now += 39
    assert learnt.name("7.1", "en-US") == ""
    clock.now += 21
    assert learnt.name("7.1", "en-US") == "v1"


def test_the_last_answer_outlives_an_outage(process: Callable[[], Learnt], aws: AWS, clock: Clock) -> None:
    aws.answer = "v1"
    assert process().name("7.1", "en-US") == "v1"
    aws.answer = AWSError("AWS does not answer.", retryable=True)
    clock.now += 10_000
    assert process().name("7.1", "en-US") == "v1"


def test_without_any_answer_the_version_is_not_guessed(process: Callable[[], Learnt], aws: AWS) -> None:
    aws.answer = AWSError("AWS does not answer.", retryable=True)
    with pytest.raises(AWSError, match="does not answer"):
        process().name("7.1", "en-US")


def test_who_may_not_list_vocabularies_has_learnt_nothing(process: Callable[[], Learnt], aws: AWS) -> None:
    aws.answer = AccessDenied("AWS denies the backend to list the custom vocabularies.")
    assert process().name("7.1", "en-US") == ""


def test_projects_and_languages_are_told_apart(process: Callable[[], Learnt], aws: AWS) -> None:
    learnt = process()
    learnt.remember("7.1", "en-US", "v1")
    assert learnt.name("7.1", "en-US") == "v1"
    assert learnt.name("7.1", "de-DE") == "" and learnt.name("7.2", "en-US") == ""
    assert aws.asked == 2


def test_a_new_calibration_is_told_to_all_processes(process: Callable[[], Learnt], aws: AWS, clock: Clock) -> None:
    one, other = process(), process()
    assert one.calibration("7.1", "en-US") is None and other.calibration("7.1", "en-US") is None
    aws.fitted = {"confidences": [0.5, 0.9], "rates": [0.6, 0.1], "tasks": 40}
    one.renew("7.1", "en-US")
    clock.now += 1
    for learnt in (one, other, process()):
        known = learnt.calibration("7.1", "en-US")
        assert known and known.rates == (0.6, 0.1)
    one.remember("7.1", "en-US", "v2")
    clock.now += 1
    assert other.name("7.1", "en-US") == "v2" and other.calibration("7.1", "en-US") == one.calibration("7.1", "en-US")


def test_a_change_is_told_once(aws: AWS, clock: Clock, tmp_path: Path) -> None:
    told: list[str] = []
    learnt = Learnt(aws, aws, _records(tmp_path, clock), clock, told.append)
    for name in ("", "v1", "v1"):
        learnt.remember("7.1", "en-US", name)
    aws.answer, aws.fitted = "v1", {"confidences": [0.5], "rates": [0.6]}
    for _ in range(2):
        learnt.renew("7.1", "en-US")
    assert told == ["7.1", "7.1"]


def test_who_may_not_look_into_the_bucket_has_no_calibration(process: Callable[[], Learnt], aws: AWS) -> None:
    aws.answer, aws.fitted = "v1", AccessDenied("S3 denies it.")
    learnt = process()
    assert (learnt.name("7.1", "en-US"), learnt.calibration("7.1", "en-US")) == ("v1", None)


class Fragile(Records[InUse]):
    """Records whose store can be down."""

    down = False

    def get(self, key: str) -> InUse | None:
        self._check()
        return super().get(key)

    def put(self, key: str, fact: InUse) -> None:
        self._check()
        super().put(key, fact)

    def _check(self) -> None:
        if self.down:
            raise QueueError("The store does not answer.")


def test_a_store_that_is_down_changes_no_version(aws: AWS, clock: Clock, tmp_path: Path) -> None:
    memory = Fragile(Database(Settings(model_dir=tmp_path), records.SCHEMA, clock), "learnt", InUse)
    learnt, other = Learnt(aws, aws, memory, clock), Learnt(aws, aws, memory, clock)
    aws.answer = "v1"
    assert [learnt.name("7.1", "en-US"), other.name("7.1", "en-US")] == ["v1", "v1"]
    memory.down = True
    assert [learnt.name("7.1", "en-US"), other.name("7.1", "en-US")] == ["v1", "v1"]
    assert aws.asked == 1
    aws.answer = "v2"
    clock.now += 100
    assert [learnt.name("7.1", "en-US") for _ in range(3)] == ["v2"] * 3
    assert aws.asked == 2
