"""Every way audio gets into Label Studio, in one project: nine tasks, nine transcripts."""

import functools
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from harness import SAMPLES
from harness.aws import LocalAWS, local_aws
from harness.backend import Server
from harness.label_studio import LabelStudio
from harness.transcripts import row, word_error_rate
from tests.e2e.projects import BUCKET

REFERENCES: dict[str, str] = json.loads((SAMPLES / "refs.json").read_text())
AUSTEN = "sense_and_sensibility_01_austen_64kb-0"
PRESIGNED, PROXIED = "their-presigned-storage", "their-proxied-storage"


class QuietHandler(SimpleHTTPRequestHandler):
    """Files of a folder, without a log."""

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


@contextmanager
def web_server(folder: Path) -> Iterator[str]:
    """A plain web server; yields host:port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(QuietHandler, directory=folder))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def foreign_s3(log_file: Callable[[str], Path]) -> Iterator[str]:
    """Another AWS account's S3, which Label Studio may read and the backend may not; yields its URL."""
    held = {PRESIGNED: (f"{AUSTEN}920.wav", f"{AUSTEN}930.wav"), PROXIED: ("jfk.wav",)}
    with local_aws(log=log_file("foreign-s3")) as foreign:
        for bucket, names in held.items():
            foreign.s3.create_bucket(Bucket=bucket)
            for name in names:
                foreign.s3.upload_file(str(SAMPLES / name), bucket, name)
        yield foreign.url


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder that Label Studio serves as local files, and a web server as web pages."""
    for folder, names in {"listed": (f"{AUSTEN}880.wav",), "synced": (f"{AUSTEN}890.wav",)}.items():
        (tmp_path / "files" / folder).mkdir(parents=True)
        for name in names:
            (tmp_path / "files" / folder / name).write_bytes((SAMPLES / name).read_bytes())
    (tmp_path / "files" / "some dir").mkdir()
    (tmp_path / "files" / "some dir" / "goforward.wav").write_bytes((SAMPLES / "goforward.wav").read_bytes())
    return tmp_path / "files"


def add_storage(studio: LabelStudio, kind: str, storage: Mapping[str, Any], *, sync: bool) -> None:
    made = studio.call("POST", f"/api/storages/{kind}", json=storage)
    if sync:
        studio.call("POST", f"/api/storages/{kind}/{made['id']}/sync")


def foreign_storage(project: int, url: str, bucket: str, *, presign: bool) -> dict[str, Any]:
    return {
        "project": project,
        "title": bucket,
        "bucket": bucket,
        "s3_endpoint": url,
        "aws_access_key_id": "foreign",
        "aws_secret_access_key": "foreign-secret",
        "region_name": "us-east-1",
        "use_blob_urls": True,
        "presign": presign,
        "presign_ttl": 60,
    }


def name_of(task: Mapping[str, Any]) -> str:
    """The sample behind a task's audio."""
    value = task["data"]["audio"].partition("?x=")[0]
    return next(name for name in REFERENCES if value.endswith(name))


def named(task: Mapping[str, Any]) -> dict[str, Any]:
    return {**task, "data": {"file": name_of(task)}}


def test_nine_tasks_that_came_in_by_all_ways_are_transcribed(
    start_label_studio: Callable[..., AbstractContextManager[LabelStudio]],
    stand_in: LocalAWS,
    start_backend: Callable[..., Server],
    foreign_s3: str,
    files: Path,
) -> None:
    local = {"LOCAL_FILES_SERVING_ENABLED": "true", "LOCAL_FILES_DOCUMENT_ROOT": str(files)}
    with start_label_studio(**local) as studio, web_server(files) as host:
        project = studio.create_project("All ways")
        with (SAMPLES / f"{AUSTEN}870.wav").open("rb") as sample:
            studio.call("POST", f"/api/projects/{project}/import", files={f"{AUSTEN}870.wav": sample})
        values = [
            f"s3://{BUCKET}/cards_001.wav",
            f"http://{host}/some dir/goforward.wav?x=1",
            f"{stand_in.url}/{BUCKET}/cards_003.wav",
            f"/data/local-files/?d=listed/{AUSTEN}880.wav",
        ]
        studio.import_tasks(project, [{"audio": value} for value in values])
        for folder in ("listed", "synced"):
            storage = {"project": project, "path": str(files / folder), "use_blob_urls": True, "regex_filter": ".*wav"}
            add_storage(studio, "localfiles", storage, sync=folder == "synced")
        for bucket, presign in ((PRESIGNED, True), (PROXIED, False)):
            add_storage(studio, "s3", foreign_storage(project, foreign_s3, bucket, presign=presign), sync=True)
        backend = start_backend(
            LABEL_STUDIO_URL=studio.url,
            LABEL_STUDIO_API_KEY=studio.account.token,
            ALLOWED_AUDIO_HOSTS=f"{host},{foreign_s3.removeprefix('http://')}",
        )
        studio.connect_backend(project, backend.url)
        studio.retrieve_predictions(project)

        tasks = studio.tasks(project)
        assert len(tasks) == 9
        rows = [row(named(task), REFERENCES[name_of(task)]) for task in tasks]
        assert all(each.confidence for each in rows), [each for each in rows if not each.confidence]
        assert word_error_rate(rows) <= 0.1
