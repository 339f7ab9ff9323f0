"""The S3 that the stand-in's Transcribe reads and writes: moto's, in the same process."""

import re
from typing import Any
from urllib.parse import unquote, urlsplit

from moto.core.exceptions import ServiceException
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends
from moto.utilities.utils import get_partition

ACCOUNT = str(DEFAULT_ACCOUNT_ID)

_VIRTUAL_HOST = re.compile(r"(?P<bucket>.+)\.s3[.-][a-z0-9.-]*amazonaws\.com(\.cn)?")
_PATH_HOST = re.compile(
    r"s3[.-][a-z0-9.-]*amazonaws\.com(\.cn)?|[0-9.]+|[a-z0-9-]+"
)  # or this server, by number or name


def bucket_and_key(uri: str) -> tuple[str, str] | None:
    """Where an `s3://` URI, or an `https://` one in virtual-host or path style, points; None if at no object."""
    parts = urlsplit(uri)
    if parts.scheme == "s3":
        bucket, key = parts.netloc, uri.removeprefix(f"s3://{parts.netloc}").removeprefix("/")
    elif match := _VIRTUAL_HOST.fullmatch(parts.hostname or ""):
        bucket, key = match["bucket"], unquote(parts.path.removeprefix("/"))
    elif not _PATH_HOST.fullmatch(parts.hostname or ""):
        return None
    else:
        bucket, _, key = unquote(parts.path.removeprefix("/")).partition("/")
    return (bucket, key) if bucket and key else None


def partition(region: str) -> str:
    """`aws`, `aws-us-gov`, `aws-cn`: what the region's ARNs begin with, and where its buckets have their names."""
    return str(get_partition(region))


class Storage:
    """Objects and buckets of the account, in the partition of a region."""

    def __init__(self, region: str) -> None:
        self._partition = partition(region)

    def region(self, bucket: str) -> str | None:
        """The region of a bucket; None when there is no such bucket."""
        found = self._backend().buckets.get(bucket)
        return str(found.region_name) if found else None

    def holds(self, bucket: str, key: str) -> bool:
        """Is there such an object?"""
        return self._object(bucket, key) is not None

    def read(self, bucket: str, key: str) -> bytes | None:
        """The object's content; None when there is no such object."""
        found = self._object(bucket, key)
        return bytes(found.value) if found else None

    def metadata(self, bucket: str, key: str) -> dict[str, str]:
        """What `x-amz-meta-` headers said of an object that is there."""
        return dict(self._object(bucket, key).metadata)

    def write(self, bucket: str, key: str, content: bytes) -> None:
        """Put an object into an existing bucket."""
        self._backend().put_object(bucket, key, content)

    def _object(self, bucket: str, key: str) -> Any:
        try:
            found = self._backend().get_object(bucket, key)
        except ServiceException:
            return None
        return found if hasattr(found, "value") else None  # a delete marker has none

    def _backend(self) -> Any:
        return s3_backends[ACCOUNT][self._partition]
