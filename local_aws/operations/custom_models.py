"""Create, Describe, List and Delete of custom language models."""

from local_aws import tags
from local_aws.language_models import LanguageModel
from local_aws.operations import Caller, Operations, Reply, Request, State, page


class CustomModels:
    """Custom language models of one region."""

    def __init__(self, state: State) -> None:
        self._state = state
        self.operations: Operations = {
            "CreateLanguageModel": self._create,
            "DescribeLanguageModel": self._describe,
            "ListLanguageModels": self._list,
            "DeleteLanguageModel": self._delete,
        }

    def _create(self, request: Request, caller: Caller) -> Reply:
        self._state.readable(request["InputDataConfig"]["S3Uri"], caller)
        model = self._state.models.add(LanguageModel(request, self._state.now(), tags.parse(request.get("Tags"))))
        self._state.scheduler.at(self._state.now() + self._state.latency, model.train)
        return model.created()

    def _describe(self, request: Request, caller: Caller) -> Reply:
        return {"LanguageModel": self._state.models.get(request["ModelName"]).info()}

    def _list(self, request: Request, caller: Caller) -> Reply:
        found, token = self._state.models.page(request)
        return page("Models", [model.info() for model in found], token)

    def _delete(self, request: Request, caller: Caller) -> Reply:
        self._state.models.delete(request["ModelName"])
        return {}
