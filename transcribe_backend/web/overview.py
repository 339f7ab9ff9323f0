"""COMPOSES: what the people who run the backend want to know, as JSON values: what /status and /status.json show.

Sums and groups over indexes; nothing reads all records, and nobody is asked who might not answer (health.py does that).
"""

import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from transcribe_backend import __version__
from transcribe_backend.backend import Backend
from transcribe_backend.errors import QueueError, clipped
from transcribe_backend.learning.schedule import TRAINING
from transcribe_backend.prelabeling.imports import IMPORT, Connected
from transcribe_backend.prelabeling.retries import AGAIN
from transcribe_backend.prelabeling.tally import CONFIDENCE, TASKS, TENTHS, WAIT, WAITS
from transcribe_backend.prelabeling.versions import Answered
from transcribe_backend.telemetry.redact import redact
from transcribe_backend.transcribing.owed import AWAITING, DOWNLOAD, PUSH, READY, TRANSCRIBE
from transcribe_backend.web.health import BAD, WARNING, Finding, Health
from transcribe_backend.web.lessons import Lessons
from transcribe_backend.work.causes import kind
from transcribe_backend.work.items import FAILED, URGENT, Example, Waiting
from transcribe_backend.work.ledger import BILLED, DAY, JOBS, REUSED, SAVED, Sums

_GROUPS, _EXAMPLES = 20, 6
_PROJECTS = 20
_DAYS = 30
_LONGEST = 300
STAGES = {
    TRANSCRIBE: "waiting for their turn",
    DOWNLOAD: "downloading the audio",
    AWAITING: "being transcribed by AWS",
    PUSH: "ready to be stored in Label Studio",
    READY: "ready for the request that waits for them",
    IMPORT: "imports are being read",
    AGAIN: "being tried again",
    TRAINING: "trainings",
}
"""The queues in words; the others (`watch`, `gone`) are the backend's own housekeeping."""


def overview(backend: Backend, health: Health, lessons: Lessons) -> dict[str, Any]:
    """Everything; without the store, what can be told without it."""
    findings = health.findings()
    try:
        found = _stored(backend, lessons)
    except QueueError as error:
        findings = [_without_store(error), *(each for each in findings if each.name != "Store")]
        found = {}
    return {
        "version": __version__,
        "at": _when(time.time()),
        "access": backend.settings.access,
        "buttons": backend.settings.guarded,
        "health": [_finding(each) for each in findings],
        "price_per_minute": backend.price.per_minute,
        **found,
        "verdict": _verdict(findings, found),
    }


def _stored(backend: Backend, lessons: Lessons) -> dict[str, Any]:
    backend.ledger.flush()
    standing, troubles = backend.work.standing(), backend.work.troubles(_GROUPS)
    return {
        "now": _now(backend, standing),
        "owed": sum(count for (queue, _), count in standing.items() if queue in (TRANSCRIBE, DOWNLOAD, AWAITING, PUSH)),
        "failed": sum(count for (queue, _), count in standing.items() if queue == FAILED),
        "stages": list(_stages(standing)),
        "failures": _groups(backend, [group for group in troubles if group.queue == FAILED]),
        "waiting": _groups(backend, [group for group in troubles if group.queue != FAILED]),
        "cost": _cost(backend),
        "projects": _projects(backend, lessons),
    }


def _without_store(error: QueueError) -> Finding:
    return Finding("Store", BAD, redact(error.problem), redact(error.remedy))


def _finding(found: Finding) -> dict[str, str]:
    return {"name": found.name, "state": found.state, "told": found.told, "fix": found.fix}


def _verdict(findings: Iterable[Finding], found: Mapping[str, Any]) -> dict[str, Any]:
    """One line for who has one look."""
    broken = [each.name for each in findings if each.state == BAD]
    failures = found.get("failed", 0)
    waiting = sum(group["count"] for group in found.get("waiting", ()))
    if broken:
        return {"state": BAD, "told": f"Not working: {_listed(broken)}"}
    if failures:
        return {"state": WARNING, "told": f"{_number(failures, 'task')} failed"}
    if waiting:
        return {"state": WARNING, "told": f"{_number(waiting, 'task')} held up"}
    return {"state": "good", "told": "All is well"}


