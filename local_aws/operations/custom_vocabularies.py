"""Create, Update, Get, List and Delete of custom vocabularies."""

from functools import partial

from local_aws import tags
from local_aws.errors import UNREADABLE, BadRequest, Conflict
from local_aws.operations import Caller, Operations, Reply, Request, State, page
from local_aws.storage import ACCOUNT
from local_aws.vocabularies import (
    FAILED,
    PENDING,
    READY,
    Vocabulary,
    misspelt,
    require_few_pending,
    require_one_source,
    table,
)
from local_aws.weather import DETAILED, REFUSED

MISSPELT = (
    "The vocabulary that you’re trying to create contains invalid characters or incorrectly formatted terms. "
    "See the developer guide for more information."
)


class CustomVocabularies:
    """Custom vocabularies of one region."""

    def __init__(self, state: State) -> None:
        self._state = state
        self.operations: Operations = {
            "CreateVocabulary": self._create,
            "UpdateVocabulary": self._update,
            "GetVocabulary": self._get,
            "ListVocabularies": self._list,
            "DeleteVocabulary": self._delete,
        }

    def _create(self, request: Request, caller: Caller) -> Reply:
        require_one_source(request, "Phrases", "VocabularyFileUri")
        require_few_pending(self._state.vocabularies)
        self._check_source(request, caller)
        name, now = request["VocabularyName"], self._state.now()
        vocabulary = Vocabulary(name, request["LanguageCode"], now, tags=tags.parse(request.get("Tags")))
        self._process(self._state.vocabularies.add(vocabulary), request)
        return vocabulary.info()

    def _update(self, request: Request, caller: Caller) -> Reply:
        require_one_source(request, "Phrases", "VocabularyFileUri")
        vocabulary = self._state.vocabularies.get(request["VocabularyName"])
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
            self._state.readable(request["VocabularyFileUri"], caller)
        content = self._source(request) if self._state.faults.weather.vocabulary_reasons == REFUSED else None
        if content is not None and misspelt(content, request["LanguageCode"]):
            self._state.faults.fired("vocabulary_reasons")
            raise BadRequest(MISSPELT)

    def _process(self, vocabulary: Vocabulary, request: Request) -> None:
        due = self._state.now() + self._state.latency
        self._state.scheduler.at(due, partial(self._processed, vocabulary, request))

    def _processed(self, vocabulary: Vocabulary, request: Request) -> None:
        content = self._source(request)
        with self._state.lock:
            now = self._state.now()
            if content is None:
                vocabulary.fail(UNREADABLE, now)
            else:
                vocabulary.accept(content, vocabulary.language, now)
                self._shorten_reason(vocabulary)
                self._state.documents.write(_key(vocabulary), content)

    def _shorten_reason(self, vocabulary: Vocabulary) -> None:
        if vocabulary.state == FAILED and self._state.faults.weather.vocabulary_reasons != DETAILED:
            self._state.faults.fired("vocabulary_reasons")
            vocabulary.failure = MISSPELT

    def _source(self, request: Request) -> bytes | None:
        if request.get("Phrases"):
            return table(request["Phrases"])
        return self._state.storage.read(*self._state.locate(request["VocabularyFileUri"]))

    def _get(self, request: Request, caller: Caller) -> Reply:
        vocabulary = self._state.vocabularies.get(request["VocabularyName"])
        reply = vocabulary.info()
        if vocabulary.failure:
            reply["FailureReason"] = vocabulary.failure
        if vocabulary.state == READY:
            reply["DownloadUri"] = self._state.documents.uri(_key(vocabulary), caller.base_url)
        return reply

    def _list(self, request: Request, caller: Caller) -> Reply:
        found, token = self._state.vocabularies.page(request)
        return page("Vocabularies", [entry.info() for entry in found], token, request.get("StateEquals"))

    def _delete(self, request: Request, caller: Caller) -> Reply:
        vocabulary = self._state.vocabularies.get(request["VocabularyName"])
        if vocabulary.state == PENDING:
            raise BadRequest("The requested vocabulary can't be deleted while it is being processed.")
        self._state.vocabularies.delete(vocabulary.name)
        self._state.documents.delete(_key(vocabulary))
        return {}


def _key(vocabulary: Vocabulary) -> str:
    return f"{ACCOUNT}/vocabulary/{vocabulary.name}/vocabulary.txt"
