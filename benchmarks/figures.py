"""What benchmarks have measured, kept as JSON in .cache/benchmarks until docs/performance.md is written from it."""

import hashlib
import json
import os
import platform
import statistics
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from harness import ROOT

FOLDER = ROOT / ".cache" / "benchmarks"
_NOISE_ROUNDS, _NOISE_BYTES = 15, 4 * 1024**2


def keep(name: str, **measured: Any) -> None:
    """Keep what one benchmark has measured, with when and where."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    about = {"at": datetime.now(UTC).isoformat(timespec="minutes"), "machine": machine(), "noise": noise()}
    (FOLDER / f"{name}.json").write_text(json.dumps(about | measured, indent=1))


def kept(name: str) -> dict[str, Any] | None:
    """What it has measured last; None when it has not run here."""
    path = FOLDER / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else None


def machine() -> str:
    """Processors, Python and how busy the machine is (processes that want to run, by minute)."""
    load = os.getloadavg()[0]
    return f"{os.cpu_count()} processors, Python {platform.python_version()}, load {load:.1f}"


def noise() -> float:
    """How unequal equal work is at the moment: the slowest tenth of a computation, as a multiple of the median."""
    data, times = b"x" * _NOISE_BYTES, []
    for _ in range(_NOISE_ROUNDS):
        begun = time.perf_counter()
        hashlib.sha256(data).digest()
        times.append(time.perf_counter() - begun)
    return statistics.quantiles(times, n=10)[-1] / statistics.median(times)


def spread(values: Sequence[float], digits: int = 1) -> str:
    """`median (least to most)`."""
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"
