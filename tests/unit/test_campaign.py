"""The campaign's plan, and the page that is made of its results."""

from random import Random

import pytest

from campaign.faults import FAULTS, plan
from campaign.mutants import samples, section
from campaign.page import PAGE, outcomes, page

BROKEN = {
    "commit": "c8ddec9", "seed": 7, "minutes": 3, "annotators": 20, "tasks": 60, "date": "2026-11-26",
    "chosen": ["kill"], "done": {"opened": 9},
    "faults": [{"fault": "kill", "seconds": 180, "fired": 12, "not_here": ""}],
    "verdicts": [{"promise": "memory is flat", "kept": None, "seen": "too short to say"},
                 {"promise": "no human text is changed", "kept": False, "seen": "annotation 3"}],
}  # fmt: skip


SAMPLE = {
    "room": "work", "seed": 3, "date": "2026-11-26", "commit": "c19bae2", "mutants": 1200, "drawn": 40, "killed": 37,
    "survivors": [
        {"mutant": "transcribe_backend.work.claims.x_a__mutmut_1", "change": ["-    a < b", "+    a <= b"],
         "became": "killed since", "why": "a claim ends in time."},
        {"mutant": "transcribe_backend.work.claims.x_b__mutmut_2", "change": ["-    most = 500", "+    most = 501"],
         "became": "equivalent", "why": "how many are read at once."},
        {"mutant": "transcribe_backend.work.claims.x_c__mutmut_3", "change": ["+    c"], "became": "not read",
         "why": ""},
    ],
}  # fmt: skip


def _dice(seed: int) -> Random:
    return Random(seed)  # noqa: S311 - repeatable, not secret


@pytest.mark.parametrize("seconds", [180.0, 1800.0])
def test_faults_strike_one_after_the_other_within_the_time(seconds: float) -> None:
    planned = sorted(plan(list(FAULTS), seconds, _dice(1)), key=lambda each: each[1])
    assert {name for name, _, _ in planned} == set(FAULTS)
    kill, *others = sorted(planned, key=lambda each: each[0] != "kill")
    assert kill == ("kill", 0.0, seconds)
    for (_, begin, length), (_, following, _) in zip(others, others[1:], strict=False):
        assert begin + length < following
    assert others[-1][1] + others[-1][2] < seconds


def test_the_same_seed_draws_the_same_plan() -> None:
    drawn = [list(plan(list(FAULTS), 600, _dice(seed))) for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_the_page_tells_what_was_not_kept() -> None:
    written = page([BROKEN])
    assert "| `kill` | kill -9 of any process of the backend" in written
    assert "| 12 | 1 | 2026-11-26 | – | 0 of 1 |" in written
    assert "python -m campaign --minutes 3 --seed 7 --annotators 20 --tasks 60 --fault kill" in written
    assert "- seed 7, c8ddec9: no human text is changed: annotation 3" in written


def test_the_page_is_that_of_the_kept_results() -> None:
    assert PAGE.read_text() == page(outcomes(), samples()), "run `make reliability`"


def test_the_page_tells_what_became_of_each_mutant_that_survived() -> None:
    written = "\n".join(section([SAMPLE]))
    assert "| `work` | 3 | 2026-11-26 | c19bae2 | 40 of 1,200 | 37 (92 %) | 1 | 1 | 1 |" in written
    assert "- `work.claims.x_a__mutmut_1`: `a < b` → `a <= b`. Killed since: a claim ends in time." in written
    assert "- `work.claims.x_c__mutmut_3`: `c`. Not read" in written
