"""A check: a named function that looks at one thing, and says what it found and what to do."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from transcribe_backend.commands.doctor.patient import Patient
from transcribe_backend.errors import TranscribeBackendError


class Verdict(Enum):
    """How a check ended; only WRONG is a finding."""

    FINE = "ok"
    NOTE = "note"
    WRONG = "WRONG"
    UNSEEN = "-"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found, and what to do about it."""

    verdict: Verdict
    found: str
    fix: str = ""


def fine(found: str) -> Finding:
    """All is as it should be."""
    return Finding(Verdict.FINE, found)


def note(found: str, fix: str = "") -> Finding:
    """It works, but one may want to know."""
    return Finding(Verdict.NOTE, found, fix)


def wrong(found: str, fix: str) -> Finding:
    """It does not work."""
    return Finding(Verdict.WRONG, found, fix)


def unseen(why: str) -> Finding:
    """It was not looked at."""
    return Finding(Verdict.UNSEEN, why)


Look = Callable[[Patient], Finding]


@dataclass(frozen=True, slots=True)
class Check:
    """`look` may raise a TranscribeBackendError instead, which says what is wrong and what to do.

    What it `needs` are the names of checks without which it could only repeat what they found. One that costs
    something is `asked_for` by name.
    """

    name: str
    about: str
    look: Look
    needs: tuple[str, ...] = ()
    asked_for: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """A check, what it found, and the seconds it took."""

    check: Check
    finding: Finding
    seconds: float


def check(name: str, about: str, *, needs: tuple[str, ...] = (), asked_for: bool = False) -> Callable[[Look], Check]:
    """Make a function a check."""
    return lambda look: Check(name, about, look, needs, asked_for)


def examine(checks: Sequence[Check], patient: Patient) -> Iterator[Result]:
    """Do these checks, what others need before them; each result as it is known."""
    verdicts: dict[str, Verdict] = {}
    for each in checks:
        begun = time.monotonic()
        finding = _looked(each, patient, verdicts)
        verdicts[each.name] = finding.verdict
        yield Result(each, finding, time.monotonic() - begun)


def _looked(each: Check, patient: Patient, verdicts: dict[str, Verdict]) -> Finding:
    missing = [name for name in each.needs if verdicts.get(name) in (Verdict.WRONG, Verdict.UNSEEN)]
    if missing:
        return unseen(f"Not checked until {' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} in order.")
    try:
        return each.look(patient)
    except TranscribeBackendError as error:
        return wrong(error.problem, error.remedy or "Correct what this says.")
