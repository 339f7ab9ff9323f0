"""Transcription jobs: one record each, and the account's list of them."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from local_aws.errors import BadRequest, Conflict, NotFound
from local_aws.paging import page
from local_aws.tags import Tags, listed

QUEUED, IN_PROGRESS, COMPLETED, FAILED = "QUEUED", "IN_PROGRESS", "COMPLETED", "FAILED"

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

    @property
    def name(self) -> str:
        """Its TranscriptionJobName."""
        return str(self.request["TranscriptionJobName"])

    def finish(self, status: str, now: float, failure: str | None = None) -> None:
        """COMPLETED, or FAILED with a reason."""
        self.completed, self.failure, self.status = now, failure, status

    def detail(self, uris: Mapping[str, str]) -> dict[str, Any]:
        """The TranscriptionJob of Start's and Get's replies; `uris` by name of the Transcript field."""
        echoed = {name: self.request[name] for name in _ECHOED if self.request.get(name) is not None}
        extra = {"Transcript": dict(uris)} if uris else {}
        tags = {"Tags": listed(self.tags)} if self.tags else {}
        return {**self._state(), **echoed, **self.learned, **extra, **tags}

    def summary(self) -> dict[str, Any]:
        """The TranscriptionJobSummary of List's reply."""
        echoed = {name: self.request[name] for name in _SUMMARIZED if self.request.get(name) is not None}
        learned = {
            name: value
            for name, value in self.learned.items()
            if name in ("LanguageCode", "LanguageCodes", "IdentifiedLanguageScore")
        }
        location = "CUSTOMER_BUCKET" if self.request.get("OutputBucketName") else "SERVICE_BUCKET"
        return {**self._state(), **echoed, **learned, "OutputLocationType": location}

    def _state(self) -> dict[str, Any]:
        state = {
            "TranscriptionJobName": self.name,
            "TranscriptionJobStatus": self.status,
            "CreationTime": self.created,
            "StartTime": self.started,
            "CompletionTime": self.completed,
            "FailureReason": self.failure,
        }
        return {name: value for name, value in state.items() if value is not None}


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

    def get(self, name: str) -> Job:
        """The job of that name; raises NotFound."""
        if name not in self._by_name:
            raise NotFound(_MISSING)
        return self._by_name[name]

    def delete(self, name: str) -> None:
        """Raises BadRequest for a job that does not exist or has not ended, as AWS's documentation says."""
        job = self._by_name.get(name)
        if job is None:
            raise BadRequest(_MISSING)
        if job.status not in (COMPLETED, FAILED):
            raise BadRequest("The requested job can't be deleted while it is in progress. Try again when it has ended.")
        self._history[self._places.pop(name)] = None
        del self._by_name[name]

    def page(self, request: Mapping[str, Any]) -> tuple[list[Job], str | None]:
        """Newest first, by the filters of a ListTranscriptionJobs request; and the next page's token."""
        status, part = request.get("Status"), request.get("JobNameContains", "").lower()

        def matches(job: Job | None) -> bool:
            return job is not None and (not status or job.status == status) and (not part or part in job.name.lower())

        found, token = page(self._history, matches, request.get("MaxResults"), request.get("NextToken"))
        return [job for job in found if job is not None], token
