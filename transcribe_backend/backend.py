"""The whole backend, put together once per process from its settings."""

import logging
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from typing import Any

from transcribe_backend.aws.bucket import Bucket
from transcribe_backend.aws.clients import THROTTLES, AWSClients
from transcribe_backend.aws.diagnosis import Diagnosis
from transcribe_backend.aws.jobs import TranscribeJobs
from transcribe_backend.aws.media import MEDIA, S3Media
from transcribe_backend.aws.price import Price
from transcribe_backend.aws.staging import Staging
from transcribe_backend.aws.transcripts import TranscriptStore
from transcribe_backend.aws.vocabularies import Vocabularies
from transcribe_backend.download.download import Downloader
from transcribe_backend.errors import (
    CredentialsError,
    DailyLimit,
    QueueError,
    RequestError,
    StudioUnreachable,
    TranscribeBackendError,
)
from transcribe_backend.home import make_private
from transcribe_backend.learning import schedule
from transcribe_backend.learning.calibrations import Calibrations
from transcribe_backend.learning.documents import Documents
from transcribe_backend.learning.evaluation import Evaluation
from transcribe_backend.learning.evidence import Evidence
from transcribe_backend.learning.excerpts import Excerpts
from transcribe_backend.learning.learnt import InUse, Learnt
from transcribe_backend.learning.reports import Reports
from transcribe_backend.learning.schedule import TRAINING, Learning
from transcribe_backend.learning.training import Trainer
from transcribe_backend.learning.wishes import WishBook
from transcribe_backend.prelabeling.answers import Answers
from transcribe_backend.prelabeling.deliveries import DOUBLED, GONE, Deliveries
from transcribe_backend.prelabeling.estimates import Estimates
from transcribe_backend.prelabeling.imports import IMPORT, Imports
from transcribe_backend.prelabeling.live_projects import UNCERTAINTY, LiveProjects
from transcribe_backend.prelabeling.ordering import ORDER, Ordering
from transcribe_backend.prelabeling.predictions import Predictions
from transcribe_backend.prelabeling.project import Projects, project_id
from transcribe_backend.prelabeling.retries import AGAIN, Retries
from transcribe_backend.prelabeling.tally import Tally
from transcribe_backend.prelabeling.titles import Titles
from transcribe_backend.prelabeling.versions import Answered, Versions
from transcribe_backend.settings import Settings
from transcribe_backend.studio.client import Studio
from transcribe_backend.telemetry.metrics import Metrics, Standing
from transcribe_backend.transcribing.audio import LIMITS, AudioLocator
from transcribe_backend.transcribing.batch import Batch
from transcribe_backend.transcribing.owed import AWAITING, DOWNLOAD, PUSH, TRANSCRIBE
from transcribe_backend.transcribing.transcriber import Transcriber
from transcribe_backend.transcribing.watch import SLOWEST_PERIOD, WATCH, Watch
from transcribe_backend.work.causes import kind
from transcribe_backend.work.crew import Lane
from transcribe_backend.work.engine import engine
from transcribe_backend.work.items import BULK, URGENT, well
from transcribe_backend.work.records import Records

_log = logging.getLogger(__name__)

_PEEK_SECONDS = 3.0


