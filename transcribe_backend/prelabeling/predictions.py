"""A finished job's transcript and a project -> the predictions of a task, made once."""

import logging
import threading
from collections import OrderedDict
from typing import Any

from transcribe_backend.aws.transcripts import TranscriptStore
from transcribe_backend.errors import TranscribeBackendError, TranscriptError
from transcribe_backend.labeling.predictions import predictions, without_text
from transcribe_backend.prelabeling.project import Project

_log = logging.getLogger(__name__)

Prediction = dict[str, Any]

_RESULTS_IN_MEMORY = 40_000  # results of Label Studio, a kilobyte each


class Predictions:
    """Thread-safe; the newest are kept, up to so many results. What it returns must not be changed."""

    def __init__(self, store: TranscriptStore) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._made: OrderedDict[tuple[str, str], tuple[Prediction, ...]] = OrderedDict()
        self._results = 0

    def of(self, job: str, project: Project, task: int | None = None) -> tuple[Prediction, ...]:
        """The predictions that a finished job gives a task of a project, best first. Raises TranscriptError."""
        version = project.version
        known = self._made.get((job, version))
        if known is None:
            known = self._remember((job, version), self._make(job, project, version))
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

    def _remember(self, key: tuple[str, str], made: tuple[Prediction, ...]) -> tuple[Prediction, ...]:
        with self._lock:
            if key not in self._made:
                self._made[key] = made
                self._results += _size(made)
                while self._results > _RESULTS_IN_MEMORY and len(self._made) > 1:
                    self._results -= _size(self._made.popitem(last=False)[1])
        return made


def _size(made: tuple[Prediction, ...]) -> int:
    return 1 + sum(len(prediction["result"]) for prediction in made)
