"""`python -m benchmarks.replicas [SEED …]`: a real Label Studio, and replicas of the backend that are killed.

Two servers behind nginx and two workers share a PostgreSQL; for three minutes one of the four processes is killed every
3 to 9 seconds and started again. Meanwhile 500 tasks are imported and three people open some at random. Then: one
prediction per task, one job per audio. The seeds are 1, 2 and 3; about six minutes each. `--seconds N` shortens the
time of killing.
"""

import argparse
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass, field
from typing import Any

import requests

from harness.backend import Server
from harness.nginx import nginx
from harness.postgres import postgres
from harness.processes import Program, ProgramError, free_port
from harness.scene import QUOTAS, RealScene, real_scene
from harness.waiting import wait_until

TASKS, PEOPLE = 500, 3
LATENCY = "8"
_PATIENCE = 600


@dataclass
class Replica:
    """A process that is started again whenever it was killed."""

    start: Callable[[], AbstractContextManager[Server | Program]]
    running: ExitStack = field(default_factory=ExitStack)
    program: Program | None = None

    def up(self) -> None:
        """Start it, after whatever was left of the last one is gone."""
        with suppress(ProgramError):
            self.running.close()
        started = self.running.enter_context(self.start())
        self.program = started.program if isinstance(started, Server) else started


def main() -> int:
    """Print PASS or FAIL for each seed and promise; 1 when one is not kept."""
    parser = argparse.ArgumentParser(description="Replicas that are killed all the time, with a real Label Studio")
    parser.add_argument("seeds", nargs="*", type=int, default=[1, 2, 3])
    parser.add_argument("--seconds", type=int, default=180, help="how long processes are killed [180]")
    arguments = parser.parse_args()
    return 0 if all([run(seed, arguments.seconds) for seed in arguments.seeds]) else 1


def run(seed: int, seconds: int) -> bool:
    """One campaign."""
    dice = random.Random(seed)  # noqa: S311 - repeatable, not secret
    with postgres() as store, real_scene(*QUOTAS, "--latency", LATENCY, QUEUE_URL=store) as scene, ExitStack() as stack:
        ports = [free_port(), free_port()]
        replicas = [Replica(_server(scene, port)) for port in ports] + [Replica(scene.worker) for _ in range(2)]
        for replica in replicas:
            replica.up()
            stack.callback(_down, replica)
        scene.studio.connect_backend(scene.project, stack.enter_context(nginx(ports)))
        _import(scene)
        kills, opened = _disturb(scene, replicas, dice, seconds)
        return _judge(scene, seed, kills, opened)


def _server(scene: RealScene, port: int) -> Callable[[], AbstractContextManager[Server]]:
    def start() -> AbstractContextManager[Server]:
        scene.port = port
        return scene.server(PREDICT_OPEN_SECONDS="4")

    return start


def _down(replica: Replica) -> None:
    with suppress(ProgramError):
        replica.running.close()


def _import(scene: RealScene) -> None:
    uris = scene.put_audio(TASKS)
    for begin in range(0, TASKS, TASKS // 5):
        scene.studio.import_tasks(scene.project, [{"audio": uri} for uri in uris[begin : begin + TASKS // 5]])


def _disturb(scene: RealScene, replicas: list[Replica], dice: random.Random, seconds: int) -> tuple[int, int]:
    """Kill one after the other while people open tasks; how often each happened."""
    ended, opened = threading.Event(), Counter[str]()
    tasks = sorted(scene.stored())
    people = [threading.Thread(target=_open_tasks, args=(scene, tasks, dice.random(), ended, opened))
              for _ in range(PEOPLE)]  # fmt: skip
    for person in people:
        person.start()
    kills, until = 0, time.monotonic() + seconds
    while time.monotonic() < until:
        time.sleep(dice.uniform(3, 9))
        victim = dice.choice(replicas)
        if victim.program is not None:
            victim.program.kill()
            kills += 1
        victim.up()
    ended.set()
    for person in people:
        person.join()
    return kills, opened["opened"]


def _open_tasks(
    scene: RealScene, tasks: list[int], seed: float, ended: threading.Event, opened: "Counter[str]"
) -> None:
    dice = random.Random(seed)  # noqa: S311 - repeatable, not secret
    while not ended.wait(dice.uniform(0.5, 4)):
        with suppress(requests.RequestException):
            scene.open(dice.choice(tasks))
            opened["opened"] += 1


def _judge(scene: RealScene, seed: int, kills: int, opened: int) -> bool:
    begun = time.monotonic()
    with suppress(TimeoutError):
        wait_until(lambda: len(+scene.stored()) == TASKS, _PATIENCE, "every task has a prediction", 2.0)
        wait_until(lambda: _owed(scene) == 0, _PATIENCE, "nothing is owed", 2.0)
    counts = Counter(scene.stored().values())
    jobs = len(scene.aws.jobs())
    good = counts == {1: TASKS} and jobs == TASKS and kills > 0
    print(
        f"{'PASS' if good else 'FAIL'}  seed {seed}: {kills} kills, {opened} openings; "
        f"predictions per task {dict(counts)}, "
        f"{jobs} jobs for {TASKS} audios, all there {time.monotonic() - begun:.0f} s after the last kill",
        flush=True,
    )
    return good


def _owed(scene: RealScene) -> Any:
    return scene.metric("transcribe_undelivered")


if __name__ == "__main__":
    sys.exit(main())
