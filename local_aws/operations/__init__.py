"""The operations of Amazon Transcribe that the stand-in has, by what they work on.

Each module has one class, whose `operations` are its methods by AWS's names; all of a region share its `State`.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from local_aws.documents import Documents
from local_aws.errors import UNREADABLE, BadRequest
from local_aws.faults import Faults
from local_aws.iam import Need
from local_aws.jobs import Jobs
from local_aws.language_models import LanguageModel
from local_aws.scheduler import Scheduler
from local_aws.storage import Storage, bucket_and_key, partition
from local_aws.vocabularies import Shelf, Vocabulary, VocabularyFilter

Request = Mapping[str, Any]
Reply = dict[str, Any]

_ELSEWHERE = (
    "The URI that you provided doesn't point to an S3 object. "
    "Make sure that the object exists and try your request again."
)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: how they reach this server, and what they are allowed to let Transcribe do for them."""

    base_url: str
    allows: Callable[[Need], bool]


Operations = Mapping[str, Callable[[Request, Caller], Reply]]


@dataclass(eq=False)
class State:
    """Everything of one region; one lock guards it. `latency`: seconds that a vocabulary or a model takes."""

    region: str
    scheduler: Scheduler
    latency: float
    faults: Faults
    lock: threading.RLock = field(default_factory=threading.RLock)
    jobs: Jobs = field(default_factory=Jobs)
    vocabularies: Shelf[Vocabulary] = field(default_factory=lambda: Shelf("vocabulary"))
    filters: Shelf[VocabularyFilter] = field(default_factory=lambda: Shelf("vocabulary filter"))
    models: Shelf[LanguageModel] = field(default_factory=lambda: Shelf("custom language model"))

    def __post_init__(self) -> None:
        self.storage = Storage(self.region)
        self.documents = Documents(self.region, self.scheduler.clock)

    def now(self) -> float:
        """Seconds since 1970."""
        return self.scheduler.clock()

    def readable(self, uri: str, caller: Caller) -> tuple[str, str]:
        """Bucket and key of what the caller may have read; raises BadRequest."""
        bucket, key = self.locate(uri)
        if not caller.allows(Need("s3:GetObject", self.arn(bucket, key))):
            self.faults.fired("iam_policy")
            raise BadRequest(UNREADABLE)
        return bucket, key

    def arn(self, bucket: str, key: str) -> str:
        """Of an object in this region."""
        return f"arn:{partition(self.region)}:s3:::{bucket}/{key}"

    def locate(self, uri: str) -> tuple[str, str]:
        """Bucket and key of a URI; raises BadRequest for a place that is not S3 or in another region."""
        location = bucket_and_key(uri)
        if location is None:
            raise BadRequest(_ELSEWHERE)
        self.require_here(location[0])
        return location

    def require_here(self, bucket: str) -> None:
        """Raises BadRequest for a bucket of another region."""
        region = self.storage.region(bucket)
        if region not in (None, self.region):
            raise BadRequest(
                "The specified S3 bucket isn't in the same region. "
                f"Make sure the bucket is in the {self.region} region and try your request again."
            )


def page(name: str, entries: list[Reply], token: str | None, status: str | None = None) -> Reply:
    """The reply of a List."""
    extra = {"Status": status, "NextToken": token}
    return {name: entries, **{key: value for key, value in extra.items() if value}}
