"""`make bench` or `python -m benchmarks [NAME …]`: every benchmark after the other, each in a process of its own."""

import subprocess
import sys
from pathlib import Path

_HERE = Path(__file__).parent
_NO_BENCHMARKS = {"__init__", "__main__", "figures", "invented", "page", "rivals", "scripts"}


def names() -> list[str]:
    """All benchmarks."""
    return sorted(path.stem for path in _HERE.glob("*.py") if path.stem not in _NO_BENCHMARKS)


def main(chosen: list[str]) -> int:
    """Run the chosen ones, or all; 1 when one missed its limits."""
    unknown = set(chosen) - set(names())
    if unknown:
        print(f"No such benchmark: {', '.join(sorted(unknown))}. There are: {', '.join(names())}.", file=sys.stderr)
        return 2
    missed = []
    for name in chosen or names():
        print(f"== {name}", flush=True)
        if subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], cwd=_HERE.parent).returncode:
            missed.append(name)
    print(f"Missed: {', '.join(missed)}" if missed else "All within their limits.")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
