"""20,000 requests, nearly what Label Studio sends, on all routes: `python -m benchmarks.fuzz [requests]`."""

import json
import random
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

import psutil
import requests

from harness import grammar
from harness.processes import Program
from harness.scene import Scene, scene

REQUESTS, THREADS, SEED = 20_000, 16, 7
MOST_GROWTH_MB = 10.0
"""Of both workers together, over the second half of the requests."""


@dataclass
class Report:
    """What came back."""

    statuses: Counter[int] = field(default_factory=Counter)
    bad: list[str] = field(default_factory=list)
    slowest: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, request: grammar.Request, answer: requests.Response) -> None:
        """Count an answer, and keep it when it is one that must not be."""
        with self.lock:
            self.statuses[answer.status_code] += 1
            self.slowest = max(self.slowest, answer.elapsed.total_seconds())
            if answer.status_code >= 500 or "Traceback" in answer.text:
                self.bad.append(f"{request[0]} {request[1]} {str(request[2])[:300]} -> {answer.text[:300]}")


def main(count: int = REQUESTS) -> int:
    """Send them to two workers and print what happened; 1 when something must not have."""
    with scene(WORKERS="2", PREDICT_WAIT_SECONDS="0", INTERACTIVE_WAIT_SECONDS="0") as made:
        made.aws.s3.create_bucket(Bucket="audio-bucket")
        made.aws.s3.put_object(Bucket="audio-bucket", Key="calls/hello.wav", Body=b"RIFF")
        with made.server() as server:
            return _fuzz(made, server.program, count)


def _fuzz(made: Scene, program: Program, count: int) -> int:
    report, begun, memory = Report(), time.monotonic(), []
    workers = _workers(program)
    for quarter in range(4):
        _send(made.url, count // 4, SEED + quarter, report)
        memory.append(_memory(program))
    seconds = time.monotonic() - begun
    said = program.log.read_text(errors="replace").split("Traceback (most recent call last)")[1:]
    died = workers - _workers(program)
    print(f"{count} requests in {seconds:.0f} s ({count / seconds:.0f}/s), the slowest took {report.slowest:.2f} s")
    print("answers by status:", ", ".join(f"{status}: {n}" for status, n in sorted(report.statuses.items())))
    print(f"answers that must not be: {len(report.bad)}; tracebacks in the log: {len(said)}; workers died: {len(died)}")
    print("memory of the two workers after each quarter:", ", ".join(f"{each:.0f} MB" for each in memory))
    for bad in [*report.bad[:10], *(text[:3000] for text in said[:3])]:
        print("  ", bad)
    return int(bool(report.bad or said or died or memory[-1] - memory[1] > MOST_GROWTH_MB))


def _send(url: str, count: int, seed: int, report: Report) -> None:
    def work(number: int) -> None:
        dice = random.Random(f"{seed}/{number}")  # noqa: S311 - not for secrets
        with requests.Session() as session:
            for _ in range(count // THREADS + (number < count % THREADS)):
                request = grammar.request(dice)
                report.add(request, _ask(session, url, request))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _ask(session: requests.Session, url: str, request: grammar.Request) -> requests.Response:
    method, path, body = request
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    return session.request(method, url + path, data=data, headers=headers, timeout=120, allow_redirects=False)


def _workers(program: Program) -> set[int]:
    return {child.pid for child in psutil.Process(program.process.pid).children()}


def _memory(program: Program) -> float:
    return float(sum(psutil.Process(pid).memory_info().rss for pid in _workers(program))) / 2**20


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:2])))
