"""The model versions that /setup has answered lately, and what their predictions fill."""

import logging
from dataclasses import dataclass, field

from transcribe_backend.prelabeling.project import Project
from transcribe_backend.work.records import Records

_log = logging.getLogger(__name__)

_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Answered:
    """A version was answered to `project` (`<id>.<created>`); `filled` says what it fills and what not, and why."""

    project: str = ""
    filled: list[str] = field(default_factory=list)


class Versions:
    """Shared by all processes, for GET /versions and the status page. Label Studio's request names no project, so these
    are the versions of all projects.
    """

    def __init__(self, records: Records[Answered]) -> None:
        self._records = records

    def add(self, project: Project) -> None:
        """The version of this project is answered now; what it fills is logged when it is new."""
        answered = Answered(project.id, list(project.interface.explain()))
        if self._records.get(project.version) is None:
            for sentence in answered.filled:
                _log.info("Project %s: %s", project.id, sentence)
        self._records.put(project.version, answered)

    def recent(self) -> dict[str, Answered]:
        """The newest first, twenty at most."""
        return {version: answered for version, _, answered in self._records.newest(_SHOWN)}

    def prune(self) -> None:
        """Forget all but the newest twenty."""
        self._records.prune(_SHOWN)
