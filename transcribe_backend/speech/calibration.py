"""Confidence to expected word error rate: AWS's confidence ranks transcripts well, but is no probability of an error.

Fitted per project and language to corrected tasks by pool-adjacent-violators (Ayer et al., 1955; for scores of
classifiers Zadrozny and Elkan, 2002): the monotone curve nearest to the points, weighted by their words.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

ENOUGH = 30
"""Corrected tasks that a fit needs."""
_FOLDS = 5


@dataclass(frozen=True, slots=True)
class Point:
    """A corrected task: mean confidence of its transcript (0..1), its errors, words of the human (at least one)."""

    confidence: float
    errors: int
    words: int

    @property
    def rate(self) -> float:
        """Its word error rate, at most 1."""
        return min(1.0, self.errors / self.words)


@dataclass(frozen=True, slots=True)
class Calibration:
    """A falling curve through `confidences` (rising) and expected word error `rates`; between them a straight line."""

    confidences: tuple[float, ...]
    rates: tuple[float, ...]

    def expected(self, confidence: float) -> float:
        """The word error rate (0..1) to expect of a transcript with this confidence."""
        at = bisect_left(self.confidences, confidence)
        if at == 0 or at == len(self.confidences):
            return self.rates[min(at, len(self.rates) - 1)]
        left, right = self.confidences[at - 1], self.confidences[at]
        share = (confidence - left) / (right - left)
        return self.rates[at - 1] + share * (self.rates[at] - self.rates[at - 1])

    def accuracy(self, confidence: float) -> float:
        """The share to expect right (0..1). A hundredth of it is the confidence, so that a flat curve has an order."""
        return 0.99 * (1 - self.expected(confidence)) + 0.01 * confidence


def fit(points: Sequence[Point]) -> Calibration | None:
    """The curve of these tasks; None of fewer than thirty."""
    return _curve(points) if len(points) >= ENOUGH else None


def _curve(points: Sequence[Point]) -> Calibration:
    blocks = list(_pooled(sorted(points, key=lambda point: point.confidence)))
    return Calibration(
        tuple(sum(each.confidence * each.words for each in block) / _words(block) for block in blocks),
        tuple(_rate(block) for block in blocks),
    )


def _pooled(points: Sequence[Point]) -> Iterator[list[Point]]:
    """Neighbours are pooled until the rate falls from block to block."""
    blocks: list[list[Point]] = []
    for point in points:
        blocks.append([point])
        while len(blocks) > 1 and (
            _rate(blocks[-2]) <= _rate(blocks[-1]) or blocks[-2][-1].confidence == blocks[-1][0].confidence
        ):
            blocks[-2:] = [blocks[-2] + blocks[-1]]
    yield from blocks


def _words(block: Sequence[Point]) -> int:
    return sum(point.words for point in block)


def _rate(block: Sequence[Point]) -> float:
    return sum(point.rate * point.words for point in block) / _words(block)


def bins(points: Sequence[Point], most: int = 10) -> list[tuple[float, float, int]]:
    """For a plot: confidence, word error rate and number of tasks, for up to ten groups of tasks of like confidence."""
    ordered = sorted(points, key=lambda point: point.confidence)
    size = -(-len(ordered) // most)
    groups = [ordered[at : at + size] for at in range(0, len(ordered), size or 1)]
    return [(sum(each.confidence for each in group) / len(group), _rate(group), len(group)) for group in groups]


def unseen_error(points: Sequence[Point]) -> tuple[float, float]:
    """Mean absolute error of the expected rate, and of 1 - confidence, on tasks that the fit has not seen (5 folds).

    1 and 1 of fewer than thirty tasks.
    """
    if len(points) < ENOUGH:
        return 1.0, 1.0
    fitted = plain = 0.0
    for fold in range(_FOLDS):
        curve = _curve([point for at, point in enumerate(points) if at % _FOLDS != fold])
        fitted += sum(abs(curve.expected(point.confidence) - point.rate) for point in points[fold::_FOLDS])
        plain += sum(abs(1 - point.confidence - point.rate) for point in points[fold::_FOLDS])
    return fitted / len(points), plain / len(points)
