"""What each project has learnt, from the reports of its trainings; read in the background, for they lie in S3."""

import time
from collections.abc import Callable
from concurrent.futures import wait
from dataclasses import asdict
from typing import Any

from transcribe_backend.asking import Asking
from transcribe_backend.backend import Backend
from transcribe_backend.errors import TranscribeBackendError
from transcribe_backend.learning.lessons import Lesson, Step, lessons
from transcribe_backend.telemetry.redact import redact

_FRESH_SECONDS, _PATIENCE = 30.0, 0.1
_TRAININGS, _PHRASES = 12, 12


class Lessons:
    """Some seconds old at most, or being renewed."""

    def __init__(self, backend: Backend, clock: Callable[[], float] = time.monotonic) -> None:
        self._backend = backend
        self._clock = clock
        self._asking = Asking(self._read, 2, "lessons")
        self._known: dict[str, tuple[float, list[dict[str, Any]]]] = {}

    def of(self, project: str) -> list[dict[str, Any]]:
        """What a project (`<id>.<created>`) has learnt, language by language; nothing where it was never trained, or
        that is not known yet.
        """
        if "." not in project:
            return []
        at, known = self._known.get(project, (float("-inf"), []))
        if self._clock() - at > _FRESH_SECONDS:
            asking = self._asking.begin(project)
            if project not in self._known:
                wait([asking], _PATIENCE)
                known = self._known.get(project, (at, []))[1]
        return known

    def forget(self, project: str) -> None:
        """Somebody has decided something: read anew."""
        self._known.pop(project, None)
        self._asking.forget(project)

    def _read(self, project: str) -> None:
        try:
            reports = self._backend.reports.all(project)
            found = [shown(each, self._waiting(project, each)) for each in lessons(reports)]
        except TranscribeBackendError as error:
            found = [{"problem": redact(error.advice), "trainings": [], "phrases": []}]
        self._known[project] = (self._clock(), found)

    def _waiting(self, project: str, known: Lesson) -> str:
        """The version that a person has to decide about, where a training has offered one."""
        if not any(step.outcome == "waiting" for step in known.steps):
            return ""
        return self._backend.vocabularies.waiting(project, known.language) or ""


def shown(known: Lesson, waiting: str) -> dict[str, Any]:
    """What a project has learnt in a language, as JSON; `waiting` names a version to be decided about."""
    newest = known.steps[-1]
    return {
        "outcome": newest.outcome,
        "reason": redact(newest.reason)[:600],
        "prospect": known.prospect,
        "language": known.language,
        "waiting": waiting,
        "tasks": known.tasks,
        "dollars": known.dollars,
        "trainings": [_training(each) for each in known.steps[-_TRAININGS:]],
        "phrases": [_phrase(each) for each in known.phrases[:_PHRASES]],
        "more_phrases": max(0, len(known.phrases) - _PHRASES),
        "calibration": known.calibration,
    }


def _training(step: Step) -> dict[str, Any]:
    told = {name: value for name, value in asdict(step).items() if name != "reason"}
    return {**told, "asked": time.strftime("%Y-%m-%d", time.gmtime(step.asked))}


def _phrase(phrase: dict[str, Any]) -> dict[str, Any]:
    record = phrase.get("record") or {}
    names = ("spoken", "right_before", "right_after", "false_before", "false_after", "broken")
    examples = [[str(part)[:60] for part in each] for each in (record.get("examples") or ())[:1]]
    return {
        "phrase": str(phrase.get("phrase", ""))[:80],
        **{name: record.get(name) for name in names},
        "examples": examples,
    }
