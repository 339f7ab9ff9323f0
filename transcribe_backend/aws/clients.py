"""One shared boto3 client per service and region, and AWS's refusals as our errors."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    InvalidRegionError,
    NoCredentialsError,
    NoRegionError,
    ParamValidationError,
    PartialCredentialsError,
    ProfileNotFound,
    ReadTimeoutError,
)

from transcribe_backend.errors import AccessDenied, AWSError, CredentialsError, LimitExceeded, Mended, VocabularyError

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_transcribe import TranscribeServiceClient

Observer = Callable[[str, str, str], None]
"""Called once per HTTP attempt with (service, operation, error code or "")."""

THROTTLES = frozenset(
    {"LimitExceededException", "ThrottlingException", "Throttling", "TooManyRequestsException", "SlowDown"}
)
_BAD_CREDENTIALS = frozenset(
    {
        "UnrecognizedClientException",
        "InvalidClientTokenId",
        "InvalidAccessKeyId",
        "SignatureDoesNotMatch",
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidSignatureException",
        "AuthFailure",
    }
)
_WRONG_CLOCK = frozenset({"RequestTimeTooSkewed", "RequestExpired", "RequestInTheRequestFuture"})
_WRONG_TIME = ("Signature expired:", "Signature not yet current:")  # with the code of a wrong signature
_SILENT_SECONDS = 10.0
_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "403", "Forbidden"})
_WORDLESS = frozenset({"400", "403"})

_MISTAKES = {
    ProfileNotFound: "Correct AWS_PROFILE, or add the profile to the AWS configuration of the backend's user.",
    InvalidRegionError: "Correct AWS_DEFAULT_REGION.",
    ParamValidationError: "Correct S3_BUCKET, or the audio's address in the task.",
}
"""What to do about requests that boto3 cannot even send."""


class AWSClients:
    """Thread-safe, lazily made clients, with boto3's standard retries: its adaptive ones count by the time of day, so
    that a clock set back by an hour holds up requests for that hour. Rates are kept by work/quotas.py.

    `transcribe` and `s3` take another region than the default one for media that lies elsewhere.
    """

    def __init__(self, region: str | None = None, observer: Observer | None = None) -> None:
        self._region = region
        self._observer = observer
        self._lock = threading.Lock()
        self._session: boto3.session.Session | None = None
        self._clients: dict[tuple[str, str | None, bool], Any] = {}
        self._silent: dict[str | None, float] = {}

    @property
    def region(self) -> str:
        """The default region ("" when none is configured); raises AWSError for an AWS_PROFILE that does not exist."""
        with self._lock, aws_errors("find the AWS region"):
            return self._made_session().region_name or ""

    def transcribe(self, region: str | None = None) -> "TranscribeServiceClient":
        """The Transcribe client of a region; raises CredentialsError without region or credentials."""
        client: TranscribeServiceClient = self._client("transcribe", region)
        return client

    def starts(self, region: str | None = None) -> "TranscribeServiceClient":
        """A client for StartTranscriptionJob alone, which gives up early: the caller waits out what AWS refuses."""
        client: TranscribeServiceClient = self._client("transcribe", region, brief=True)
        return client

    def s3(self, region: str | None = None) -> "S3Client":
        """The S3 client of a region; raises CredentialsError without region or credentials."""
        client: S3Client = self._client("s3", region)
        return client

    def sts(self) -> Any:
        """The STS client, for the account id in ARNs; raises CredentialsError without region or credentials."""
        return self._client("sts", None)

    def check_credentials(self) -> None:
        """Raise CredentialsError when boto3 finds no credentials; no request is sent."""
        with self._lock, aws_errors("look for AWS credentials"):
            if self._made_session().get_credentials() is None:
                raise NoCredentialsError()

    def regions(self) -> frozenset[str]:
        """Where this boto3 knows AWS Transcribe to be, in all partitions."""
        with self._lock, aws_errors("list the regions of AWS Transcribe"):
            session = self._made_session()
            partitions = session.get_available_partitions()
            return frozenset(
                region for each in partitions for region in session.get_available_regions("transcribe", each)
            )

    def _made_session(self) -> boto3.session.Session:
        if self._session is None:
            self._session = boto3.session.Session(region_name=self._region)
        return self._session

    def _client(self, service: str, region: str | None, *, brief: bool = False) -> Any:
        if time.monotonic() < self._silent.get(region, 0.0):
            raise AWSError(
                f"AWS does not answer in {region or 'the default region'}.",
                remedy="It is asked again in a moment; check the network and AWS's status page if this lasts.",
                retryable=True,
            )
        with self._lock:
            key = (service, region, brief)
            if key not in self._clients:
                try:
                    with aws_errors(f"make a client for {service}"):
                        self._clients[key] = self._make(*key)
                except ValueError as error:  # boto3 on an endpoint without http://
                    raise AWSError(f"boto3 refuses: {error}.", remedy="Correct AWS_ENDPOINT_URL.") from error
            return self._clients[key]

    def _make(self, service: str, region: str | None, brief: bool) -> Any:
        config = Config(
            retries={"mode": "standard", "total_max_attempts": 3 if brief else 6},
            max_pool_connections=64,
            connect_timeout=5,
            read_timeout=20,
            user_agent_extra="label-studio-aws-transcribe",
        )
        client = self._made_session().client(service, region_name=region, config=config)  # type: ignore[call-overload]
        events = client.meta.events
        events.register(f"response-received.{service}", self._silence_watcher(region))
        if self._observer:
            events.register(f"response-received.{service}", _attempt_reporter(service, self._observer))
        return client

    def _silence_watcher(self, region: str | None) -> Callable[..., None]:
        """Who waits for a region that hangs keeps others from work, so only a few find out."""

        def watch(exception: Any = None, **_: Any) -> None:
            if isinstance(exception, ConnectTimeoutError | ReadTimeoutError):
                self._silent[region] = time.monotonic() + _SILENT_SECONDS

        return watch


def _attempt_reporter(service: str, observer: Observer) -> Callable[..., None]:
    def report(event_name: str, parsed_response: dict[str, Any] | None = None, exception: Any = None, **_: Any) -> None:
        error = (parsed_response or {}).get("Error", {}).get("Code", "")
        observer(service, event_name.rsplit(".", 1)[-1], error or (type(exception).__name__ if exception else ""))

    return report


def error_code(error: ClientError) -> str:
    """AWS's code of a refusal, e.g. "ConflictException" or "404"."""
    return str(error.response.get("Error", {}).get("Code", ""))