def _now(backend: Backend, standing: Mapping[tuple[str, int], int]) -> dict[str, Any]:
    today = backend.slots.today()
    return {
        "jobs": backend.slots.count(),
        "oldest_job": _lasting(backend.slots.oldest()),
        "most_jobs": backend.settings.max_jobs,
        "trainings": standing.get((TRAINING, URGENT), 0),
        "hours_today": round(today.used / 3600, 2),
        "most_hours": backend.settings.max_audio_hours or None,
    }


def _stages(standing: Mapping[tuple[str, int], int]) -> Iterable[dict[str, Any]]:
    for queue, told in STAGES.items():
        urgent = standing.get((queue, URGENT), 0)
        count = sum(many for (name, _), many in standing.items() if name == queue)
        if count:
            yield {"queue": queue, "told": told, "count": count, "urgent": urgent if queue != TRAINING else 0}


# Troubles


def _groups(backend: Backend, troubles: Iterable[Waiting]) -> list[dict[str, Any]]:
    """One for each cause, wherever its items stand: what mends one of them mends all."""
    by_cause: dict[str, list[Waiting]] = {}
    for group in troubles:
        by_cause.setdefault(group.cause, []).append(group)
    return [_group(backend, cause, groups) for cause, groups in by_cause.items()]


def _group(backend: Backend, cause: str, groups: list[Waiting]) -> dict[str, Any]:
    count, first = sum(group.count for group in groups), groups[0]
    examples = [each for group in groups for each in backend.work.examples(cause, group.queue, _EXAMPLES)][:_EXAMPLES]
    return {
        "stage": ", ".join(STAGES.get(group.queue, group.queue) for group in groups if group.queue != FAILED),
        "cause": cause,
        "kind": kind(cause),
        "count": count,
        "problem": _short(cause.partition(": ")[2] if count > 1 else first.problem),
        "remedy": _short(first.remedy),
        "at": _when(min((each.due for each in examples), default=0.0)),
        "tasks": [_task(backend, example) for example in sorted(examples, key=_number_of)],
    }


def _number_of(example: Example) -> int:
    task = example.body.get("task")
    return task if isinstance(task, int) else 0


def _task(backend: Backend, example: Example) -> dict[str, Any]:
    """An item as a link to its task; what names no task is named by its audio or its key."""
    project = str(example.body.get("project") or "").partition(".")[0]
    task = example.body.get("task")
    audio = _short(example.body.get("audio") or "")
    if not (project.isdigit() and isinstance(task, int) and backend.settings.label_studio_url):
        named = f"task {task} of project {project}" if task and project else audio or f"project {project or '–'}"
        return {"name": named, "url": "", "audio": audio}
    url = f"{backend.settings.label_studio_url}/projects/{project}/data?task={task}"
    return {"name": f"task {task}", "url": redact(url), "audio": audio}


# Money


def _cost(backend: Backend) -> dict[str, Any]:
    day = backend.ledger.today()
    date = datetime.fromtimestamp(day * DAY, UTC)
    by_day = backend.ledger.days(day - _DAYS + 1, BILLED)
    return {
        "today": _bill(backend, backend.ledger.sums(day)),
        "month": _bill(backend, backend.ledger.sums(day - date.day + 1)),
        "month_name": date.strftime("%B"),
        "days": [
            {"day": _date(each), "minutes": round(by_day.get(each, 0.0) / 60, 1),
             "dollars": backend.price.dollars(by_day.get(each, 0.0))}
            for each in range(day - _DAYS + 1, day + 1)
        ],
    }  # fmt: skip


