"""Tags of jobs, vocabularies, filters and language models, by their ARNs."""

from local_aws import tags
from local_aws.errors import BadRequest, NotFound
from local_aws.jobs import Job
from local_aws.language_models import LanguageModel
from local_aws.operations import Caller, Operations, Reply, Request, State
from local_aws.storage import ACCOUNT, partition
from local_aws.vocabularies import Vocabulary, VocabularyFilter


class Tagging:
    """Tags of everything in one region."""

    def __init__(self, state: State) -> None:
        self._state = state
        self.operations: Operations = {
            "TagResource": self._tag,
            "UntagResource": self._untag,
            "ListTagsForResource": self._list,
        }

    def _tag(self, request: Request, caller: Caller) -> Reply:
        resource = self._resource(request["ResourceArn"])
        resource.tags = tags.merged(resource.tags, tags.parse(request["Tags"]))
        return {}

    def _untag(self, request: Request, caller: Caller) -> Reply:
        resource = self._resource(request["ResourceArn"])
        resource.tags = tags.without(resource.tags, request["TagKeys"])
        return {}

    def _list(self, request: Request, caller: Caller) -> Reply:
        arn = request["ResourceArn"]
        return {"ResourceArn": arn, "Tags": tags.listed(self._resource(arn).tags)}

    def _resource(self, arn: str) -> Job | Vocabulary | VocabularyFilter | LanguageModel:
        kind, _, name = arn.rpartition(":")[2].partition("/")
        if not arn.startswith(f"arn:{partition(self._state.region)}:transcribe:{self._state.region}:{ACCOUNT}:"):
            raise NotFound(f"The resource {arn} is of another account or region.")
        if kind == "transcription-job":
            return self._state.jobs.get(name)
        if kind == "vocabulary":
            return self._state.vocabularies.get(name)
        if kind == "vocabulary-filter":
            return self._state.filters.get(name)
        if kind == "language-model":
            return self._state.models.get(name)
        raise BadRequest(f"local_aws doesn't have resources of the kind {kind}.")
