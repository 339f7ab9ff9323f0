"""What one idle worker costs, and how fast it is up: `python -m benchmarks.idle`."""

import sys
import tempfile
import time
from pathlib import Path

from harness.backend import backend

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
    with tempfile.TemporaryDirectory() as folder:
        begun = time.monotonic()
        settings = {"MODEL_DIR": f"{folder}/model", "AWS_DEFAULT_REGION": "us-east-1"}
        with backend(settings, Path(folder, "log")) as server:
            seconds = time.monotonic() - begun
            time.sleep(_SETTLED_SECONDS)
            return server.program.memory_mb(), seconds


if __name__ == "__main__":
    sys.exit(main())
