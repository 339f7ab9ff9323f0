"""ADAPTER: what confidence has turned out to mean in each project and language."""

import json
from typing import Any

from transcribe_backend.learning.documents import Documents

_GROWTH = 1.5


class Calibrations:
    """The fits in use (see `speech.calibration`), each with the number of `tasks` it was made from.

    A new one gives all predictions another score, and so another version: it comes when there are half as many
    corrected tasks again.
    """

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    def read(self, project: str, language: str) -> dict[str, Any]:
        """The fit in use, {} when there is none. Raises AWSError."""
        text = self._documents.read(_name(project, language))
        return dict(json.loads(text)) if text else {}

    def renew(self, project: str, language: str, fitted: dict[str, Any]) -> bool:
        """Use this one from now on, if it is better than 1 - confidence and there are enough tasks more.

        Raises AWSError or TrainingError.
        """
        if not fitted or fitted["off_by"] >= fitted["confidence_off_by"]:
            return False
        if fitted["tasks"] < _GROWTH * self.read(project, language).get("tasks", 0):
            return False
        self._documents.write(_name(project, language), json.dumps(fitted).encode())
        return True


def _name(project: str, language: str) -> str:
    return f"p{project}-{language}.calibration.json"
