"""What the verdict promises, shown by simulation: projects that are trained ten times, with and without a true gain."""

import random
from collections.abc import Sequence

import pytest

from transcribe_backend.speech.verdict import level, needed, p_value

TRAININGS, TASKS, WORDS = 10, 80, 9
HELD_OUT = 2 * TASKS // 5


def errors(draw: random.Random, rate: float) -> int:
    """Errors in a task of nine words, each wrong with this probability, now and then with a burst of extra words."""
    burst = draw.randint(3, 12) if draw.random() < 0.02 else 0
    return sum(draw.random() < rate for _ in range(WORDS)) + burst


def no_gain(draw: random.Random) -> list[int]:
    """Errors saved in the held-out tasks by a vocabulary that only stirs: a third of the tasks come out differently."""
    return [errors(draw, 0.35) - errors(draw, 0.35) if draw.random() < 1 / 3 else 0 for _ in range(HELD_OUT)]


def gain(draw: random.Random) -> list[int]:
    """It stirs as much, and as measured with six names (47.7 -> 35.0 %) mends two errors in three of five tasks."""
    return [2 * (draw.random() < 0.6) + stirred for stirred in no_gain(draw)]


def ever_promoted(draw: random.Random) -> bool:
    return any(p_value(no_gain(draw)) <= level(attempt) for attempt in range(1, TRAININGS + 1))


def test_over_ten_trainings_noise_is_promoted_in_at_most_a_tenth_of_projects() -> None:
    draw = random.Random(13)  # noqa: S311
    projects = 1000
    promoted = sum(ever_promoted(draw) for _ in range(projects))
    assert 0.02 * projects < promoted <= 0.1 * projects, "a verdict that never promotes would keep the promise as well"


def test_a_gain_as_measured_is_promoted_in_four_of_five_first_trainings() -> None:
    draw = random.Random(14)  # noqa: S311
    runs = 500
    assert sum(p_value(gain(draw)) <= level(1) for _ in range(runs)) >= 0.8 * runs


def test_all_levels_together_stay_below_a_tenth() -> None:
    assert sum(level(attempt) for attempt in range(1, 10_000)) < 0.1
    assert [needed(attempt) for attempt in (1, 2, 3, 10)] == [5, 6, 7, 11]


@pytest.mark.parametrize(
    ("gains", "p"),
    [
        ([1] * 5, 1 / 32),
        ([1] * 4, 1 / 16),
        ([0] * 50, 1.0),
        ([], 1.0),
        ([1, 1, -1], 0.5),
        ([3, 1, 1, -1], 4 / 16),
        ([-2, -1], 1.0),
    ],
)
def test_the_probability_is_exact(gains: Sequence[int], p: float) -> None:
    assert p_value(gains) == pytest.approx(p)


def test_two_of_five_tasks_better_by_one_word_prove_nothing() -> None:
    assert p_value([1, 1, 0, 0, 0]) == 0.25
