"""A backend whose store holds what a month of work leaves, for looking at /status; nothing of it is asked of AWS."""

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from werkzeug.serving import make_server

from harness.protocol import SPEECH_RECOGNITION
from harness.studio_double import PROJECT
from model import AWSTranscribe
from transcribe_backend.backend import Backend
from transcribe_backend.errors import AccessDenied, AudioNotFound, JobFailed, StudioDenied
from transcribe_backend.prelabeling.imports import Connected
from transcribe_backend.prelabeling.tally import CONFIDENCE, TASKS, WAIT
from transcribe_backend.transcribing.owed import AWAITING, DOWNLOAD, PUSH, TRANSCRIBE
from transcribe_backend.web.app import create_app
from transcribe_backend.work.causes import cause
from transcribe_backend.work.items import BULK, FAILED, URGENT
from transcribe_backend.work.ledger import AUDIO, BILLED, JOBS, REUSED, SAVED

OTHER = "12.1767225600"
_ROW = (
    "insert into transcribe_work (key, queue, priority, due, hold, expires, owner, attempts, job, problem, remedy, "
    "news, told, added, body, cause) values (?, ?, ?, ?, 0, null, null, 1, ?, ?, ?, '', 0, ?, ?, ?)"
)


def owe(backend: Backend, amount: int) -> None:
    """So many items: most in good order, a tenth held up, some failed, each about an audio of its own."""
    now, rows = backend.work.now(), []
    for number in range(amount):
        error: Any = None
        queue, job = (TRANSCRIBE, DOWNLOAD, AWAITING, PUSH)[number % 4], ""
        audio = f"s3://calls/2026/11/call-{number:06}.wav"
        if queue == AWAITING:
            job = f"ls-{number:040x}"
        if number % 10 == 3:
            error = AccessDenied(
                f"AWS denies to read {audio}.", remedy="Allow s3:GetObject on bucket calls to the backend's role."
            )
        elif number % 10 == 7 and number < 5000:
            queue = FAILED
            error = AudioNotFound(f"{audio}: S3 answered 404 Not Found.", remedy="Check the bucket and the key.")
        elif number == 8:
            queue, error = FAILED, JobFailed("AWS Transcribe failed: sample rate too low", remedy="Fix the audio.")
        elif number == 9:
            error = StudioDenied("The user of LABEL_STUDIO_API_KEY may not do this.", remedy="Give the user access.")
        told = (error.problem, error.remedy) if error else ("", "")
        body = f'{{"audio":"{audio}","project":"{PROJECT}","task":{number + 1},"recognition":{{}},"version":"v"}}'
        priority = URGENT if number % 50 == 0 else BULK
        why = cause(error) if error else ""
        rows.append((f"{PROJECT}|{number + 1}|v", queue, priority, now + 3600, job, *told, now - 60, body, why))
    with backend.engine.database.transaction() as execute:
        execute.many(_ROW, rows)


def remember(backend: Backend) -> None:
    """A month of figures, two projects, five trainings."""
    dice = random.Random(7)  # noqa: S311 - not for secrets
    today = backend.ledger.today()
    with backend.engine.database.transaction() as execute:
        for day in range(today - 29, today + 1):
            for project, size in ((PROJECT, 900), (OTHER, 120)):
                jobs = max(1, int(dice.gauss(size, size / 3)) // (5 if day % 7 in (2, 3) else 1))
                billed = jobs * dice.uniform(60, 90)
                amounts = {JOBS: jobs, AUDIO: billed, BILLED: billed, REUSED: jobs // 4, SAVED: billed / 4, TASKS: jobs}
                for _ in range(jobs // 8 + 1):
                    tenth = f"{CONFIDENCE}{min(9, int(dice.betavariate(9, 2) * 10))}"
                    step = f"{WAIT}{min(6, int(dice.expovariate(0.8)))}"
                    amounts |= {tenth: amounts.get(tenth, 0) + 8, step: amounts.get(step, 0) + 8}
                backend.ledger.book(execute, day, project, amounts)
    for project in (OTHER, PROJECT):
        backend.versions.add(backend.projects.read(project, SPEECH_RECOGNITION))
    backend.imports.announced.put(PROJECT, Connected(5000, 100, 8400.0, 0.84))
    for number in range(5):
        backend.reports.save(report(number))


def report(number: int) -> dict[str, Any]:
    """A training, as learning/training.py reports it."""
    outcome = ("rejected", "promoted", "rejected", "promoted", "waiting")[number]
    before, after = (0.52, 0.5, 0.36, 0.35, 0.29)[number], (0.51, 0.37, 0.37, 0.3, 0.24)[number]
    phrases = [
        {"phrase": name, "record": {"spoken": 12 + place, "right_before": place % 4, "right_after": 11 + place % 2,
         "false_before": 0, "false_after": place % 2, "broken": 0, "examples": [[name.lower()[:5] + " all", name]]}}
        for place, name in enumerate(("Siobhan", "Llanberis", "Xochitl", "Brecon", "Dashwood", "Vauxhall Cross"))
    ]  # fmt: skip
    return {
        "project": PROJECT, "language": "en-US", "asked": 1_790_000_000.0 + number * 86_400 * 5, "outcome": outcome,
        "reason": f"Word error rate {before:.1%} -> {after:.1%} on 60 held-out tasks (p = 0.004).",
        "vocabulary": f"ls-p1-en-US-v{number + 1}", "tasks": {"annotated": 84, "evaluated": 60}, "phrases": phrases,
        "wer": {"champion": before, "candidate": after, "low": after - before - 0.05, "high": after - before + 0.05,
                "p": 0.004},
        "cost": {"jobs": 60, "billed_seconds": 900},
        "calibration": {"confidences": [0.55, 0.7, 0.8, 0.9, 0.97], "rates": [0.6, 0.42, 0.3, 0.16, 0.06],
                        "off_by": 0.05, "confidence_off_by": 0.12},
    }  # fmt: skip


@contextmanager
def served(backend: Backend) -> Iterator[str]:
    """Its address, on a free port."""
    server = make_server("127.0.0.1", 0, create_app(AWSTranscribe, backend), threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
