"""How many mutants of a room the tests kill, by a sample that a seed repeats: `make mutants ROOM=speech MUTANTS=60`.

mutmut makes the mutants, in a copy under .cache/mutants/. For each of the sample a process is forked, which runs the
tests of the mutant's module, and then, if it lives, all tests of the room. Those that survive are shown, to be read.
"""

import difflib
import json
import multiprocessing
import os
import random
import re
import resource
import shutil
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from mutmut.mutation.trampoline import set_mutant_under_test

ROOT = Path(__file__).parents[1]
ROOMS = {
    "speech": (["speech/*"], ["tests/unit/speech", "tests/unit/labeling"]),
    "labeling": (["labeling/*"], ["tests/unit/labeling"]),
    "work": (["work/*"], ["tests/work"]),
    "prelabeling": (["prelabeling/answers", "prelabeling/deliveries"], ["tests/prelabeling"]),
}
"""Rooms: what is mutated, and the tests that have to kill it."""
LEAST = 0.85
"""The share that has to be killed."""
CPU_SECONDS = 120
"""Who takes longer does not end: its tests have seen that."""
OPTIONS = ("-x", "-q", "-n0", "-m", "not slow", "-p", "no:cacheprovider", "--no-header", "--rootdir=.", "-W", "ignore")


def main(room: str, count: int, seed: int) -> int:
    """Print the share of killed mutants and each survivor; 1 when fewer than LEAST were killed."""
    sources, tests = ROOMS[room]
    os.chdir(_copy(room, sources))
    names = sorted(_made())
    os.chdir("mutants")
    sys.path.insert(0, os.getcwd())
    if _fails("no mutant", list(tests)):
        sys.exit(f"The tests of {room} fail without any mutant.")
    chosen = random.Random(seed).sample(names, min(count, len(names)))  # noqa: S311 - a sample
    with ThreadPoolExecutor(2) as pool:
        killed = list(pool.map(partial(_judged, tests=tests), chosen))
    share = sum(killed) / len(chosen)
    print(f"{room}: {sum(killed)} of {len(chosen)} killed ({share:.0%}), of {len(names)} mutants; seed {seed}")
    for name in (name for name, dead in zip(chosen, killed, strict=True) if not dead):
        print(f"\n{name}", *_difference(name), sep="\n")
    return int(share < LEAST)


def _copy(room: str, sources: Sequence[str]) -> Path:
    """A fresh copy of the project with mutmut's settings for a room."""
    place = ROOT / ".cache" / "mutants" / room
    shutil.rmtree(place, ignore_errors=True)
    unwanted = shutil.ignore_patterns(".*", "__pycache__", "artifacts", "data")
    shutil.copytree(ROOT, place, symlinks=True, ignore=unwanted)
    shutil.copytree(ROOT / "tests" / "data", place / "tests" / "data")
    settings = {
        "source_paths": ["transcribe_backend"],
        "only_mutate": [f"transcribe_backend/{source}.py" for source in sources],
        "also_copy": [each.name for each in place.iterdir() if each.name not in ("transcribe_backend", "tests")],
    }
    with (place / "pyproject.toml").open("a") as file:
        file.writelines(["\n[tool.mutmut]\n", *(f"{name} = {json.dumps(value)}\n" for name, value in settings.items())])
    return place


def _made() -> Iterator[str]:
    """The names of all mutants, once mutmut has made them."""
    import mutmut.__main__ as mutmut  # reads its settings as it is imported

    set_mutant_under_test("mutant_generation")
    Path("mutants").mkdir()
    mutmut.copy_src_dir()
    mutmut.copy_also_copy_files()
    mutmut.setup_source_paths()
    mutmut.create_mutants(2)
    for file in Path("mutants").rglob("*.meta"):
        yield from json.loads(file.read_text())["exit_code_by_key"]


def _judged(name: str, tests: Sequence[str]) -> bool:
    killed = _killed(name, tests)
    print("killed  " if killed else "survived", name, flush=True)
    return killed


def _killed(name: str, tests: Sequence[str]) -> bool:
    module = name.split(".")[2]
    own = sorted(str(path) for folder in tests for path in Path(folder).glob(f"test_{module}*.py"))
    return any(_fails(name, each) for each in (own, list(tests)) if each)


def _fails(name: str, tests: list[str]) -> bool:
    process = multiprocessing.get_context("fork").Process(target=_run, args=(name, tests))
    process.start()
    process.join()
    return process.exitcode != 0


def _run(name: str, tests: list[str]) -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    set_mutant_under_test(name)
    os._exit(int(pytest.main([*OPTIONS, *tests]) == pytest.ExitCode.TESTS_FAILED))


def _difference(name: str) -> list[str]:
    """Between a function and its mutant."""
    module, function = name.rpartition(".")[::2]
    text = Path(module.replace(".", "/") + ".py").read_text()
    original = _function(text, re.sub(r"__mutmut_\d+$", "__mutmut_orig", function))
    lines = difflib.unified_diff(original, _function(text, function), n=0, lineterm="")
    return [line for line in lines if not re.match(r"[-+@]{2}|[-+]\s*def ", line)]


def _function(text: str, name: str) -> list[str]:
    found = re.search(rf"^( *)(?:async )?def {re.escape(name)}\(.*?(?=^\1\S|\Z)", text, re.MULTILINE | re.DOTALL)
    return found[0].splitlines() if found else []


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], *map(int, sys.argv[2:4])))
