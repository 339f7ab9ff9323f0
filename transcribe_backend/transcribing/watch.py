"""Learns for all processes which jobs have ended: in each region one process at a time looks."""

import logging
import math
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from transcribe_backend.aws.jobs import JobStatus, TranscribeJobs, failed
from transcribe_backend.aws.price import Price
from transcribe_backend.aws.transcripts import TranscriptStore
from transcribe_backend.errors import Mended, TranscribeBackendError, TranscriptError
from transcribe_backend.transcribing.owed import AWAITING, PUSH, TRANSCRIBE
from transcribe_backend.work.engine import Engine
from transcribe_backend.work.items import URGENT, Item, New
from transcribe_backend.work.quotas import Running

_log = logging.getLogger(__name__)

WATCH = "watch"
"""The queue with one item per region in which jobs run."""
SLOWEST_PERIOD = 15.0
"""Seconds between two looks at jobs that have run for long."""
_PERIOD, _YOUNG_SECONDS = 0.8, 60.0
_SINGLE = 1  # a job alone is asked for by itself
_LISTS, _GETS = 4.5, 20.0  # per second; AWS Transcribe quotas: 5 lists, 30 gets
_PAGE = 100
_LAGGING_SECONDS = 60.0  # so long a job just started may be unknown, and a finished one unreadable
_AGAIN_SECONDS = 4.0
_AT_ONCE = 8


class Count(Protocol):
    """Called with what became of so many transcriptions ("cached", "started", "adopted", "completed", "failed", or
    "reused" for tasks that they were not started for), how many seconds the job ran, and the seconds that AWS bills
    for all of them (or would have).
    """

    def __call__(self, what: str, ran: float = 0.0, billed: float = 0.0, jobs: int = 1, /) -> None:
        """Count."""


def uncounted(what: str, ran: float = 0.0, billed: float = 0.0, jobs: int = 1) -> None:
    """A Count that counts nothing."""


