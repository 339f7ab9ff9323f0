"""COMPOSES: new tasks are transcribed ahead, so that the first annotator finds their text."""

import logging
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from huey.api import Huey

from transcribe_backend.errors import TranscribeBackendError
from transcribe_backend.ledger import Ledger
from transcribe_backend.prelabeling.deliver import Deliveries
from transcribe_backend.prelabeling.live_projects import LiveProjects
from transcribe_backend.prelabeling.prelabel import Task
from transcribe_backend.prelabeling.project import Project, Projects, project_id
from transcribe_backend.settings import Settings

_log = logging.getLogger(__name__)

_PLAN = "plan|"
_LOST_SECONDS = 90.0


class Prefetch:
    """Webhooks leave a durable plan and return; the worker follows its tasks like any late delivery."""

    def __init__(
        self,
        queue: Huey,
        plans: Ledger,
        deliveries: Deliveries,
        projects: Projects,
        live: LiveProjects,
        settings: Settings,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._plans = plans
        self._deliveries = deliveries
        self._projects = projects
        self._live = live
        self._limit = settings.prefetch_max_tasks
        self._clock = clock
        self._carry_out = queue.task(name="prefetch")(self._carry_out_now)

    def imported(self, project: Mapping[str, Any], tasks: Sequence[Task]) -> None:
        """New tasks: transcribe them ahead, in the background, PREFETCH_MAX_TASKS at most."""
        if not tasks or not self._limit:
            return
        if len(tasks) > self._limit:
            _log.info("%s tasks imported, PREFETCH_MAX_TASKS allows %s: the others wait", len(tasks), self._limit)
        kept = [{"id": task.get("id"), "data": task.get("data")} for task in tasks[: self._limit]]
        self._plan({"project": project_id(project), "config": project.get("label_config", ""), "tasks": kept})

    def connected(self, project: Project) -> None:
        """A project is connected: transcribe its tasks without predictions ahead, once."""
        if not self._live or not self._limit or not project.number:
            return
        if self._plans.add(f"connected|{project.id}", {"at": self._clock()}):
            self._plan({"project": project.id})

    def sweep(self) -> None:
        """Queue again what was lost with its worker."""
        for key, plan in list(self._plans.items()):
            if key.startswith(_PLAN) and self._clock() - plan["at"] > _LOST_SECONDS:
                self._plans.put(key, {**plan, "at": self._clock()})
                self._carry_out(key)

    def _plan(self, plan: dict[str, Any]) -> None:
        key = f"{_PLAN}{uuid.uuid4().hex}"
        self._plans.put(key, {**plan, "at": self._clock()})
        self._carry_out(key)

    def _carry_out_now(self, key: str) -> None:
        plan = self._plans.get(key)
        if plan is None:
            return
        try:
            self._deliveries.follow(*self._planned(plan))
        except TranscribeBackendError as error:
            _log.warning("New tasks of project %s are not transcribed ahead: %s", plan["project"], error.advice)
            if error.retryable:
                return  # the sweep tries again
        self._plans.delete(key)

    def _planned(self, plan: Mapping[str, Any]) -> tuple[Project, Iterable[Task]]:
        if "tasks" in plan:
            return self._projects.read(plan["project"], plan["config"]), plan["tasks"]
        project = self._live.get(plan["project"])
        return project, self._unlabeled(project.number)

    def _unlabeled(self, number: int) -> Iterator[Task]:
        found = 0
        for task in self._live.studio.tasks(number):
            if found >= self._limit:
                return
            if not task.get("is_labeled") and not task.get("total_predictions"):
                found += 1
                yield task
