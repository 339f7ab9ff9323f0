"""Audio that already lies in S3: where it is, what it is, and from which region it can be transcribed."""

import hashlib
import io
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from botocore.exceptions import ClientError

from transcribe_backend.aws import addresses, length
from transcribe_backend.aws.addresses import S3Address
from transcribe_backend.aws.bucket import DENIED, MISSING, Bucket, Regions
from transcribe_backend.aws.clients import AWSClients, aws_errors, error_code, head_object
from transcribe_backend.errors import (
    AccessDenied,
    AudioError,
    AudioForbidden,
    AudioNotFound,
    AudioUnsupported,
    AWSError,
)
from transcribe_backend.settings import Settings

MAX_BYTES = 2 * 1024**3
"""AWS Transcribe's quota for one media file (docs.aws.amazon.com/transcribe/latest/dg/limits-guidelines.html)."""
MEDIA = "media"
"""Where in S3_BUCKET everything lies that AWS Transcribe cannot read in place."""
_LENGTHS = 2_000  # of two addresses each, 2.5 KB at most
_ARCHIVED = frozenset({"GLACIER", "DEEP_ARCHIVE"})


@dataclass(frozen=True, slots=True)
class Media:
    """Audio that AWS Transcribe can be pointed at.

    `uri` is its s3:// place, `region` where a job for it must run. `identity` says what it is, whatever its place:
    `s3://bucket/key#etag`, `sha256:<hex>` once staged, or the URI alone where S3 does not tell the ETag. `size` (bytes)
    and `seconds` say how much it is, as far as that is known, and not what.
    """

    uri: str
    identity: str
    region: str
    size: int = field(default=0, compare=False)
    seconds: float | None = field(default=None, compare=False)


