"""COMPOSES: projects as Label Studio has them at the moment."""

import time
from collections.abc import Callable
from typing import Any

from transcribe_backend.errors import (
    StudioDenied,
    StudioError,
    StudioNotFound,
    StudioUnreachable,
    TranscribeBackendError,
)
from transcribe_backend.prelabeling.project import Project, Projects, project_id
from transcribe_backend.studio.client import Studio

UNCERTAINTY = "Uncertainty sampling"
"""Label Studio's name of the order in which the lowest score comes first (1.23 projects/models.py)."""
_FRESH_SECONDS, _NOW_SECONDS = 10.0, 1.0


class LiveProjects:
    """Asks the Label Studio at LABEL_STUDIO_URL, which may not be configured; an answer counts for a moment."""

    def __init__(self, studio: Studio | None, projects: Projects, clock: Callable[[], float] = time.monotonic) -> None:
        self._studio = studio
        self._projects = projects
        self._clock = clock
        self._known: dict[str, tuple[float, Project]] = {}
        self._unanswered: dict[str, float] = {}
        self._named: dict[str, str] = {}
        self._ordered: set[str] = set()

    @property
    def configured(self) -> bool:
        """Whether there is a Label Studio to ask."""
        return self._studio is not None

    @property
    def studio(self) -> Studio:
        """The Label Studio; raises StudioDenied when none is configured."""
        if self._studio is None:
            raise StudioDenied(
                "No Label Studio is configured.", remedy="Set LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY."
            )
        return self._studio

    def whole_id(self, project: str) -> str:
        """`<id>.<created>` of a project that may be named by its bare number; as it is while nobody tells it."""
        if self._studio is None or not project.isdecimal():
            return project
        if project not in self._named:
            try:
                self._named[project] = project_id(self._studio.project(int(project)))
            except StudioError:
                return project
        return self._named[project]

    def get(self, wanted: str, seconds: float = _FRESH_SECONDS) -> Project:
        """The project `<id>.<created>`, or of that bare number, as it was so many seconds ago at most. Raises
        StudioError (StudioNotFound also for another Label Studio's project of that number), LabelingConfigError,
        AWSError.
        """
        asked, known = self._known.get(wanted, (0.0, None))
        if known is None or self._clock() - asked > seconds:
            self.described(wanted)
            known = self._known[wanted][1]
        return known

    def current(self, wanted: str, version: str) -> Project | None:
        """The project as it is now, looked at anew where it seems to have another `version`. None while Label Studio
        does not answer: then one caller in ten seconds asks, and nobody else waits. Raises like `get` otherwise.
        """
        now, asked = self._clock(), self._known.get(wanted, (float("-inf"), None))[0]
        if now - asked > _FRESH_SECONDS:
            if now - self._unanswered.get(wanted, float("-inf")) <= _FRESH_SECONDS:
                return None
            self._unanswered[wanted] = now
        try:
            found = self.get(wanted)
            return found if found.version == version else self.get(wanted, _NOW_SECONDS)
        except (StudioUnreachable, StudioDenied):
            return None
        except TranscribeBackendError:
            self._unanswered.pop(wanted, None)
            raise

    def described(self, wanted: str) -> dict[str, Any]:
        """The project as Label Studio has it now; raises like `get`, whose answer is renewed by it."""
        described = self.studio.project(int(wanted.partition(".")[0]))
        if wanted not in (found := project_id(described), found.partition(".")[0]):
            raise StudioNotFound(
                "The Label Studio at LABEL_STUDIO_URL is not the one that asked.",
                remedy="Set LABEL_STUDIO_URL to the Label Studio whose projects use this backend.",
            )
        self._known[wanted] = self._clock(), self._projects.read(found, described.get("label_config", ""))
        (self._ordered.add if described.get("sampling") == UNCERTAINTY else self._ordered.discard)(wanted)
        return described

    def is_ordered(self, wanted: str) -> bool:
        """Whether the least certain task comes first, as far as is known."""
        return wanted in self._ordered
