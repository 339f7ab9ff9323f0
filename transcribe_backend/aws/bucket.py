"""S3_BUCKET, where we and AWS Transcribe keep what is ours: its region, its encryption, and what lies in it."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from boto3.exceptions import S3UploadFailedError
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

from transcribe_backend.aws.addresses import S3Address
from transcribe_backend.aws.clients import AWSClients, aws_errors, error_code, head_object, in_words, translate
from transcribe_backend.errors import AudioForbidden, AudioNotFound, AWSError, BucketError
from transcribe_backend.memory import Memory
from transcribe_backend.settings import Settings

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

MISSING = frozenset({"404", "NotFound", "NoSuchKey", "NoSuchBucket", "NoSuchVersion"})
DENIED = frozenset({"403", "Forbidden", "AccessDenied"})
"""AWS's codes for what is not there, and for what we may not see."""
_REGION, _REGIONS = 400, 2 * 1024**2
_TRANSFER = TransferConfig(multipart_threshold=16 * 1024**2, multipart_chunksize=16 * 1024**2, max_concurrency=4)


class Regions:
    """The region of each bucket, asked once per process (of 5,000 buckets)."""

    def __init__(self, clients: AWSClients) -> None:
        self._clients = clients
        self._known: Memory[str, str] = Memory(_REGIONS)

    def of(self, bucket: str) -> str:
        """Region of `bucket`; the default region where S3 does not tell. Raises AWSError."""
        known = self._known.get(bucket)
        if known is None:
            known = self._ask(bucket) or self._clients.region
            self._known.keep(bucket, known, _REGION)
        return known

    def _ask(self, bucket: str) -> str:
        client = self._clients.s3()
        with aws_errors(f"find the region of bucket {bucket}"):
            try:
                return _region(
                    in_words(partial(_head, client, bucket), partial(client.list_objects_v2, Bucket=bucket, MaxKeys=1))
                )
            except ClientError as error:
                if error_code(error) in MISSING:
                    raise AudioNotFound(f"S3 has no bucket {bucket}.", remedy="Check the bucket's name.") from error
                if error_code(error) in DENIED:
                    return ""
                raise


def _head(client: "S3Client", bucket: str) -> Any:
    """A refusal (403) and a redirect (301) name the region as well."""
    try:
        return client.head_bucket(Bucket=bucket)
    except ClientError as error:
        if _region(error.response):
            return error.response
        raise


def _region(answer: Any) -> str:
    return str(answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("x-amz-bucket-region", ""))


class Bucket:
    """`S3_FOLDER/<folder>/` in S3_BUCKET; thread-safe. Without S3_BUCKET it is false, and holds nothing."""

    def __init__(self, clients: AWSClients, settings: Settings, folder: str, regions: Regions | None = None) -> None:
        self._clients = clients
        self._settings = settings
        self._folder = folder
        self._regions = regions or Regions(clients)

    def __bool__(self) -> bool:
        return bool(self.name)

    @property
    def name(self) -> str:
        """S3_BUCKET."""
        return self._settings.s3_bucket

    @property
    def region(self) -> str:
        """Region of S3_BUCKET, "" without one. Raises BucketError, AWSError."""
        try:
            return self._regions.of(self.name) if self.name else ""
        except AudioNotFound as error:
            raise BucketError(
                f"S3_BUCKET {self.name} does not exist.", remedy="Create it, or correct S3_BUCKET."
            ) from error

    def key(self, name: str) -> str:
        """Key of `name` in S3_BUCKET."""
        return f"{self._settings.s3_folder}/{self._folder}/{name}".lstrip("/")

    def uri(self, name: str) -> str:
        """The s3:// address of `name`."""
        return f"s3://{self.name}/{self.key(name)}"

    def require(self, audio: str) -> None:
        """Raise AudioForbidden when there is no S3_BUCKET to put `audio` into."""
        if not self:
            raise AudioForbidden(
                f"{audio} must be copied to S3 before AWS Transcribe can read it, and no S3_BUCKET is set.",
                remedy="Set S3_BUCKET to a bucket of yours, or import the audio as s3:// URIs.",
            )

    def holds(self, name: str) -> bool:
        """Whether the object is there. Raises AWSError."""
        try:
            head_object(self._client, Bucket=self.name, Key=self.key(name))
        except ClientError as error:
            if error_code(error) in MISSING | DENIED:  # 403: missing, and we may not list
                return False
            raise translate(error, f"look into S3_BUCKET {self.name}") from error
        return True

    def read(self, name: str) -> bytes | None:
        """The object; None when it is not there. Raises AWSError."""
        with aws_errors(f"read {self.uri(name)}"):
            try:
                return self._client.get_object(Bucket=self.name, Key=self.key(name))["Body"].read()
            except ClientError as error:
                if error_code(error) in MISSING:
                    return None
                raise

    def write(self, name: str, body: bytes, content_type: str) -> None:
        """Put an object there. Raises AWSError."""
        about: Any = {"ContentType": content_type, **self.encryption()}
        with aws_errors(f"write {self.uri(name)}"):
            self._client.put_object(Bucket=self.name, Key=self.key(name), Body=body, **about)

    def upload(self, path: Path, name: str, source: str) -> None:
        """Put a file there, a long one in parts; `source` names it in errors. Raises AWSError."""
        doing = f"upload {source} to S3_BUCKET {self.name}"
        try:
            with aws_errors(doing):
                self._client.upload_file(
                    str(path), self.name, self.key(name), ExtraArgs=self.encryption(), Config=_TRANSFER
                )
        except S3UploadFailedError as error:
            cause = error.__context__
            if isinstance(cause, ClientError):
                raise translate(cause, doing) from error
            raise AWSError(f"Cannot {doing}.", remedy="Check S3_BUCKET.", retryable=True) from error

    def copy(self, source: S3Address, name: str) -> None:
        """Copy an S3 object of any region here, without its bytes passing through us. Raises AWSError."""
        with aws_errors(f"copy {source.uri} to S3_BUCKET {self.name}"):
            copied: Any = {"Bucket": source.bucket, "Key": source.key}
            if source.version:
                copied["VersionId"] = source.version
            self._client.copy_object(
                Bucket=self.name,
                Key=self.key(name),
                CopySource=copied,
                TaggingDirective="REPLACE",  # else AWS asks for permissions on the source's tags
                **self.encryption(),
            )

    def names(self, stem: str) -> list[str]:
        """The objects whose name begins so. Raises AWSError."""
        with aws_errors(f"list {self.uri(stem)}*"):
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=self.key(stem))
            keys = [each["Key"] for page in pages for each in page.get("Contents", [])]
        return [key.removeprefix(self.key("")) for key in keys]

    @property
    def _client(self) -> "S3Client":
        return self._clients.s3(self.region)

    def encryption(self) -> dict[str, Any]:
        """The request parameters that encrypt an object with S3_SSE_KMS_KEY_ID."""
        if not self._settings.s3_kms_key:
            return {}
        return {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": self._settings.s3_kms_key}
