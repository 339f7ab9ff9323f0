"""ADAPTER: small JSON documents, in MODEL_DIR and, where there is one, in S3_BUCKET, which outlives the disk."""

from collections.abc import Callable
from pathlib import Path

from botocore.exceptions import ClientError

from transcribe_backend.aws.clients import AWSClients, aws_errors, error_code
from transcribe_backend.aws.media import MediaFolder
from transcribe_backend.aws.transcripts import replace_file
from transcribe_backend.errors import TrainingError
from transcribe_backend.settings import Settings

_MISSING = frozenset({"NoSuchKey", "404", "NotFound"})


class Documents:
    """The documents of one folder, by name."""

    def __init__(self, clients: AWSClients, settings: Settings, folder: str) -> None:
        self._clients = clients
        self._settings = settings
        self._home = MediaFolder(clients, settings)
        self._folder = settings.model_dir / folder
        self._prefix = f"{settings.s3_folder}/{folder}/".lstrip("/")

    def write(self, name: str, body: bytes) -> None:
        """Keep a document; raises TrainingError when there is no place for it on the disk, and AWSError."""
        self._to_disk(self._folder / name, body)
        if self._settings.s3_bucket:
            with aws_errors(f"write {name}"):
                self._clients.s3(self._home.region).put_object(
                    Bucket=self._settings.s3_bucket,
                    Key=self._prefix + name,
                    Body=body,
                    ContentType="application/json",
                    **self._home.encryption(),
                )

    def read(self, name: str) -> bytes | None:
        """A document: from S3_BUCKET, which all machines write to, else from the disk; None when there is none."""
        if self._settings.s3_bucket:
            return self._downloaded(self._prefix + name)
        path = self._folder / name
        return path.read_bytes() if path.exists() else None

    def beginning(self, stem: str) -> list[bytes]:
        """All documents whose name begins so; from S3_BUCKET those that this disk has lost. Raises AWSError."""
        here: dict[str, Callable[[], bytes]] = {
            path.name: path.read_bytes for path in self._folder.glob(f"{stem}*.json") if path.is_file()
        }
        return [read() for read in ({**self._remote(stem), **here}).values()]

    def _remote(self, stem: str) -> dict[str, Callable[[], bytes]]:
        if not self._settings.s3_bucket:
            return {}
        with aws_errors("list the training reports"):
            pages = (
                self._clients.s3()
                .get_paginator("list_objects_v2")
                .paginate(Bucket=self._settings.s3_bucket, Prefix=self._prefix + stem)
            )
            keys = [each["Key"] for page in pages for each in page.get("Contents", [])]
        return {key.rpartition("/")[2]: self._reader(key) for key in keys}

    def _reader(self, key: str) -> Callable[[], bytes]:
        return lambda: self._downloaded(key) or b"{}"

    def _downloaded(self, key: str) -> bytes | None:
        with aws_errors(f"read s3://{self._settings.s3_bucket}/{key}"):
            try:
                return self._clients.s3().get_object(Bucket=self._settings.s3_bucket, Key=key)["Body"].read()
            except ClientError as error:
                if error_code(error) in _MISSING:
                    return None
                raise

    def _to_disk(self, path: Path, body: bytes) -> None:
        try:
            replace_file(path, body)
        except OSError as error:
            raise TrainingError(
                f"{path.name} cannot be kept: {error.strerror}.",
                remedy="Check MODEL_DIR: is it writable, is the disk full?",
            ) from error
