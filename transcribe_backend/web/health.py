"""Whether AWS, Label Studio, the store and the disk are well at the moment; asked in the background."""

import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import wait
from contextlib import suppress
from dataclasses import dataclass, replace

from transcribe_backend.asking import Asking
from transcribe_backend.backend import Backend
from transcribe_backend.errors import BucketError, TranscribeBackendError
from transcribe_backend.home import spare_bytes
from transcribe_backend.settings import Settings
from transcribe_backend.telemetry.redact import redact

_log = logging.getLogger(__name__)

GOOD, WARNING, BAD, UNKNOWN = "good", "warning", "bad", "unknown"
_FRESH = {GOOD: 15.0, WARNING: 15.0, BAD: 3.0, UNKNOWN: 0.0}
_PATIENCE = 0.12  # seconds that a page waits for what was never asked before
_SLOW_STORE = 0.5


@dataclass(frozen=True, slots=True)
class Finding:
    """How one thing is (`state`), in words, and what to do about it; `at` is when that was found (monotonic)."""

    name: str
    state: str
    told: str
    fix: str = ""
    at: float = float("-inf")


Probe = Callable[[], Finding]


class Health:
    """Findings that are some seconds old at most, or are being renewed; a probe that hangs keeps nobody."""

    def __init__(self, probes: Mapping[str, Probe], clock: Callable[[], float] = time.monotonic) -> None:
        self._probes = probes
        self._clock = clock
        self._asking = Asking(self._ask, max(1, len(probes)), "health")
        self._known = {name: Finding(name, UNKNOWN, "is being checked …") for name in probes}

    def findings(self) -> list[Finding]:
        """One for each probe, in their order."""
        asking = [self._asking.begin(name) for name in self._probes if self._is_old(self._known[name])]
        if any(known.state == UNKNOWN for known in self._known.values()):
            wait(asking, _PATIENCE)
        return list(self._known.values())

    def _is_old(self, known: Finding) -> bool:
        return self._clock() - known.at > _FRESH[known.state]

    def _ask(self, name: str) -> None:
        try:
            found = self._probes[name]()
        except TranscribeBackendError as error:
            found = Finding(name, BAD, redact(error.problem), redact(error.remedy))
        except Exception as error:
            _log.exception("The check of %s failed", name)
            found = Finding(
                name, BAD, f"The check failed: {type(error).__name__}.", "The log of the backend says more."
            )
        self._known[name] = replace(found, name=name, at=self._clock())


def health(backend: Backend) -> Health:
    """The health of all that a backend depends on."""
    probes: dict[str, Probe] = {
        "AWS": lambda: _aws(backend),
        "S3 bucket": lambda: _bucket(backend),
        "Label Studio": lambda: _studio(backend),
        "Store": lambda: _store(backend),
        "Disk": lambda: _disk(backend.settings),
    }
    return Health(probes)


def _aws(backend: Backend) -> Finding:
    with suppress(BucketError):  # is told beside it
        backend.diagnosis.check()
    return Finding("", GOOD, f"AWS Transcribe answers in {backend.clients.region}.")


def _bucket(backend: Backend) -> Finding:
    bucket = backend.settings.s3_bucket
    if not bucket:
        return Finding(
            "", WARNING, "S3_BUCKET is not set: only audio that is in S3 already can be transcribed.",
            "Set S3_BUCKET to a bucket of yours (docs/aws-setup.md).",
        )  # fmt: skip
    try:
        backend.diagnosis.check()
    except BucketError:
        raise
    except TranscribeBackendError:
        return Finding("", UNKNOWN, f"{bucket}: cannot be checked until AWS is in order.")
    return Finding("", GOOD, f"{bucket} can be used.")


def _studio(backend: Backend) -> Finding:
    settings = backend.settings
    if backend.studio is None:
        name = "LABEL_STUDIO_API_KEY" if settings.label_studio_url else "LABEL_STUDIO_URL"
        return Finding(
            "", WARNING, f"{name} is not set: nothing is delivered late, transcribed ahead or learnt.",
            "Set LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY (Account & Settings > Personal Access Token).",
        )  # fmt: skip
    backend.titles.read()
    return Finding("", GOOD, f"{redact(settings.label_studio_url)} answers.")


def _store(backend: Backend) -> Finding:
    begun = time.monotonic()
    backend.engine.database.read("select 1")
    took = time.monotonic() - begun
    place = "the database at QUEUE_URL" if backend.settings.queue_url else "SQLite in MODEL_DIR"
    if took > _SLOW_STORE:
        return Finding(
            "", WARNING, f"{place} answers slowly ({took:.1f} s).", "Check the database server, or the disk."
        )
    return Finding("", GOOD, f"{place} answers in {took * 1000:.0f} ms.")


def _disk(settings: Settings) -> Finding:
    spare = spare_bytes(settings.model_dir)
    if spare <= 0:
        return Finding(
            "", BAD, "The disk of MODEL_DIR is nearly full: nothing is downloaded.",
            "Make room on it, or move MODEL_DIR to a larger one.",
        )  # fmt: skip
    return Finding("", GOOD, f"MODEL_DIR has room for {spare / 1024**3:.1f} GB of audio.")
