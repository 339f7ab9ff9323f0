"""`python -m benchmarks.survival [--calm] [NAME …]`: a server killed with 2,000 tasks in hand, and blocked threads.

Prints PASS or FAIL for each promise. About six minutes. AWS is nasty (local_aws/weather.py), unless --calm. What else
can go wrong is `make campaign`'s.
"""

import random
import statistics
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import Any

import requests

from harness.scene import QUOTAS, Scene, killed_at_random
from harness.scene import scene as begin
from harness.waiting import wait_until

LATENCY = ("--latency", "20")
NASTY = ["--nasty"]
TASKS, KILLS = 2000, 4
HEALTH_P99, WEBHOOK_P99 = 0.200, 0.300

Check = Callable[[str, bool], None]


def scene(*flags: str, **settings: Any) -> AbstractContextManager[Scene]:
    """A scene under the weather that was chosen."""
    return begin(*NASTY, *flags, **settings)


def one_each(made: Scene, tasks: list[dict[str, Any]], check: Check, patience: float = 900) -> None:
    """Every task ends with one prediction, every audio is started once."""
    begun = time.monotonic()
    wait_until(lambda: made.delivered(tasks), patience, "every task has a prediction", 1.0)
    wait_until(lambda: made.owed() == 0, 300, "no delivery waits", 1.0)
    counts = list(made.studio.counts().values())
    print(f"  all there {time.monotonic() - begun:.0f} s after the last disturbance")
    check(f"predictions: {len(counts)} tasks with one, {sum(n > 1 for n in counts)} with more",
          counts == [1] * len(tasks))  # fmt: skip
    made.aws.switch(nasty=False)
    jobs = len(made.aws.jobs())
    check(f"jobs: {jobs} for {len(tasks)} audios", jobs == len(tasks))
    starts = made.aws.count("StartTranscriptionJob")
    check(f"StartTranscriptionJob was called {starts} times", bool(NASTY) or starts == jobs)


def server_killed(check: Check) -> None:
    """2,000 tasks in one request, kill -9 of the server at random moments."""
    with scene(*QUOTAS, *LATENCY) as made:
        tasks = made.tasks(TASKS)

        def ask() -> None:
            made.ask(tasks)
            wait_until(lambda: made.owed() == TASKS, 60, "all tasks are recorded")

        dice = random.Random(time.time())  # noqa: S311 - not secret
        for _ in killed_at_random(made.server, KILLS, (2, 40), dice, ask):
            one_each(made, tasks, check)


def blocked(check: Check) -> None:
    """200 requests for two tasks each that wait for jobs; /health and /webhook meanwhile."""
    with scene(*QUOTAS, "--latency", "60", PREFETCH_MAX_TASKS="0") as made, made.server():
        tasks = made.tasks(400)
        hook = {"action": "TASKS_CREATED", "project": made.studio.described(), "tasks": tasks[:50]}
        with ThreadPoolExecutor(200) as pool:
            # Only a request for several tasks waits for long; one for a single task is answered after seconds.
            waiting = [pool.submit(made.predict, tasks[at : at + 2]) for at in range(0, len(tasks), 2)]
            times = _probed(made, hook, seconds=30)
            still = sum(not future.done() for future in waiting)
            print(f"  {still} requests still wait, the others were answered at once")
            check("56 requests wait", still == 56)
        for (name, seconds), limit in zip(times.items(), (HEALTH_P99, WEBHOOK_P99), strict=True):
            p99 = statistics.quantiles(seconds, n=100)[98]
            check(f"{name}: p99 {p99 * 1000:.0f} ms, median {statistics.median(seconds) * 1000:.0f} ms of "
                  f"{len(seconds)} (limit {limit * 1000:.0f} ms)", p99 <= limit)  # fmt: skip


def _probed(made: Scene, hook: dict[str, Any], seconds: float) -> dict[str, list[float]]:
    """Response times in seconds from the first moment on."""
    times: dict[str, list[float]] = {"/health": [], "/webhook": []}
    ended = time.monotonic() + seconds

    def probe(path: str, **request: Any) -> None:
        method = "POST" if request else "GET"
        while time.monotonic() < ended:
            begun = time.monotonic()
            requests.request(method, made.url + path, timeout=30, **request).raise_for_status()
            times[path].append(time.monotonic() - begun)
            time.sleep(0.05)

    threads = [threading.Thread(target=probe, args=("/health",))]
    threads += [threading.Thread(target=probe, args=("/webhook",), kwargs={"json": hook})]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return times


ALL = {run.__name__: run for run in (blocked, server_killed)}


def main(chosen: list[str]) -> int:
    """Run the chosen ones, or all; 1 when a promise is not kept."""
    if "--calm" in chosen:
        chosen.remove("--calm")
        NASTY.clear()
    results: list[bool] = []

    def check(what: str, kept: bool) -> None:
        results.append(kept)
        print(f"  {'PASS' if kept else 'FAIL'}  {what}", flush=True)

    for name in chosen or ALL:
        print(f"{name}: {ALL[name].__doc__}", flush=True)
        try:
            ALL[name](check)
        except TimeoutError as error:
            check(str(error), False)
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
