"""The service's own bucket: transcripts without an OutputBucketName, vocabulary files; read by 15-minute URIs."""

import hashlib
import hmac
import secrets
import threading
from datetime import UTC, datetime
from urllib.parse import parse_qs, quote, urlencode

from local_aws.scheduler import Clock

LIFETIME = 900
"""Seconds that a URI stays valid."""


class Documents:
    """Documents by key, each readable only through a URI that was signed less than 15 minutes ago."""

    def __init__(self, region: str, clock: Clock) -> None:
        self.bucket = f"aws-transcribe-{region}-prod"
        self._clock = clock
        self._secret = secrets.token_bytes(32)
        self._lock = threading.Lock()
        self._contents: dict[str, bytes] = {}

    def write(self, key: str, content: bytes) -> None:
        """Keep a document until `delete`."""
        with self._lock:
            self._contents[key] = content

    def delete(self, prefix: str) -> None:
        """Forget all documents whose key begins with `prefix`."""
        with self._lock:
            self._contents = {key: value for key, value in self._contents.items() if not key.startswith(prefix)}

    def uri(self, key: str, base_url: str) -> str:
        """A fresh URI of a document; `base_url` is how the asking client reaches this server."""
        date = f"{datetime.fromtimestamp(self._clock(), UTC):%Y%m%dT%H%M%SZ}"
        query = {
            "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
            "X-Amz-Date": date,
            "X-Amz-Expires": LIFETIME,
            "X-Amz-SignedHeaders": "host",
            "X-Amz-Signature": self._signature(key, date),
        }
        return f"{base_url}/{self.bucket}/{quote(key)}?{urlencode(query)}"

    def read(self, key: str, query: str) -> bytes:
        """The document behind a URI's path and query; raises PermissionError with S3's message."""
        fields = {name: values[0] for name, values in parse_qs(query).items()}
        date = fields.get("X-Amz-Date", "")
        if not hmac.compare_digest(fields.get("X-Amz-Signature", ""), self._signature(key, date)):
            raise PermissionError("Access Denied")
        if datetime.strptime(date, "%Y%m%dT%H%M%S%z").timestamp() + LIFETIME < self._clock():
            raise PermissionError("Request has expired")
        with self._lock:
            content = self._contents.get(key)
        if content is None:
            raise PermissionError("Access Denied")
        return content

    def _signature(self, key: str, date: str) -> str:
        return hmac.new(self._secret, f"{key}\n{date}".encode(), hashlib.sha256).hexdigest()
