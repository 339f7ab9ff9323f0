"""The operations of Amazon Transcribe that the stand-in has, on the state of one region each."""

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from local_aws import tags
from local_aws.documents import Documents
from local_aws.errors import UNREADABLE, BadRequest, Conflict, NotFound, UnknownOperation
from local_aws.jobs import Job, Jobs
from local_aws.lifecycle import Hints, Lifecycle, Pace, output_key
from local_aws.output import Filter
from local_aws.recognizers import Recognizer
from local_aws.rules import check_job
from local_aws.scheduler import Scheduler
from local_aws.storage import ACCOUNT, Storage, bucket_and_key
from local_aws.validation import Validator
from local_aws.vocabularies import (
    PENDING,
    READY,
    Shelf,
    Vocabulary,
    VocabularyFilter,
    missing,
    require_few_pending,
    require_one_source,
    table,
)

Request = Mapping[str, Any]
Reply = dict[str, Any]

WRITE_CHECK = ".write_access_check_file.temp"
_ELSEWHERE = (
    "The URI that you provided doesn't point to an S3 object. "
    "Make sure that the object exists and try your request again."
)


class Transcribe:
    """Amazon Transcribe in all regions."""

    def __init__(self, recognizer: Recognizer, scheduler: Scheduler, pace: Pace) -> None:
        self._recognizer, self._scheduler, self._pace = recognizer, scheduler, pace
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="local_aws-recognizer")
        self._validator = Validator()
        self._lock = threading.Lock()
        self._regions: dict[str, Region] = {}

    def call(self, operation: str, request: Request, region: str, base_url: str) -> Reply:
        """The reply to one request; raises Refusal. `base_url` is how the client reaches this server."""
        self._validator.check(operation, request)
        return self.region(region).call(operation, request, base_url)

    def region(self, name: str) -> "Region":
        """The state of one region, made when first asked for."""
        with self._lock:
            if name not in self._regions:
                self._regions[name] = Region(name, self._recognizer, self._worker, self._scheduler, self._pace)
            return self._regions[name]


