"""COMPOSES: can this backend work at all? What `/setup` says, since it is the only voice a user hears."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from botocore.exceptions import BotoCoreError, ClientError

from transcribe_backend.aws.clients import AWSClients, aws_errors, error_code, translate
from transcribe_backend.errors import AWSError, BucketError, TranscribeBackendError
from transcribe_backend.settings import Settings

_GOOD_SECONDS, _BAD_SECONDS = 60.0, 5.0
_PATIENCE = 2.0  # Label Studio gives /setup 3 s (1.23, ml/api_connector.py)


class Diagnosis:
    """Asks AWS whether credentials, permissions and bucket are right; the answer is kept for a minute."""

    def __init__(self, clients: AWSClients, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._clients = clients
        self._settings = settings
        self._clock = clock
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(1, "diagnosis")
        self._asking: Future[None] | None = None
        self._known: tuple[float, TranscribeBackendError | None] | None = None

    def check(self) -> None:
        """Raise CredentialsError, AccessDenied, BucketError or AWSError within two seconds, or return."""
        known = self._recent() or self._ask()
        if known[1] is not None:
            raise known[1]

    def _recent(self) -> tuple[float, TranscribeBackendError | None] | None:
        if self._known is None:
            return None
        at, error = self._known
        return self._known if self._clock() - at < (_BAD_SECONDS if error else _GOOD_SECONDS) else None

    def _ask(self) -> tuple[float, TranscribeBackendError | None]:
        with self._lock:
            if self._asking is None or self._asking.done():
                self._asking = self._pool.submit(self._examine)
            asking = self._asking
        try:
            asking.result(timeout=_PATIENCE)
        except TimeoutError:
            silent = AWSError(
                "AWS does not answer within 2 s.",
                remedy="Check the backend's network, AWS_DEFAULT_REGION and AWS_ENDPOINT_URL.",
                retryable=True,
            )
            return self._known or (self._clock(), silent)
        return self._known or (self._clock(), None)

    def _examine(self) -> None:
        try:
            self._clients.check_credentials()
            self._check_transcribe()
            if self._settings.s3_bucket:
                check_bucket(self._clients, self._settings.s3_bucket)
        except TranscribeBackendError as error:
            self._known = (self._clock(), error)
        else:
            self._known = (self._clock(), None)

    def _check_transcribe(self) -> None:
        with aws_errors("list transcription jobs"):
            self._clients.transcribe().list_transcription_jobs(MaxResults=1)


def check_bucket(clients: AWSClients, bucket: str) -> None:
    """Raise BucketError, or another AWSError, when S3_BUCKET is not there or not ours."""
    try:
        clients.s3().head_bucket(Bucket=bucket)
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
