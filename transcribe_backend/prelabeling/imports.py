"""New tasks are transcribed ahead, so that the first annotator finds their text."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from transcribe_backend.errors import DailyLimit, StudioNotFound
from transcribe_backend.prelabeling.estimates import Estimate, Estimates
from transcribe_backend.prelabeling.live_projects import LiveProjects
from transcribe_backend.prelabeling.project import Project, project_id
from transcribe_backend.settings import Settings
from transcribe_backend.transcribing.limit import used_up
from transcribe_backend.transcribing.owed import TRANSCRIBE, Owed
from transcribe_backend.transcribing.transcriber import Transcriber
from transcribe_backend.work.engine import Engine
from transcribe_backend.work.items import BULK, Item, New
from transcribe_backend.work.records import Records

_log = logging.getLogger(__name__)

IMPORT = "import"
"""The queue of imports, each with a cursor."""
_PAGE = 100
_AT_CONNECTION, _ANEW = "PREFETCH_CONNECT_TASKS", "PREFETCH_MAX_TASKS"
_LOOKED_AT = 20  # tasks by which the price of all is told
_AHEAD = 1_000  # tasks that are owed at most before the next page is read
_FULL_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Connected:
    """A project whose tasks are transcribed ahead since it was connected: `ahead` of its `tasks`, which have about so
    many `seconds` of audio and cost about so many `dollars`; both 0 until that is known, or where it cannot be told.
    """

    tasks: int = 0
    ahead: int = 0
    seconds: float = 0.0
    dollars: float = 0.0


class Imports:
    """A webhook is a hint that leaves one item with a cursor; what is new is read from Label Studio, page by page.

    A project or task that Label Studio does not know leaves nothing behind. Without a Label Studio to ask, nothing is
    transcribed ahead. `ended` is told of a project whose tasks come by uncertainty, and some of whose are new.
    """

    def __init__(
        self,
        engine: Engine,
        transcriber: Transcriber,
        live: LiveProjects,
        estimates: Estimates,
        settings: Settings,
        ended: Callable[[str], None] = lambda project: None,
    ) -> None:
        self._estimates = estimates
        self._ended = ended
        self._live = live
        self._transcriber = transcriber
        self._work = engine.work
        self._wake = engine.wake
        self._slots = engine.slots
        self.announced = Records(engine.database, "connected", Connected)
        self._limit = settings.prefetch_max_tasks
        self._first_limit = min(settings.prefetch_max_tasks, settings.prefetch_connect_tasks)

    def imported(self, project: Mapping[str, Any], task_ids: Sequence[int]) -> None:
        """New tasks: transcribe them ahead, PREFETCH_MAX_TASKS at most."""
        if not task_ids or not self._limit:
            return
        if len(task_ids) > self._limit:
            _log.info("%s tasks imported, PREFETCH_MAX_TASKS allows %s: the others wait", len(task_ids), self._limit)
        self._plan(project_id(project), min(task_ids) - 1, max(task_ids), self._limit)

    def connected(self, project: Project) -> None:
        """A project is connected: transcribe its tasks without predictions ahead, once, PREFETCH_CONNECT_TASKS at most;
        first the log says what that will cost.
        """
        self._tell_limit(project)
        if not self._live.configured or not self._first_limit or not project.number or self.announced.get(project.id):
            return
        _log.info(
            "Project %s is connected: up to %s of its tasks are transcribed ahead (PREFETCH_CONNECT_TASKS); what that "
            "costs is told before it begins", project.id, self._first_limit,
        )  # fmt: skip
        self._plan(project.id, 0, None, self._first_limit, announce=_AT_CONNECTION)
        self.announced.add({project.id: Connected()})

    def _tell_limit(self, project: Project) -> None:
        if waiting := self._work.held_up(DailyLimit):
            told = used_up(self._slots.today()).advice
            _log.warning("Project %s: new audio waits, as %s tasks do. %s", project.id, waiting, told)

    def renew(self, project: str, version: str) -> None:
        """The unlabeled tasks of a project are predicted in this version, too, PREFETCH_MAX_TASKS at most."""
        if self._limit:
            self._plan(project, 0, None, self._limit, version=version, announce=_ANEW)

    def carry_on(self, item: Item) -> None:
        """Owe the predictions of the next page of tasks."""
        body = item.body
        if self._work.count(TRANSCRIBE) > _AHEAD:
            self._work.later(item, _FULL_SECONDS)
            return
        try:
            project = self._live.get(body["project"])
            page = self._live.studio.tasks_after(project.number, body["after"], body["upto"], _PAGE)
        except StudioNotFound as error:
            _log.info("Tasks of project %s are not transcribed ahead: %s", body["project"], error)
            self._work.finish(item)
            return
        lacking = [task for task in page if not task.get("is_labeled") and _lacks(task, body.get("version"))]
        if body.get("announce"):
            self._announce(project, lacking, body)
            self._work.later(item, 0.0, body={**body, "announce": ""})
            return
        new = list(self._owed(project, lacking[: body["left"]], body.get("since", 0.0)))
        self._work.add(New(each.key, TRANSCRIBE, each.body(), BULK, what=each.what) for each in new)
        left = body["left"] - len(new)
        if len(page) < _PAGE or left <= 0:
            if not body.get("version") and self._live.is_ordered(body["project"]):
                self._ended(body["project"])
            self._work.finish(item)
        else:
            self._work.later(item, 0.0, body={**body, "after": page[-1]["id"], "left": left})

    def _announce(self, project: Project, lacking: Sequence[Mapping[str, Any]], body: Mapping[str, Any]) -> None:
        """What transcribing ahead will cost, by the first tasks; `announce` names the setting that bounds it."""
        tasks = int(self._live.studio.project(project.number).get("task_number") or len(lacking))
        ahead = min(body["left"], tasks if len(lacking) == _PAGE else len(lacking))
        estimate = self._estimates.of(lacking[:_LOOKED_AT], project)
        share = ahead / estimate.tasks if estimate.tasks else 0.0
        seconds, billed = (estimate.likely(each) * share for each in (estimate.seconds, estimate.billed))
        told = Connected(tasks, ahead, seconds, self._estimates.price.dollars(billed))
        if body["announce"] == _AT_CONNECTION:
            self.announced.put(project.id, told)
        _log.info(
            "Project %s: %s of its %s tasks are transcribed ahead: %s (%s). The others wait until somebody opens them.",
            project.id, ahead, tasks, _cost(estimate, told), body["announce"],
        )  # fmt: skip

    def _plan(
        self, project: str, after: int, upto: int | None, limit: int, *, version: str = "", announce: str = ""
    ) -> None:
        if not self._live.configured:
            _log.info("Nothing is transcribed ahead: set LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY")
            return
        body = {
            "project": project,
            "after": after,
            "upto": upto,
            "left": limit,
            "since": self._work.now(),
            "version": version,
        }
        if announce:
            body["announce"] = announce
        self._work.add([New(f"import|{project}|{after}|{upto or ''}{version}", IMPORT, body, BULK)])
        self._wake()

    def _owed(self, project: Project, tasks: Sequence[Mapping[str, Any]], since: float) -> Iterator[Owed]:
        for task in tasks:
            audio = project.interface.address(task.get("data"))
            number = int(task["id"])
            wanted = Owed(audio, project.recognition, project.id, number, project.version, since=since)
            yield self._transcriber.small(wanted)


def _cost(looked_at: Estimate, told: Connected) -> str:
    """What a few tasks promise for all that are transcribed ahead."""
    if looked_at.measured:
        return f"about {told.seconds / 60:.0f} minutes of audio, an estimated ${told.dollars:.2f}"
    if looked_at.unmeasured:
        return "how much audio that is will not be known until it is downloaded"
    return "their transcripts are there, nothing is charged"


def _lacks(task: Mapping[str, Any], version: str | None) -> bool:
    """Whether a task has no prediction: none at all, or none of a version."""
    if not version:
        return not task.get("total_predictions")
    return all(each.get("model_version") != version for each in task.get("predictions") or ())
