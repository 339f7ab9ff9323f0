"""The programs that the benchmarks measure, each a real process: stand-in, Label Studio, backend."""

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import requests

from demo import programs
from demo.processes import Program, free_port, wait_until
from demo.studio import LabelStudio, label_studio, new_account
from transcribe_backend.labeling.templates import SPEECH_RECOGNITION

ROOT = Path(__file__).parents[1]
AUDIO, OUTPUT = "calls", "transcripts"
QUOTAS = ("--recognizer", "scripted", "--start-tps", "25", "--get-tps", "30", "--list-tps", "5", "--slots", "250")
"""AWS Transcribe's default quotas (facts: limits-guidelines)."""


@dataclass
class Scene:
    """A running stand-in, backend and, when asked for, Label Studio with one connected project."""

    folder: Path
    aws_url: str
    port: int
    settings: dict[str, str]
    studio: LabelStudio | None = None
    project: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def calls(self) -> dict[str, Any]:
        """What the stand-in counted."""
        counted: dict[str, Any] = requests.get(f"{self.aws_url}/_local_aws/calls", timeout=30).json()
        return counted

    def backend(self) -> Any:
        """Start the backend; a context manager."""
        return programs.backend(self.port, self.folder / f"backend-{time.time():.0f}.log", self.settings)

    def predict(self, tasks: list[dict[str, Any]], timeout: float = 120) -> list[Any]:
        """POST /predict as Label Studio does."""
        body = {"tasks": tasks, "project": self.project_id(), "label_config": SPEECH_RECOGNITION, "params": {}}
        answer = requests.post(f"{self.url}/predict", json=body, timeout=timeout)
        answer.raise_for_status()
        results: list[Any] = answer.json()["results"]
        return results

    def project_id(self) -> str:
        """`<id>.<created>` as in Label Studio's requests."""
        if self.studio is None:
            return "1.1700000000"
        from transcribe_backend.prelabeling.project import project_id

        return project_id(self.studio.call("GET", f"/api/projects/{self.project}"))

    def predictions(self) -> dict[int, int]:
        """Number of stored predictions by task."""
        assert self.studio is not None
        return {task["id"]: len(task["predictions"]) for task in self.studio.tasks(self.project)}


@contextmanager
def scene(*options: str, with_studio: bool = False, settings: dict[str, str] | None = None) -> Iterator[Scene]:
    """Start the programs; `options` are the stand-in's."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        aws_port = free_port()
        stack.enter_context(programs.stand_in(aws_port, folder / "aws.log", *options))
        aws_url = f"http://127.0.0.1:{aws_port}"
        for bucket in (AUDIO, OUTPUT):
            programs.s3_client(aws_url).create_bucket(Bucket=bucket)
        made = Scene(folder, aws_url, free_port(), {})
        made.settings = {
            **programs.aws_settings(aws_url), "S3_BUCKET": OUTPUT, "MODEL_DIR": str(folder / "model"), "WORKERS": "1",
            **(settings or {}),
        }  # fmt: skip
        if with_studio:
            made.studio = stack.enter_context(_studio(folder))
            made.settings |= {"LABEL_STUDIO_URL": made.studio.url, "LABEL_STUDIO_API_KEY": made.studio.account.token}
            made.project = made.studio.create_project("Calls")
        yield made


@contextmanager
def _studio(folder: Path) -> Iterator[LabelStudio]:
    account = new_account("bench@example.com", "benchpass1")
    template = ROOT / ".cache" / "label-studio" / "1.23.2"
    if template.exists():
        account = type(account)("admin@example.com", "adminpass1", "e2e0" * 10)
        shutil.copytree(template, folder / "label-studio")
    virtualenv = ROOT / ".venv-label-studio"
    with label_studio(virtualenv, folder / "label-studio", account, free_port(), folder / "studio.log") as running:
        yield running


def put_audio(scene: Scene, count: int, prefix: str = "call") -> list[str]:
    """`count` objects in the stand-in's S3; their URIs."""
    s3 = programs.s3_client(scene.aws_url)
    for number in range(count):
        s3.put_object(Bucket=AUDIO, Key=f"{prefix}-{number:05}.wav", Body=f"{prefix} {number}".encode())
    return [f"s3://{AUDIO}/{prefix}-{number:05}.wav" for number in range(count)]


def as_tasks(uris: list[str]) -> list[dict[str, Any]]:
    """Tasks as Label Studio sends them."""
    return [{"id": number, "data": {"audio": uri}} for number, uri in enumerate(uris, 1)]


def memory_mb(program: Program) -> float:
    """Resident memory of the largest worker below gunicorn's master, in MB."""
    workers = psutil.Process(program.process.pid).children(recursive=True)
    return max((worker.memory_info().rss for worker in workers), default=0) / 2**20


__all__ = ["AUDIO", "OUTPUT", "QUOTAS", "Scene", "as_tasks", "memory_mb", "put_audio", "scene", "wait_until"]
