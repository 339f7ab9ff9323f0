"""ADAPTER: what each training did and why, as JSON in MODEL_DIR and, where there is one, in S3_BUCKET."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from transcribe_backend.aws.clients import AWSClients, aws_errors
from transcribe_backend.aws.media import MediaFolder
from transcribe_backend.aws.transcripts import replace_file
from transcribe_backend.errors import TrainingError
from transcribe_backend.settings import Settings

Report = dict[str, Any]


class Reports:
    """One file per training, `reports/p<project>-<time>.json`; writing it again overwrites it."""

    def __init__(self, clients: AWSClients, settings: Settings) -> None:
        self._clients = clients
        self._settings = settings
        self._home = MediaFolder(clients, settings)
        self._folder = settings.model_dir / "reports"

    def save(self, report: Report) -> None:
        """Keep a report by its `project` (`<id>.<created>`) and `asked` (Unix time). Raises TrainingError, AWSError."""
        asked = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(report["asked"]))
        name = f"p{report['project']}-{asked}.json"
        body = json.dumps(report, ensure_ascii=False, indent=1).encode()
        self._write(self._folder / name, body)
        if self._settings.s3_bucket:
            with aws_errors(f"write the report {name}"):
                self._clients.s3(self._home.region).put_object(
                    Bucket=self._settings.s3_bucket,
                    Key=self._prefix() + name,
                    Body=body,
                    ContentType="application/json",
                    **self._home.encryption(),
                )

    def all(self, project: str) -> list[Report]:
        """A project's reports, the newest first; from S3_BUCKET those that this disk has lost. Raises AWSError."""
        stem = f"p{project}-" if "." in project else f"p{project}."
        texts: dict[str, Callable[[], bytes]] = {
            path.name: path.read_bytes for path in self._folder.glob(f"{stem}*.json")
        }
        texts = {**self._remote(stem), **texts}
        reports = [json.loads(read()) for read in texts.values()]
        return sorted(reports, key=lambda report: -float(report["asked"]))

    def _remote(self, stem: str) -> dict[str, Callable[[], bytes]]:
        bucket, prefix = self._settings.s3_bucket, self._prefix() + stem
        if not bucket:
            return {}
        with aws_errors("list the training reports"):
            pages = self._clients.s3().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
            keys = [each["Key"] for page in pages for each in page.get("Contents", [])]
        return {key.rpartition("/")[2]: self._reader(bucket, key) for key in keys}

    def _reader(self, bucket: str, key: str) -> Callable[[], bytes]:
        def read() -> bytes:
            with aws_errors(f"read the report {key}"):
                return self._clients.s3().get_object(Bucket=bucket, Key=key)["Body"].read()

        return read

    def _prefix(self) -> str:
        return f"{self._settings.s3_folder}/reports/".lstrip("/")

    def _write(self, path: Path, body: bytes) -> None:
        try:
            replace_file(path, body)
        except OSError as error:
            raise TrainingError(
                f"The report {path.name} cannot be kept: {error.strerror}.",
                remedy="Check MODEL_DIR: is it writable, is the disk full?",
            ) from error
