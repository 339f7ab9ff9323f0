"""Real Label Studio: what is imported is prelabeled before anybody opens it, and stored once however it is opened."""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from demo import programs
from demo.processes import free_port, wait_until
from demo.studio import LabelStudio

AUDIO, TASKS = "imported", 50


@dataclass(frozen=True)
class Connected:
    """A project whose backend works for a quick AWS."""

    studio: LabelStudio
    project: int
    aws_url: str

    def put(self, *keys: str) -> list[dict[str, str]]:
        """Audio in S3; returns the data of its tasks."""
        s3 = programs.s3_client(self.aws_url)
        for key in keys:
            s3.put_object(Bucket=AUDIO, Key=key, Body=key.encode())
        return [{"audio": f"s3://{AUDIO}/{key}"} for key in keys]

    def stored(self) -> Counter[int]:
        """Number of predictions by task, without asking the backend."""
        tasks = self.studio.tasks(self.project)
        return Counter({task["id"]: len(task["predictions"]) for task in tasks})

    def open(self, task: int) -> dict[str, Any]:
        """What the editor does."""
        opened: dict[str, Any] = self.studio.call("GET", f"/api/tasks/{task}")
        return opened

    def starts(self) -> int:
        """How many jobs were started."""
        calls = requests.get(f"{self.aws_url}/_local_aws/calls", timeout=10).json()
        return int(calls["transcribe"].get("StartTranscriptionJob", 0))


@pytest.fixture
def connect(studio: LabelStudio, log_file: Callable[[str], Path], tmp_path: Path) -> Iterator[Callable[..., Any]]:
    with ExitStack() as stack:

        def make(latency: float, **settings: str) -> Connected:
            port = free_port()
            options = ("--recognizer", "scripted", "--latency", str(latency))
            stack.enter_context(programs.stand_in(port, log_file("quick-aws"), *options))
            aws_url = f"http://127.0.0.1:{port}"
            for bucket in (AUDIO, "output"):
                programs.s3_client(aws_url).create_bucket(Bucket=bucket)
            known = {"LABEL_STUDIO_URL": studio.url, "LABEL_STUDIO_API_KEY": studio.account.token, "WORKERS": "2"}
            place = {"S3_BUCKET": "output", "MODEL_DIR": str(tmp_path / "model")}
            port = free_port()
            env = {**programs.aws_settings(aws_url), **known, **place, **settings}
            stack.enter_context(programs.backend(port, log_file("backend"), env))
            project = studio.create_project("Background")
            studio.connect_backend(project, f"http://127.0.0.1:{port}")
            return Connected(studio, project, aws_url)

        yield make


def test_an_import_is_prelabeled_though_nobody_asks(connect: Callable[..., Connected]) -> None:
    scene = connect(2)
    scene.studio.import_tasks(scene.project, scene.put(*(f"import-{number}.wav" for number in range(TASKS))))
    wait_until(lambda: scene.starts() == TASKS, 60, "all jobs are started")
    wait_until(lambda: sum(scene.stored().values()) >= TASKS, 60, "all predictions are there", 0.5)
    tasks = sorted(scene.stored())
    with ThreadPoolExecutor(3) as pool:
        opened = list(pool.map(scene.open, tasks[:3] * 2))
    assert all(task["predictions"][0]["result"][0]["value"]["text"] == ["import."] for task in opened)
    assert scene.stored() == {task: 1 for task in tasks}
    scene.studio.retrieve_predictions(scene.project)
    assert scene.stored() == {task: 1 for task in tasks}
    assert scene.starts() == TASKS


def test_three_people_open_a_fresh_task(connect: Callable[..., Connected]) -> None:
    scene = connect(2, PREFETCH_MAX_TASKS="0")
    scene.studio.import_tasks(scene.project, scene.put("fresh-a.wav", "fresh-b.wav"))
    for task in sorted(scene.stored()):
        with ThreadPoolExecutor(3) as pool:
            opened = list(pool.map(scene.open, [task] * 3))
        assert scene.stored()[task] == 1
        seen = [bool(each["predictions"]) for each in opened]
        assert all(seen), "everybody sees it"


def test_retrieving_while_the_import_is_prelabeled_stores_each_once(connect: Callable[..., Connected]) -> None:
    scene = connect(1, PREDICT_WAIT_SECONDS="3")
    scene.studio.import_tasks(scene.project, scene.put(*(f"both-{number}.wav" for number in range(TASKS))))
    wait_until(lambda: any(scene.stored().values()), 60, "the first prediction is pushed")
    scene.studio.retrieve_predictions(scene.project)
    wait_until(lambda: len(+scene.stored()) == TASKS, 60, "all predictions are there", 0.5)
    scene.studio.retrieve_predictions(scene.project)
    assert set(scene.stored().values()) == {1}
