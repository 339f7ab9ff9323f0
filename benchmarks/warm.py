"""`python -m benchmarks.warm`: warm /predict beside servers of Label Studio's own SDK with a constant answer.

1, 10 and 100 tasks in a request over 8 connections by wrk, fresh task ids each time, the transcripts known. The servers
take turns, so that what else the machine does falls on all of them. The 2.x one stands there twice: with the model that
its `create` writes, beside which the goals are, and with the one that costs it least. LABEL_STUDIO_ML_2X names a
virtual environment with the SDK 2.x (GitHub, HumanSignal/label-studio-ml-backend) and gunicorn; without it the ratios
are not judged.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import requests

from benchmarks import figures, rivals
from harness import protocol
from harness.backend import Server
from harness.processes import NotInstalledError
from harness.scene import AUDIO, Scene, scene
from harness.studio_double import PROJECT
from harness.waiting import wait_until

SCRIPT = Path(__file__).with_name("predict.lua")
OURS, OLD, NEW, USUAL = "this backend", "SDK 1.0.9", "SDK 2.x", "2.x template"
GOALS = {1: 3.0, 10: 3.0, 100: 1.5}
"""Requests per second, as a multiple of the 2.x server's that `create` writes, by tasks in a request. They were set for
a 2.x server that answered 557, 435 and 224 a second; the one that costs least answers two to three times as many."""
MOST_MB = 100.0
CONNECTIONS, AUDIOS, WORDS = 8, 5, 150
_SETTLED_SECONDS = 3.0


@dataclass(frozen=True)
class Round:
    """What wrk measured: requests per second, and milliseconds: latency, and the server's processor time a request."""

    rate: float
    p99: float
    cpu: float


class Load:
    """Requests of several tasks, with ids that were never used before."""

    def __init__(self, folder: Path, uris: list[str], answer: Any) -> None:
        self._folder = folder
        self._uris = uris
        self._answer_bytes = len(json.dumps(answer, separators=(",", ":")))
        self._next = 1

    def round(self, server: Server, tasks: int, seconds: float) -> Round:
        """One round. Raises RuntimeError unless every request was answered with all its predictions."""
        command: list[str | Path] = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", SCRIPT]
        command += [f"{server.url}/predict", "--", self._body(tasks), str(self._next)]
        begun = server.program.cpu_seconds()
        run = subprocess.run(command, check=True, capture_output=True, text=True)
        measured = json.loads(run.stdout.splitlines()[-1])
        cpu = server.program.cpu_seconds() - begun
        self._next += (measured["requests"] + CONNECTIONS + 1) * tasks
        if measured["failed"] or measured["bytes"] < measured["requests"] * tasks * self._answer_bytes:
            raise RuntimeError(f"{server.url} did not answer everything: {measured}")
        return Round(measured["requests"] / measured["seconds"], measured["p99"], 1000 * cpu / measured["requests"])

    def _body(self, tasks: int) -> Path:
        path = self._folder / f"{tasks}.json"
        if not path.exists():
            sent = [protocol.whole_task("@ID@", self._uris[number % AUDIOS]) for number in range(tasks)]
            path.write_text(json.dumps(protocol.predict(sent, protocol.SPEECH_RECOGNITION, PROJECT)))
        return path


def transcribed(stage: Scene) -> tuple[list[str], Any]:
    """Recordings of a minute whose transcripts are known, and the prediction that each of them gives."""
    uris = stage.put_audio(AUDIOS)
    for uri in uris:
        key = uri.removeprefix(f"s3://{AUDIO}/") + ".transcript.json"
        stage.aws.s3.put_object(Bucket=AUDIO, Key=key, Body=json.dumps({"results": _results()}))
    tasks = stage.studio.add_tasks(uris)
    answers = wait_until(lambda: _complete(stage.predict(tasks)), 60, "all recordings are transcribed")
    return uris, answers[0]


def _complete(answers: list[Any] | None) -> list[Any] | None:
    return answers if answers and all(answers) else None


def _results() -> dict[str, Any]:
    words = [
        {
            "type": "pronunciation",
            "start_time": f"{number * 0.4:.2f}",
            "end_time": f"{number * 0.4 + 0.3:.2f}",
            "alternatives": [{"content": f"word{number}", "confidence": "0.987"}],
        }
        for number in range(WORDS)
    ]
    text = " ".join(word["alternatives"][0]["content"] for word in words)  # type: ignore[index]
    return {"transcripts": [{"transcript": text}], "items": words}


