"""ADAPTER: small JSON documents, in MODEL_DIR and, where there is one, in S3_BUCKET, which outlives the disk."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from transcribe_backend.aws.bucket import Bucket
from transcribe_backend.aws.clients import AWSClients
from transcribe_backend.aws.transcripts import replace_file
from transcribe_backend.errors import TrainingError
from transcribe_backend.settings import Settings


class Documents:
    """The documents of one folder, by name."""

    def __init__(self, clients: AWSClients, settings: Settings, folder: str) -> None:
        self._bucket = Bucket(clients, settings, folder)
        self._folder = settings.model_dir / folder

    def write(self, name: str, body: bytes) -> None:
        """Keep a document; raises TrainingError when there is no place for it on the disk, and AWSError."""
        self._to_disk(self._folder / name, body)
        if self._bucket:
            self._bucket.write(name, body, "application/json")

    def read(self, name: str) -> bytes | None:
        """A document: from S3_BUCKET, which all machines write to, else from the disk; None when there is none."""
        if self._bucket:
            return self._bucket.read(name)
        path = self._folder / name
        return path.read_bytes() if path.exists() else None

    def beginning(self, stem: str) -> list[bytes]:
        """All documents whose name begins so; from S3_BUCKET those that this disk has lost. Raises AWSError."""
        here: dict[str, Callable[[], bytes]] = {
            path.name: path.read_bytes for path in self._folder.glob(f"{stem}*.json") if path.is_file()
        }
        return [read() for read in ({**self._remote(stem), **here}).values()]

    def _remote(self, stem: str) -> dict[str, Callable[[], bytes]]:
        names = self._bucket.names(stem) if self._bucket else []
        return {name: partial(self._downloaded, name) for name in names}

    def _downloaded(self, name: str) -> bytes:
        return self._bucket.read(name) or b"{}"

    def _to_disk(self, path: Path, body: bytes) -> None:
        try:
            replace_file(path, body)
        except OSError as error:
            raise TrainingError(
                f"{path.name} cannot be kept: {error.strerror}.",
                remedy="Check MODEL_DIR: is it writable, is the disk full?",
            ) from error
