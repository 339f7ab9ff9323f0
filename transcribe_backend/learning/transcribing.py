"""COMPOSES: what a training needs of those who transcribe."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, as_completed
from typing import Protocol

from transcribe_backend.aws.jobs import Job
from transcribe_backend.errors import AWSError, TranscribeBackendError

_PATIENCE = 2 * 3600.0

Ended = tuple[Job, TranscribeBackendError | None]


class Transcribing(Protocol):
    """Sees to it that jobs are done."""

    def ensure(self, jobs: Sequence[Job]) -> Iterator[Ended]:
        """Each job as it ends; without an error its transcript is in the TranscriptStore then."""


class Requests(Protocol):
    """Starts jobs; each future gives the job's name."""

    def request(self, job: Job) -> "Future[str]": ...


class ByRequests:
    """`Transcribing` by requests of single jobs."""

    def __init__(self, requests: Requests, patience: float = _PATIENCE) -> None:
        self._requests = requests
        self._patience = patience

    def ensure(self, jobs: Sequence[Job]) -> Iterator[Ended]:
        """Raises AWSError when they have not ended within two hours."""
        futures: dict[Future[str], Job] = {self._requests.request(job): job for job in jobs}
        try:
            for future in as_completed(futures, self._patience):
                yield futures[future], _error(future)
        except TimeoutError:
            raise AWSError("AWS has not transcribed the held-out tasks within two hours.", retryable=True) from None


def _error(future: "Future[str]") -> TranscribeBackendError | None:
    error = future.exception()
    if error is None or isinstance(error, TranscribeBackendError):
        return error
    raise error
