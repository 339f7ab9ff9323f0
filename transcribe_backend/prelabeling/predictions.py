"""A finished job's transcript and a project -> the predictions of a task, made once."""

import logging
import sys
from collections.abc import Mapping
from typing import Any

from transcribe_backend.aws.transcripts import TranscriptStore
from transcribe_backend.errors import TranscribeBackendError, TranscriptError
from transcribe_backend.labeling.predictions import predictions, without_text
from transcribe_backend.memory import Memory
from transcribe_backend.prelabeling.project import Project

_log = logging.getLogger(__name__)

Prediction = dict[str, Any]

_IN_MEMORY = 40 * 1024**2
_RESULT = 1024  # bytes of one of Label Studio's results without its text


class Predictions:
    """Thread-safe; the newest are kept, up to so many bytes. What it returns must not be changed."""

    def __init__(self, store: TranscriptStore) -> None:
        self._store = store
        self._made: Memory[tuple[str, str], tuple[Prediction, ...]] = Memory(_IN_MEMORY)

    def of(self, job: str, project: Project, task: int | None = None) -> tuple[Prediction, ...]:
        """The predictions that a finished job gives a task of a project, best first. Raises TranscriptError."""
        version = project.version
        known = self._made.get((job, version))
        if known is None:
            known = self._make(job, project, version)
            self._made.keep((job, version), known, _size(known))
        return (without_text(known[0]),) if project.audits(task) else known

    def _make(self, job: str, project: Project, version: str) -> tuple[Prediction, ...]:
        transcript = self._store.get(job)
        try:
            made = predictions(project.interface, transcript, dict(project.calibrations))
        except TranscribeBackendError:
            raise
        except Exception as error:  # a defect of ours on one transcript must not cost the other tasks of the request
            _log.exception("The transcript of %s cannot be made into predictions", job)
            raise TranscriptError(
                f"The transcript of {job} cannot be made into predictions: {error!r}",
                remedy="Please report this, with the log, to the maintainers of the backend.",
            ) from error
        return tuple({**prediction, "model_version": version} for prediction in made)


def _size(made: tuple[Prediction, ...]) -> int:
    return _RESULT + sum(_RESULT + _text(result) for prediction in made for result in prediction["result"])


def _text(result: Mapping[str, Any]) -> int:
    return sum(map(sys.getsizeof, result["value"].get("text") or ()))
