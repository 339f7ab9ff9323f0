"""`python -m benchmarks.rivalry`: many files beside a threaded boto3 script, under AWS's default quotas.

One /predict of all tasks, the `transcribe` command, and a real Label Studio that retrieves all predictions, each beside
`scripts.threaded` and `scripts.polling` with the same files in an AWS of its own, round after round. About four minutes
a round at 8 s; `--latency`, `--tasks` and `--rounds` change what is measured. Keeps figures for docs/performance.md.
"""

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import matplotlib

from benchmarks import figures, scripts
from benchmarks.bulk import report
from harness import ROOT
from harness.processes import environment
from harness.scene import QUOTAS, RealScene, Scene, Setting, real_scene, scene
from harness.waiting import wait_until

matplotlib.use("Agg")

GOAL, MOST_GETS = 2.0, 0.01
"""How many times as fast as the script, and at most which share of its Get calls."""


@dataclass(frozen=True)
class Run:
    """Seconds until the last file is done, and the calls of AWS Transcribe for it."""

    seconds: float
    starts: int
    gets: int


def predict(stage: Scene, uris: list[str]) -> None:
    """One request; what it does not answer in time is delivered later."""
    tasks = stage.studio.add_tasks(uris)
    stage.predict(tasks)
    stage.wait(tasks, 3600)


def command(stage: Scene, uris: list[str]) -> None:
    """`python -m transcribe_backend transcribe`."""
    line = [sys.executable, "-m", "transcribe_backend", "transcribe", *uris, "-o", str(stage.folder / "tasks.json")]
    subprocess.run(line, env=environment(stage.settings), cwd=ROOT, check=True)


def script(stage: Scene, uris: list[str]) -> None:
    """The threaded script."""
    scripts.threaded(stage.aws, uris)


def retrieve(stage: RealScene, uris: list[str]) -> None:
    """Data Manager > Retrieve Predictions in a real Label Studio, until it holds them all."""
    stage.studio.retrieve_predictions(stage.project)
    wait_until(lambda: len(+stage.stored()) == len(uris), 3600, "every task has a prediction", 1.0)


def poll(stage: Scene, uris: list[str]) -> None:
    """The script that starts everything and then asks for each job."""
    scripts.polling(stage.aws, uris)


REAL, SCRIPT, POLLING = "Label Studio", "script", "polling"
WAYS: dict[str, Callable[[Scene, list[str]], None]] = {
    "/predict": predict, "transcribe": command, SCRIPT: script, POLLING: poll
}  # fmt: skip
RIVALS = (SCRIPT, POLLING)


def run(way: str, tasks: int, latency: float) -> Run:
    """One run in a fresh scene."""
    flags = (*QUOTAS, "--latency", f"{latency:g}")
    if way == REAL:
        with real_scene(*flags) as real, real.server():
            uris = real.put_audio(tasks)
            real.studio.import_tasks(real.project, [{"audio": uri} for uri in uris])
            real.studio.connect_backend(real.project, real.url)
            return _timed(real, partial(retrieve, real, uris))
    with scene(*flags) as stage, stage.server():
        return _timed(stage, partial(WAYS[way], stage, stage.put_audio(tasks)))


def _timed(stage: Setting, do: Callable[[], None]) -> Run:
    begun = time.monotonic()
    do()
    seconds = time.monotonic() - begun
    calls = stage.aws.calls()["transcribe"]
    return Run(seconds, calls["StartTranscriptionJob"], calls.get("GetTranscriptionJob", 0))


def judged(runs: dict[str, list[Run]], tasks: int, latency: float) -> bool:
    """Print what was measured; whether the goals are met."""
    base = statistics.median(each.seconds for each in runs[SCRIPT])
    polled = statistics.median(each.gets for each in runs[SCRIPT])
    good = True
    for way, made in runs.items():
        ratio, gets = base / statistics.median(each.seconds for each in made), max(each.gets for each in made)
        told = f"{tasks} files, {latency:g} s jobs, {way}: {figures.spread([r.seconds for r in made])} s, {gets} Get"
        met = way in RIVALS or (ratio >= GOAL and gets <= MOST_GETS * polled)
        good &= report(f"{told}, {ratio:.1f} x the script", met and all(each.starts == tasks for each in made))
    return good


def plot(runs: dict[str, list[Run]], name: str, title: str) -> None:
    """The runs as points beside each other."""
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6, 2.4))
    for place, (way, made) in enumerate(runs.items()):
        axes.plot([each.seconds for each in made], [place] * len(made), "o", alpha=0.6, label=way)
    axes.set(yticks=range(len(runs)), yticklabels=list(runs), xlabel="seconds until the last file is done", title=title)
    axes.set_xlim(left=0)
    axes.grid(True, axis="x", alpha=0.3)
    figure.tight_layout()
    figure.savefig(figures.FOLDER / f"{name}.svg", metadata={"Date": None})


def main() -> int:
    """1 when a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=250)
    parser.add_argument("--latency", type=float, default=8.0, help="seconds that a job takes")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    runs: dict[str, list[Run]] = {way: [] for way in (*WAYS, REAL)}
    name = f"rivalry-{options.tasks}-{options.latency:g}"
    for _ in range(options.rounds):
        for way, made in runs.items():
            made.append(run(way, options.tasks, options.latency))
            print(f"{way}: {made[-1]}", flush=True)
        measured: dict[str, Any] = {way: [asdict(each) for each in made] for way, made in runs.items()}
        figures.keep(name, tasks=options.tasks, latency=options.latency, runs=measured)
    plot(runs, name, f"{options.tasks} files, jobs of {options.latency:g} s")
    return 0 if judged(runs, options.tasks, options.latency) else 1


if __name__ == "__main__":
    sys.exit(main())
