"""Scenes: a stand-in for AWS, a Label Studio (its double or a real one), and backends that are started and killed."""

import random
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from harness.aws import LocalAWS, local_aws
from harness.backend import Server, backend, worker
from harness.label_studio import LabelStudio, fresh_label_studio
from harness.processes import Program, free_port
from harness.protocol import SPEECH_RECOGNITION
from harness.studio_double import PROJECT, StudioDouble, studio_double
from harness.waiting import wait_until

AUDIO, OUTPUT = "calls", "transcripts"
"""Buckets: of the recordings, and S3_BUCKET."""
QUOTAS = ("--start-tps", "25", "--get-tps", "30", "--list-tps", "5", "--slots", "250")
"""AWS Transcribe's default quotas (its "Guidelines and quotas"), as flags of the stand-in."""


@dataclass
class Setting:
    """A stand-in, and the environment and address of the backends that are started beside it."""

    folder: Path
    aws: LocalAWS
    settings: dict[str, str]
    port: int = field(default_factory=free_port)
    _started: int = 0

    @property
    def url(self) -> str:
        """The server's address, the same after each start."""
        return f"http://127.0.0.1:{self.port}"

    def server(self, **settings: str) -> AbstractContextManager[Server]:
        """The server under gunicorn; keywords change its environment."""
        return backend({**self.settings, **settings}, self._log("server"), self.port)

    def worker(self, **settings: str) -> AbstractContextManager[Program]:
        """The separate worker."""
        return worker({**self.settings, **settings}, self._log("worker"))

    def put_audio(self, count: int, prefix: str = "call") -> list[str]:
        """`count` recordings in S3; their URIs."""
        keys = [f"{prefix}-{number:05}.wav" for number in range(count)]
        for key in keys:
            self.aws.s3.put_object(Bucket=AUDIO, Key=key, Body=key.encode())
        return [f"s3://{AUDIO}/{key}" for key in keys]

    def status(self) -> str:
        """The status page."""
        return requests.get(f"{self.url}/status", timeout=30).text

    def metric(self, name: str) -> float:
        """A metric of the server; 0 as long as there is none."""
        lines = requests.get(f"{self.url}/metrics", timeout=30).text.splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))

    def _log(self, name: str) -> Path:
        self._started += 1
        return self.folder / f"{name}-{self._started}.log"


@dataclass
class Scene(Setting):
    """With a double of Label Studio."""

    studio: StudioDouble = field(default_factory=StudioDouble)

    def tasks(self, count: int) -> list[dict[str, Any]]:
        """New tasks of the double, each with a recording of its own."""
        return self.studio.add_tasks(self.put_audio(count, f"call-{len(self.studio.tasks)}"))

    def predict(self, tasks: list[dict[str, Any]]) -> list[Any] | None:
        """One request, stored as Label Studio does; None when the backend dies meanwhile."""
        body = {"tasks": tasks, "project": PROJECT, "label_config": SPEECH_RECOGNITION, "params": {}}
        try:
            answer = requests.post(f"{self.url}/predict", json=body, timeout=110)
        except requests.RequestException:
            return None
        results: list[Any] = answer.json()["results"]
        self.studio.store(tasks, results)
        return results

    def ask(self, tasks: list[dict[str, Any]]) -> threading.Thread:
        """`predict` in the background."""
        thread = threading.Thread(target=self.predict, args=(tasks,), daemon=True)
        thread.start()
        return thread

    def owed(self) -> int:
        """Predictions that the backend still has to deliver."""
        return int(self.metric("transcribe_undelivered"))

    def delivered(self, tasks: list[dict[str, Any]]) -> bool:
        """Whether every task has a prediction."""
        counts = self.studio.counts()
        return all(counts.get(task["id"]) for task in tasks)

    def wait(self, tasks: list[dict[str, Any]], seconds: float) -> None:
        """Until every task has a prediction."""
        wait_until(lambda: self.delivered(tasks), seconds, "every task has a prediction")


@dataclass
class RealScene(Setting):
    """With a real Label Studio and one project in it."""

    studio: LabelStudio = field(kw_only=True)
    project: int = field(kw_only=True)

    def open(self, task: int) -> dict[str, Any]:
        """What the editor does."""
        opened: dict[str, Any] = self.studio.call("GET", f"/api/tasks/{task}")
        return opened

    def stored(self) -> Counter[int]:
        """Number of predictions by task, without asking the backend."""
        return Counter({task["id"]: len(task["predictions"]) for task in self.studio.tasks(self.project)})


@contextmanager
def scene(*flags: str, folder: Path | None = None, **settings: str) -> Iterator[Scene]:
    """Start stand-in and double; `flags` are the stand-in's, keywords change the backends' environment."""
    with _beginning(flags, folder) as (place, aws, known), studio_double() as studio:
        yield Scene(place, aws, {**known, **studio.env, **settings}, studio=studio)


@contextmanager
def real_scene(
    *flags: str, folder: Path | None = None, studio: LabelStudio | None = None, **settings: str
) -> Iterator[RealScene]:
    """The same with a real Label Studio: one that runs, or a new one with an empty database."""
    with _beginning(flags, folder) as (place, aws, known), ExitStack() as stack:
        studio = studio or stack.enter_context(fresh_label_studio(place / "label-studio", place / "label-studio.log"))
        neighbour = {"LABEL_STUDIO_URL": studio.url, "LABEL_STUDIO_API_KEY": studio.account.token}
        project = studio.create_project("Calls")
        yield RealScene(place, aws, {**known, **neighbour, **settings}, studio=studio, project=project)


@contextmanager
def _beginning(flags: tuple[str, ...], folder: Path | None) -> Iterator[tuple[Path, LocalAWS, dict[str, str]]]:
    with ExitStack() as stack:
        place = folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        aws = stack.enter_context(local_aws(*flags, log=place / "aws.log"))
        for bucket in (AUDIO, OUTPUT):
            aws.s3.create_bucket(Bucket=bucket)
        yield place, aws, {**aws.env, "S3_BUCKET": OUTPUT, "MODEL_DIR": str(place / "model"), "WORKERS": "1"}


def as_tasks(uris: list[str], first: int = 1) -> list[dict[str, Any]]:
    """Tasks as Label Studio sends them."""
    return [{"id": number, "data": {"audio": uri}} for number, uri in enumerate(uris, first)]


def killed_at_random(
    start: Callable[[], AbstractContextManager[Server | Program]],
    kills: int,
    between: tuple[float, float],
    dice: random.Random,
    begin: Callable[[], object],
) -> Iterator[None]:
    """Start, wait a random while (`between`, in seconds), kill, start again; yields with the last one running.

    `begin` is called once, when the first runs.
    """
    for number in range(kills + 1):
        with start() as started:
            if number == 0:
                begin()
            if number == kills:
                yield
                return
            time.sleep(dice.uniform(*between))
            (started.program if isinstance(started, Server) else started).kill()
