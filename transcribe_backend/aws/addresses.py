"""The many ways to write down one S3 object, read without asking anybody."""

import re
from dataclasses import dataclass, replace
from urllib.parse import SplitResult, parse_qs, unquote, unquote_plus, urlsplit

from transcribe_backend.errors import AudioError

_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]", re.ASCII)
DOMAINS = (
    "amazonaws.com", "amazonaws.com.cn", "amazonaws.eu", "c2s.ic.gov", "sc2s.sgov.gov", "cloud.adc-e.uk",
    "csp.hci.ic.gov",
)  # fmt: skip
"""Where the services of AWS's partitions are (checked in a test against botocore's list)."""
_AWS_HOST = re.compile(
    r"(?:(?P<bucket>[a-z0-9._-]+)\.)?s3(?:-external-1|-fips|-accelerate)?(?:\.dualstack)?"
    rf"(?:[.-][a-z]{{2,4}}(?:-[a-z]+)+-\d+)?\.(?:{'|'.join(map(re.escape, DOMAINS))})",
    re.ASCII,
)
_SIGNATURES = ("X-Amz-Signature", "Signature")


@dataclass(frozen=True, slots=True)
class S3Address:
    """An S3 object; `version` is "" for the current one, `signed` says that the URL carried a signature."""

    bucket: str
    key: str
    version: str = ""
    signed: bool = False

    @property
    def uri(self) -> str:
        """As AWS Transcribe wants it."""
        return f"s3://{self.bucket}/{self.key}"


def from_uri(uri: str) -> S3Address:
    """Read `s3://bucket/key`; the key is taken verbatim, `?` and `#` belong to it. Raises AudioError."""
    bucket, _, key = uri[len("s3://") :].partition("/")
    if not _BUCKET.fullmatch(bucket):
        shown = bucket.rpartition("@")[2]  # before an @ may stand a secret
        raise AudioError(f"'s3://{shown}/{key}' names no valid S3 bucket.", remedy="Write s3://bucket/key.")
    if not key or key.endswith("/"):
        raise AudioError(f"{uri!r} names no S3 object.", remedy="Write s3://bucket/key.")
    if not key.isprintable() or any(part in (".", "..") for part in key.split("/")):
        raise AudioError(f"{uri!r} holds control characters or dot segments.", remedy="Rename the object.")
    return S3Address(bucket, key)


def from_url(url: str, endpoint: str = "") -> S3Address | None:
    """Read an https URL of S3, virtual-host or path style, or of `endpoint` (an S3-compatible server's base URL).

    None when it is some other URL; raises AudioError for an impossible key.
    Formats: docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html.
    """
    parts = urlsplit(url)
    found = _of_aws(parts) or _of_endpoint(parts, urlsplit(endpoint))
    if not found or not _BUCKET.fullmatch(found[0]) or not found[1]:
        return None
    query = parse_qs(parts.query)
    version, signed = query.get("versionId", [""])[0], any(name in query for name in _SIGNATURES)
    return replace(from_uri(f"s3://{found[0]}/{found[1]}"), version=version, signed=signed)


def _of_aws(parts: SplitResult) -> tuple[str, str] | None:
    match = _AWS_HOST.fullmatch(parts.hostname or "")
    if not match or parts.port not in (None, 80, 443):
        return None
    # S3 takes a plus sign in a path for a blank, and its console writes it so.
    return _bucket_and_key(match["bucket"] or "", unquote_plus(parts.path))


def _of_endpoint(parts: SplitResult, endpoint: SplitResult) -> tuple[str, str] | None:
    host, own = parts.hostname or "", endpoint.hostname or ""
    if not own or _port(parts) != _port(endpoint):
        return None
    if host == own:
        return _bucket_and_key("", unquote(parts.path))
    return _bucket_and_key(host.removesuffix(f".{own}"), unquote(parts.path)) if host.endswith(f".{own}") else None


def _bucket_and_key(bucket: str, path: str) -> tuple[str, str]:
    path = path.removeprefix("/")
    if bucket:
        return bucket, path
    bucket, _, key = path.partition("/")
    return bucket, key


def _port(parts: SplitResult) -> int:
    return parts.port or (443 if parts.scheme == "https" else 80)
