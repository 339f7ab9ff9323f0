"""Confidence to expected word error rate, on synthetic projects."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transcribe_backend.speech.calibration import ENOUGH, Calibration, Point, fit, unseen_error

POINTS = st.builds(Point, st.floats(0, 1), st.integers(0, 60), st.integers(1, 50))


def project(seed: int, tasks: int = 120) -> list[Point]:
    """Tasks of a recogniser that is surer than it should be, by a bent curve that each project has of its own."""
    draw = random.Random(seed)  # noqa: S311
    bend, worst = draw.uniform(1.5, 3.0), draw.uniform(0.4, 0.9)
    points = []
    for _ in range(tasks):
        confidence, words = draw.uniform(0.6, 0.99), draw.randint(20, 200)
        rate = worst * ((0.99 - confidence) / 0.39) ** (1 / bend)
        points.append(Point(confidence, sum(draw.random() < rate for _ in range(words)), words))
    return points


@pytest.mark.parametrize("seed", range(10))
def test_the_expected_error_is_nearer_than_one_minus_confidence(seed: int) -> None:
    fitted, plain = unseen_error(project(seed))
    assert fitted <= 0.7 * plain


@pytest.mark.parametrize("seed", range(10, 20))
def test_scores_are_nearer_to_the_accuracy_of_unseen_tasks_than_confidence(seed: int) -> None:
    known, unseen = project(seed)[:ENOUGH], project(seed, 400)[120:]
    curve = fit(known)
    assert curve
    fitted = sum(abs(1 - curve.accuracy(each.confidence) - each.rate) for each in unseen)
    plain = sum(abs(1 - each.confidence - each.rate) for each in unseen)
    assert fitted <= 0.7 * plain


def test_equal_expectations_are_told_apart_by_confidence() -> None:
    curve = Calibration((0.5, 0.9), (0.4, 0.4))
    assert curve.accuracy(0.6) < curve.accuracy(0.7) == pytest.approx(0.6, abs=0.01)


def test_fewer_than_thirty_tasks_fit_nothing() -> None:
    assert fit(project(1, ENOUGH - 1)) is None
    assert unseen_error(project(1, 5)) == (1.0, 1.0)


@settings(deadline=None)
@given(st.lists(POINTS, min_size=ENOUGH, max_size=80))
def test_more_confidence_never_means_more_errors(points: list[Point]) -> None:
    curve = fit(points)
    assert curve
    expected = [curve.expected(confidence / 50) for confidence in range(51)]
    assert all(0 <= rate <= 1 for rate in expected)
    assert all(low >= high - 1e-9 for low, high in zip(expected, expected[1:], strict=False))


def test_a_falling_project_is_fitted_exactly() -> None:
    points = [Point(at / 100, 100 - at, 100) for at in range(100)]
    curve = fit(points)
    assert curve and curve.expected(0.25) == pytest.approx(0.75)
    assert curve.expected(-1) == pytest.approx(1.0) and curve.expected(2) == pytest.approx(0.01)
