"""COMPOSES: the label stream gives the least certain task first, by Label Studio's own uncertainty sampling.

Label Studio 1.23 (projects/functions/next_task.py) orders tasks by the score of predictions that have the project's
model_version; as long as that is the title of a connected model, it takes them at random. So the version is set on the
project, and set again when the project's predictions have a new one.
"""

import logging
from collections.abc import Mapping
from typing import Any

from transcribe_backend.errors import StudioDenied, StudioError, StudioNotFound, StudioUnreachable
from transcribe_backend.prelabeling.imports import Imports
from transcribe_backend.prelabeling.live_projects import UNCERTAINTY, LiveProjects
from transcribe_backend.prelabeling.project import PREFIX
from transcribe_backend.prelabeling.versions import Versions
from transcribe_backend.work.engine import Engine
from transcribe_backend.work.items import BULK, FAILED, Item, New

_log = logging.getLogger(__name__)

ORDER = "order"
"""The queue of projects whose version may have to be set, one item a project."""
_LOOK_SECONDS = 5.0


class Ordering:
    """A project is ordered when its sampling says so: it, and the version, are kept in Label Studio alone."""

    def __init__(self, engine: Engine, live: LiveProjects, imports: Imports, versions: Versions) -> None:
        self._work = engine.work
        self._wake = engine.wake
        self._live = live
        self._imports = imports
        self._versions = versions

    def check(self, project: str) -> None:
        """The predictions of this project (`<id>.<created>`) may have a new version. Raises QueueError."""
        if self._live.configured:
            self._work.add([New(f"{ORDER}|{project}", ORDER, {"project": project}, BULK)])
            self._wake()

    def carry_on(self, item: Item) -> None:
        """Note the version. Where tasks are ordered, have the unlabeled ones predicted in it, then order by it; until
        then the old one orders them.
        """
        wanted = str(item.body["project"])
        try:
            described = self._live.described(wanted)
            project = self._live.get(wanted)
            self._versions.add(project)
            if not self._is_ordered(described):
                self._work.finish(item)
                return
        except StudioNotFound:
            self._work.finish(item)
            return
        version = project.version
        if described.get("model_version") == version:
            self._work.finish(item)
        elif item.body.get("version") != version:
            self._imports.renew(wanted, version)
            self._work.later(item, _LOOK_SECONDS, body={"project": wanted, "version": version})
        elif self._is_under_way(wanted):
            self._work.later(item, _LOOK_SECONDS)
        elif self._set(described, version):
            self._work.later(item, _LOOK_SECONDS)  # it may have changed again meanwhile
        else:
            self._work.finish(item)

    def _is_ordered(self, described: Mapping[str, Any]) -> bool:
        """Whether tasks are to come by uncertainty, and annotators to see our predictions."""
        if described.get("sampling") != UNCERTAINTY:
            return False
        shown = described.get("model_version") or ""
        if not shown or shown.startswith(PREFIX):
            return True
        connected = self._live.studio.get("/api/ml", project=described["id"])
        ours = [each["title"] for each in connected[:1] if str(each.get("model_version")).startswith(PREFIX)]
        return shown in ours

    def _is_under_way(self, project: str) -> bool:
        owed = self._work.states(self._work.beginning([f"{project}|", f"import|{project}|"]))
        return any(state.queue != FAILED for state in owed.values())

    def _set(self, described: Mapping[str, Any], version: str) -> bool:
        """False where Label Studio has no prediction of this version: there is nothing to be ordered."""
        try:
            self._live.studio.patch(f"/api/projects/{described['id']}/", {"model_version": version})
        except (StudioUnreachable, StudioDenied):
            raise
        except StudioError as error:
            _log.info("Project %s is not ordered by %s: %s", described["id"], version, error.advice)
            return False
        _log.info("Project %s: the least certain tasks of %s come first", described["id"], version)
        return True
