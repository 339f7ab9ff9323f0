"""PURE: the reports of a project's trainings, as people are told them: on the command line and on /status."""

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

    `champion` and `candidate` are the word error rates (0..1) of the vocabulary in use and of the new one, `low` and
    `high` the 95 % interval of their difference, `p` how likely luck does as well; None where it was not judged.
    `dollars` are an estimate, None in reports of 0.1.0.
    """

    asked: float
    version: str
    outcome: str
    reason: str
    champion: float | None
    candidate: float | None
    low: float | None
    high: float | None
    p: float | None
    dollars: float | None


@dataclass(frozen=True, slots=True)
class Lesson:
    """What a project has learnt in a language: its trainings, the oldest first, and the `tasks` of the last one; of the
    last that was judged the `phrases` with their records, and what would prove more; the newest calibration
    (`speech.calibration`), its `points` (confidence, word error rate found, tasks) to be drawn beside the curve.
    """

    language: str
    steps: tuple[Step, ...]
    tasks: dict[str, int]
    phrases: tuple[dict[str, Any], ...]
    prospect: str
    calibration: dict[str, Any]

    @property
    def dollars(self) -> float:
        """What all trainings have cost, an estimate."""
        return round(sum(each.dollars or 0.0 for each in self.steps), 4)


def lessons(reports: Sequence[Report]) -> list[Lesson]:
    """One for each language, of all reports of a project in any order.

    A training that ended before it knew its language belongs to the first.
    """
    ordered = sorted(reports, key=lambda report: float(report["asked"]))
    languages = list(dict.fromkeys(report["language"] for report in ordered if report.get("language"))) or [""]
    found = ([each for each in ordered if (each.get("language") or languages[0]) == language] for language in languages)
    return [_lesson(language, each) for language, each in zip(languages, found, strict=True) if each]


def _lesson(language: str, reports: Sequence[Report]) -> Lesson:
    judged = next((report for report in reversed(reports) if report.get("wer")), {})
    calibrations = (report["calibration"] for report in reversed(reports) if report.get("calibration"))
    return Lesson(
        language,
        tuple(map(step, reports)),
        reports[-1].get("tasks") or {},
        tuple(judged.get("phrases") or ()),
        prospect(judged),
        next(calibrations, {}),
    )


def step(report: Report) -> Step:
    """A training in figures."""
    rates = report.get("wer") or {}
    return Step(
        asked=float(report["asked"]),
        version=Recognition(vocabulary=report.get("vocabulary") or "").learnt,
        outcome=str(report.get("outcome", "")),
        reason=str(report.get("reason", "")),
        dollars=(report.get("cost") or {}).get("estimated_dollars"),
        **{name: rates.get(name) for name in ("champion", "candidate", "low", "high", "p")},
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
