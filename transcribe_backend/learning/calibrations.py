"""ADAPTER: what confidence has turned out to mean in each project and language."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from transcribe_backend.learning.documents import Documents
from transcribe_backend.learning.evidence import Sample
from transcribe_backend.prelabeling.project import Project
from transcribe_backend.speech.calibration import ENOUGH, Calibration, Point, bins, fit, unseen_error

_GROWTH = 1.5


class Calibrations:
    """The fits in use (see `speech.calibration`), each with the number of `tasks` it was made from.

    A new one gives all predictions another score, and so another version: it comes when there are half as many
    corrected tasks again, or enough audited ones.
    """

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    def read(self, project: str, language: str) -> dict[str, Any]:
        """The fit in use, {} when there is none. Raises AWSError."""
        text = self._documents.read(_name(project, language))
        return dict(json.loads(text)) if text else {}

    def renew(self, project: str, language: str, fitted: dict[str, Any]) -> bool:
        """Use this one from now on, if it is better than 1 - confidence and there are enough tasks more.

        Raises AWSError or TrainingError.
        """
        if not fitted or fitted["off_by"] >= fitted["confidence_off_by"]:
            return False
        known = self.read(project, language)
        if known and fitted["tasks"] < _GROWTH * known["tasks"] and _is_audited(fitted) == _is_audited(known):
            return False
        self._documents.write(_name(project, language), json.dumps(fitted).encode())
        return True


def _is_audited(fitted: dict[str, Any]) -> bool:
    return int(fitted["fitted"]) < int(fitted["tasks"])


def _name(project: str, language: str) -> str:
    return f"p{project}-{language}.calibration.json"


def calibrated(samples: Sequence[Sample], project: Project) -> dict[str, Any]:
    """The fit of these tasks, {} of fewer than thirty: of the audited ones alone once they are enough, for who has read
    our text lets errors pass.

    `confidences` and `rates` are the curve, `off_by` is how far it is off on unseen tasks, and `confidence_off_by` how
    far 1 - confidence is; `points` are to be drawn beside it; of `audited` tasks it says what was expected, and found.
    """
    audited = _points(sample for sample in samples if sample.unread and project.audits(sample.task))
    everything = _points(samples)
    points = audited if len(audited) >= ENOUGH else everything
    curve, (fitted, plain) = fit(points), unseen_error(points)
    if curve is None:
        return {}
    told: dict[str, Any] = {"tasks": len(everything), "fitted": len(points)}
    told |= {"off_by": fitted, "confidence_off_by": plain, "points": bins(points)}
    if audited:
        told["audited"] = len(audited)
        told["audited_expected"], told["audited_rate"] = _mean(curve, audited)
    return {**asdict(curve), **told}


def _mean(curve: Calibration, points: Sequence[Point]) -> tuple[float, float]:
    """The word error rate that is expected of these tasks, and theirs."""
    words = sum(point.words for point in points)
    expected = sum(curve.expected(point.confidence) * point.words for point in points)
    return expected / words, sum(point.rate * point.words for point in points) / words


def _points(samples: Iterable[Sample]) -> list[Point]:
    return [point for sample in samples if (point := sample.point())]
