"""PURE: the reports of a project's trainings, as people are told them: on the command line and on /status."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

from transcribe_backend.learning.reports import Report
from transcribe_backend.speech.recognition import Recognition
from transcribe_backend.speech.verdict import missing
from transcribe_backend.speech.wording import listed

_NAMED = 5


@dataclass(frozen=True, slots=True)
class Step:
    """A training: when it was asked for (Unix time), the version it made ("v3", "" for none) and what became of it.

    `before` and `after` are the word error rates (0..1) of the vocabulary in use and of the candidate, `low` and `high`
    the 95 % interval of their difference, `p` how likely luck does as well; None where it was not judged.
    """

    asked: float
    version: str
    outcome: str
    reason: str
    before: float | None
    after: float | None
    low: float | None
    high: float | None
    p: float | None
    dollars: float | None
    """An estimate; None in reports of 0.1.0."""

    @property
    def day(self) -> str:
        """As 2026-11-25."""
        return time.strftime("%Y-%m-%d", time.gmtime(self.asked))


@dataclass(frozen=True, slots=True)
class Lesson:
    """What a project has learnt in a language: its trainings, the oldest first; of the last that was judged the
    `phrases` with their records, and what would prove more; the newest calibration (`speech.calibration`), its
    `points` (confidence, word error rate found, tasks) to be drawn beside the curve.
    """

    language: str
    steps: tuple[Step, ...]
    phrases: tuple[dict[str, Any], ...]
    prospect: str
    calibration: dict[str, Any]

    @property
    def dollars(self) -> float:
        """What all trainings have cost, an estimate."""
        return round(sum(step.dollars or 0.0 for step in self.steps), 4)


def lessons(reports: Sequence[Report]) -> list[Lesson]:
    """One for each language, of all reports of a project in any order."""
    ordered = sorted(reports, key=lambda report: float(report["asked"]))
    by_language: dict[str, list[Report]] = {}
    for report in ordered:
        by_language.setdefault(str(report.get("language") or ""), []).append(report)
    return [_lesson(language, of_language) for language, of_language in by_language.items()]


def _lesson(language: str, reports: Sequence[Report]) -> Lesson:
    judged = next((report for report in reversed(reports) if report.get("wer")), {})
    calibrations = (report["calibration"] for report in reversed(reports) if report.get("calibration"))
    phrases = tuple(judged.get("phrases") or ())
    return Lesson(language, tuple(map(step, reports)), phrases, prospect(judged), next(calibrations, {}))


def step(report: Report) -> Step:
    """A training in figures."""
    rates = report.get("wer") or {}
    return Step(
        float(report["asked"]),
        Recognition(vocabulary=report.get("vocabulary") or "").learnt,
        str(report.get("outcome", "")),
        str(report.get("reason", "")),
        rates.get("champion"),
        rates.get("candidate"),
        rates.get("low"),
        rates.get("high"),
        rates.get("p"),
        (report.get("cost") or {}).get("estimated_dollars"),
    )


def prospect(report: Report) -> str:
    """What it would take to prove a candidate that was better, but not for sure; "" where nothing promises that."""
    gains = report.get("gains") or []
    helped = list(_helped(report))
    if report.get("outcome") != "rejected" or sum(gains) <= 0 or not helped:
        return ""
    more = missing(gains, int(report["wer"]["attempt"]))
    if more is None:
        return ""
    with_words = ceil(more * sum(map(bool, gains)) / len(gains))
    words = listed(helped[:_NAMED]) + (f" and {len(helped) - _NAMED} more" if len(helped) > _NAMED else "")
    return f"About {with_words} more corrected tasks with these words would prove it: {words}."


def _helped(report: Report) -> Iterator[str]:
    """The phrases that are recognised more often with the candidate."""
    for phrase in report.get("phrases") or ():
        record = phrase.get("record")
        if record and record["right_after"] > record["right_before"]:
            yield phrase["phrase"]
