"""How long /health takes while a megabyte after the other arrives, in every place: `python -m benchmarks.giants`."""

import json
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import requests

from harness import giants
from harness.scene import scene

SENDERS, MOST_SECONDS = 4, 0.2
"""Of the 99th percentile."""


def main() -> int:
    """Send each four times at once, ask /health fifty times a second meanwhile; 1 when it took too long."""
    with scene(PREDICT_WAIT_SECONDS="1", INTERACTIVE_WAIT_SECONDS="1") as made, made.server() as server:
        ended = threading.Event()
        with ThreadPoolExecutor(SENDERS + 1) as threads:
            encoded = {what: (path, json.dumps(body).encode()) for what, (path, body) in giants.requests().items()}
            watching = threads.submit(_watched, made.url, ended)
            for what, (path, body) in encoded.items():
                begun = time.monotonic()
                answers = threads.map(lambda _, p=path, b=body: _sent(made.url + p, b), range(SENDERS))
                print(f"{what:40} {sorted(set(answers))} after {time.monotonic() - begun:.2f} s", flush=True)
            ended.set()
        times = sorted(watching.result())
        median, p99 = times[len(times) // 2], times[int(len(times) * 0.99)]
        print(f"/health {len(times)} times: median {median:.4f} s, p99 {p99:.3f} s, slowest {times[-1]:.3f} s")
        return int(p99 > MOST_SECONDS or "Traceback" in server.log)


def _sent(url: str, body: bytes) -> int:
    return requests.post(url, data=body, headers={"Content-Type": "application/json"}, timeout=120).status_code


def _watched(url: str, ended: threading.Event) -> list[float]:
    times = []
    while not ended.wait(0.02):
        begun = time.monotonic()
        requests.get(f"{url}/health", timeout=60).raise_for_status()
        times.append(time.monotonic() - begun)
    return times


if __name__ == "__main__":
    sys.exit(main())