class Watch:
    """What runs is listed, never longer than the jobs of ours that run; what is not in the list is asked for by itself.

    Seconds late at most: about 1 while the youngest job is under a minute old, then growing with its age to 15.
    A list may lag, or filter after paging (docs/aws.md): it never decides alone that a job has ended.
    """

    def __init__(
        self,
        engine: Engine,
        jobs: TranscribeJobs,
        store: TranscriptStore,
        price: Price,
        count: Count = uncounted,
    ) -> None:
        self._work = engine.work
        self._slots = engine.slots
        self._turns = engine.turns
        self._bell = engine.bell
        self._wake = engine.wake
        self._tell = engine.failures.tell
        self._jobs = jobs
        self._store = store
        self._price = price
        self._count = count
        self._completed: dict[str, float] = {}

    def begin(self, region: str) -> None:
        """A job runs in this region: somebody looks within a second."""
        soon = self._work.now() + _PERIOD
        self._work.add([New(f"{WATCH}|{region}", WATCH, {"region": region}, URGENT, due=soon)])

    def resume(self) -> None:
        """Somebody looks wherever a job holds a slot, also where its starter has died before saying so."""
        for region in self._slots.regions():
            self.begin(region)

    def look(self, item: Item) -> None:
        """Look once at the running jobs of a region."""
        region = str(item.body["region"])
        running = self._slots.running(region)
        if running:
            trouble = self._look(region, running)
            # Anew, for a job that began meanwhile could not make an item due that was in hand.
            self._work.later(item, self._period(self._slots.running(region) or running), trouble)
        else:
            self._work.finish(item)
            if self._slots.running(region):
                self.begin(region)

    def _period(self, running: list[Running]) -> float:
        age = self._work.now() - running[-1].since
        return _PERIOD if age < _YOUNG_SECONDS else min(age / _YOUNG_SECONDS, SLOWEST_PERIOD)

    def _look(self, region: str, running: list[Running]) -> TranscribeBackendError | None:
        """What an operator has to mend before these jobs can be followed, if anything."""
        now = self._work.now()
        alone = len(running) <= _SINGLE
        listed = frozenset() if alone else self._listed(region, len(running))
        newest = now if alone else now - _PERIOD  # of those that begin just now the list cannot know
        unlisted = [job for job in running if job.name not in listed and job.ask <= now and job.since <= newest]
        with ThreadPoolExecutor(_AT_ONCE, "transcript-fetch") as pool:
            problems = list(pool.map(lambda job: self._examine_safely(region, job, alone=alone), unlisted))
        return next((error for error in problems if error and error.mended is Mended.OPERATOR), None)

    def _listed(self, region: str, expected: int) -> frozenset[str]:
        pages = math.ceil(expected / _PAGE) + 1
        self._turns.wait(f"list|{region}", _LISTS)
        listing = self._jobs.listing(region, "IN_PROGRESS", pages, lambda: self._turns.wait(f"list|{region}", _LISTS))
        return frozenset(status.name for status in listing)

    def _examine_safely(self, region: str, job: Running, *, alone: bool) -> TranscribeBackendError | None:
        """One job that cannot be looked at, for whatever reason, must not keep the others from being seen."""
        try:
            self._examine(region, job, alone=alone)
        except TranscribeBackendError as error:
            if error.permanent:
                self._fail(job, error)
                return None
            _log.warning("The job %s cannot be followed now: %s", job.name, error.advice)
            self._slots.ask_again([job.name], _AGAIN_SECONDS)
            return error
        except Exception as error:
            _log.exception("The transcript of %s cannot be read", job.name)
            self._fail(job, TranscriptError(f"The transcript of {job.name} is unreadable: {error!r}."))
        return None

    def _examine(self, region: str, job: Running, *, alone: bool) -> None:
        if not alone and self._store.fetch(job.name, region or None):
            self._end(job)
        elif self._turns.take(f"get|{region}", _GETS) is not None:
            self._judge(region, job, self._jobs.get(job.name, region))

    def _judge(self, region: str, job: Running, status: JobStatus | None) -> None:
        age = self._work.now() - job.since
        if status is None and age > _LAGGING_SECONDS:
            self._forget(job)
        elif status is None or status.state in ("QUEUED", "IN_PROGRESS"):
            self._slots.ask_again([job.name], _PERIOD / 2 if age < _AGAIN_SECONDS else min(age / 10, _AGAIN_SECONDS))
        elif status.state == "FAILED":
            self._fail(job, failed(status))
        else:
            self._complete(region, job, status)

    def _complete(self, region: str, job: Running, status: JobStatus) -> None:
        """COMPLETED is seen before S3 lets the transcript be read, sometimes by seconds."""
        since = self._completed.setdefault(job.name, self._work.now())
        if self._store.fetch(job.name, region or None) or self._jobs.fetch_elsewhere(status):
            self._end(job)
        elif self._work.now() - since > _LAGGING_SECONDS:
            self._fail(job, _unreadable(job.name))
        else:
            self._slots.ask_again([job.name], _PERIOD)

    def _end(self, job: Running) -> None:
        self._completed.pop(job.name, None)
        audio = max(job.seconds, self._store.end(job.name))  # all that is known where no header tells
        billed = self._price.billed(audio)
        # In this order: whoever moves an item to AWAITING in between looks at the slot afterwards.
        if self._slots.ended(job.name, audio, billed):
            self._count("completed", self._work.now() - job.since, billed)
        self._bell.ring(self._work.ended(job.name, AWAITING, PUSH))
        self._wake()

    def _forget(self, job: Running) -> None:
        if self._slots.close(job.name, job.since):  # else it is being started just now
            _log.warning("AWS Transcribe does not know the job %s; it is started again", job.name)
            self._work.ended(job.name, AWAITING, TRANSCRIBE)

    def _fail(self, job: Running, error: TranscribeBackendError) -> None:
        self._count("failed", self._work.now() - job.since, 0.0)
        self._completed.pop(job.name, None)
        self._slots.close(job.name)
        for item in self._work.take_waiting(job.name, AWAITING):
            self._tell(item, error)
            self._bell.ring([item.key])


def _unreadable(name: str) -> TranscriptError:
    return TranscriptError(
        f"AWS Transcribe has completed the job {name}, but its transcript is not where it should be.",
        remedy="Was S3_BUCKET or S3_FOLDER changed? Set it back, or delete the job, which then costs once more: "
        f"`aws transcribe delete-transcription-job --transcription-job-name {name}`.",
    )
