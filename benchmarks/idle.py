"""What one idle worker costs, and how fast it is up: `python -m benchmarks.idle`."""

import sys
import tempfile
import time
from pathlib import Path

import psutil

from demo import programs
from demo.processes import answers, environment, free_port, running

ROUNDS = 5
MOST_MB, MOST_SECONDS = 90.0, 2.0
_SETTLED_SECONDS = 3.0


def main() -> int:
    """Print the median memory and start-up time; 1 when one is over its limit."""
    measured = [_measure() for _ in range(ROUNDS)]
    memory, seconds = (sorted(values)[ROUNDS // 2] for values in zip(*measured, strict=True))
    print(f"idle memory of one worker: {memory:.0f} MB (at most {MOST_MB:.0f})")
    print(f"from the start of gunicorn to /health: {seconds:.2f} s (at most {MOST_SECONDS:.0f})")
    return int(memory > MOST_MB or seconds > MOST_SECONDS)


def _measure() -> tuple[float, float]:
    """Megabytes and seconds of one start; nothing is configured but a folder."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", "_wsgi:app"]
        env = environment({"PORT": str(port), "MODEL_DIR": f"{folder}/model", "AWS_DEFAULT_REGION": "us-east-1"})
        begun = time.monotonic()
        with running(
            "The backend", command, lambda: _up(port), env=env, log=Path(folder, "log"), timeout=60, cwd=programs.ROOT
        ) as program:
            seconds = time.monotonic() - begun
            time.sleep(_SETTLED_SECONDS)
            (worker,) = psutil.Process(program.process.pid).children()
            return worker.memory_info().rss / 2**20, seconds


def _up(port: int) -> bool:
    return answers(f"http://127.0.0.1:{port}/health")


if __name__ == "__main__":
    sys.exit(main())
