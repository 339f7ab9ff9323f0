"""Amazon Transcribe: its regions, each with a state of its own, and what is asked of them."""

import threading
from concurrent.futures import ThreadPoolExecutor

from local_aws.documents import Documents
from local_aws.errors import UnknownOperation
from local_aws.faults import Faults
from local_aws.lifecycle import Lifecycle, Pace
from local_aws.operations import Caller, Operations, Reply, Request, State
from local_aws.operations.custom_models import CustomModels
from local_aws.operations.custom_vocabularies import CustomVocabularies
from local_aws.operations.tagging import Tagging
from local_aws.operations.transcription_jobs import TranscriptionJobs
from local_aws.operations.vocabulary_filters import VocabularyFilters
from local_aws.recognizers import Recognizer
from local_aws.scheduler import Scheduler
from local_aws.validation import Validator


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
    """One region of it."""

    def __init__(
        self,
        name: str,
        recognizer: Recognizer,
        worker: ThreadPoolExecutor,
        scheduler: Scheduler,
        pace: Pace,
        faults: Faults,
    ) -> None:
        self._state = state = State(name, scheduler, pace.latency, faults)
        lifecycle = Lifecycle(
            state.jobs, state.lock, recognizer, worker, scheduler, state.storage, state.documents, pace, faults
        )
        self._operations: Operations = {
            **TranscriptionJobs(state, lifecycle).operations,
            **CustomVocabularies(state).operations,
            **VocabularyFilters(state).operations,
            **CustomModels(state).operations,
            **Tagging(state).operations,
        }

    @property
    def documents(self) -> Documents:
        """The service's own bucket here."""
        return self._state.documents

    def call(self, operation: str, request: Request, caller: Caller) -> Reply:
        """The reply to one valid request; raises Refusal."""
        if operation not in self._operations:
            raise UnknownOperation(f"local_aws doesn't have {operation}.")
        with self._state.lock:
            return self._operations[operation](request, caller)
