"""COMPOSES: predictions that were not ready are finished in the background and pushed, each once."""

import logging
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from typing import Any

from huey.api import Huey

from transcribe_backend.errors import (
    StudioDenied,
    StudioError,
    StudioNotFound,
    StudioUnreachable,
    TranscribeBackendError,
)
from transcribe_backend.failures import Failures
from transcribe_backend.ledger import Ledger
from transcribe_backend.prelabeling.live_projects import LiveProjects
from transcribe_backend.prelabeling.prelabel import Task, Wish, claim_key, predict, wish
from transcribe_backend.prelabeling.project import Project, project_id
from transcribe_backend.transcribing.transcriber import Transcriber

_log = logging.getLogger(__name__)

Count = Callable[[str], None]
"""Called with what became of a delivery: "pushed", "already there", "superseded", "gone", "refused" or "waiting"."""

_STORING_SECONDS = 90.0  # Label Studio stores 2,000 answered predictions in a minute, and answers nothing meanwhile
_SELECTING_SECONDS = 10.0  # between its look for tasks without a prediction and our getting the request
_SENDING_SECONDS = 10.0
_STORING_RETRY = 5.0
_BACKOFF = (2.0, 30.0)
_TRIES_BEFORE_TELLING = 5
_LOST_SECONDS = 60.0
_PUSH_LOST_SECONDS = 90.0
_DEAD_SECONDS = 14.0
_CLAIM_KEPT_SECONDS = 600.0
_TASK_IS_GONE = "object does not exist"  # Label Studio 1.23 on a prediction for a deleted task


