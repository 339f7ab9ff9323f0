"""`python -m benchmarks.scale`: 100,000 owed predictions, one process on SQLite, six on PostgreSQL.

First AWS is full: nothing can be started, and the processes ought to sleep. Then jobs end after a few seconds and the
bulk flows: people open tasks meanwhile, and a process is killed. Prints PASS or FAIL for each promise; about ten
minutes. `--owed N` owes fewer.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from functools import partial
from typing import Any

import psutil

from harness.postgres import postgres
from harness.processes import Program
from harness.protocol import SPEECH_RECOGNITION
from harness.scene import AUDIO, QUOTAS, Scene, scene
from harness.studio_double import PROJECT
from harness.waiting import wait_until
from transcribe_backend.backend import Backend
from transcribe_backend.settings import Settings
from transcribe_backend.transcribing.owed import TRANSCRIBE, Owed
from transcribe_backend.work.items import New

OWED, FRONT = 100_000, 6000
"""Owed predictions, and for how many of them, the first ones, there is audio: no more are reached."""
STORES: dict[str, tuple[Callable[[], AbstractContextManager[str]], int, int]] = {
    "sqlite": (lambda: nullcontext(""), 1, 0),
    "postgresql": (postgres, 2, 4),
}
"""QUEUE_URL, processes of the server, separate workers."""
FULL_LATENCY, FLOW_LATENCY = 3600.0, 4.0
IDLE_SECONDS, FLOW_SECONDS, OPENED = 30.0, 30.0, 10
MOST_CPU, MOST_MB = 2.0, 150.0
MOST_TAKEOVER, MOST_OPENING = 20.0, 3.0 + FLOW_LATENCY
MOST_PER_SECOND = {"ListTranscriptionJobs": 5, "StartTranscriptionJob": 25}
_RENEWED_SECONDS = 6.0  # by then every process that lives has renewed its leases

Held = dict[str, tuple[Any, ...]]
"""Of each item that somebody has in hand: owner, and when the lease ends."""


class Checks:
    """What was promised, and whether it was kept."""

    def __init__(self) -> None:
        self.kept = True

    def __call__(self, what: str, kept: bool) -> None:
        self.kept &= kept
        print(f"  {'PASS' if kept else 'FAIL'}  {what}", flush=True)


def owe(store: Backend, tasks: list[dict[str, Any]]) -> None:
    """Owe the predictions of these tasks, the first ones longest, as an import or a large request does."""
    project = store.projects.read(PROJECT, SPEECH_RECOGNITION)
    begun = store.work.now() - 1000
    for first in range(0, len(tasks), 5000):
        store.work.add(
            New(owed.key, TRANSCRIBE, owed.body(), due=begun + number / 1000)
            for number, task in enumerate(tasks[first : first + 5000], first)
            for owed in [Owed(task["data"]["audio"], project.recognition, project.id, task["id"], project.version)]
        )


@contextmanager
def running(name: str, latency: float, owed: int, checks: Checks) -> Iterator[tuple[Scene, Backend, list[Program]]]:
    """A scene with so many owed predictions, a look into its store, and its processes."""
    server, processes, workers = STORES[name]
    with ExitStack() as stack:
        url = stack.enter_context(server())
        flags = (*QUOTAS, "--latency", str(latency))
        stage = stack.enter_context(scene(*flags, WORKERS=str(processes), QUEUE_URL=url))
        os.environ.update(stage.aws.env)  # what looks into the store knows no other AWS
        known = stage.put_audio(min(FRONT, owed))
        audio = known + [f"s3://{AUDIO}/never-{number}.wav" for number in range(owed - len(known))]
        store = Backend(Settings.from_env(stage.settings))
        stack.callback(store.close)
        begun = time.monotonic()
        owe(store, stage.studio.add_tasks(audio))
        print(f"  {owed} predictions owed within {time.monotonic() - begun:.0f} s", flush=True)
        programs = [stack.enter_context(stage.server()).program]
        programs += [stack.enter_context(stage.worker()) for _ in range(workers)]
        yield stage, store, programs
        memory = max(process.memory_info().rss for process in _pythons(programs)) / 2**20
        checks(f"memory of the largest process: {memory:.0f} MB ({MOST_MB:.0f})", memory <= MOST_MB)


def full(name: str, owed: int, checks: Checks) -> None:
    """All job slots are taken for an hour."""
    with running(name, FULL_LATENCY, owed, checks) as (stage, _, programs):
        wait_until(lambda: _steady(stage), 180, "no job is started any more", 1)
        before = _cpu(programs)
        time.sleep(IDLE_SECONDS)
        shares = [100 * (after - was) / IDLE_SECONDS for after, was in zip(_cpu(programs), before, strict=True)]
        told = ", ".join(f"{share:.1f}" for share in shares)
        checks(f"processor time while AWS is full: {told} % ({MOST_CPU:g} each)", max(shares) <= MOST_CPU)


def flowing(name: str, owed: int, checks: Checks) -> None:
    """Jobs take a few seconds."""
    with running(name, FLOW_LATENCY, owed, checks) as (stage, store, programs):
        wait_until(lambda: len(stage.studio.counts()) > 200, 180, "the bulk flows")
        begun, stored = time.monotonic(), len(stage.studio.counts())
        waits = sorted(_opening(stage, number) for number in range(OPENED))
        checks(
            f"opened behind them: {waits[len(waits) // 2]:.1f} s, at most {waits[-1]:.1f} s ({MOST_OPENING:g})",
            waits[-1] <= MOST_OPENING,
        )
        time.sleep(max(0.0, begun + FLOW_SECONDS - time.monotonic()))
        rate = (len(stage.studio.counts()) - stored) / (time.monotonic() - begun)
        print(f"  {rate:.1f} predictions are delivered a second", flush=True)
        if len(programs) > 1:
            seconds = _takeover(store, programs)
            checks(f"a killed worker's work is taken over after {seconds:.1f} s ({MOST_TAKEOVER:g})",
                   seconds <= MOST_TAKEOVER)  # fmt: skip
        calls = stage.aws.calls()
        peaks, throttled = calls["peak_per_second"]["transcribe"], calls["throttled"].get("transcribe", {})
        checks(f"requests that AWS throttled: {sum(throttled.values())}", not throttled)
        for operation, most in MOST_PER_SECOND.items():
            checks(f"{operation}: at most {peaks.get(operation, 0)}/s ({most})", peaks.get(operation, 0) <= most)
        twice = sum(count > 1 for count in stage.studio.counts().values())
        checks(f"predictions stored twice: {twice}", not twice)


def _steady(stage: Scene) -> bool:
    before = stage.aws.count("StartTranscriptionJob")
    time.sleep(10)
    return 0 < before == stage.aws.count("StartTranscriptionJob")


def _opening(stage: Scene, number: int) -> float:
    """Seconds until a task that somebody opens has its prediction."""
    (task,) = stage.studio.add_tasks(stage.put_audio(1, f"opened-{number}"))
    begun = time.monotonic()
    stage.predict([task])
    wait_until(lambda: stage.delivered([task]), 120, "the opened task has its prediction", 0.05)
    return time.monotonic() - begun


def _takeover(store: Backend, programs: list[Program]) -> float:
    """Seconds from kill -9 of a worker that has work in hand until another process has some of it."""
    while len(programs) > 1:
        programs.pop().kill()
        begun, held = time.monotonic(), _held(store)
        time.sleep(_RENEWED_SECONDS)
        if left := _unchanged(held, _held(store)):
            wait_until(partial(_is_taken, left, store), 60, "its work is taken over")
            return time.monotonic() - begun
    raise RuntimeError("No worker had anything in hand")


def _held(store: Backend) -> Held:
    rows = store.engine.database.read("select key, owner, due from transcribe_work where owner is not null")
    return {str(key): tuple(rest) for key, *rest in rows}


def _unchanged(before: Mapping[str, tuple[Any, ...]], now: Held) -> Held:
    """What nobody has touched since."""
    return {key: row for key, row in before.items() if now.get(key) == row}


def _is_taken(left: Held, store: Backend) -> bool:
    return _unchanged(left, _held(store)) != left


def _pythons(programs: list[Program]) -> list[psutil.Process]:
    """The processes that work: a gunicorn's workers, a worker itself."""
    return [each for program in programs for each in program.children() or [psutil.Process(program.process.pid)]]


def _cpu(programs: list[Program]) -> list[float]:
    times = [process.cpu_times() for process in _pythons(programs)]
    return [each.user + each.system for each in times]


def main() -> int:
    """1 when a promise is not kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", dest="stores", action="append", choices=STORES, help="only this one")
    parser.add_argument("--owed", type=int, default=OWED)
    options = parser.parse_args()
    checks = Checks()
    for name in options.stores or STORES:
        for act in (full, flowing):
            print(f"{name}: {act.__doc__}", flush=True)
            try:
                act(name, options.owed, checks)
            except TimeoutError as error:
                checks(str(error), False)
    return 0 if checks.kept else 1


if __name__ == "__main__":
    sys.exit(main())
