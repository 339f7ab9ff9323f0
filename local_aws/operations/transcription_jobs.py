"""Start, Get, List and Delete of transcription jobs."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from local_aws import length, tags
from local_aws.errors import TOO_LONG, BadRequest, LimitExceeded
from local_aws.iam import Need
from local_aws.jobs import Job
from local_aws.lifecycle import Hints, Lifecycle, output_key
from local_aws.operations import Caller, Operations, Reply, Request, State, page
from local_aws.output import Filter, language
from local_aws.rules import check_job
from local_aws.storage import ACCOUNT
from local_aws.vocabularies import READY, Vocabulary, VocabularyFilter
from local_aws.weather import ABOVE

WRITE_CHECK = ".write_access_check_file.temp"


class TranscriptionJobs:
    """Jobs of one region."""

    def __init__(self, state: State, lifecycle: Lifecycle) -> None:
        self._state, self._lifecycle = state, lifecycle
        self.operations: Operations = {
            "StartTranscriptionJob": self._start,
            "GetTranscriptionJob": self._get,
            "ListTranscriptionJobs": self._list,
            "DeleteTranscriptionJob": self._delete,
        }

    def _start(self, request: Request, caller: Caller) -> Reply:
        check_job(request)
        self._see(self._state.jobs.find(request["TranscriptionJobName"]))
        self._state.jobs.require_free(request["TranscriptionJobName"])
        hints = self._hints(request)
        self._check_media(*self._state.readable(request["Media"]["MediaFileUri"], caller))
        job = Job(request, self._state.now(), tags=tags.parse(request.get("Tags")))
        self._lifecycle.require_room(request)
        self._check_write_access(request, caller)
        self._state.jobs.add(job)
        self._lifecycle.start(job, hints)
        return {"TranscriptionJob": job.detail({})}

    def _get(self, request: Request, caller: Caller) -> Reply:
        job = self._state.jobs.get(request["TranscriptionJobName"])
        self._see(job)
        uris = {field: self._uri(*place, caller.base_url) for field, place in job.transcripts.items()}
        return {"TranscriptionJob": job.detail(uris)}

    def _list(self, request: Request, caller: Caller) -> Reply:
        weather = self._state.faults.weather
        moment = self._state.now() - weather.list_lag
        listing = self._state.jobs.listing(request, moment, filters_after_paging=weather.list_filters_after_paging)
        if weather.list_lag and self._state.jobs.changed_since(moment, request):
            self._state.faults.fired("list_lag")
        if listing.filtered:
            self._state.faults.fired("list_filters_after_paging")
        for job in listing.jobs:
            self._see(job)
        summaries = [job.summary(moment) for job in listing.jobs]
        return page("TranscriptionJobSummaries", summaries, listing.token, request.get("Status"))

    def _delete(self, request: Request, caller: Caller) -> Reply:
        job = self._state.jobs.deletable(request["TranscriptionJobName"])
        job.deleted = True
        lag = self._state.faults.weather.delete_lag
        if lag:
            self._state.scheduler.at(self._state.now() + lag, partial(self._remove, job))
        else:
            self._remove(job)
        return {}

    def _remove(self, job: Job) -> None:
        with self._state.lock:
            self._state.jobs.remove(job)
            self._state.documents.delete(f"{ACCOUNT}/{job.name}/")

    def _see(self, job: Job | None) -> None:
        if job and job.deleted:
            self._state.faults.fired("delete_lag")

    def _uri(self, bucket: str | None, key: str, base_url: str) -> str:
        """Signed for 15 minutes in the service's bucket; plain, and so of no use unsigned, in the customer's."""
        return f"{base_url}/{bucket}/{key}" if bucket else self._state.documents.uri(key, base_url)

    def _hints(self, request: Request) -> Hints:
        """Everything that is named must be there; what is of another language is not applied, and nobody is told
        (botocore's model of Settings and LanguageIdSettings)."""
        settings, spoken = request.get("Settings") or {}, language(request)
        by_language = request.get("LanguageIdSettings") or {
            spoken: {**settings, **(request.get("ModelSettings") or {})}
        }
        found = {code: self._named(names) for code, names in by_language.items()}
        vocabulary, filter = found.get(spoken, (None, None))
        method = settings.get("VocabularyFilterMethod", "")
        return Hints(
            vocabulary.hotwords if vocabulary and vocabulary.language == spoken else (),
            Filter(filter.words, method) if filter and filter.language == spoken else None,
        )

    def _named(self, names: Mapping[str, Any]) -> tuple[Vocabulary | None, VocabularyFilter | None]:
        """The vocabulary and the filter of some settings; raises BadRequest for what is not there or not READY."""
        vocabulary = self._state.vocabularies.named(names.get("VocabularyName"))
        if vocabulary and vocabulary.state != READY:
            raise BadRequest(f"The requested vocabulary isn't ready: its state is {vocabulary.state}.")
        self._state.models.named(names.get("LanguageModelName"))
        return vocabulary, self._state.filters.named(names.get("VocabularyFilterName"))

    def _check_media(self, bucket: str, key: str) -> None:
        """Raises LimitExceeded for audio that is known to be longer than four hours."""
        content = self._state.storage.read(bucket, key)
        seconds = None if content is None else length.seconds(content, self._state.storage.metadata(bucket, key))
        if seconds is not None and seconds > length.LONGEST:
            raise LimitExceeded(TOO_LONG)

    def _check_write_access(self, request: Request, caller: Caller) -> None:
        """Leaves its trace in the customer's bucket, as AWS does."""
        bucket = request.get("OutputBucketName")
        if not bucket:
            return
        self._state.require_here(bucket)
        key, output = self._write_check_key(request), output_key(request)
        allowed = all(caller.allows(Need("s3:PutObject", self._state.arn(bucket, each))) for each in (key, output))
        if not allowed:
            self._state.faults.fired("iam_policy")
        if not allowed or self._state.storage.region(bucket) is None:
            raise BadRequest(
                "The specified S3 output bucket can't be accessed. "
                "Make sure that it exists and that you have write permission."
            )
        self._state.storage.write(bucket, key, b"")

    def _write_check_key(self, request: Request) -> str:
        folder = output_key(request).rpartition("/")[0]
        if self._state.faults.weather.access_check_file == ABOVE:
            self._state.faults.fired("access_check_file")
            folder = folder.rpartition("/")[0]
        return f"{folder}/{WRITE_CHECK}" if folder else WRITE_CHECK