@contextmanager
def aws_errors(doing: str) -> Iterator[None]:
    """Turn boto3's exceptions into AWSError leaves; `doing` completes "cannot …"."""
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise translate(error, doing) from error


def in_words(head: Callable[[], Any], get: Callable[[], object]) -> Any:
    """The answer to a HEAD request. S3 refuses one without a word, whatever the reason: a GET request that asks for the
    same is refused with a code, which tells a wrong clock or expired credentials from a permission that is missing.

    Raises ClientError.
    """
    try:
        return head()
    except ClientError as error:
        if error_code(error) not in _WORDLESS:
            raise
    get()
    return head()  # what was in the way has passed


def head_object(client: "S3Client", **place: Any) -> Any:
    """HeadObject of `Bucket`, `Key`, `VersionId`; raises ClientError with a code that says why."""
    return in_words(
        lambda: client.head_object(**place),
        lambda: client.get_object(**place, Range="bytes=0-0")["Body"].close(),
    )


def translate(error: ClientError | BotoCoreError, doing: str) -> AWSError:
    """The AWSError of a boto3 exception, with AWS's own words and a remedy."""
    if isinstance(error, ClientError):
        return _refusal(error, doing)
    if isinstance(error, NoCredentialsError | PartialCredentialsError | CredentialRetrievalError):
        return CredentialsError(
            "No AWS credentials found.",
            remedy="Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (or give the machine a role) for the backend.",
        )
    if isinstance(error, NoRegionError):
        return CredentialsError("No AWS region is set.", remedy="Set AWS_DEFAULT_REGION for the backend.")
    problem = f"Cannot {doing}: {' '.join(str(error).split()).rstrip('.')}."
    for kind, remedy in _MISTAKES.items():
        if isinstance(error, kind):
            return AWSError(problem, remedy=remedy)
    return AWSError(problem, remedy="Check the network and AWS_ENDPOINT_URL of the backend.", retryable=True)


def _refusal(error: ClientError, doing: str) -> AWSError:
    code, message = error_code(error), error.response.get("Error", {}).get("Message", "")
    if code in _WRONG_CLOCK or message.startswith(_WRONG_TIME):
        return AWSError(
            f"AWS refuses requests with this machine's time ({code}).",
            remedy="Correct the clock of the backend's machine.",
            mended=Mended.OPERATOR,
        )
    if code in _BAD_CREDENTIALS:
        return CredentialsError(
            f"AWS does not accept the credentials ({code}).",
            remedy="Check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN of the backend.",
        )
    if code in _DENIED:
        return AccessDenied(
            f"AWS does not allow the backend to {doing} ({code}: {message}).",
            remedy="Attach deploy/iam-policy.json to the backend's user or role.",
        )
    if code in THROTTLES:
        return LimitExceeded(
            f"AWS accepts no more requests at the moment to {doing} ({code}: {message}).",
            remedy="It passes by itself; set TRANSCRIBE_START_RATE and TRANSCRIBE_MAX_JOBS to your account's quotas.",
        )
    if code == "BadRequestException" and "ocabular" in message:
        return VocabularyError(
            f"Cannot {doing}: AWS says {code}: {message}",
            remedy="Check model_vocabulary and model_vocabulary_filter in the labeling config.",
            mended=Mended.OPERATOR,
        )
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return AWSError(
        f"Cannot {doing}: AWS says {code}: {message}",
        remedy="" if status < 500 else "It usually passes; the task is tried again.",
        retryable=status >= 500,
    )
