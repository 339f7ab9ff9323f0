"""The whole backend, put together once per process from its settings."""

import os
import threading
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from transcribe_backend.aws.clients import AWSClients
from transcribe_backend.aws.diagnosis import Diagnosis
from transcribe_backend.aws.jobs import TranscribeJobs
from transcribe_backend.aws.media import MediaFolder, S3Media
from transcribe_backend.aws.staging import Staging
from transcribe_backend.aws.transcriptions import Transcriptions
from transcribe_backend.aws.transcripts import TranscriptStore
from transcribe_backend.aws.vocabularies import Vocabularies
from transcribe_backend.background import Background
from transcribe_backend.download.download import Downloader
from transcribe_backend.errors import RequestError
from transcribe_backend.failures import Failures
from transcribe_backend.learning import schedule as learn
from transcribe_backend.learning.documents import Documents
from transcribe_backend.learning.evaluation import Evaluation
from transcribe_backend.learning.evidence import Evidence
from transcribe_backend.learning.excerpts import Excerpts
from transcribe_backend.learning.learnt import Learnt
from transcribe_backend.learning.reports import Reports
from transcribe_backend.learning.schedule import Learning
from transcribe_backend.learning.training import Trainer
from transcribe_backend.learning.transcribing import ByRequests
from transcribe_backend.learning.wishes import WishBook
from transcribe_backend.ledger import Ledger, open_queue
from transcribe_backend.prelabeling.deliver import Deliveries
from transcribe_backend.prelabeling.live_projects import LiveProjects
from transcribe_backend.prelabeling.prefetch import Prefetch
from transcribe_backend.prelabeling.prelabel import Prelabel
from transcribe_backend.prelabeling.project import Projects
from transcribe_backend.settings import Settings
from transcribe_backend.studio.client import Studio
from transcribe_backend.telemetry.metrics import Metrics
from transcribe_backend.transcribing.audio import LIMITS, AudioLocator
from transcribe_backend.transcribing.transcriber import Transcriber
from transcribe_backend.versions import Versions


class Backend:
    """Everything that requests, the worker and the command line share; makes no request when it is made."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.metrics = Metrics()
        self.clients = AWSClients(os.environ.get("AWS_REGION") or None, self.metrics.aws_call)
        self.store = TranscriptStore(self.clients, settings)
        self.jobs = TranscribeJobs(self.clients, self.store, settings)
        self.transcriptions = Transcriptions(self.jobs, self.store, settings, self.metrics.job)
        self.studio = _studio(settings)
        staging = Staging(self.clients, settings)
        self.excerpts = Excerpts(self.clients, staging, settings.model_dir / "tmp")
        self.audio = AudioLocator(
            S3Media(self.clients, settings),
            staging,
            self.studio,
            Downloader(settings.allowed_audio_hosts, LIMITS),
            settings,
        )
        self._home = MediaFolder(self.clients, settings)
        self.transcriber = Transcriber(self.audio, self.transcriptions, self._home_region)
        self.failures = Failures(Ledger(settings, "failures"))
        self.vocabularies = Vocabularies(self.clients, settings)
        self.learnt = Learnt(self.vocabularies, Ledger(settings, "learnt"))
        self.projects = Projects(settings.language, self.learnt.name)
        self.diagnosis = Diagnosis(self.clients, settings)
        self.versions = Versions(Ledger(settings, "versions"))
        self.queue = open_queue(settings)
        claims = Ledger(settings, "claims")
        live = LiveProjects(self.studio, self.projects)
        self.deliveries = Deliveries(
            self.queue,
            Ledger(settings, "deliveries"),
            claims,
            Ledger(settings, "heartbeats"),
            self.transcriber,
            live,
            self.failures,
            self.metrics.delivery,
        )
        plans = Ledger(settings, "prefetch")
        self.prefetch = Prefetch(self.queue, plans, self.deliveries, self.projects, live, settings)
        self.prelabel = Prelabel(self.transcriber, self.deliveries, claims, self.failures, settings)
        self.reports = Reports(self.clients, settings)
        self.wishes = WishBook(Documents(self.clients, settings, "words"))
        self.trainer = self._trainer()
        self.learning = Learning(
            self.queue,
            Ledger(settings, "trainings"),
            Ledger(settings, "training-locks"),
            Ledger(settings, "annotations"),
            self.trainer,
            self.reports,
            settings,
        )
        self.metrics.watch(transcriptions=self.transcriptions, deliveries=self.deliveries)

    def _trainer(self) -> Trainer | None:
        if self.studio is None:
            return None
        evidence = Evidence(self.studio, self.audio, self.jobs, self.store)
        return Trainer(
            self.studio,
            self.projects,
            evidence,
            Evaluation(evidence, ByRequests(self.transcriptions), self.store, self.settings.train_champion_days),
            self.excerpts,
            self.vocabularies,
            self.learnt,
            self.wishes,
            self.reports,
            self.settings,
        )

    def _home_region(self) -> str:
        """Where learnt vocabularies are: with S3_BUCKET all media lies in its region, else in the default one."""
        return self._home.region or self.clients.region

    def start(self, *, consume: bool | None = None) -> None:
        """Start the background threads. With a QUEUE_URL the queue is worked by `worker` processes alone."""
        self.settings.model_dir.mkdir(parents=True, exist_ok=True)
        work = not self.settings.queue_url if consume is None else consume
        sweeps = [self.deliveries.sweep, self.prefetch.sweep, self.learning.sweep]
        tidying = [self.deliveries.tidy, self.failures.prune]
        Background(self.queue, [self.deliveries.heartbeat], sweeps, tidying, consume=work).start()

    def notice(self, event: str, data: Mapping[str, Any]) -> None:
        """Act, in the background, on what happened in Label Studio; unknown events are ignored.

        Raises RequestError when the event's payload is not what Label Studio sends.
        """
        if event in learn.EVENTS:
            self.learning.notice(event, data)
            return
        project, tasks = data.get("project"), data.get("tasks")
        if event in ("TASKS_CREATED", "TASKS_DELETED"):
            if not isinstance(project, Mapping) or not isinstance(tasks, list):
                raise RequestError(f"{event} needs a project object and a list of tasks.")
            known = [task for task in tasks if isinstance(task, Mapping)]
            if event == "TASKS_CREATED":
                self.prefetch.imported(project, known)
            else:
                self.deliveries.deleted(project, [task.get("id") for task in known])

    def close(self) -> None:
        """Let the process end: nothing new is started, what is pending is recorded."""
        self.transcriber.close()


def _studio(settings: Settings) -> Studio | None:
    if not (settings.label_studio_url and settings.label_studio_api_key):
        return None
    return Studio(settings.label_studio_url, settings.label_studio_api_key)


_making = threading.Lock()


def backend() -> Backend:
    """This process's backend, made from the environment at the first call; raises SettingsError."""
    with _making:
        return _made(os.getpid())


@lru_cache(maxsize=1)
def _made(process: int) -> Backend:
    # By process: connections made before a fork must not be used after it.
    return Backend(Settings.from_env(os.environ))
