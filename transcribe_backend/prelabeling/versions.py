"""The model versions that /setup has answered lately, for GET /versions."""

from dataclasses import dataclass

from transcribe_backend.work.records import Records

_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Answered:
    """A version that /setup has answered."""


class Versions:
    """Shared by all processes; Label Studio's request names no project, so these are all projects' versions."""

    def __init__(self, records: Records[Answered]) -> None:
        self._records = records

    def add(self, version: str) -> None:
        """This version was answered now."""
        self._records.put(version, Answered())

    def recent(self) -> list[str]:
        """The newest first, twenty at most."""
        return [version for version, _, _ in self._records.newest(_SHOWN)]

    def prune(self) -> None:
        """Forget all but the newest twenty."""
        self._records.prune(_SHOWN)
