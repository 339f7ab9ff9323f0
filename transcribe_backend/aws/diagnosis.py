"""COMPOSES: can this backend work at all, and for this project? What `/setup` says, since it is the only voice a user
hears.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from functools import lru_cache

from botocore.exceptions import BotoCoreError, ClientError

from transcribe_backend.aws.bucket import Bucket
from transcribe_backend.aws.clients import AWSClients, aws_errors, error_code, in_words, translate
from transcribe_backend.aws.media import MEDIA
from transcribe_backend.aws.names import Names, names
from transcribe_backend.errors import AWSError, BucketError, TranscribeBackendError
from transcribe_backend.settings import Settings
from transcribe_backend.speech.recognition import Recognition

_GOOD_SECONDS, _BAD_SECONDS = 60.0, 5.0
_PATIENCE = 2.0  # Label Studio gives /setup 3 s (1.23, ml/api_connector.py)
_NAMES = 256
_NOTHING = Recognition()


class Inquiry:
    """One question to AWS. Its answer, nothing or an error, counts for a minute, a bad one for five seconds."""

    def __init__(self, question: Callable[[], None], pool: Executor, clock: Callable[[], float]) -> None:
        self._question = question
        self._pool = pool
        self._clock = clock
        self._lock = threading.Lock()
        self._asking: Future[None] | None = None
        self._known: tuple[float, TranscribeBackendError | None] | None = None

    def begin(self) -> None:
        """Ask in the background, unless the answer is known or asked for."""
        with self._lock:
            if not self._fresh() and (self._asking is None or self._asking.done()):
                self._asking = self._pool.submit(self._ask)

    def answer(self, deadline: float) -> None:
        """Raise the error, or return. By `deadline`, of time.monotonic, the last answer counts, whatever its age."""
        asking = self._asking
        if asking is not None and not self._fresh():
            try:
                asking.result(timeout=max(0.0, deadline - time.monotonic()))
            except TimeoutError:
                if self._known is None:
                    raise _silence() from None
        if self._known and self._known[1] is not None:
            raise self._known[1]

    def _fresh(self) -> bool:
        if self._known is None:
            return False
        at, error = self._known
        return self._clock() - at < (_BAD_SECONDS if error else _GOOD_SECONDS)

    def _ask(self) -> None:
        error: TranscribeBackendError | None = None
        try:
            self._question()
        except TranscribeBackendError as raised:
            error = raised
        self._known = (self._clock(), error)


def _silence() -> AWSError:
    return AWSError(
        "AWS does not answer within 2 s.",
        remedy="Check the backend's network, AWS_DEFAULT_REGION and AWS_ENDPOINT_URL.",
        retryable=True,
    )


class Diagnosis:
    """Asks AWS whether credentials, permissions, bucket, and what a project names are right."""

    def __init__(self, clients: AWSClients, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._clients = clients
        self._settings = settings
        self._home = Bucket(clients, settings, MEDIA)
        self._names = Names(clients, self._region, elsewhere=not settings.s3_bucket)
        pool = ThreadPoolExecutor(4, "diagnosis")
        self._account = Inquiry(self._examine, pool, clock)
        self._named = lru_cache(maxsize=_NAMES)(lambda name: Inquiry(lambda: self._names.check(name), pool, clock))

    def begin(self) -> None:
        """Ask about the account in the background: the first /setup after a start has two seconds only."""
        self._account.begin()

    def check(self, asked: Recognition = _NOTHING) -> None:
        """Within two seconds return, or raise CredentialsError, AccessDenied, BucketError or AWSError; RecognitionError
        where these options name what a job could not use.
        """
        inquiries = [self._account, *map(self._named, names(asked))]
        for inquiry in inquiries:
            inquiry.begin()
        deadline = time.monotonic() + _PATIENCE
        for inquiry in inquiries:
            inquiry.answer(deadline)

    def _region(self) -> str:
        return self._home.region or self._clients.region

    def _examine(self) -> None:
        self._clients.check_credentials()
        self._check_transcribe()
        if self._settings.s3_bucket:
            check_bucket(self._clients, self._settings.s3_bucket)

    def _check_transcribe(self) -> None:
        with aws_errors("list transcription jobs"):
            self._clients.transcribe().list_transcription_jobs(MaxResults=1)


def check_bucket(clients: AWSClients, bucket: str) -> None:
    """Raise BucketError, or another AWSError, when S3_BUCKET is not there or not ours."""
    try:
        client = clients.s3()
        in_words(lambda: client.head_bucket(Bucket=bucket), lambda: client.list_objects_v2(Bucket=bucket, MaxKeys=1))
    except ClientError as error:
        if error_code(error) in ("404", "NoSuchBucket"):
            raise BucketError(
                f"S3_BUCKET {bucket} does not exist.", remedy="Create it or correct S3_BUCKET."
            ) from error
        if error_code(error) in ("301", "PermanentRedirect"):
            return
        if error_code(error) in ("403", "AccessDenied"):
            raise BucketError(
                f"AWS denies the backend s3:ListBucket on S3_BUCKET {bucket}.",
                remedy="Attach deploy/iam-policy.json to its user or role, and check that the bucket is yours.",
            ) from error
        raise translate(error, f"look at S3_BUCKET {bucket}") from error
    except BotoCoreError as error:
        raise translate(error, f"look at S3_BUCKET {bucket}") from error
