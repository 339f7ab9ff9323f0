"""What each project has learnt, from the reports of its trainings; read in the background, for they lie in S3."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any

from transcribe_backend.backend import Backend
from transcribe_backend.errors import TranscribeBackendError
from transcribe_backend.learning.reports import Report
from transcribe_backend.speech.recognition import Recognition
from transcribe_backend.telemetry.redact import redact

_FRESH_SECONDS, _PATIENCE = 30.0, 0.1
_TRAININGS, _PHRASES = 12, 12


class Lessons:
    """Some seconds old at most, or being renewed."""

    def __init__(self, backend: Backend, clock: Callable[[], float] = time.monotonic) -> None:
        self._backend = backend
        self._clock = clock
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(2, "lessons")
        self._asking: dict[str, Future[None]] = {}
        self._known: dict[str, tuple[float, list[dict[str, Any]]]] = {}

    def of(self, project: str) -> list[dict[str, Any]]:
        """What a project (`<id>.<created>`) has learnt, language by language; nothing where it was never trained, or
        that is not known yet.
        """
        if "." not in project:
            return []
        at, known = self._known.get(project, (float("-inf"), []))
        if self._clock() - at > _FRESH_SECONDS:
            asking = self._renew(project)
            if project not in self._known:
                wait([asking], _PATIENCE)
                known = self._known.get(project, (at, []))[1]
        return known

    def forget(self, project: str) -> None:
        """Somebody has decided something: read anew."""
        with self._lock:
            self._known.pop(project, None)
            self._asking.pop(project, None)

    def _renew(self, project: str) -> "Future[None]":
        with self._lock:
            asking = self._asking.get(project)
            if asking is None or asking.done():
                asking = self._asking[project] = self._pool.submit(self._read, project)
            return asking

    def _read(self, project: str) -> None:
        try:
            reports = self._backend.reports.all(project)
            found = [lesson(each, self._waiting(project, each)) for each in _by_language(reports)]
        except TranscribeBackendError as error:
            found = [{"problem": redact(error.advice), "trainings": [], "phrases": []}]
        self._known[project] = (self._clock(), found)

    def _waiting(self, project: str, reports: list[Report]) -> str:
        """The version that a person has to decide about, where a training has offered one."""
        if not any(each.get("outcome") == "waiting" for each in reports):
            return ""
        language = next(each["language"] for each in reports if each.get("outcome") == "waiting")
        return self._backend.vocabularies.waiting(project, language) or ""


def _by_language(reports: list[Report]) -> list[list[Report]]:
    """The reports of each language, the newest first; one that ended before it knew its language is in the first."""
    languages = list(dict.fromkeys(each.get("language") for each in reports if each.get("language"))) or [""]
    return [
        [each for each in reports if each.get("language") == language or (not each.get("language") and not place)]
        for place, language in enumerate(languages)
        if reports
    ]


def lesson(reports: list[Report], waiting: str) -> dict[str, Any]:
    """The reports of a project in one language, the newest first, as they are shown; `waiting` names a version to be
    decided about.
    """
    newest = reports[0]
    judged = next((each for each in reports if each.get("wer")), {})
    return {
        "outcome": newest.get("outcome", ""),
        "reason": redact(str(newest.get("reason", "")))[:600],
        "language": next((each["language"] for each in reports if each.get("language")), ""),
        "waiting": waiting,
        "tasks": newest.get("tasks") or {},
        "trainings": [_training(each) for each in reports[:_TRAININGS]][::-1],
        "phrases": [_phrase(each) for each in (judged.get("phrases") or ())[:_PHRASES]],
        "more_phrases": max(0, len(judged.get("phrases") or ()) - _PHRASES),
        "calibration": newest.get("calibration") or judged.get("calibration") or {},
    }


def _training(report: Report) -> dict[str, Any]:
    rates = report.get("wer") or {}
    figures = {name: rates.get(name) for name in ("champion", "candidate", "low", "high", "p")}
    version = Recognition(vocabulary=report.get("vocabulary") or "").learnt or ""
    return {
        "asked": time.strftime("%Y-%m-%d", time.gmtime(float(report.get("asked", 0)))),
        "outcome": report.get("outcome", ""),
        "version": version,
        "billed_seconds": (report.get("cost") or {}).get("billed_seconds", 0),
        **figures,
    }


def _phrase(phrase: dict[str, Any]) -> dict[str, Any]:
    record = phrase.get("record") or {}
    names = ("spoken", "right_before", "right_after", "false_before", "false_after", "broken")
    examples = [[str(part)[:60] for part in each] for each in (record.get("examples") or ())[:1]]
    return {
        "phrase": str(phrase.get("phrase", ""))[:80],
        **{name: record.get(name) for name in names},
        "examples": examples,
    }
