"""Transcription jobs: one record each, and the account's list of them."""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from local_aws.errors import BadRequest, Conflict, NotFound
from local_aws.paging import page
from local_aws.tags import Tags, listed

QUEUED, IN_PROGRESS, COMPLETED, FAILED = "QUEUED", "IN_PROGRESS", "COMPLETED", "FAILED"
ENDED = (COMPLETED, FAILED)

_ECHOED = (
    "LanguageCode",
    "MediaSampleRateHertz",
    "MediaFormat",
    "Media",
    "Settings",
    "ModelSettings",
    "JobExecutionSettings",
    "ContentRedaction",
    "IdentifyLanguage",
    "IdentifyMultipleLanguages",
    "LanguageOptions",
    "Subtitles",
    "LanguageIdSettings",
    "ToxicityDetection",
)
_SUMMARIZED = (
    "LanguageCode",
    "ContentRedaction",
    "ModelSettings",
    "IdentifyLanguage",
    "IdentifyMultipleLanguages",
    "ToxicityDetection",
)
_MISSING = "The requested job couldn't be found. Check the job name and try your request again."


@dataclass(eq=False, slots=True)
class Job:
    """What was asked, and what has become of it; times in seconds since 1970."""

    request: Mapping[str, Any]
    created: float
    status: str = QUEUED
    started: float | None = None
    completed: float | None = None
    failure: str | None = None
    learned: dict[str, Any] = field(default_factory=dict)
    """Reply fields known only after recognition, such as LanguageCode and IdentifiedLanguageScore."""
    transcripts: dict[str, tuple[str | None, str]] = field(default_factory=dict)
    """(bucket or None for the service's own, key) by name of the Transcript field."""
    tags: Tags = field(default_factory=dict)
    deleted: bool = False
    """It is to go, though it may still be seen."""

    @property
    def name(self) -> str:
        """Its TranscriptionJobName."""
        return str(self.request["TranscriptionJobName"])

    def status_at(self, moment: float) -> str | None:
        """What it was then; None before it was started."""
        if moment < self.created:
            return None
        if self.completed is not None and self.completed <= moment:
            return self.status
        return QUEUED if self.started is None or moment < self.started else IN_PROGRESS

    def finish(self, status: str, now: float, failure: str | None = None) -> None:
        """COMPLETED, or FAILED with a reason."""
        self.completed, self.failure, self.status = now, failure, status

    def detail(self, uris: Mapping[str, str]) -> dict[str, Any]:
        """The TranscriptionJob of the replies of Start and Get; `uris` by name of the Transcript field."""
        echoed = {name: self.request[name] for name in _ECHOED if self.request.get(name) is not None}
        extra = {"Transcript": dict(uris)} if uris else {}
        tags = {"Tags": listed(self.tags)} if self.tags else {}
        return {**self._state(self.status), **echoed, **self.learned, **extra, **tags}

    def summary(self, moment: float) -> dict[str, Any]:
        """The TranscriptionJobSummary of the reply of List, as the job was at `moment`."""
        status = self.status_at(moment)
        echoed = {name: self.request[name] for name in _SUMMARIZED if self.request.get(name) is not None}
        learned = {
            name: value
            for name, value in self.learned.items()
            if name in ("LanguageCode", "LanguageCodes", "IdentifiedLanguageScore") and status == COMPLETED
        }
        location = "CUSTOMER_BUCKET" if self.request.get("OutputBucketName") else "SERVICE_BUCKET"
        return {**self._state(status), **echoed, **learned, "OutputLocationType": location}

    def _state(self, status: str | None) -> dict[str, Any]:
        ended = status in ENDED
        state = {
            "TranscriptionJobName": self.name,
            "TranscriptionJobStatus": status,
            "CreationTime": self.created,
            "StartTime": None if status == QUEUED else self.started,
            "CompletionTime": self.completed if ended else None,
            "FailureReason": self.failure if ended else None,
        }
        return {name: value for name, value in state.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Listing:
    """One page of jobs; `filtered`: some were taken out of it after it was made."""

    jobs: list[Job]
    token: str | None
    filtered: bool


class Jobs:
    """The jobs of one region, and which of them wait for a slot. The caller holds the lock."""

    def __init__(self) -> None:
        self._by_name: dict[str, Job] = {}
        self._history: list[Job | None] = []  # by age; None where one was deleted
        self._places: dict[str, int] = {}
        self.waiting: deque[Job] = deque()
        self.running = 0

    def require_free(self, name: str) -> None:
        """Raises Conflict when the name is taken."""
        if name in self._by_name:
            raise Conflict("The requested job name already exists. Use a different job name.")

    def add(self, job: Job) -> None:
        """A new job, under a name that is free."""
        self._places[job.name] = len(self._history)
        self._history.append(job)
        self._by_name[job.name] = job

    def find(self, name: str) -> Job | None:
        """The job of that name, if any."""
        return self._by_name.get(name)

    def get(self, name: str) -> Job:
        """The job of that name; raises NotFound."""
        if name not in self._by_name:
            raise NotFound(_MISSING)
        return self._by_name[name]

    def deletable(self, name: str) -> Job:
        """Raises BadRequest for a job that does not exist or has not ended, as AWS's documentation says."""
        job = self._by_name.get(name)
        if job is None:
            raise BadRequest(_MISSING)
        if job.status not in ENDED:
            raise BadRequest("The requested job can't be deleted while it is in progress. Try again when it has ended.")
        return job

    def remove(self, job: Job) -> None:
        """It is gone; its name is free."""
        if self._by_name.get(job.name) is job:
            self._history[self._places.pop(job.name)] = None
            del self._by_name[job.name]

    def listing(self, request: Mapping[str, Any], moment: float, *, filters_after_paging: bool = False) -> Listing:
        """By the filters of a ListTranscriptionJobs request, newest first, as the jobs were at `moment`."""
        status, named = request.get("Status"), _named(request)

        def known(job: Job | None) -> bool:
            return job is not None and job.status_at(moment) is not None

        def matches(job: Job | None) -> bool:
            return job is not None and known(job) and named(job) and status in (None, job.status_at(moment))

        made = known if filters_after_paging else matches
        found, token = page(self._history, made, request.get("MaxResults"), request.get("NextToken"))
        jobs = [job for job in found if job and matches(job)]
        return Listing(jobs, token, filtered=len(jobs) < len(found))

    def changed_since(self, moment: float, request: Mapping[str, Any]) -> bool:
        """Was some job that the request asks for by name something else then than it is now?"""
        named = _named(request)
        return any(job.status_at(moment) != job.status for job in self._by_name.values() if named(job))


def _named(request: Mapping[str, Any]) -> Callable[[Job], bool]:
    part = request.get("JobNameContains", "").lower()
    return lambda job: part in job.name.lower()
