"""What people are told of a project's trainings."""

from typing import Any

import pytest

from transcribe_backend.learning.lessons import lessons, prospect
from transcribe_backend.speech.calibration import Point, bins
from transcribe_backend.speech.verdict import level, p_value
from transcribe_backend.web import plots
from transcribe_backend.web.lessons import shown

RECORD = {"spoken": 4, "right_before": 0, "right_after": 3}


def report(asked: float, language: str = "en-US", **more: Any) -> dict[str, Any]:
    return {"asked": asked, "language": language, "outcome": "rejected", "reason": "Luck.", **more}


def judged(gains: list[int], *phrases: str, attempt: int = 1, **more: Any) -> dict[str, Any]:
    rates = {"champion": 0.4, "candidate": 0.3, "low": -0.2, "high": 0.01, "p": p_value(gains), "attempt": attempt}
    rows = [{"phrase": phrase, "record": RECORD} for phrase in phrases]
    return report(60.0, wer=rates, gains=gains, phrases=rows, cost={"estimated_dollars": 0.25}, **more)


def test_each_language_has_its_trainings_the_oldest_first() -> None:
    promoted = judged([1, 1], "Xochitl", vocabulary="ls-p7-en-US-v3")
    english, german = lessons([promoted, report(90.0, "de-DE"), report(0.0, outcome="not trained")])
    assert (english.language, german.language) == ("en-US", "de-DE")
    assert [(each.asked, each.version, each.outcome) for each in english.steps] == [
        (0.0, "", "not trained"),
        (60.0, "v3", "rejected"),
    ]
    last = english.steps[-1]
    assert (last.champion, last.candidate, last.low, last.high, english.dollars) == (0.4, 0.3, -0.2, 0.01, 0.25)
    assert [phrase["phrase"] for phrase in english.phrases] == ["Xochitl"] and german.phrases == ()


def test_what_it_would_take_to_prove_more() -> None:
    gains = [1, 1, 1, 0, 0, 0, 0, 0, 0]
    told = prospect(judged(gains, "Xochitl", "Siobhan"))
    assert told == "About 3 more corrected tasks with these words would prove it: Xochitl, Siobhan."
    assert p_value(gains) > level(1) and p_value([*gains, 1, 1, 1]) <= level(2)


@pytest.mark.parametrize(
    "told",
    [
        judged([1, -1], "Xochitl"),
        judged([1, 1, 1]),
        judged([1] * 9, "Xochitl", outcome="promoted"),
        report(0.0),
        {},
    ],
)
def test_where_nothing_promises_more_nothing_is_promised(told: dict[str, Any]) -> None:
    assert prospect(told) == ""


def test_points_of_a_plot_are_groups_of_like_confidence() -> None:
    points = [Point(at / 100, 100 - at, 100) for at in range(95)]
    drawn = bins(points)
    assert len(drawn) == 10 and sum(tasks for *_, tasks in drawn) == 95
    assert drawn[0] == (pytest.approx(0.045), pytest.approx(0.955), 10)
    assert bins([]) == []


def test_the_page_shows_what_would_prove_more_and_what_was_found() -> None:
    fitted = {"confidences": [0.6, 0.9], "rates": [0.4, 0.1], "points": [(0.6, 0.45, 12), (0.9, 0.08, 18)]}
    (known,) = lessons([judged([1, 1, 1, 0], "Xochitl", calibration=fitted, tasks={"annotated": 30})])
    told = shown(known, "")
    assert told["prospect"].endswith("Xochitl.") and told["dollars"] == 0.25 and told["tasks"] == {"annotated": 30}
    assert told["trainings"][0]["candidate"] == 0.3
    drawn = plots.calibration(told["calibration"])
    assert drawn.count("<circle") == 2 and "12 tasks: 45%" in drawn
    assert plots.calibration({**fitted, "points": []}).count("<circle") == 0
