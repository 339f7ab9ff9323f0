"""`python -m benchmarks.bulk`: many tasks in one /predict, beside AWS's quotas and the script that this replaces.

Prints PASS or FAIL for each promise and writes .bench/bulk.svg. About six minutes; `--quick` leaves the 2,000
tasks out.
"""

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import matplotlib

from benchmarks.scripts import sequential
from harness import ROOT
from harness.processes import Program
from harness.scene import QUOTAS, Scene, scene
from harness.waiting import wait_until

matplotlib.use("Agg")

LATENCY = 20.0
STARTS_PER_SECOND, SLOTS = 25, 250
PLOT = ROOT / ".bench" / "bulk.svg"
"""Not in the repository; the README's is a copy."""


def limit(tasks: int) -> float:
    """Seconds that AWS's quotas need for so many jobs of LATENCY seconds each."""
    return max(tasks / STARTS_PER_SECOND + LATENCY, tasks / SLOTS * LATENCY)


def answered(stage: Scene, tasks: list[dict[str, Any]]) -> tuple[int, float]:
    """How many of the tasks one request answers, and after how many seconds."""
    begun = time.monotonic()
    answers = stage.predict(tasks)
    assert answers is not None and len(answers) == len(tasks)
    return sum(1 for answer in answers if answer), time.monotonic() - begun


def report(what: str, good: bool) -> bool:
    print(f"{'PASS' if good else 'FAIL'}  {what}", flush=True)
    return good


def bulk_250(stage: Scene) -> tuple[bool, float]:
    """250 tasks in one request, then 250 others with the same audio."""
    tasks = stage.tasks(250)
    done, seconds = answered(stage, tasks)
    calls = stage.aws.calls()["transcribe"]
    lists = stage.aws.calls()["peak_per_second"]["transcribe"]["ListTranscriptionJobs"]
    again, quick = answered(stage, stage.studio.add_tasks([task["data"]["audio"] for task in tasks]))
    reused = again == 250 and stage.aws.calls()["transcribe"] == calls
    gets, starts = calls.get("GetTranscriptionJob", 0), calls["StartTranscriptionJob"]
    ratio = seconds / limit(250)
    polite = starts == 250 and not gets and lists <= 5
    return all(
        (
            report(
                f"250 tasks: {done} answered, {seconds:.1f} s = {ratio:.2f} x the limit (1.2)",
                done == 250 and ratio <= 1.2,
            ),
            report(f"Start {starts} (250), Get {gets} (0), List at most {lists}/s (5)", polite),
            report(f"the same audio: {again} answered in {quick:.2f} s (1), no Transcribe call", reused and quick < 1),
        )
    ), seconds


def bulk_2000(stage: Scene, program: Program) -> tuple[bool, float]:
    """2,000 tasks in one request; the late ones arrive in Label Studio."""
    tasks = stage.tasks(2000)
    begun = time.monotonic()
    done, seconds = answered(stage, tasks)
    peak = 0.0

    def arrived() -> bool:
        nonlocal peak
        peak = max(peak, program.memory_mb())
        return stage.delivered(tasks)

    wait_until(arrived, 600, "all predictions arrived", interval=1)
    total = time.monotonic() - begun
    ratio = total / limit(2000)
    starts = stage.aws.count("StartTranscriptionJob")
    once = list(stage.studio.counts().values()) == [1] * 2000
    return all(
        (
            report(f"2,000 tasks: {done} answered at the deadline, {seconds:.1f} s (60)", seconds < 60),
            report(f"2,000 tasks: the others delivered later, each once; Start {starts}", once and starts == 2000),
            report(f"2,000 tasks: {total:.0f} s in all = {ratio:.2f} x the limit (1.3)", ratio <= 1.3),
            report(f"2,000 tasks: {peak:.0f} MB at most (250)", peak <= 250),
        )
    ), total


def plot(ours: dict[int, float], per_file: float) -> None:
    """Wall clock against number of tasks."""
    from matplotlib import pyplot

    counts = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2000]
    figure, axes = pyplot.subplots(figsize=(7, 4.2))
    axes.plot(counts, [per_file * count for count in counts], "--", color="#999999", label="one after another (script)")
    axes.plot(counts, [limit(count) for count in counts], ":", color="#cc6600", label="limit of AWS's quotas")
    axes.plot(list(ours), list(ours.values()), "o-", color="#3355cc", label="this backend (measured)")
    axes.set(
        xscale="log", yscale="log", xlabel="tasks in one request", ylabel="seconds until all predictions are there"
    )
    axes.set_title(f"Jobs of {LATENCY:.0f} s, 25 starts/s, 250 at once")
    axes.grid(True, which="major", alpha=0.3)
    axes.legend()
    figure.tight_layout()
    PLOT.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(PLOT, metadata={"Date": None})


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="leave the 2,000 tasks out")
    quick = parser.parse_args().quick
    options = (*QUOTAS, "--latency", f"{LATENCY:g}")
    good, ours = True, {}
    with scene(*options) as stage, stage.server():
        for count in (1, 10, 100):
            ours[count] = answered(stage, stage.tasks(count))[1]
        begun = time.monotonic()
        sequential(stage.aws, stage.put_audio(2, "sequential"))
        per_file = (time.monotonic() - begun) / 2
    with scene(*options) as stage, stage.server():
        passed, ours[250] = bulk_250(stage)
        good &= passed
    if not quick:
        with scene(*options) as stage, stage.server() as server:
            passed, ours[2000] = bulk_2000(stage, server.program)
            good &= passed
    for count, seconds in ours.items():
        slow = per_file * count
        print(f"{count:5} tasks: {seconds:6.1f} s; one after another {slow:8.0f} s: {slow / seconds:6.1f} x")
    plot(ours, per_file)
    print(f"Plot: {PLOT.relative_to(Path.cwd()) if PLOT.is_relative_to(Path.cwd()) else PLOT}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
