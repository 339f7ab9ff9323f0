"""Whatever process dies, every task ends with exactly one prediction, and no audio is paid twice."""

import random
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from harness.postgres import postgres
from harness.scene import Scene, killed_at_random, scene
from harness.waiting import wait_until

pytestmark = pytest.mark.slow
TASKS, LATENCY = 60, "3"
NASTY, CALM = ("--nasty",), ("--answer-latency", "0")
"""Lists and transcripts that lag, throttles, errors: all at once (local_aws/weather.py); or none of it."""
PATIENCE = 150  # seconds: an item is taken over 12 s after its process died, a push that was not answered after 90 s


@pytest.fixture
def begin(tmp_path: Path) -> Callable[..., AbstractContextManager[Scene]]:
    def make(*weather: str, **settings: str) -> AbstractContextManager[Scene]:
        flags = weather or NASTY
        return scene(*flags, "--latency", LATENCY, folder=tmp_path, **{"PREDICT_WAIT_SECONDS": "20", **settings})

    return make


def one_each(scene: Scene, tasks: list[dict[str, Any]]) -> None:
    """Every task has one prediction, and every audio was started once."""
    scene.wait(tasks, PATIENCE)
    wait_until(lambda: scene.owed() == 0, PATIENCE, "no delivery waits any more")
    once_each(scene, tasks)


def once_each(scene: Scene, tasks: list[dict[str, Any]]) -> None:
    """No more, at least so far."""
    assert scene.studio.counts() == {task["id"]: 1 for task in tasks}
    scene.aws.switch(nasty=False)
    assert len(scene.aws.jobs()) == len(tasks)


@pytest.mark.parametrize(("seed", "weather"), [(1, CALM), (2, NASTY)])
def test_the_server_is_killed_at_random_moments(begin: Callable[..., Any], seed: int, weather: tuple[str, ...]) -> None:
    dice = random.Random(seed)  # noqa: S311 - repeatable, not secret
    with begin(*weather) as scene:
        tasks = scene.tasks(TASKS)

        def ask() -> None:
            scene.ask(tasks)
            wait_until(lambda: scene.owed() == TASKS, 30, "all tasks are recorded")

        for _ in killed_at_random(scene.server, 3, (0.1, 6), dice, ask):
            one_each(scene, tasks)
        assert weather == NASTY or scene.aws.count("StartTranscriptionJob") == TASKS


def test_a_worker_is_killed_beside_the_server(begin: Callable[..., Any]) -> None:
    dice = random.Random(3)  # noqa: S311 - repeatable, not secret
    with postgres() as queue, begin(QUEUE_URL=queue, PREDICT_WAIT_SECONDS="1") as scene, scene.server():
        tasks = scene.tasks(TASKS)

        def ask() -> None:
            assert scene.predict(tasks) == [[]] * TASKS

        for _ in killed_at_random(scene.worker, 3, (0.5, 4), dice, ask):
            one_each(scene, tasks)


def test_the_server_dies_and_the_worker_takes_over(begin: Callable[..., Any]) -> None:
    with postgres() as queue, begin(QUEUE_URL=queue) as scene, scene.worker():
        tasks = scene.tasks(TASKS)
        with scene.server() as server:
            scene.ask(tasks)
            wait_until(lambda: scene.owed() == TASKS, 30, "all tasks are recorded")
            server.program.kill()
        scene.wait(tasks, PATIENCE)
        once_each(scene, tasks)


def test_label_studio_is_away_while_jobs_finish(begin: Callable[..., Any]) -> None:
    with begin(PREDICT_WAIT_SECONDS="1") as scene, scene.server():
        tasks = scene.tasks(TASKS)
        scene.predict(tasks)
        scene.studio.down()
        wait_until(lambda: len(scene.aws.jobs(Status="COMPLETED")) == TASKS, 60, "all jobs have ended")
        wait_until(lambda: "Label Studio does not answer" in scene.status(), 30, "the status page says why they wait")
        scene.studio.up()
        one_each(scene, tasks)


def test_two_workers_push_once(begin: Callable[..., Any]) -> None:
    with begin(PREDICT_WAIT_SECONDS="1", WORKERS="2") as scene, scene.server():
        tasks = scene.tasks(TASKS)
        threads = [scene.ask(tasks) for _ in range(4)]
        for thread in threads:
            thread.join()
        one_each(scene, tasks)
