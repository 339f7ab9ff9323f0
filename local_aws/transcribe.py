"""The operations of Amazon Transcribe that the stand-in has, on the state of one region each."""

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

from local_aws import length, tags
from local_aws.documents import Documents
from local_aws.errors import TOO_LONG, UNREADABLE, BadRequest, Conflict, LimitExceeded, NotFound, UnknownOperation
from local_aws.faults import Faults
from local_aws.iam import Need
from local_aws.jobs import Job, Jobs
from local_aws.language_models import LanguageModel
from local_aws.lifecycle import Hints, Lifecycle, Pace, output_key
from local_aws.output import Filter, language
from local_aws.recognizers import Recognizer
from local_aws.rules import check_job
from local_aws.scheduler import Scheduler
from local_aws.storage import ACCOUNT, Storage, bucket_and_key, partition
from local_aws.validation import Validator
from local_aws.vocabularies import (
    FAILED,
    PENDING,
    READY,
    Shelf,
    Vocabulary,
    VocabularyFilter,
    misspelt,
    require_few_pending,
    require_one_source,
    table,
)
from local_aws.weather import ABOVE, DETAILED, REFUSED

Request = Mapping[str, Any]
Reply = dict[str, Any]

WRITE_CHECK = ".write_access_check_file.temp"
MISSPELT = (
    "The vocabulary that you’re trying to create contains invalid characters or incorrectly formatted terms. "
    "See the developer guide for more information."
)
_ELSEWHERE = (
    "The URI that you provided doesn't point to an S3 object. "
    "Make sure that the object exists and try your request again."
)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: how they reach this server, and what they are allowed to let Transcribe do for them."""

    base_url: str
    allows: Callable[[Need], bool]


class Transcribe:
    """Amazon Transcribe in all regions."""

    def __init__(self, recognizer: Recognizer, scheduler: Scheduler, pace: Pace, faults: Faults) -> None:
        self._recognizer, self._scheduler, self._pace, self._faults = recognizer, scheduler, pace, faults
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="local_aws-recognizer")
        self._validator = Validator()
        self._lock = threading.Lock()
        self._regions: dict[str, Region] = {}

    def call(self, operation: str, request: Request, region: str, caller: Caller) -> Reply:
        """The reply to one request; raises Refusal."""
        self._validator.check(operation, request)
        return self.region(region).call(operation, request, caller)

    def region(self, name: str) -> "Region":
        """The state of one region, made when first asked for."""
        with self._lock:
            if name not in self._regions:
                self._regions[name] = Region(
                    name, self._recognizer, self._worker, self._scheduler, self._pace, self._faults
                )
            return self._regions[name]


class Region:
    """Jobs, vocabularies, filters and language models of one region; one lock guards them all."""

    def __init__(
        self,
        name: str,
        recognizer: Recognizer,
        worker: ThreadPoolExecutor,
        scheduler: Scheduler,
        pace: Pace,
        faults: Faults,
    ) -> None:
        self._name, self._scheduler, self._latency, self._faults = name, scheduler, pace.latency, faults
        self._lock = threading.RLock()
        self._jobs = Jobs()
        self._vocabularies: Shelf[Vocabulary] = Shelf("vocabulary")
        self._filters: Shelf[VocabularyFilter] = Shelf("vocabulary filter")
        self._models: Shelf[LanguageModel] = Shelf("custom language model")
        self._storage = Storage(name)
        self.documents = Documents(name, scheduler.clock)
        self._lifecycle = Lifecycle(
            self._jobs, self._lock, recognizer, worker, scheduler, self._storage, self.documents, pace, faults
        )
        self._operations: dict[str, Callable[[Request, Caller], Reply]] = {
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
            "CreateLanguageModel": self._create_model,
            "DescribeLanguageModel": self._describe_model,
            "ListLanguageModels": self._list_models,
            "DeleteLanguageModel": self._delete_model,
            "TagResource": self._tag,
            "UntagResource": self._untag,
            "ListTagsForResource": self._list_tags,
        }

    def call(self, operation: str, request: Request, caller: Caller) -> Reply:
        """The reply to one valid request; raises Refusal."""
        if operation not in self._operations:
            raise UnknownOperation(f"local_aws doesn't have {operation}.")
        with self._lock:
            return self._operations[operation](request, caller)

    # -- jobs

    def _start_job(self, request: Request, caller: Caller) -> Reply:
        check_job(request)
        self._see(self._jobs.find(request["TranscriptionJobName"]))
        self._jobs.require_free(request["TranscriptionJobName"])
        hints = self._hints(request)
        self._check_media(*self._readable(request["Media"]["MediaFileUri"], caller))
        job = Job(request, self._scheduler.clock(), tags=tags.parse(request.get("Tags")))
        self._lifecycle.require_room(request)
        self._check_write_access(request, caller)
        self._jobs.add(job)
        self._lifecycle.start(job, hints)
        return {"TranscriptionJob": job.detail({})}

    def _get_job(self, request: Request, caller: Caller) -> Reply:
        job = self._jobs.get(request["TranscriptionJobName"])
        self._see(job)
        uris = {field: self._uri(*place, caller.base_url) for field, place in job.transcripts.items()}
        return {"TranscriptionJob": job.detail(uris)}

    def _list_jobs(self, request: Request, caller: Caller) -> Reply:
        weather = self._faults.weather
        moment = self._scheduler.clock() - weather.list_lag
        listing = self._jobs.listing(request, moment, filters_after_paging=weather.list_filters_after_paging)
        if weather.list_lag and self._jobs.changed_since(moment, request):
            self._faults.fired("list_lag")
        if listing.filtered:
            self._faults.fired("list_filters_after_paging")
        for job in listing.jobs:
            self._see(job)
        summaries = [job.summary(moment) for job in listing.jobs]
        return _page("TranscriptionJobSummaries", summaries, listing.token, request.get("Status"))

    def _delete_job(self, request: Request, caller: Caller) -> Reply:
        job = self._jobs.deletable(request["TranscriptionJobName"])
        job.deleted = True
        lag = self._faults.weather.delete_lag
        if lag:
            self._scheduler.at(self._scheduler.clock() + lag, partial(self._remove_job, job))
        else:
            self._remove_job(job)
        return {}

    def _remove_job(self, job: Job) -> None:
        with self._lock:
            self._jobs.remove(job)
            self.documents.delete(f"{ACCOUNT}/{job.name}/")

    def _see(self, job: Job | None) -> None:
        if job and job.deleted:
            self._faults.fired("delete_lag")

    def _uri(self, bucket: str | None, key: str, base_url: str) -> str:
        """Signed for 15 minutes in the service's bucket; plain, and so of no use unsigned, in the customer's."""
        return f"{base_url}/{bucket}/{key}" if bucket else self.documents.uri(key, base_url)

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
        vocabulary = self._vocabularies.named(names.get("VocabularyName"))
        if vocabulary and vocabulary.state != READY:
            raise BadRequest(f"The requested vocabulary isn't ready: its state is {vocabulary.state}.")
        self._models.named(names.get("LanguageModelName"))
        return vocabulary, self._filters.named(names.get("VocabularyFilterName"))

    def _check_media(self, bucket: str, key: str) -> None:
        """Raises LimitExceeded for audio that is known to be longer than four hours."""
        content = self._storage.read(bucket, key)
        seconds = None if content is None else length.seconds(content, self._storage.metadata(bucket, key))
        if seconds is not None and seconds > length.LONGEST:
            raise LimitExceeded(TOO_LONG)

    def _readable(self, uri: str, caller: Caller) -> tuple[str, str]:
        """Bucket and key of what the caller may have read; raises BadRequest."""
        bucket, key = self._locate(uri)
        if not caller.allows(Need("s3:GetObject", self._arn(bucket, key))):
            self._faults.fired("iam_policy")
            raise BadRequest(UNREADABLE)
        return bucket, key

    def _arn(self, bucket: str, key: str) -> str:
        return f"arn:{partition(self._name)}:s3:::{bucket}/{key}"

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

    def _check_write_access(self, request: Request, caller: Caller) -> None:
        """Leaves its trace in the customer's bucket, as AWS does."""
        bucket = request.get("OutputBucketName")
        if not bucket:
            return
        self._require_here(bucket)
        key, output = self._write_check_key(request), output_key(request)
        allowed = all(caller.allows(Need("s3:PutObject", self._arn(bucket, each))) for each in (key, output))
        if not allowed:
            self._faults.fired("iam_policy")
        if not allowed or self._storage.region(bucket) is None:
            raise BadRequest(
                "The specified S3 output bucket can't be accessed. "
                "Make sure that it exists and that you have write permission."
            )
        self._storage.write(bucket, key, b"")

    def _write_check_key(self, request: Request) -> str:
        folder = output_key(request).rpartition("/")[0]
        if self._faults.weather.access_check_file == ABOVE:
            self._faults.fired("access_check_file")
            folder = folder.rpartition("/")[0]
        return f"{folder}/{WRITE_CHECK}" if folder else WRITE_CHECK

    # -- vocabularies

    def _create_vocabulary(self, request: Request, caller: Caller) -> Reply:
        require_one_source(request, "Phrases", "VocabularyFileUri")
        require_few_pending(self._vocabularies)
        self._check_source(request, caller)
        name, now = request["VocabularyName"], self._scheduler.clock()
        vocabulary = Vocabulary(name, request["LanguageCode"], now, tags=tags.parse(request.get("Tags")))
        self._process(self._vocabularies.add(vocabulary), request)
        return vocabulary.info()

    def _update_vocabulary(self, request: Request, caller: Caller) -> Reply:
        require_one_source(request, "Phrases", "VocabularyFileUri")
        vocabulary = self._vocabularies.get(request["VocabularyName"])
        if vocabulary.state == PENDING:
            raise Conflict("The requested vocabulary is still being processed. Try again when it is READY or FAILED.")
        if request["LanguageCode"] != vocabulary.language:
            raise BadRequest(f"The language of this vocabulary is {vocabulary.language} and can't be changed.")
        self._check_source(request, caller)
        vocabulary.state, vocabulary.failure = PENDING, None
        self._process(vocabulary, request)
        return vocabulary.info()

    def _check_source(self, request: Request, caller: Caller) -> None:
        if request.get("VocabularyFileUri"):
            self._readable(request["VocabularyFileUri"], caller)
        content = self._source(request) if self._faults.weather.vocabulary_reasons == REFUSED else None
        if content is not None and misspelt(content, request["LanguageCode"]):
            self._faults.fired("vocabulary_reasons")
            raise BadRequest(MISSPELT)

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
                self._shorten_reason(vocabulary)
                self.documents.write(_vocabulary_key(vocabulary), content)

    def _shorten_reason(self, vocabulary: Vocabulary) -> None:
        if vocabulary.state == FAILED and self._faults.weather.vocabulary_reasons != DETAILED:
            self._faults.fired("vocabulary_reasons")
            vocabulary.failure = MISSPELT

    def _source(self, request: Request) -> bytes | None:
        if request.get("Phrases"):
            return table(request["Phrases"])
        return self._storage.read(*self._locate(request["VocabularyFileUri"]))

    def _get_vocabulary(self, request: Request, caller: Caller) -> Reply:
        vocabulary = self._vocabularies.get(request["VocabularyName"])
        reply = vocabulary.info()
        if vocabulary.failure:
            reply["FailureReason"] = vocabulary.failure
        if vocabulary.state == READY:
            reply["DownloadUri"] = self.documents.uri(_vocabulary_key(vocabulary), caller.base_url)
        return reply

    def _list_vocabularies(self, request: Request, caller: Caller) -> Reply:
        found, token = self._vocabularies.page(request)
        return _page("Vocabularies", [entry.info() for entry in found], token, request.get("StateEquals"))

    def _delete_vocabulary(self, request: Request, caller: Caller) -> Reply:
        vocabulary = self._vocabularies.get(request["VocabularyName"])
        if vocabulary.state == PENDING:
            raise BadRequest("The requested vocabulary can't be deleted while it is being processed.")
        self._vocabularies.delete(vocabulary.name)
        self.documents.delete(_vocabulary_key(vocabulary))
        return {}

    # -- vocabulary filters

    def _create_filter(self, request: Request, caller: Caller) -> Reply:
        require_one_source(request, "Words", "VocabularyFilterFileUri")
        words = request.get("Words") or self._filter_file(request["VocabularyFilterFileUri"], caller)
        entry = VocabularyFilter(
            request["VocabularyFilterName"],
            request["LanguageCode"],
            self._scheduler.clock(),
            frozenset(word.strip().lower() for word in words),
            tags.parse(request.get("Tags")),
        )
        return self._filters.add(entry).info()

    def _filter_file(self, uri: str, caller: Caller) -> list[str]:
        content = self._storage.read(*self._readable(uri, caller))
        if content is None:
            raise BadRequest(UNREADABLE)
        return content.decode("utf-8", "replace").split("\n")

    def _get_filter(self, request: Request, caller: Caller) -> Reply:
        return self._filters.get(request["VocabularyFilterName"]).info()

    def _list_filters(self, request: Request, caller: Caller) -> Reply:
        found, token = self._filters.page(request)
        return _page("VocabularyFilters", [entry.info() for entry in found], token)

    def _delete_filter(self, request: Request, caller: Caller) -> Reply:
        self._filters.delete(request["VocabularyFilterName"])
        return {}

    # -- custom language models

    def _create_model(self, request: Request, caller: Caller) -> Reply:
        self._readable(request["InputDataConfig"]["S3Uri"], caller)
        model = self._models.add(LanguageModel(request, self._scheduler.clock(), tags.parse(request.get("Tags"))))
        self._scheduler.at(self._scheduler.clock() + self._latency, model.train)
        return model.created()

    def _describe_model(self, request: Request, caller: Caller) -> Reply:
        return {"LanguageModel": self._models.get(request["ModelName"]).info()}

    def _list_models(self, request: Request, caller: Caller) -> Reply:
        found, token = self._models.page(request)
        return _page("Models", [model.info() for model in found], token)

    def _delete_model(self, request: Request, caller: Caller) -> Reply:
        self._models.delete(request["ModelName"])
        return {}

    # -- tags

    def _tag(self, request: Request, caller: Caller) -> Reply:
        resource = self._resource(request["ResourceArn"])
        resource.tags = tags.merged(resource.tags, tags.parse(request["Tags"]))
        return {}

    def _untag(self, request: Request, caller: Caller) -> Reply:
        resource = self._resource(request["ResourceArn"])
        resource.tags = tags.without(resource.tags, request["TagKeys"])
        return {}

    def _list_tags(self, request: Request, caller: Caller) -> Reply:
        arn = request["ResourceArn"]
        return {"ResourceArn": arn, "Tags": tags.listed(self._resource(arn).tags)}

    def _resource(self, arn: str) -> Job | Vocabulary | VocabularyFilter | LanguageModel:
        kind, _, name = arn.rpartition(":")[2].partition("/")
        if not arn.startswith(f"arn:{partition(self._name)}:transcribe:{self._name}:{ACCOUNT}:"):
            raise NotFound(f"The resource {arn} is of another account or region.")
        if kind == "transcription-job":
            return self._jobs.get(name)
        if kind == "vocabulary":
            return self._vocabularies.get(name)
        if kind == "vocabulary-filter":
            return self._filters.get(name)
        if kind == "language-model":
            return self._models.get(name)
        raise BadRequest(f"local_aws doesn't have resources of the kind {kind}.")


def _vocabulary_key(vocabulary: Vocabulary) -> str:
    return f"{ACCOUNT}/vocabulary/{vocabulary.name}/vocabulary.txt"


def _page(name: str, entries: list[Reply], token: str | None, status: str | None = None) -> Reply:
    extra = {"Status": status, "NextToken": token}
    return {name: entries, **{key: value for key, value in extra.items() if value}}