class Region:
    """Jobs, vocabularies and filters of one region; one lock guards them all."""

    def __init__(
        self, name: str, recognizer: Recognizer, worker: ThreadPoolExecutor, scheduler: Scheduler, pace: Pace
    ) -> None:
        self._name, self._scheduler, self._latency = name, scheduler, pace.latency
        self._lock = threading.RLock()
        self._jobs = Jobs()
        self._vocabularies: Shelf[Vocabulary] = Shelf("vocabulary")
        self._filters: Shelf[VocabularyFilter] = Shelf("vocabulary filter")
        self._storage = Storage()
        self.documents = Documents(name, scheduler.clock)
        self._lifecycle = Lifecycle(
            self._jobs, self._lock, recognizer, worker, scheduler, self._storage, self.documents, pace
        )
        self._operations: dict[str, Callable[[Request, str], Reply]] = {
            "StartTranscriptionJob": self._start_job,
            "GetTranscriptionJob": self._get_job,
            "ListTranscriptionJobs": self._list_jobs,
            "DeleteTranscriptionJob": self._delete_job,
            "CreateVocabulary": self._create_vocabulary,
            "UpdateVocabulary": self._update_vocabulary,
            "GetVocabulary": self._get_vocabulary,
            "ListVocabularies": self._list_vocabularies,
            "DeleteVocabulary": self._delete_vocabulary,
            "CreateVocabularyFilter": self._create_filter,
            "GetVocabularyFilter": self._get_filter,
            "ListVocabularyFilters": self._list_filters,
            "DeleteVocabularyFilter": self._delete_filter,
            "TagResource": self._tag,
            "UntagResource": self._untag,
            "ListTagsForResource": self._list_tags,
        }

    def call(self, operation: str, request: Request, base_url: str) -> Reply:
        """The reply to one valid request; raises Refusal."""
        if operation not in self._operations:
            raise UnknownOperation(f"local_aws doesn't have {operation}.")
        with self._lock:
            return self._operations[operation](request, base_url)

    # -- jobs

    def _start_job(self, request: Request, base_url: str) -> Reply:
        check_job(request)
        self._jobs.require_free(request["TranscriptionJobName"])
        hints = self._hints(request)
        self._locate(request["Media"]["MediaFileUri"])
        job = Job(request, self._scheduler.clock(), tags=tags.parse(request.get("Tags")))
        self._lifecycle.require_room(request)
        self._check_write_access(request)
        self._jobs.add(job)
        self._lifecycle.start(job, hints)
        return {"TranscriptionJob": job.detail({})}

    def _get_job(self, request: Request, base_url: str) -> Reply:
        job = self._jobs.get(request["TranscriptionJobName"])
        uris = {field: self._uri(*place, base_url) for field, place in job.transcripts.items()}
        return {"TranscriptionJob": job.detail(uris)}

    def _list_jobs(self, request: Request, base_url: str) -> Reply:
        jobs, token = self._jobs.page(request)
        return _page("TranscriptionJobSummaries", [job.summary() for job in jobs], token, request.get("Status"))

    def _delete_job(self, request: Request, base_url: str) -> Reply:
        name = request["TranscriptionJobName"]
        self._jobs.delete(name)
        self.documents.delete(f"{ACCOUNT}/{name}/")
        return {}

    def _uri(self, bucket: str | None, key: str, base_url: str) -> str:
        """Signed for 15 minutes in the service's bucket; plain, and so of no use unsigned, in the customer's."""
        return f"{base_url}/{bucket}/{key}" if bucket else self.documents.uri(key, base_url)

    def _hints(self, request: Request) -> Hints:
        settings = dict(request.get("Settings") or {})
        for by_language in (request.get("LanguageIdSettings") or {}).values():
            settings.update(by_language)
        words = settings.get("VocabularyFilterName")
        return Hints(
            self._hotwords(settings.get("VocabularyName"), request.get("LanguageCode")),
            Filter(self._filter(words).words, settings.get("VocabularyFilterMethod", "mask")) if words else None,
        )

    def _hotwords(self, name: str | None, language: str | None) -> tuple[str, ...]:
        if name is None:
            return ()
        vocabulary = self._vocabularies.find(name)
        if vocabulary is None:
            raise BadRequest(missing("vocabulary"))
        if vocabulary.state != READY:
            raise BadRequest(f"The requested vocabulary isn't ready: its state is {vocabulary.state}.")
        if language and language != vocabulary.language:
            raise BadRequest(f"The requested vocabulary is for {vocabulary.language}, the job for {language}.")
        return vocabulary.hotwords

    def _filter(self, name: str) -> VocabularyFilter:
        found = self._filters.find(name)
        if found is None:
            raise BadRequest(missing("vocabulary filter"))
        return found

    def _locate(self, uri: str) -> tuple[str, str]:
        """Bucket and key of a URI; raises BadRequest for a place that is not S3 or in another region."""
        location = bucket_and_key(uri)
        if location is None:
            raise BadRequest(_ELSEWHERE)
        self._require_here(location[0])
        return location

    def _require_here(self, bucket: str) -> None:
        region = self._storage.region(bucket)
        if region not in (None, self._name):
            raise BadRequest(
                "The specified S3 bucket isn't in the same region. "
                f"Make sure the bucket is in the {self._name} region and try your request again."
            )

    def _check_write_access(self, request: Request) -> None:
        """Leaves its trace in the customer's bucket, as AWS does."""
        bucket = request.get("OutputBucketName")
        if not bucket:
            return
        self._require_here(bucket)
        if self._storage.region(bucket) is None:
            raise BadRequest(
                "The specified S3 output bucket can't be accessed. "
                "Make sure that it exists and that you have write permission."
            )
        folder = output_key(request).rpartition("/")[0]
        self._storage.write(bucket, f"{folder}/{WRITE_CHECK}" if folder else WRITE_CHECK, b"")

    # -- vocabularies

    def _create_vocabulary(self, request: Request, base_url: str) -> Reply:
        require_one_source(request, "Phrases", "VocabularyFileUri")
        require_few_pending(self._vocabularies)
        self._locate_file(request)
        name, language = request["VocabularyName"], request["LanguageCode"]
        now = self._scheduler.clock()
        vocabulary = Vocabulary(name, language, now, tags=tags.parse(request.get("Tags")))
        self._process(self._vocabularies.add(vocabulary), request)
        return vocabulary.info()

    def _update_vocabulary(self, request: Request, base_url: str) -> Reply:
        require_one_source(request, "Phrases", "VocabularyFileUri")
        vocabulary = self._vocabularies.get(request["VocabularyName"])
        if vocabulary.state == PENDING:
            raise Conflict("The requested vocabulary is still being processed. Try again when it is READY or FAILED.")
        if request["LanguageCode"] != vocabulary.language:
            raise BadRequest(f"The language of this vocabulary is {vocabulary.language} and can't be changed.")
        self._locate_file(request)
        vocabulary.state, vocabulary.failure = PENDING, None
        self._process(vocabulary, request)
        return vocabulary.info()

    def _locate_file(self, request: Request) -> None:
        if request.get("VocabularyFileUri"):
            self._locate(request["VocabularyFileUri"])

    def _process(self, vocabulary: Vocabulary, request: Request) -> None:
        due = self._scheduler.clock() + self._latency
        self._scheduler.at(due, partial(self._processed, vocabulary, request))

    def _processed(self, vocabulary: Vocabulary, request: Request) -> None:
        content = self._source(request)
        with self._lock:
            now = self._scheduler.clock()
            if content is None:
                vocabulary.fail(UNREADABLE, now)
            else:
                vocabulary.accept(content, vocabulary.language, now)
                self.documents.write(_vocabulary_key(vocabulary), content)

    def _source(self, request: Request) -> bytes | None:
        if request.get("Phrases"):
            return table(request["Phrases"])
        return self._storage.read(*self._locate(request["VocabularyFileUri"]))

    def _get_vocabulary(self, request: Request, base_url: str) -> Reply:
        vocabulary = self._vocabularies.get(request["VocabularyName"])
        reply = vocabulary.info()
        if vocabulary.failure:
            reply["FailureReason"] = vocabulary.failure
        if vocabulary.state == READY:
            reply["DownloadUri"] = self.documents.uri(_vocabulary_key(vocabulary), base_url)
        return reply

    def _list_vocabularies(self, request: Request, base_url: str) -> Reply:
        found, token = self._vocabularies.page(request)
        return _page("Vocabularies", [entry.info() for entry in found], token, request.get("StateEquals"))

    def _delete_vocabulary(self, request: Request, base_url: str) -> Reply:
        vocabulary = self._vocabularies.get(request["VocabularyName"])
        if vocabulary.state == PENDING:
            raise BadRequest("The requested vocabulary can't be deleted while it is being processed.")
        self._vocabularies.delete(vocabulary.name)
        self.documents.delete(_vocabulary_key(vocabulary))
        return {}

    # -- vocabulary filters

    def _create_filter(self, request: Request, base_url: str) -> Reply:
        require_one_source(request, "Words", "VocabularyFilterFileUri")
        words = request.get("Words") or self._filter_file(request["VocabularyFilterFileUri"])
        entry = VocabularyFilter(
            request["VocabularyFilterName"],
            request["LanguageCode"],
            self._scheduler.clock(),
            frozenset(word.strip().lower() for word in words),
            tags.parse(request.get("Tags")),
        )
        return self._filters.add(entry).info()

    def _filter_file(self, uri: str) -> list[str]:
        content = self._storage.read(*self._locate(uri))
        if content is None:
            raise BadRequest(UNREADABLE)
        return content.decode("utf-8", "replace").split("\n")

    def _get_filter(self, request: Request, base_url: str) -> Reply:
        return self._filters.get(request["VocabularyFilterName"]).info()

    def _list_filters(self, request: Request, base_url: str) -> Reply:
        found, token = self._filters.page(request)
        return _page("VocabularyFilters", [entry.info() for entry in found], token)

    def _delete_filter(self, request: Request, base_url: str) -> Reply:
        self._filters.delete(request["VocabularyFilterName"])
        return {}

    # -- tags

    def _tag(self, request: Request, base_url: str) -> Reply:
        resource = self._resource(request["ResourceArn"])
        resource.tags = tags.merged(resource.tags, tags.parse(request["Tags"]))
        return {}

    def _untag(self, request: Request, base_url: str) -> Reply:
        resource = self._resource(request["ResourceArn"])
        resource.tags = tags.without(resource.tags, request["TagKeys"])
        return {}

    def _list_tags(self, request: Request, base_url: str) -> Reply:
        arn = request["ResourceArn"]
        return {"ResourceArn": arn, "Tags": tags.listed(self._resource(arn).tags)}

    def _resource(self, arn: str) -> Job | Vocabulary | VocabularyFilter:
        kind, _, name = arn.rpartition(":")[2].partition("/")
        if not arn.startswith(f"arn:aws:transcribe:{self._name}:{ACCOUNT}:"):
            raise NotFound(f"The resource {arn} is of another account or region.")
        if kind == "transcription-job":
            return self._jobs.get(name)
        if kind == "vocabulary":
            return self._vocabularies.get(name)
        if kind == "vocabulary-filter":
            return self._filters.get(name)
        raise BadRequest(f"local_aws doesn't have resources of the kind {kind}.")


def _vocabulary_key(vocabulary: Vocabulary) -> str:
    return f"{ACCOUNT}/vocabulary/{vocabulary.name}/vocabulary.txt"


def _page(name: str, entries: list[Reply], token: str | None, status: str | None = None) -> Reply:
    extra = {"Status": status, "NextToken": token}
    return {name: entries, **{key: value for key, value in extra.items() if value}}
