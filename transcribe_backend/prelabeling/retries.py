"""Failed tasks are tried again because somebody says so."""

import logging
from dataclasses import replace

from transcribe_backend.aws.jobs import TranscribeJobs
from transcribe_backend.errors import StudioNotFound
from transcribe_backend.prelabeling.live_projects import LiveProjects
from transcribe_backend.transcribing.owed import TRANSCRIBE, Owed, owed
from transcribe_backend.transcribing.transcriber import Transcriber
from transcribe_backend.work.engine import Engine
from transcribe_backend.work.items import Item

_log = logging.getLogger(__name__)

AGAIN = "again"
"""The queue of failed items that somebody wants to be tried again."""


class Retries:
    """A failure keeps neither a signed URL nor a long one, and its job stays FAILED under its name: so the job is
    forgotten in AWS, and the task read anew from Label Studio.
    """

    def __init__(self, engine: Engine, jobs: TranscribeJobs, transcriber: Transcriber, live: LiveProjects) -> None:
        self._work = engine.work
        self._wake = engine.wake
        self._jobs = jobs
        self._transcriber = transcriber
        self._live = live

    def again(self, cause: str) -> int:
        """Try all again that failed for this cause; how many that are. Raises QueueError."""
        count = self._work.again(cause, AGAIN)
        self._wake()
        return count

    def carry_on(self, item: Item) -> None:
        """One of them. Raises AWSError or StudioError."""
        wanted = owed(item.body)
        if item.job:
            self._forget_job(item.job, wanted.media.region if wanted.media else "")
        try:
            fresh = self._read_anew(wanted)
        except StudioNotFound as error:
            _log.info("Task %s is not tried again: %s", wanted.task, error)
            self._work.finish(item)
            return
        self._work.move(item, TRANSCRIBE, body=self._transcriber.small(fresh).body())

    def _forget_job(self, job: str, region: str) -> None:
        status = self._jobs.get(job, region)
        if status is not None and status.state == "FAILED":
            self._jobs.delete(job, region)

    def _read_anew(self, wanted: Owed) -> Owed:
        fresh = replace(wanted, media=None, looked=False, refused=None)
        if not (wanted.version and wanted.task is not None and self._live.configured):
            return fresh
        project = self._live.get(wanted.project)
        task = next(iter(self._live.studio.tasks_after(project.number, wanted.task - 1, wanted.task, 1)), None)
        if task is None:
            raise StudioNotFound("The task is gone.")
        return replace(fresh, audio=project.interface.address(task.get("data")))
