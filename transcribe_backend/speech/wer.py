"""Word error rate, and how sure a difference between two of them is."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from transcribe_backend.speech.alignment import Alignment, Pair


@dataclass(frozen=True, slots=True)
class Score:
    """Errors (substituted, missing and extra words) of one transcript, and the words a human wrote."""

    errors: int
    words: int


def score(human: str, ours: str, language: str = "en-US") -> Score:
    """Compare two texts of one speech by their words, in languages without spaces by their characters."""
    return scored(Alignment(Pair(0, ours, human, language)))


def scored(alignment: Alignment) -> Score:
    """The score of a transcript that is aligned already."""
    return Score(alignment.errors, len(alignment.human))


def rate(scores: Sequence[Score]) -> float:
    """Word error rate over all of them: 0 is perfect, above 1 is possible; 0 where nothing was to be heard."""
    words = sum(each.words for each in scores)
    return sum(each.errors for each in scores) / words if words else 0.0


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two recognisers on the same tasks, by their word error rates."""

    champion: float
    candidate: float
    low: float
    """95 % of the resampled changes (candidate - champion) lie between `low` …"""
    high: float
    """… and `high`."""
    confidence: float
    """Share (0..1) of the resamplings in which the candidate makes fewer errors."""


def compare(
    champion: Sequence[Score], candidate: Sequence[Score], *, seed: int = 0, resamplings: int = 2000
) -> Comparison:
    """Paired bootstrap over tasks (Bisani and Ney, 2004): tasks are drawn with repetition, the errors of both counted.

    Both sequences hold the same tasks in the same order. The same seed gives the same figures.
    """
    if [each.words for each in champion] != [each.words for each in candidate]:
        raise ValueError("both recognisers must be scored on the same tasks")
    draw = random.Random(seed)  # noqa: S311 - statistics, not secrets
    changes = sorted(_change(champion, candidate, draw) for _ in range(resamplings))
    return Comparison(
        champion=rate(champion),
        candidate=rate(candidate),
        low=changes[int(0.025 * resamplings)],
        high=changes[int(0.975 * resamplings)],
        confidence=sum(change < 0 for change in changes) / resamplings,
    )


def _change(champion: Sequence[Score], candidate: Sequence[Score], draw: random.Random) -> float:
    tasks = draw.choices(range(len(champion)), k=len(champion)) if champion else []
    return rate([candidate[task] for task in tasks]) - rate([champion[task] for task in tasks])
