"""Finished transcripts: in memory, on disk, and in S3_BUCKET where AWS Transcribe wrote them."""

import gzip
import json
import os
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from transcribe_backend.aws.clients import AWSClients, aws_errors, error_code, head_object
from transcribe_backend.errors import TranscriptError
from transcribe_backend.memory import Memory
from transcribe_backend.settings import Settings
from transcribe_backend.speech.transcript import Transcript, parse

REDACTED = "ls-redacted-"
"""How the names of jobs begin whose output is redacted."""
_IN_MEMORY = 40 * 1024**2
_ENDS_IN_MEMORY, _END_SIZE = 8 * 1024**2, 256
_SIZE = 2  # bytes of a transcript for each byte of its document: 300 a word, by measuring
_MISSING = frozenset({"NoSuchKey", "404", "NotFound"})


class TranscriptStore:
    """Transcripts by job name. Memory and disk are caches: both may be deleted at any time."""

    def __init__(self, clients: AWSClients, settings: Settings) -> None:
        self._clients = clients
        self._settings = settings
        self._folder = settings.model_dir / "transcripts"
        self._memory: Memory[str, Transcript] = Memory(_IN_MEMORY)
        self._ends: Memory[str, float] = Memory(_ENDS_IN_MEMORY)

    def key(self, name: str) -> str:
        """Key in S3_BUCKET that AWS Transcribe is told to write this job's output to."""
        return f"{self._settings.s3_folder}/transcripts/{name}.json".lstrip("/")

    def has(self, name: str) -> bool:
        """Whether memory or disk holds it; no request is sent."""
        return name in self._memory or self._path(name).exists()

    def get(self, name: str) -> Transcript:
        """The transcript of a job that `has` it; raises TranscriptError when it is unreadable or gone."""
        return self._memory.get(name) or self._read(name)

    def end(self, name: str) -> float:
        """When the last word of a transcript ends (seconds), 0 where this process has not read it."""
        return self._ends.get(name) or 0.0

    def made_at(self, name: str, region: str | None = None) -> float | None:
        """When (Unix time) AWS wrote the output into S3_BUCKET; without one, when it came to this disk."""
        for key in self._keys(name) if self._settings.s3_bucket else ():
            if written := self._written(key, region):
                return written
        path = self._path(name)
        return path.stat().st_mtime if path.exists() else None

    def put(self, name: str, document: bytes) -> None:
        """Keep AWS's output document; raises TranscriptError when it is not one."""
        transcript = parse(_decode(document))
        self._write(name, document)
        self._remember(name, transcript, len(document))

    def fetch(self, name: str, region: str | None = None) -> bool:
        """Look into S3_BUCKET; False when the output is not there or there is no bucket."""
        if not self._settings.s3_bucket:
            return False
        for key in self._keys(name):
            document = self._download(key, region)
            if document is not None:
                self.put(name, document)
                return True
        return False

    def _keys(self, name: str) -> Iterator[str]:
        """Where the output may be: redacted, it is given a name of its own (AWS Transcribe, pii-redaction-output)."""
        folder, _, file = self.key(name).rpartition("/")
        if name.startswith(REDACTED):
            yield f"{folder}/redacted-{file}"
        yield self.key(name)

    def _download(self, key: str, region: str | None) -> bytes | None:
        with aws_errors(f"read s3://{self._settings.s3_bucket}/{key}"):
            try:
                answer = self._clients.s3(region).get_object(Bucket=self._settings.s3_bucket, Key=key)
                return answer["Body"].read()
            except ClientError as error:
                if error_code(error) in _MISSING:
                    return None
                raise

    def _written(self, key: str, region: str | None) -> float | None:
        with aws_errors(f"look at s3://{self._settings.s3_bucket}/{key}"):
            try:
                head = head_object(self._clients.s3(region), Bucket=self._settings.s3_bucket, Key=key)
            except ClientError as error:
                if error_code(error) in _MISSING:
                    return None
                raise
        return float(head["LastModified"].timestamp())

    def _path(self, name: str) -> Path:
        return self._folder / name[3:5] / f"{name}.json.gz"

    def _read(self, name: str) -> Transcript:
        path = self._path(name)
        try:
            document = gzip.decompress(path.read_bytes())
            transcript = parse(_decode(document))
        except (OSError, EOFError, zlib.error, TranscriptError) as error:
            with suppress(OSError):
                path.unlink()
            raise TranscriptError(f"The cached transcript {name} is damaged or gone.", retryable=True) from error
        self._remember(name, transcript, len(document))
        return transcript

    def _remember(self, name: str, transcript: Transcript, size: int) -> None:
        self._memory.keep(name, transcript, size * _SIZE)
        self._ends.keep(name, transcript.end, _END_SIZE)

    def _write(self, name: str, document: bytes) -> None:
        try:
            replace_file(self._path(name), gzip.compress(document, compresslevel=3))
        except OSError as error:
            raise TranscriptError(
                f"The transcript {name} cannot be kept: {error.strerror}.",
                remedy="Check MODEL_DIR: is it writable, is the disk full?",
                retryable=True,
            ) from error


def replace_file(path: Path, content: bytes) -> None:
    """Write a file that is never seen half-written, and leave nothing behind when that fails; raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.replace(temporary, path)
    except OSError:
        Path(temporary).unlink(missing_ok=True)
        raise


def _decode(document: bytes) -> dict[str, Any]:
    try:
        decoded = json.loads(document)
    except ValueError as error:
        raise TranscriptError("The job's output is not JSON.") from error
    if not isinstance(decoded, dict):
        raise TranscriptError("The job's output is not a JSON object.")
    return decoded
