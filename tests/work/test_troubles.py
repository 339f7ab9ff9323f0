"""Equal troubles are one group, whatever audio each item is about; what mends one of them is done to all."""

import pytest

from tests.work.conftest import Clock
from transcribe_backend.errors import AccessDenied, AudioNotFound, DailyLimit, StudioDenied, TranscribeBackendError
from transcribe_backend.work.causes import cause, general, kind
from transcribe_backend.work.engine import Engine
from transcribe_backend.work.items import BULK, FAILED, URGENT, New


def owe(engine: Engine, count: int, queue: str = "transcribe", project: str = "1.2") -> None:
    engine.work.add(
        New(f"{project}|{number}|v", queue, {"task": number, "project": project}, BULK) for number in range(count)
    )


def denied(number: int) -> AccessDenied:
    return AccessDenied(f"AWS denies to read s3://calls/2026/{number}.wav.", remedy="Allow it.")


def hold_up(engine: Engine, queue: str = "transcribe") -> str:
    """All items of a queue are denied their audio."""
    for number, item in enumerate(engine.work.take(queue, BULK, 100)):
        engine.work.later(item, 300.0, denied(number))
    return cause(denied(0))


def fail(engine: Engine, queue: str = "transcribe") -> str:
    """All items of a queue fail."""
    error = AudioNotFound("s3://calls/x.wav: S3 answered 404.", remedy="Look.")
    for number, item in enumerate(engine.work.take(queue, BULK, 100)):
        problem = f"s3://calls/{number}.wav: S3 answered 404."
        assert engine.work.fail(item, error, problem=problem, remedy="Look.", body=item.body)
    return cause(error)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("AWS denies to read s3://calls/a/b.wav.", "AWS denies to read s3://calls/c d.wav."),
        ("https://h.example/x/y.wav?t=1: 404", "https://h.example/z.wav: 404"),
        ("/data/upload/1/a.mp3 is empty.", "/data/upload/22/b c.mp3 is empty."),
        ("ls-" + "0" * 40 + " failed", "ls-" + "a" * 40 + " failed"),
        ("s3://b/k lasts 5.2 h", "s3://b/other lasts 4.7 h"),
    ],
)
def test_what_is_particular_to_a_task_is_left_out(one: str, other: str) -> None:
    assert general(one) == general(other.replace("c d", "c_d").replace("b c", "b_c"))
    assert general(general(one)) == general(one)


def test_other_buckets_hosts_and_answers_are_other_causes() -> None:
    assert general("s3://a/k is empty.") != general("s3://b/k is empty.")
    assert general("Label Studio answers 502.") != general("Label Studio answers 503.")
    assert kind(cause(StudioDenied("no"))) == "StudioDenied"


@pytest.mark.parametrize("value", ["s3://" + "a/" * 5000, "http://" + "x" * 10_000, "1.2" * 5000, "/data/" * 3000])
def test_it_takes_no_time_whatever_stands_there(value: str) -> None:
    assert len(general(value * 20)) <= 400


def test_equal_troubles_are_one_group(one: Engine) -> None:
    owe(one, 9)
    owe(one, 3, "push", project="3.4")
    name = hold_up(one)
    groups = one.work.troubles()
    assert [(group.queue, group.count, group.cause) for group in groups] == [("transcribe", 9, name)]
    assert (groups[0].remedy, name) == ("Allow it.", "AccessDenied: AWS denies to read s3://calls/….")
    assert [each.body["task"] for each in one.work.examples(name, "transcribe", 3)] == [0, 1, 2]
    assert {(group.queue, group.count) for group in one.work.waiting()} == {("transcribe", 9), ("push", 3)}
    assert one.work.standing() == {("transcribe", BULK): 9, ("push", BULK): 3}
    assert (one.work.of("1.2"), one.work.of("3.4"), one.work.of("1")) == (9, 3, 0)


@pytest.mark.parametrize("beforehand", [0, 1])
def test_what_gets_into_trouble_between_two_looks_is_counted_as_that(
    one: Engine, two: Engine, monkeypatch: pytest.MonkeyPatch, beforehand: int
) -> None:
    owe(one, beforehand)
    standing, counted = one.work.standing, []

    def meanwhile() -> dict[tuple[str, int], int]:
        counted.append(standing())
        owe(two, 2, project="3.4")
        hold_up(two)
        return counted[0]

    monkeypatch.setattr(one.work, "standing", meanwhile)
    first = one.work.waiting()
    assert sum(counted[0].values()) == beforehand
    assert [group.count for group in first] == [beforehand] * beforehand
    assert [(group.queue, group.count, bool(group.problem)) for group in one.work.waiting()] == [
        ("transcribe", 2 + beforehand, True)
    ]


def test_what_waits_is_hurried_and_what_is_well_again_is_in_no_group(one: Engine) -> None:
    owe(one, 3)
    name = hold_up(one)
    assert one.work.take("transcribe", BULK, 10) == []
    assert one.work.hurry(name) == 3
    for item in one.work.take("transcribe", BULK, 10):
        one.work.move(item, "push")
    assert one.work.troubles() == []


def test_what_failed_goes_on_under_its_key_and_is_told_again(one: Engine, clock: Clock) -> None:
    owe(one, 3)
    name = fail(one)
    assert (one.work.hurry(name), sorted(one.work.keys(FAILED))) == (0, ["1.2|0|v", "1.2|1|v", "1.2|2|v"])
    clock.now += 30
    assert one.work.again(name, "again") == 3
    again = sorted(one.work.take("again", BULK, 10), key=lambda item: item.key)
    assert [(item.attempts, item.body["task"]) for item in again] == [(1, 0), (1, 1), (1, 2)]
    error = AudioNotFound("s3://calls/x.wav: S3 answered 404.")
    assert one.work.fail(again[0], error, problem=error.problem, remedy="", body={}), "somebody has asked for news"


def test_a_group_is_forgotten_but_what_is_in_hand(one: Engine) -> None:
    owe(one, 4)
    name = hold_up(one)
    one.work.hurry(name)
    (in_hand,) = one.work.take("transcribe", BULK, 1)
    assert one.work.drop(name) == 3
    assert one.work.finish(in_hand)
    assert one.work.drop("") == 0


def test_only_one_kind_is_hastened(one: Engine) -> None:
    owe(one, 2)
    errors: list[TranscribeBackendError] = [DailyLimit("used up"), denied(1)]
    for item, error in zip(one.work.take("transcribe", BULK, 2), errors, strict=True):
        one.work.later(item, 3600.0, error)
    assert one.work.held_up(DailyLimit) == 1
    one.work.hasten(DailyLimit)
    assert len(one.work.take("transcribe", BULK, 2)) == 1


def test_an_item_that_is_begun_anew_has_no_trouble(one: Engine, clock: Clock) -> None:
    owe(one, 1)
    fail(one)
    clock.now += 100
    one.work.add([New("1.2|0|v", "transcribe", {}, URGENT)])
    assert one.work.troubles() == []