class S3Media:
    """Turns addresses of S3 objects into Media; thread-safe."""

    def __init__(self, clients: AWSClients, settings: Settings) -> None:
        self._clients = clients
        self._settings = settings
        self._regions = Regions(clients)
        self._copies = Bucket(clients, settings, MEDIA, self._regions)
        self._seconds = lru_cache(maxsize=_LENGTHS)(self._look_at_length)

    def address(self, url: str) -> S3Address | None:
        """The S3 object that an http(s) URL points at; None when it is another URL. Raises AudioError."""
        return addresses.from_url(url, self._clients.s3().meta.endpoint_url)

    def locate(self, uri: str | S3Address) -> Media:
        """Find an object and make sure that AWS Transcribe can take it, before a job is paid.

        Raises AudioForbidden (ALLOWED_S3_BUCKETS), AudioNotFound, AudioUnsupported (empty, over 2 GB or 4 hours,
        archived), AWSError. An object whose metadata we may not read is given as its URI alone: AWS Transcribe may read
        it all the same, but not an older version.
        """
        media = self.readable(uri)
        if media:
            return media
        found = addresses.from_uri(uri) if isinstance(uri, str) else uri
        if found.version:
            raise AccessDenied(
                f"AWS does not allow the backend to look at version {found.version} of {found.uri}.",
                remedy=f"Allow s3:GetObjectVersion on bucket {found.bucket} to the backend's user or role.",
            )
        return Media(found.uri, found.uri, self._regions.of(found.bucket))

    def readable(self, uri: str | S3Address) -> Media | None:
        """Like `locate`, but None when S3 denies us the object's metadata."""
        found = addresses.from_uri(uri) if isinstance(uri, str) else uri
        self._check_policy(found)
        head = self._head(found)
        if head is None:
            return None
        _check_object(found, head)
        identity = f"{found.uri}#{head['ETag'].strip(chr(34))}"
        size = head["ContentLength"]
        seconds = self._seconds(found, identity, size) if size >= length.COULD_BE_TOO_LONG else None
        length.check(seconds, found.uri)
        return replace(self._placed(found, identity), size=size, seconds=seconds)

    def seconds(self, media: Media) -> float | None:
        """How long it lasts by its header; None where that does not tell, or we may not read it."""
        if media.seconds is None and 0 < media.size < length.COULD_BE_TOO_LONG:
            return self._seconds(addresses.from_uri(media.uri), media.identity, media.size)
        return media.seconds

    def _check_policy(self, found: S3Address) -> None:
        allowed = self._settings.allowed_s3_buckets
        if allowed and found.bucket not in allowed:
            raise AudioForbidden(
                f"{found.uri} lies in a bucket that this backend may not read.",
                remedy=f"Add {found.bucket} to ALLOWED_S3_BUCKETS if it should.",
            )

    def _head(self, found: S3Address) -> Any:
        version = {"VersionId": found.version} if found.version else {}
        try:
            with aws_errors(f"look at {found.uri}"):
                region = self._regions.of(found.bucket)
                return head_object(self._clients.s3(region), Bucket=found.bucket, Key=found.key, **version)
        except AudioNotFound as error:
            raise _not_found(found) from error
        except AWSError as error:
            cause = error.__cause__
            code = error_code(cause) if isinstance(cause, ClientError) else ""
            if code in MISSING:
                raise _not_found(found) from cause
            if code in DENIED:
                return None
            raise

    def _look_at_length(self, found: S3Address, identity: str, size: int) -> float | None:
        """Seconds by the object's header; None where it does not tell, or we may not read it: AWS judges then."""
        client = self._clients.s3(self._regions.of(found.bucket))
        where: Any = {"Bucket": found.bucket, "Key": found.key}
        if found.version:
            where["VersionId"] = found.version

        def fetch(first: int, last: int) -> bytes:
            return client.get_object(**where, Range=f"bytes={first}-{last}")["Body"].read()

        return length.of_file(io.BufferedReader(length.Ranged(fetch, size)))

    def _placed(self, found: S3Address, identity: str) -> Media:
        region, home = self._regions.of(found.bucket), self._copies.region
        if home in ("", region) and not found.version:
            return Media(found.uri, identity, region)
        self._copies.require(found.uri)
        return self._copied(found, f"{identity}?{found.version}" if found.version else identity)

    def _copied(self, found: S3Address, identity: str) -> Media:
        name = hashlib.sha256(identity.encode()).hexdigest() + _extension(found.key)
        if not self._copies.holds(name):
            self._copies.copy(found, name)
        return kept(self._copies, name, identity)


def kept(bucket: Bucket, name: str, identity: str, size: int = 0, seconds: float | None = None) -> Media:
    """The Media that lies (or will lie) in our own bucket under `name`."""
    return Media(bucket.uri(name), identity, bucket.region, size, seconds)


def _extension(key: str) -> str:
    stem, dot, extension = key.rpartition(".")
    return f".{extension.lower()}" if stem and extension.isalnum() and len(extension) <= 5 else ""


def _not_found(found: S3Address) -> AudioNotFound:
    return AudioNotFound(
        f"{found.uri}: S3 answered 404 Not Found. The S3 URI that you provided can't be accessed.",
        remedy="Check the bucket and the key in the task, and that the object has not been deleted.",
    )


def _check_object(found: S3Address, head: Any) -> None:
    size = head["ContentLength"]
    problem: AudioError | None = None
    if size == 0:
        problem = AudioUnsupported(f"{found.uri} is empty.", remedy="Upload the audio again.")
    elif size > MAX_BYTES:
        problem = AudioUnsupported(
            f"{found.uri} has {size / 1024**3:.1f} GB; AWS Transcribe accepts 2 GB at most.",
            remedy="Split the audio or compress it (FLAC, Ogg).",
        )
    elif head.get("StorageClass") in _ARCHIVED and 'ongoing-request="false"' not in head.get("Restore", ""):
        problem = AudioUnsupported(
            f"{found.uri} is archived ({head['StorageClass']}).", remedy="Restore the object in S3 first."
        )
    if problem:
        raise problem
