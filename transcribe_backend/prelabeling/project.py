"""PURE: what a request says of its project, what we ask of AWS for it, and the version of its predictions."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from typing import Any

from transcribe_backend.errors import RequestError
from transcribe_backend.labeling import interface as labeling
from transcribe_backend.labeling.interface import Interface
from transcribe_backend.speech.recognition import Recognition

_RULES = 2
"""Raised when the same transcript and labeling config begin to give other predictions."""

Promoted = Callable[[str, str], str]
"""(project id, language) -> name of the learnt vocabulary in use, or ""."""


@dataclass(frozen=True, slots=True)
class Project:
    """`id` is Label Studio's `<id>.<unix time of creation>` as it stands in each request.

    `version` is the model_version of its predictions.
    """

    id: str
    interface: Interface
    recognition: Recognition
    version: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "version", model_version(self.interface, self.recognition))

    @property
    def number(self) -> int:
        """The id that Label Studio's API takes; 0 when the request named none."""
        number = self.id.partition(".")[0]
        return int(number) if number.isdigit() else 0


class Projects:
    """Reads projects: labeling config, default language, learnt vocabulary."""

    def __init__(self, language: str, promoted: Promoted) -> None:
        self._language = language
        self._promoted = promoted

    def interface(self, label_config: str) -> Interface:
        """Raises LabelingConfigError or RecognitionError when the config asks for what we cannot do."""
        return labeling.read(label_config, self._language)

    def read(self, project_id: str, label_config: str) -> Project:
        """The project with the vocabulary in use; raises like `interface`, and AWSError when AWS does not tell it."""
        interface = self.interface(label_config)
        return Project(project_id, interface, self._recognition(project_id, interface.recognition))

    def _recognition(self, project_id: str, asked: Recognition) -> Recognition:
        """A vocabulary named in the labeling config wins over a learnt one."""
        if asked.vocabulary or not project_id or not asked.takes_vocabulary:
            return asked
        learnt = self._promoted(project_id, asked.language)
        return replace(asked, vocabulary=learnt) if learnt else asked


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
def model_version(interface: Interface, recognition: Recognition) -> str:
    """`transcribe-en-US@1a2b3c4d`, with a learnt vocabulary `transcribe-en-US+v3@…`.

    What follows the @ is a digest of all that decides the predictions' content and form, so that a changed labeling
    config or setting makes Label Studio ask again, and a restart does not.
    """
    learnt = recognition.learnt
    what = f"{_RULES}|{recognition.key()}|{interface.shape()}"
    digest = hashlib.sha256(what.encode()).hexdigest()[:8]
    return f"transcribe-{recognition.language}{f'+{learnt}' if learnt else ''}@{digest}"
