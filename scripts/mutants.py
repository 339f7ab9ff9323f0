"""How many mutants of a room the tests kill, by a sample that a seed repeats: `make mutants ROOM=speech MUTANTS=60`.

mutmut makes the mutants, in a copy under .cache/mutants/; those that survive are shown as differences, to be read.
"""

import json
import random
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parents[1]
ROOMS = {
    "speech": (["transcribe_backend/speech/*.py"], ["tests/unit/speech", "tests/unit/labeling"]),
    "labeling": (["transcribe_backend/labeling/*.py"], ["tests/unit/labeling"]),
    "work": (["transcribe_backend/work/*.py"], ["tests/work"]),
    "prelabeling": (
        [f"transcribe_backend/prelabeling/{module}.py" for module in ("answers", "deliveries")],
        ["tests/prelabeling"],
    ),
}
"""Rooms: what is mutated, and by which tests it has to be killed."""
NOT_COPIED = shutil.ignore_patterns(".*", "__pycache__", "artifacts", "mutants")
KILLED, SURVIVED = {1, 3, 36, 152, -24, 24}, 0
"""Exit codes in mutmut's records: killed by a test or out of time (docs/mutants.md says how they are counted)."""


def main(room: str, count: int, seed: int) -> int:
    """Print the share of killed mutants and each survivor; 1 when fewer than 85 % were killed."""
    place = _copy(room)
    _mutmut(place, "run", "nothing")  # makes the mutants, and learns which test runs what
    names = sorted(_results(place))
    chosen = random.Random(seed).sample(names, min(count, len(names)))  # noqa: S311 - a sample
    _mutmut(place, "run", "--max-children", "2", *chosen)
    results = _results(place)
    told = Counter(_verdict(results[name]) for name in chosen)
    share = told["killed"] / len(chosen)
    print(f"{room}: {dict(told)} of {len(chosen)} (of {len(names)}; seed {seed}): {share:.0%} killed")
    _show(place, (name for name in chosen if _verdict(results[name]) != "killed"))
    return int(share < 0.85)


def _copy(room: str) -> Path:
    """A fresh copy of the project with mutmut's settings for a room."""
    place = ROOT / ".cache" / "mutants" / room
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(ROOT, place, ignore=NOT_COPIED, symlinks=True)
    sources, tests = ROOMS[room]
    folders = [each.name for each in sorted(place.iterdir()) if each.name not in ("transcribe_backend", "tests")]
    settings = {
        "source_paths": ["transcribe_backend"],
        "only_mutate": sources,
        "also_copy": folders,
        "pytest_add_cli_args": ["-n0", "-p", "no:cacheprovider", "-m", "not slow"],
        "pytest_add_cli_args_test_selection": tests,
    }
    with (place / "pyproject.toml").open("a") as file:
        file.writelines(["\n[tool.mutmut]\n", *(f"{name} = {json.dumps(value)}\n" for name, value in settings.items())])
    return place


def _mutmut(place: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "mutmut", *arguments]
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)  # noqa: S603
    (place / "mutmut.log").open("a").write(done.stdout[-20_000:] + done.stderr)
    return done.stdout


def _results(place: Path) -> dict[str, int | None]:
    """The exit code of each mutant's tests; None for those that were not tried."""
    found: dict[str, int | None] = {}
    for file in (place / "mutants").rglob("*.meta"):
        found |= json.loads(file.read_text())["exit_code_by_key"]
    return found


def _verdict(code: int | None) -> str:
    if code == SURVIVED:
        return "survived"
    return {33: "reached by no test", None: "not tried"}.get(code, "killed")


def _show(place: Path, names: Iterable[str]) -> None:
    for name in names:
        lines = [line for line in _mutmut(place, "show", name).splitlines() if line[:1] in "+-@"]
        print(f"\n{name}", *lines, sep="\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], *map(int, sys.argv[2:4])))