class Deliveries:
    """One durable record per task whose prediction could not be answered in time.

    A record is written before the request waits, and lives until Label Studio holds a prediction of that version or
    none can come. The process that follows its job owns it; when that process dies (no heartbeat), another takes over.
    Pushing looks into Label Studio first and then claims the task, so that however many processes try, one prediction
    is stored. Without a Label Studio to push to nothing is recorded: the next request finds the transcript.
    """

    def __init__(
        self,
        queue: Huey,
        records: Ledger,
        claims: Ledger,
        beats: Ledger,
        transcriber: Transcriber,
        live: LiveProjects,
        failures: Failures,
        count: Count = lambda outcome: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._records = records
        self._claims = claims
        self._beats = beats
        self._transcriber = transcriber
        self._live = live
        self._failures = failures
        self._count = count
        self._clock = clock
        self._me = uuid.uuid4().hex
        self._followed: set[str] = set()
        self._answered: deque[tuple[float, list[str]]] = deque()
        self._silent = self._told = False
        self._push = queue.task(name="push")(self._push_now)
        self._forget_tasks = queue.task(name="forget_tasks")(self._forget_tasks_now)

    # What requests leave to us (prelabel.Pending)

    def remember(self, project: Project, wishes: Iterable[Wish], until: float) -> None:
        """Record the tasks; they are not pushed before `until` (their request may still answer)."""
        for key, asked in self._deliverable(project, wishes):
            self._records.put(key, self._record(project, asked, until))

    def forget(self, project: Project, wishes: Iterable[Wish]) -> None:
        """Drop the records of tasks that are answered or cannot be, once the answer is surely sent."""
        self._answered.append((self._clock(), [key for key, _ in self._deliverable(project, wishes)]))

    def finish(self, project: Project, wishes: Iterable[Wish]) -> None:
        """Push the prediction of each remembered task when its job ends."""
        for key, asked in self._deliverable(project, wishes):
            self._followed.add(key)
            asked.job.add_done_callback(self._pusher(key))

    def _deliverable(self, project: Project, wishes: Iterable[Wish]) -> Iterator[tuple[str, Wish]]:
        if self._live and project.number:
            for asked in wishes:
                if asked.task_id is not None:
                    yield claim_key(project, asked.task_id), asked

    # What Label Studio tells

    def deleted(self, project: Mapping[str, Any], task_ids: Iterable[Any]) -> None:
        """Tasks are gone: forget what was to be delivered to them."""
        if self._live:
            self._forget_tasks(project_id(project), list(task_ids))

    # The worker

    def follow(self, project: Project, tasks: Iterable[Task]) -> None:
        """Start or adopt the jobs of tasks and push their predictions when they end."""
        for task in tasks:
            asked = wish(self._transcriber, task, project)
            if self._live:
                self.remember(project, [asked], self._clock())
                self.finish(project, [asked])
            else:
                asked.job.add_done_callback(self._teller(project, asked))

    def sweep(self) -> None:
        """Take over what nobody works on: records of dead processes, pushes lost with their worker."""
        alive = {owner for owner, beat in self._beats.items() if self._clock() - beat["at"] < _DEAD_SECONDS}
        orphans = [(key, record) for key, record in self._records.items() if self._orphaned(key, record, alive)]
        for key, record in orphans:
            if self._claims.claim(f"adopt|{key}", self._clock() - _DEAD_SECONDS):
                self._adopt(key, record)

    def heartbeat(self) -> None:
        """Tell the others that this process still follows what it owns; drop what it has answered."""
        self._beats.put(self._me, {"at": self._clock()})
        while self._answered and self._clock() - self._answered[0][0] > _SENDING_SECONDS:
            for key in self._answered.popleft()[1]:
                self._records.delete(key)

    def tidy(self) -> None:
        """Delete claims and heartbeats that no longer mean anything."""
        for key, claim in list(self._claims.items()):
            if self._clock() - claim.get("at", 0) > _CLAIM_KEPT_SECONDS:
                self._claims.delete(key)
        for owner, beat in list(self._beats.items()):
            if self._clock() - beat["at"] > _CLAIM_KEPT_SECONDS:
                self._beats.delete(owner)

    def __len__(self) -> int:
        return len(self._records)

    # Records

    def _record(self, project: Project, asked: Wish, until: float) -> dict[str, Any]:
        return {
            "project": project.id,
            "task": asked.task_id,
            "data": {project.interface.data_key: asked.value},
            "version": project.version,
            "owner": self._me,
            "until": until,
            "pushed": 0.0,
            "tries": 0,
        }

    def _orphaned(self, key: str, record: Mapping[str, Any], alive: set[str]) -> bool:
        if record["pushed"]:
            return self._clock() - float(record["pushed"]) > _PUSH_LOST_SECONDS
        if record["owner"] == self._me:
            return key not in self._followed and self._clock() - float(record["until"]) > _LOST_SECONDS
        return record["owner"] not in alive

    def _adopt(self, key: str, record: dict[str, Any]) -> None:
        if record["pushed"]:
            self._push_after(key, record, 0.0)
            return
        try:
            project = self._live.get(record["project"])
        except TranscribeBackendError as error:
            self._stop(key, record, error)
            return
        if project.version != record["version"]:
            self._drop(key, "superseded")
        else:
            self.follow(project, [{"id": record["task"], "data": record["data"]}])

    def _pusher(self, key: str) -> "Callable[[Future[str]], None]":
        def push(ended: "Future[str]") -> None:
            self._followed.discard(key)
            record = self._records.get(key)
            if record is None:
                return
            error = ended.exception()
            if error is None:
                self._push_after(key, {**record, "job": ended.result()}, record["until"] - self._clock())
            elif isinstance(error, TranscribeBackendError) and error.retryable:
                self._push_after(key, record, _BACKOFF[1])
            elif isinstance(error, TranscribeBackendError):
                self._tell(record, error)
                self._drop(key, "failed")

        return push

    def _teller(self, project: Project, asked: Wish) -> "Callable[[Future[str]], None]":
        def tell(ended: "Future[str]") -> None:
            error = ended.exception()
            if isinstance(error, TranscribeBackendError):
                self._failures.tell(project.id, asked.task_id, asked.value, error)

        return tell

    def _tell(self, record: Mapping[str, Any], error: TranscribeBackendError) -> None:
        (audio,) = record["data"].values()
        self._failures.tell(record["project"], record["task"], audio, error)

    def _push_after(self, key: str, record: dict[str, Any], seconds: float) -> None:
        self._records.put(key, {**record, "pushed": self._clock() + max(0.0, seconds)})
        if seconds > 0:
            self._push.schedule((key,), delay=seconds)
        else:
            self._push(key)

    def _drop(self, key: str, outcome: str) -> None:
        self._records.delete(key)
        self._count(outcome)

    # Pushing

    def _push_now(self, key: str) -> None:
        record = self._records.get(key)
        if record is None:
            return
        try:
            self._deliver(key, record)
        except TranscribeBackendError as error:
            self._stop(key, record, error)

    def _deliver(self, key: str, record: dict[str, Any]) -> None:
        project = self._live.get(record["project"])
        job = record.get("job", "")
        if project.version != record["version"]:
            self._drop(key, "superseded")
        elif not job or not (self._transcriber.store.has(job) or self._transcriber.store.fetch(job)):
            self.follow(project, [{"id": record["task"], "data": record["data"]}])
        else:
            self._store(key, record, project, job)
        self._heard()

    def _store(self, key: str, record: dict[str, Any], project: Project, job: str) -> None:
        studio = self._live.studio
        # The best one last: of several predictions Label Studio pre-fills the newest (docs/decisions/0005).
        made = list(reversed(predict(self._transcriber.store, job, project)))
        stored = sum(known.get("model_version") == record["version"] for known in studio.predictions(record["task"]))
        if stored >= len(made):
            self._drop(key, "already there")
        elif not self._claims.claim(key, self._clock() - _STORING_SECONDS, holds=_SELECTING_SECONDS):
            self._push_after(key, record, _STORING_RETRY)
        else:
            for each in made[stored:]:
                studio.create_prediction(record["task"], each["result"], each.get("score"), each["model_version"])
            self._failures.clear(record["project"], record["task"])
            self._drop(key, "pushed")

    def _stop(self, key: str, record: dict[str, Any], error: TranscribeBackendError) -> None:
        """Try again later what may pass; tell and drop what will not."""
        if isinstance(error, StudioNotFound) or (isinstance(error, StudioError) and _TASK_IS_GONE in str(error)):
            _log.info("The prediction of task %s is not delivered: %s", record["task"], error)
            self._drop(key, "gone")
        elif isinstance(error, StudioUnreachable | StudioDenied):
            self._later(key, record, error)
        elif error.retryable:
            self._push_after(key, record, _BACKOFF[1])
        else:
            self._tell(record, error)
            self._drop(key, "refused")

    def _later(self, key: str, record: dict[str, Any], error: TranscribeBackendError) -> None:
        if not self._silent:
            self._silent = True
            _log.warning("Predictions wait for Label Studio: %s", error.advice)
        if record["tries"] == _TRIES_BEFORE_TELLING and not self._told:
            self._told = True
            self._tell(record, error)
        self._count("waiting")
        tries = record["tries"] + 1
        self._push_after(key, {**record, "tries": tries}, min(_BACKOFF[0] * 2 ** min(tries, 9), _BACKOFF[1]))

    def _heard(self) -> None:
        if self._silent:
            self._silent = self._told = False
            _log.info("Label Studio answers again; waiting predictions are delivered")

    def _forget_tasks_now(self, project: str, task_ids: list[Any]) -> None:
        gone = set(task_ids)
        for key, record in list(self._records.items()):
            if record["project"] == project and record["task"] in gone:
                self._drop(key, "gone")