def _bill(backend: Backend, sums: Sums) -> dict[str, float]:
    billed, saved = (sum(each.get(what, 0.0) for each in sums.values()) for what in (BILLED, SAVED))
    jobs, reused = (sum(each.get(what, 0.0) for each in sums.values()) for what in (JOBS, REUSED))
    return {
        "minutes": round(billed / 60, 1),
        "dollars": backend.price.dollars(billed),
        "jobs": int(jobs),
        "reused": int(reused),
        "saved_minutes": round(saved / 60, 1),
        "saved_dollars": backend.price.dollars(saved),
    }


# Projects


def _projects(backend: Backend, lessons: Lessons) -> list[dict[str, Any]]:
    sums = backend.ledger.sums(backend.ledger.today() - _DAYS + 1)
    versions = backend.versions.recent()
    prefetched = {project: told for project, _, told in backend.imports.announced.newest(_PROJECTS)}
    ids = list(dict.fromkeys([*versions, *sorted(sums, key=lambda each: -sums[each].get(BILLED, 0.0))]))
    failed = _failed(backend)
    found = []
    for project in ids[:_PROJECTS]:
        answered = versions.get(project, Answered())
        made = {
            **_named(backend, project),
            "version": _short(answered.version),
            "fills": [_short(line) for line in answered.filled],
            "owed": max(0, backend.work.of(project) - failed.get(project, 0)) if project else 0,
            "failed": failed.get(project, 0),
            **_figures(backend, sums.get(project, {})),
            "learning": lessons.of(project),
            "prefetch": _prefetch(prefetched.get(project)),
        }
        found.append(made)
    return found


def _figures(backend: Backend, sums: Mapping[str, float]) -> dict[str, Any]:
    billed = sums.get(BILLED, 0.0)
    return {
        "texts": int(sums.get(TASKS, 0.0)),
        "minutes": round(billed / 60, 1),
        "dollars": backend.price.dollars(billed),
        "saved_dollars": backend.price.dollars(sums.get(SAVED, 0.0)),
        "confidence": [int(sums.get(f"{CONFIDENCE}{tenth}", 0.0)) for tenth in range(TENTHS)],
        "waits": [int(sums.get(f"{WAIT}{step}", 0.0)) for step in range(len(WAITS) + 1)],
    }


def _prefetch(told: Connected | None) -> dict[str, Any] | None:
    """What was said when the project was connected."""
    if told is None:
        return None
    minutes = round(told.seconds / 60, 1)
    return {"tasks": told.tasks, "ahead": told.ahead, "minutes": minutes, "dollars": told.dollars}


def _named(backend: Backend, project: str) -> dict[str, Any]:
    number = project.partition(".")[0]
    if not number.isdigit():
        return {"id": project, "number": "", "title": "Command line", "url": ""}
    title = backend.titles.known.get(int(number), "")
    url = f"{backend.settings.label_studio_url}/projects/{number}/data" if backend.settings.label_studio_url else ""
    return {"id": project, "number": number, "title": _short(title) or f"Project {number}", "url": redact(url)}


def _failed(backend: Backend) -> dict[str, int]:
    """Failed tasks by project: they are a thousand at most (work/failures.py)."""
    found: dict[str, int] = {}
    for key in backend.work.keys(FAILED):
        project = key.partition("|")[0]
        found[project] = found.get(project, 0) + 1
    return found


# Words


def _short(value: object) -> str:
    return clipped(redact(clipped(str(value))), _LONGEST).encode("utf-8", "replace").decode()


def _when(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _lasting(seconds: float) -> str:
    """About how long, "" for no time."""
    minutes = seconds / 60
    if minutes < 2:
        return f"{seconds:.0f} s" if seconds > 0 else ""
    return f"{minutes:.0f} min" if minutes < 120 else f"{minutes / 60:.1f} h"


def _date(day: int) -> str:
    return datetime.fromtimestamp(day * DAY, UTC).strftime("%Y-%m-%d")


def _number(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _listed(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