def measured(servers: dict[str, Server], load: Load, rounds: int, seconds: float) -> dict[int, dict[str, list[Round]]]:
    """Rounds by tasks in a request and server; the servers take turns."""
    found: dict[int, dict[str, list[Round]]] = {}
    for tasks in GOALS:
        found[tasks] = defaultdict(list)
        for server in servers.values():
            load.round(server, tasks, 1)
        for _ in range(rounds):
            for name, server in servers.items():
                found[tasks][name].append(load.round(server, tasks, seconds))
    return found


def beside(servers: Mapping[str, Sequence[Round]], name: str, other: str) -> float | None:
    """Requests per second of the one as a multiple of the other's; None when that was not measured."""
    one, base = ([each.rate for each in servers.get(which, ())] for which in (name, other))
    return statistics.median(one) / statistics.median(base) if base else None


def report(found: dict[int, dict[str, list[Round]]]) -> bool:
    """Print the table; whether all goals are met."""
    good = True
    columns = f"beside {USUAL}, {NEW}"
    print(f"{'tasks':>5}  {'server':<12} {'req/s':>6} {'min':>6} {'max':>6} {'p99 ms':>7} {'cpu ms':>7}  {columns}")
    for tasks, servers in found.items():
        for name, rounds in servers.items():
            rates, p99 = [each.rate for each in rounds], _p99(rounds)
            cpu = statistics.median(each.cpu for each in rounds)
            ratios = [ratio for other in (USUAL, NEW) if (ratio := beside(servers, name, other)) is not None]
            line = f"{tasks:>5}  {name:<12} {statistics.median(rates):6.0f} {min(rates):6.0f} {max(rates):6.0f}"
            line += f" {p99:7.1f} {cpu:7.2f}  {', '.join(f'{ratio:.2f} x' for ratio in ratios)}"
            if ratios and name == OURS:
                met = ratios[0] >= GOALS[tasks] and p99 <= _p99(servers[USUAL])
                line += f"  (goal {GOALS[tasks]:g}, p99 {_p99(servers[USUAL]):.1f}): {'PASS' if met else 'FAIL'}"
                good &= met
            print(line)
    return good


def _p99(rounds: Sequence[Round]) -> float:
    return statistics.median(each.p99 for each in rounds)


def main() -> int:
    """Print what was measured; 1 when a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5, help="of a round")
    options = parser.parse_args()
    if not shutil.which("wrk"):
        raise NotInstalledError("No wrk here: apt-get install wrk")
    with ExitStack() as stack:
        stage = stack.enter_context(scene())
        servers = {OURS: stack.enter_context(stage.server())}
        time.sleep(_SETTLED_SECONDS)
        memory = servers[OURS].program.memory_mb()
        uris, answer = transcribed(stage)
        second = rivals.second_generation()
        models = {OLD: rivals.PLAIN, NEW: rivals.PLAIN, USUAL: rivals.TEMPLATE}
        for name, model in models.items():
            if virtualenv := rivals.newest_on_pypi() if name == OLD else second:
                folder = stage.folder / name.replace(" ", "-")
                servers[name] = stack.enter_context(rivals.constant_server(virtualenv, answer, folder, model))
        for server in servers.values():
            requests.post(f"{server.url}/setup", json=protocol.setup(protocol.SPEECH_RECOGNITION, PROJECT), timeout=60)
        found = measured(servers, Load(stage.folder, uris, answer), options.rounds, options.seconds)
    good = report(found)
    kept = {str(n): {name: [asdict(each) for each in rounds] for name, rounds in of.items()} for n, of in found.items()}
    figures.keep("warm", memory=memory, rounds=kept)
    small = memory <= MOST_MB
    print(f"{'PASS' if small else 'FAIL'}  {memory:.0f} MB: an idle worker ({MOST_MB:.0f} at most)")
    if NEW not in servers:
        print(f"The ratios were not judged: LABEL_STUDIO_ML_2X names no environment with the {NEW}.")
    return 0 if good and small else 1


if __name__ == "__main__":
    sys.exit(main())
