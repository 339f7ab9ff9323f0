"""The version of each project's predictions, and what they fill."""

import logging
from dataclasses import dataclass, field

from transcribe_backend.prelabeling.project import Project
from transcribe_backend.work.records import Records

_log = logging.getLogger(__name__)

_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Answered:
    """The model_version of a project's predictions; `filled` says what they fill and what not, and why."""

    version: str = ""
    filled: list[str] = field(default_factory=list)


class Versions:
    """By project (`<id>.<created>`), shared by all processes, for GET /versions and the status page. Label Studio's
    request names no project, so these are the versions of all projects.
    """

    def __init__(self, records: Records[Answered]) -> None:
        self._records = records

    def add(self, project: Project) -> None:
        """This project has this version now; what that fills is logged when it is new."""
        answered = Answered(project.version, list(project.interface.explain()))
        if self._records.get(project.id) != answered:
            for sentence in answered.filled:
                _log.info("Project %s: %s", project.id, sentence)
        self._records.put(project.id, answered)

    def recent(self) -> dict[str, Answered]:
        """The newest first, twenty at most."""
        return {project: answered for project, _, answered in self._records.newest(_SHOWN)}

    def prune(self) -> None:
        """Forget all but the newest twenty."""
        self._records.prune(_SHOWN)