class Backend:
    """Everything that requests, the worker and the command line share; makes no request when it is made.

    `clock` replaces the clock of the store, and the one by which a look at audio or a project grows old.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float] | None = None) -> None:
        self.settings = settings
        self._clock = clock or time.monotonic
        self._peeked = 0.0
        self.metrics = Metrics(THROTTLES)
        self.clients = AWSClients(os.environ.get("AWS_REGION") or None, self.metrics.aws_call)
        self.store = TranscriptStore(self.clients, settings)
        self.jobs = TranscribeJobs(self.clients, self.store, settings)
        self.studio = _studio(settings)
        self.diagnosis = Diagnosis(self.clients, settings)
        self.price = Price(settings.price_per_minute, settings.minimum_seconds)
        self._home = Bucket(self.clients, settings, MEDIA)
        self.engine = engine(settings, clock, self.metrics.store)
        self.work, self.slots, self.ledger = self.engine.work, self.engine.slots, self.engine.ledger
        self.vocabularies = Vocabularies(self.clients, settings)
        self.calibrations = Calibrations(Documents(self.clients, settings, "calibrations"))
        known = Records(self.engine.database, "in use", InUse)
        self.learnt = Learnt(self.vocabularies, self.calibrations, known, self.work.now, self._version_changed)
        self.projects = Projects(settings.language, self.learnt.name, self.learnt.calibration)
        self._transcribing()
        self._prelabeling()
        self._learning()
        self.crew = self.engine.staff(self._lanes(), [self.watch.resume, self.versions.prune])
        self.metrics.watch(self._gauges)

    def _transcribing(self) -> None:
        self.staging = Staging(self.clients, self.settings)
        self.audio = AudioLocator(
            S3Media(self.clients, self.settings),
            self.staging,
            self.studio,
            Downloader(self.settings.allowed_audio_hosts, LIMITS),
            self.settings,
            self._clock,
        )
        self.watch = Watch(self.engine, self.jobs, self.store, self.price, self.metrics.job)
        self.transcriber = Transcriber(
            self.engine,
            self.audio,
            self.jobs,
            self.store,
            self.watch,
            self.settings,
            self._home_region,
            self.metrics.job,
        )
        self.batch = Batch(self.engine)

    def _prelabeling(self) -> None:
        live = self.live = LiveProjects(self.studio, self.projects, self._clock)
        made = Predictions(self.store)
        tally = Tally(self.ledger, self.metrics.text)
        self.estimates = Estimates(self.transcriber, self.price)
        self.answers = Answers(self.engine, self.transcriber, made, live, tally, self.settings)
        self.deliveries = Deliveries(self.engine, self.transcriber, made, live, tally, self.metrics.delivery)
        self.imports = Imports(
            self.engine, self.transcriber, live, self.estimates, self.settings, self._version_changed
        )
        self.versions = Versions(Records(self.engine.database, "answered", Answered))
        self.ordering = Ordering(self.engine, live, self.imports, self.versions)
        self.retries = Retries(self.engine, self.jobs, self.transcriber, live)
        self.titles = Titles(self.studio)

    def _learning(self) -> None:
        self.reports = Reports(self.clients, self.settings)
        self.wishes = WishBook(Documents(self.clients, self.settings, "words"))
        self.trainer = self._trainer()
        self.learning = Learning(self.engine, self.trainer, self.reports, self.settings)

    def _trainer(self) -> Trainer | None:
        if self.studio is None:
            return None
        evidence = Evidence(self.studio, self.audio, self.jobs, self.store)
        return Trainer(
            self.studio,
            self.projects,
            evidence,
            Evaluation(evidence, self.batch, self.settings.train_champion_days, self.price),
            Excerpts(self.clients, self.staging, self.settings.model_dir / "tmp"),
            self.vocabularies,
            self.learnt,
            self.wishes,
            self.calibrations,
            self.reports,
            self.settings,
        )

    def _lanes(self) -> list[Lane]:
        """Who does what, and how much at once: urgent work never stands behind bulk, nor looks behind downloads."""
        both = (URGENT, BULK)
        # Not StudioDenied: what is denied may be one project.
        no_aws, no_studio = (CredentialsError,), (StudioUnreachable,)
        return [
            Lane(WATCH, URGENT, 4, self.watch.look, lasting=SLOWEST_PERIOD),
            Lane(TRANSCRIBE, URGENT, 16, self.transcriber.transcribe, pauses=no_aws),
            Lane(TRANSCRIBE, BULK, 12, self.deliveries.begin, room=self._room, pauses=no_aws),
            *(Lane(DOWNLOAD, priority, 6, self.transcriber.download) for priority in both),
            *(Lane(AWAITING, priority, 1, self.transcriber.check) for priority in both),
            *(Lane(PUSH, priority, 4, self.deliveries.push, pauses=no_studio) for priority in both),
            Lane(GONE, URGENT, 1, self.deliveries.check_gone, pauses=no_studio),
            Lane(DOUBLED, BULK, 1, self.deliveries.check_doubled, pauses=no_studio),
            Lane(IMPORT, BULK, 1, self.imports.carry_on, pauses=no_studio),
            *(Lane(AGAIN, priority, 2, self.retries.carry_on, pauses=(*no_aws, *no_studio)) for priority in both),
            Lane(ORDER, BULK, 1, self.ordering.carry_on, pauses=no_studio),
            Lane(TRAINING, URGENT, 2, self.learning.carry_on),
        ]

    def _room(self) -> int:
        """Bulk is looked at only as far as jobs can be started: what waits, waits in the table.

        While all slots are taken, one item every few seconds: it may need none, or one of another region.
        """
        room = self.slots.room(TRANSCRIBE, BULK)
        if not room and time.monotonic() - self._peeked > _PEEK_SECONDS:
            self._peeked = time.monotonic()
            return 1
        return room

    def _gauges(self) -> Standing:
        standing, today = self.work.standing(), self.slots.today()
        troubles = self.work.troubles()
        owed = Counter({(queue, ""): count for queue, count in well(standing, troubles).items()})
        for group in troubles:
            owed[group.queue, kind(group.cause)] += group.count
        predictions = (TRANSCRIBE, DOWNLOAD, AWAITING, PUSH)
        return Standing(
            self.slots.count(),
            self.slots.oldest(),
            sum(count for (queue, _), count in standing.items() if queue in predictions),
            owed,
            today.used,
            self.settings.max_audio_hours * 3600,
        )

    def _home_region(self) -> str:
        """Where learnt vocabularies are: with S3_BUCKET all media lies in its region, else in the default one."""
        return self._home.region or self.clients.region

    def _version_changed(self, project: str) -> None:
        self.ordering.check(project)

    def start(self) -> None:
        """Start the threads that do owed work; every process does, a `worker` nothing else."""
        try:
            self.resume()
        except QueueError as error:
            _log.warning("What waits for the next day waits until then: %s", error.advice)
        self.crew.start()

    def tell_what_is_missing(self) -> None:
        """Into the log, at the start: what `/setup` would say, and what works only with a Label Studio."""
        if self.studio is None:
            missing = "LABEL_STUDIO_API_KEY" if self.settings.label_studio_url else "LABEL_STUDIO_URL"
            _log.warning("%s is not set: nothing is delivered late or learnt, and uploads cannot be read.", missing)
        try:
            self.diagnosis.check()
        except TranscribeBackendError as error:
            _log.warning("%s", error.advice)

    def resume(self) -> None:
        """What waits because of MAX_AUDIO_HOURS_PER_DAY goes on if the setting leaves room now. Raises QueueError."""
        if self.slots.today().allows(1.0):
            self.work.hasten(DailyLimit)

    def notice(self, event: str, data: Mapping[str, Any]) -> None:
        """Act, in the background, on what happened in Label Studio; unknown events are ignored.

        Raises RequestError when the event's payload is not what Label Studio sends.
        """
        if event in schedule.EVENTS:
            self.learning.notice(event, data)
        elif event == "PROJECT_UPDATED":
            described = data.get("project")
            if isinstance(described, Mapping) and described.get("sampling") == UNCERTAINTY:
                self.ordering.check(project_id(described))
        elif event in ("TASKS_CREATED", "TASKS_DELETED"):
            project = data.get("project")
            if not isinstance(project, Mapping):
                raise RequestError(f"{event} needs a project object.")
            numbers = _task_ids(event, data.get("tasks"))
            if event == "TASKS_CREATED":
                self.imports.imported(project, numbers)
            else:
                self.deliveries.deleted(project, numbers)

    def close(self) -> None:
        """Let the process end: nothing new is started, what is owed stays owed and is taken over."""
        self.crew.close()
        with suppress(QueueError):
            self.ledger.flush()
        self.engine.database.close()


def _task_ids(event: str, tasks: Any) -> list[int]:
    if not isinstance(tasks, list):
        raise RequestError(f"{event} needs a list of tasks.")
    numbers = [task.get("id") for task in tasks if isinstance(task, Mapping)]
    if not all(isinstance(number, int) and 0 < number < 2**63 and not isinstance(number, bool) for number in numbers):
        raise RequestError(f"{event} needs the id of each task.")
    return numbers  # type: ignore[return-value]


def _studio(settings: Settings) -> Studio | None:
    if not (settings.label_studio_url and settings.label_studio_api_key):
        return None
    return Studio(settings.label_studio_url, settings.label_studio_api_key)


_making = threading.Lock()


def backend() -> Backend:
    """This process's backend, made from the environment at the first call; raises SettingsError."""
    with _making:
        return _made(os.getpid())


@cache
def _made(process: int) -> Backend:
    # By process: connections made before a fork must not be used after it, nor closed.
    settings = Settings.from_env(os.environ)
    make_private(settings.model_dir)
    return Backend(settings)
