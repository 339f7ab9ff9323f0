"""`python -m benchmarks.page`: docs/performance.md and its pictures, from what the benchmarks have kept here.

`make bench` first, or single ones: warm, rivalry (at 8 s and at 60 s). What has not run is said not to have run.
"""

import shutil
import statistics
import sys
from collections.abc import Iterator
from typing import Any

from benchmarks import figures
from benchmarks.rivalry import SCRIPT
from benchmarks.warm import GOALS, NEW, OURS, USUAL, Round, beside
from harness import ROOT

PAGE, PICTURES = ROOT / "docs" / "performance.md", ROOT / "docs" / "images"
RIVALRIES = ((250, 8.0), (75, 60.0))
"""Tasks, and seconds that a job takes."""
_HEAD = """# Performance

Written by `python -m benchmarks.page` from what the benchmarks measured; do not edit it. Each figure is the median of
its runs, with the lowest and the highest of them. *Noise* compares the slowest tenth of repeated runs of one and the
same computation with their median, measured before the figures were kept: 1.0 is a quiet machine.
"""
_RIVALRY = """
## Many files

Many files at once under AWS's default quotas (25 starts, 30 Gets and 5 lists a second, 250 jobs), against the
[stand-in for AWS](../local_aws). The script is what a good engineer would write with boto3 in an hour
([`benchmarks/scripts.py`](../benchmarks/scripts.py)): 25 threads, adaptive retries, a Get every five seconds for each
job. `/predict` is one request from Label Studio, timed until its double holds every prediction; `transcribe` is the
command; "polling" starts all jobs at once and then asks for each of them every five seconds, as public backends do;
"Label Studio" is a real one (SQLite, on the same machine) whose Data Manager retrieves all predictions.

A thread that waits for its job starts no other: the script never has more than 25 jobs under way, of the 250 that AWS
allows. The backend starts 20 jobs a second, which leaves a fifth of the quota for jitter, and asks AWS for lists of a
hundred jobs instead of for each one. The limit now is AWS's rate of starts. "polling" starts them faster, and then
spends AWS's quota of Gets.
"""
_WARM = """
## Predictions that are known

`wrk` requests `/predict` over 8 connections with fresh task ids, for tasks whose transcripts are there already. For
comparison, servers of Label Studio's own SDK answer a constant and look nothing up. Each has one process; they take
turns. "2.x template" is the model that its `label-studio-ml create` writes: the goal is beside this one. "SDK 2.x"
returns plain lists, which costs it least: we are not three times as fast as that. *cpu* is the server's processor time
per request.

The cost of a request has three parts of about the same size. The first is gunicorn (parsing HTTP in Python, answering).
The second is the answer itself, mostly the claim in SQLite, which ensures that a task that several people open at once
gets only one prediction. The third is threads that wait for each other to use the interpreter. This third part is the
limit now; the SDK's servers look nothing up.
"""


def rivalry(tasks: int, latency: float) -> Iterator[str]:
    """The table of one comparison with the script."""
    name = f"rivalry-{tasks}-{latency:g}"
    yield f"\n### {tasks} files, jobs of {latency:g} s\n\n"
    if not (kept := figures.kept(name)):
        yield f"Not measured (`python -m benchmarks.rivalry --tasks {tasks} --latency {latency:g}`).\n"
        return
    base = statistics.median(run["seconds"] for run in kept["runs"][SCRIPT])
    yield f"{_about(kept)}\n\n| | seconds | runs | beside the script | Get | Start |\n|---|---|---|---|---|---|\n"
    for way, runs in kept["runs"].items():
        seconds = [run["seconds"] for run in runs]
        calls = (max(run["gets"] for run in runs), max(run["starts"] for run in runs))
        ratio = base / statistics.median(seconds)
        yield f"| {way} | {figures.spread(seconds)} | {len(runs)} | {ratio:.1f} x | {calls[0]} | {calls[1]} |\n"
    shutil.copy(figures.FOLDER / f"{name}.svg", PICTURES)
    yield f"\n![The runs](images/{name}.svg)\n"


def warm() -> Iterator[str]:
    """The table of requests per second."""
    yield _WARM
    if not (kept := figures.kept("warm")):
        yield "\nNot measured (`python -m benchmarks.warm`).\n"
        return
    yield f"\n{_about(kept)} An idle worker holds {kept['memory']:.0f} MB.\n\n"
    yield f"| tasks | server | requests/s | p99 ms | cpu ms | beside {USUAL} | goal | beside {NEW} |\n"
    yield "|---|---|---|---|---|---|---|---|\n"
    for tasks, runs in kept["rounds"].items():
        servers = {name: [Round(**run) for run in rounds] for name, rounds in runs.items()}
        for name, rounds in servers.items():
            rates, p99, cpu = ([getattr(run, what) for run in rounds] for what in ("rate", "p99", "cpu"))
            ratios = [f"{ratio:.2f} x" if (ratio := beside(servers, name, other)) else "" for other in (USUAL, NEW)]
            goal = f"{GOALS[int(tasks)]:g} x" if name == OURS else ""
            cells = [tasks, name, figures.spread(rates, 0), figures.spread(p99), figures.spread(cpu, 2)]
            yield f"| {' | '.join([*cells, ratios[0], goal, ratios[1]])} |\n"


def _about(kept: dict[str, Any]) -> str:
    return f"Measured {kept['at'][:10]} on {kept['machine']}; noise {kept['noise']:.1f}."


def main() -> int:
    """Write the page."""
    parts = [_HEAD, _RIVALRY, *(part for each in RIVALRIES for part in rivalry(*each)), *warm()]
    PAGE.write_text("".join(parts))
    print(f"Wrote {PAGE.relative_to(ROOT)}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
