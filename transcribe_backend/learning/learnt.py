"""Which learnt vocabulary each project uses: AWS's word for it, remembered for a minute by all processes."""

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import Any

from transcribe_backend.asking import Asking
from transcribe_backend.aws.vocabularies import Vocabularies
from transcribe_backend.errors import AccessDenied, AWSError, QueueError, TranscribeBackendError
from transcribe_backend.learning.calibrations import Calibrations
from transcribe_backend.speech.calibration import Calibration
from transcribe_backend.speech.recognition import Recognition
from transcribe_backend.work.records import Records

_log = logging.getLogger(__name__)

_FRESH_SECONDS, _OLDEST_SECONDS = 40.0, 60.0
_RECALLED_SECONDS = 0.5  # so long two processes may answer different versions after a promotion
_PATIENCE = 10.0  # of the 100 s that Label Studio gives /predict; /setup asks diagnosis.py first


_MOST_OPTIONS = 100


def made_with(recognition: Recognition, project: str, vocabularies: Vocabularies) -> list[Recognition]:
    """These options with each learnt vocabulary that the project ever had, the present ones first."""
    options = [recognition]
    for language in recognition.learning_languages:
        names = ["", *vocabularies.names(project, language)]
        options += [each.with_learnt(language, name) for each in options for name in names]
    return list(dict.fromkeys(options))[:_MOST_OPTIONS]


@dataclass(frozen=True, slots=True)
class InUse:
    """The name of the vocabulary in use, "" for none, and a calibration, as AWS told them at the Unix time `at`."""

    name: str
    at: float
    confidences: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)


class Learnt:
    """The promoted vocabulary of a project and language, and its calibration.

    Kept in records that the workers and replicas of a deployment share: they change the version together. It is
    asked for again, in the background, when it is 40 s old; with an answer older than 60 s the caller waits. `clock`
    is the clock that those processes share; `changed` is told the project whose vocabulary has become another.
    """

    def __init__(
        self,
        vocabularies: Vocabularies,
        calibrations: Calibrations,
        memory: Records[InUse],
        clock: Callable[[], float],
        changed: Callable[[str], None] = lambda project: None,
    ) -> None:
        self._vocabularies = vocabularies
        self._calibrations = calibrations
        self._changed = changed
        self._memory = memory
        self._clock = clock
        self._asking: Asking[tuple[str, str], InUse] = Asking(lambda asked: self._asked(*asked), 2, "learnt-vocabulary")
        self._last: dict[str, InUse] = {}
        self._recalled: dict[str, float] = {}

    def name(self, project: str, language: str) -> str:
        """Name of the vocabulary in use, "" for none; `project` is Label Studio's `<id>.<created>`.

        When AWS does not answer in time the last known name is used; raises AWSError when there is none.
        """
        return self._in_use(project, language).name

    def calibration(self, project: str, language: str) -> Calibration | None:
        """What confidence means there, None as long as too few tasks are corrected; raises like `name`."""
        known = self._in_use(project, language)
        return Calibration(tuple(known.confidences), tuple(known.rates)) if known.rates else None

    def _in_use(self, project: str, language: str) -> InUse:
        key = _key(project, language)
        known = self._last.get(key) if self._now() < self._recalled.get(key, 0.0) else self._recall(key)
        age = self._now() - known.at if known else float("inf")
        if known and age < _FRESH_SECONDS:
            return known
        asking = self._asking.begin((project, language))
        if known and age < _OLDEST_SECONDS:
            return known
        return self._answer(asking, known)

    def remember(self, project: str, language: str, name: str) -> None:
        """The vocabulary in use, from now on and for all processes of this deployment."""
        known = self._recall(_key(project, language)) or InUse("", 0.0)
        self._remember(project, language, replace(known, name=name, at=self._now()))

    def renew(self, project: str, language: str) -> None:
        """Another vocabulary or calibration is in use, from now on and for all processes. Raises AWSError."""
        self._asked(project, language)

    def _remember(self, project: str, language: str, in_use: InUse) -> None:
        key = _key(project, language)
        known = self._recall(key) or InUse("", 0.0)
        self._last[key] = in_use
        self._recalled.pop(key, None)
        try:
            self._memory.put(key, in_use)
            if in_use != replace(known, at=in_use.at):
                self._changed(project)
        except QueueError as error:
            _log.warning("The learnt vocabulary in use is not told to other processes: %s", error.advice)

    def _now(self) -> float:
        try:
            return self._clock()
        except QueueError:
            return time.time()

    def _recall(self, key: str) -> InUse | None:
        """What all processes know; what this one knows, while the store is down."""
        try:
            known = self._memory.get(key)
        except QueueError:
            return self._last.get(key)
        if known:
            self._last[key], self._recalled[key] = known, self._now() + _RECALLED_SECONDS
        return known

    def _answer(self, asking: "Future[InUse]", last: InUse | None) -> InUse:
        try:
            return asking.result(_PATIENCE)
        except TimeoutError:
            error: TranscribeBackendError = AWSError(
                "AWS does not tell in time which vocabulary is in use.",
                remedy="Check the backend's network, AWS_DEFAULT_REGION and AWS_ENDPOINT_URL.",
                retryable=True,
            )
        except TranscribeBackendError as refusal:
            error = refusal
        if last is None:
            raise error
        return last

    def _asked(self, project: str, language: str) -> InUse:
        try:
            name = self._vocabularies.promoted(project, language) or ""
        except AccessDenied as error:
            # Without the permission to list vocabularies nothing can have been learnt, unless it was taken away.
            _log.warning("Nothing is learnt from corrections: %s", error.advice)
            known = self._recall(_key(project, language))
            name = known.name if known else ""
        fitted = self._fitted(project, language)
        in_use = InUse(name, self._now(), fitted.get("confidences", []), fitted.get("rates", []))
        self._remember(project, language, in_use)
        return in_use

    def _fitted(self, project: str, language: str) -> dict[str, Any]:
        """Where the bucket may not be listed, S3 denies to read what is not there."""
        try:
            return self._calibrations.read(project, language)
        except AccessDenied:
            return {}


def _key(project: str, language: str) -> str:
    return f"{project}|{language}"
