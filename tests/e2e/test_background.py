"""Real Label Studio: what is imported is prelabeled before anybody opens it, and stored once however it is opened."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from harness.label_studio import LabelStudio
from harness.scene import RealScene, real_scene
from harness.waiting import wait_until

TASKS = 50


@pytest.fixture
def connect(studio: LabelStudio, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Starts a project whose backend works for an AWS on a bad day; keywords are environment variables."""
    with ExitStack() as stack:

        def make(latency: float, **settings: str) -> RealScene:
            scene = stack.enter_context(
                real_scene(
                    "--nasty", "--latency", str(latency), folder=tmp_path, studio=studio, WORKERS="2", **settings
                )
            )
            stack.enter_context(scene.server())
            studio.connect_backend(scene.project, scene.url)
            return scene

        yield make


def import_audio(scene: RealScene, count: int, prefix: str) -> None:
    """Tasks for new recordings."""
    scene.studio.import_tasks(scene.project, [{"audio": uri} for uri in scene.put_audio(count, prefix)])


def test_an_import_is_prelabeled_though_nobody_asks(connect: Callable[..., RealScene]) -> None:
    scene = connect(2)
    import_audio(scene, TASKS, "import")
    wait_until(lambda: scene.aws.count("StartTranscriptionJob") == TASKS, 60, "all jobs are started")
    wait_until(lambda: sum(scene.stored().values()) >= TASKS, 60, "all predictions are there", 0.5)
    tasks = sorted(scene.stored())
    with ThreadPoolExecutor(3) as pool:
        opened = list(pool.map(scene.open, tasks[:3] * 2))
    assert all(task["predictions"][0]["result"][0]["value"]["text"] == ["import."] for task in opened)
    assert scene.stored() == {task: 1 for task in tasks}
    scene.studio.retrieve_predictions(scene.project)
    assert scene.stored() == {task: 1 for task in tasks}
    assert scene.aws.count("StartTranscriptionJob") == TASKS


def test_three_people_open_a_fresh_task(connect: Callable[..., RealScene]) -> None:
    scene = connect(2, PREFETCH_MAX_TASKS="0")
    import_audio(scene, 2, "fresh")
    for task in sorted(scene.stored()):
        with ThreadPoolExecutor(3) as pool:
            opened = list(pool.map(scene.open, [task] * 3))
        assert scene.stored()[task] == 1
        seen = [bool(each["predictions"]) for each in opened]
        assert all(seen), "everybody sees it"


def test_retrieving_while_the_import_is_prelabeled_stores_each_once(connect: Callable[..., RealScene]) -> None:
    scene = connect(1, PREDICT_WAIT_SECONDS="3")
    import_audio(scene, TASKS, "both")
    wait_until(lambda: any(scene.stored().values()), 60, "the first prediction is pushed")
    scene.studio.retrieve_predictions(scene.project)
    wait_until(lambda: len(+scene.stored()) == TASKS, 60, "all predictions are there", 0.5)
    scene.studio.retrieve_predictions(scene.project)
    assert set(scene.stored().values()) == {1}
