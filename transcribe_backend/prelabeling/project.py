"""PURE: what a request says of its project, what we ask of AWS for it, and the version of its predictions."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

from transcribe_backend.errors import RequestError
from transcribe_backend.labeling import interface as labeling
from transcribe_backend.labeling.interface import Interface
from transcribe_backend.labeling.predictions import is_too_wrong
from transcribe_backend.speech.calibration import Calibration
from transcribe_backend.speech.recognition import Recognition
from transcribe_backend.speech.transcript import Transcript
from transcribe_backend.speech.vocabulary import can_learn

PREFIX = "transcribe-"
"""With which the versions of our predictions begin."""
_RULES = 2
"""Raised when the same transcript and labeling config begin to give other predictions."""

Promoted = Callable[[str, str], str]
"""(project id, language) -> name of the learnt vocabulary in use, or ""."""
Calibrated = Callable[[str, str], Calibration | None]
"""(project id, language) -> what confidence means there, where enough tasks are corrected."""


@dataclass(frozen=True, slots=True)
class Project:
    """`id` is Label Studio's `<id>.<unix time of creation>` as it stands in each request; `calibrations` are by
    language; `version` is the model_version of its predictions.
    """

    id: str
    interface: Interface
    recognition: Recognition
    calibrations: tuple[tuple[str, Calibration], ...] = ()
    version: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "version", model_version(self.interface, self.recognition, self.calibrations))

    @property
    def number(self) -> int:
        """The id that Label Studio's API takes; 0 when the request named none."""
        number = self.id.partition(".")[0]
        return int(number) if number.isdigit() else 0

    def is_blank(self, transcript: Transcript, task: int | None) -> bool:
        """Whether a task comes without the text of its transcript."""
        return self.audits(task) or is_too_wrong(self.interface, transcript, dict(self.calibrations))

    def audits(self, task: int | None) -> bool:
        """Whether a task is of the share (`model_audit`) that comes without text: always the same ones."""
        if task is None or not self.interface.audit:
            return False
        drawn = hashlib.sha256(f"audit|{self.id}|{task}".encode()).digest()
        return int.from_bytes(drawn[:8], "big") < self.interface.audit * 2**64


class Projects:
    """Reads projects: labeling config, default language, learnt vocabulary."""

    def __init__(
        self, language: str, promoted: Promoted, calibrated: Calibrated = lambda project, language: None
    ) -> None:
        self._language = language
        self._promoted = promoted
        self._calibrated = calibrated

    def interface(self, label_config: str) -> Interface:
        """Raises LabelingConfigError or RecognitionError when the config asks for what we cannot do."""
        return labeling.read(label_config, self._language)

    def read(self, project_id: str, label_config: str) -> Project:
        """The project with the vocabulary in use; raises like `interface`, and AWSError when AWS does not tell it."""
        interface = self.interface(label_config)
        asked = interface.recognition
        teachable = asked.learning_languages if project_id and not asked.vocabulary else ()
        languages = list(filter(can_learn, teachable))
        calibrations = ((code, found) for code in languages if (found := self._calibrated(project_id, code)))
        return Project(project_id, interface, self._taught(project_id, asked, languages), tuple(calibrations))

    def _taught(self, project_id: str, asked: Recognition, languages: Sequence[str]) -> Recognition:
        for language in languages:
            asked = asked.with_learnt(language, self._promoted(project_id, language))
        return asked


def project_id(project: Any) -> str:
    """`<id>.<created>` of a project object, as Label Studio's webhooks and API give it.

    The same as in its /predict and /setup requests (Label Studio 1.23 ml/api_connector.py).
    """
    try:
        created = datetime.fromisoformat(str(project["created_at"]).replace("Z", "+00:00"))
        return f"{int(project['id'])}.{int(created.timestamp())}"
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise RequestError("project needs an id and a created_at.") from error


@lru_cache(maxsize=32)
def model_version(
    interface: Interface, recognition: Recognition, calibrations: tuple[tuple[str, Calibration], ...] = ()
) -> str:
    """`transcribe-en-US@1a2b3c4d`, with a learnt vocabulary `transcribe-en-US+v3@…`.

    What follows the @ is a digest of all that decides the predictions' content and form, so that a changed labeling
    config or setting makes Label Studio ask again, and a restart does not.
    """
    learnt = recognition.learnt
    what = f"{_RULES}|{recognition.key()}|{interface.shape()}{calibrations or ''}"
    digest = hashlib.sha256(what.encode()).hexdigest()[:8]
    return f"{PREFIX}{recognition.language}{f'+{learnt}' if learnt else ''}@{digest}"
