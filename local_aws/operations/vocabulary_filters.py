"""Create, Get, List and Delete of vocabulary filters."""

from local_aws import tags
from local_aws.errors import UNREADABLE, BadRequest
from local_aws.operations import Caller, Operations, Reply, Request, State, page
from local_aws.vocabularies import VocabularyFilter, require_one_source


class VocabularyFilters:
    """Vocabulary filters of one region."""

    def __init__(self, state: State) -> None:
        self._state = state
        self.operations: Operations = {
            "CreateVocabularyFilter": self._create,
            "GetVocabularyFilter": self._get,
            "ListVocabularyFilters": self._list,
            "DeleteVocabularyFilter": self._delete,
        }

    def _create(self, request: Request, caller: Caller) -> Reply:
        require_one_source(request, "Words", "VocabularyFilterFileUri")
        words = request.get("Words") or self._file(request["VocabularyFilterFileUri"], caller)
        entry = VocabularyFilter(
            request["VocabularyFilterName"],
            request["LanguageCode"],
            self._state.now(),
            frozenset(word.strip().lower() for word in words),
            tags.parse(request.get("Tags")),
        )
        return self._state.filters.add(entry).info()

    def _file(self, uri: str, caller: Caller) -> list[str]:
        content = self._state.storage.read(*self._state.readable(uri, caller))
        if content is None:
            raise BadRequest(UNREADABLE)
        return content.decode("utf-8", "replace").split("\n")

    def _get(self, request: Request, caller: Caller) -> Reply:
        return self._state.filters.get(request["VocabularyFilterName"]).info()

    def _list(self, request: Request, caller: Caller) -> Reply:
        found, token = self._state.filters.page(request)
        return page("VocabularyFilters", [entry.info() for entry in found], token)

    def _delete(self, request: Request, caller: Caller) -> Reply:
        self._state.filters.delete(request["VocabularyFilterName"])
        return {}
