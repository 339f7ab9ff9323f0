"""GET /status: the page for the people who run the backend. It asks nobody; what it shows is already known."""

from datetime import UTC, datetime

from flask import render_template

from transcribe_backend import __version__
from transcribe_backend.backend import Backend
from transcribe_backend.errors import clipped
from transcribe_backend.home import spare_bytes
from transcribe_backend.learning.schedule import TRAINING
from transcribe_backend.settings import Settings
from transcribe_backend.telemetry.redact import redact
from transcribe_backend.transcribing.owed import AWAITING, DOWNLOAD, PUSH, TRANSCRIBE

_FAILURES = 50
_LONGEST = 2000


def page(backend: Backend) -> bytes:
    """The page as HTML; what others wrote in it is short, and halves of surrogate pairs are spelled out."""
    text = render_template(
        "status.html",
        short=_short,
        version=__version__,
        now=_time(datetime.now(UTC).timestamp()),
        figures=_figures(backend),
        places=_places(backend),
        failures=[{**failure, "at": _time(failure["at"])} for failure in backend.work.failures(_FAILURES)],
        waiting=[group for group in backend.work.waiting(_FAILURES) if group.problem],
        versions=backend.versions.recent(),
    )
    return text.encode("utf-8", "backslashreplace")


def _short(value: object) -> str:
    return clipped(str(value), _LONGEST)


def _figures(backend: Backend) -> list[tuple[str, int]]:
    return [
        ("transcription jobs that run", backend.slots.count()),
        ("predictions to deliver", backend.work.count(TRANSCRIBE, DOWNLOAD, AWAITING, PUSH)),
        ("trainings under way", backend.work.count(TRAINING)),
    ]


def _places(backend: Backend) -> list[tuple[str, str]]:
    settings = backend.settings
    return [
        ("AWS region", backend.clients.region or "not set"),
        ("S3_BUCKET", settings.s3_bucket or "not set: only s3:// audio works"),
        ("Label Studio", _label_studio(settings)),
        ("Disk of MODEL_DIR", _disk(settings)),
        ("Owed work", "in the database at QUEUE_URL" if settings.queue_url else "in MODEL_DIR"),
    ]


def _disk(settings: Settings) -> str:
    spare = spare_bytes(settings.model_dir)
    return f"room for {spare / 1024**3:.1f} GB of audio" if spare > 0 else "nearly full: nothing is downloaded"


def _label_studio(settings: Settings) -> str:
    if not settings.label_studio_url:
        return "not set: nothing is delivered late"
    missing = "" if settings.label_studio_api_key else "; LABEL_STUDIO_API_KEY is not set: nothing is delivered late"
    return redact(settings.label_studio_url) + missing


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
