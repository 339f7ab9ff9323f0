"""How many mutants of a room the tests kill, by a sample that a seed repeats: `make mutants ROOM=speech MUTANTS=60`.

mutmut makes the mutants, in a copy under .cache/mutants/. pytest collects the room's tests once; for each mutant of the
sample a process is forked, which runs them until one fails: those of the mutant's module first. A test that fails is
run again, alone, with the mutant and without one: only a test that tells the two apart has killed it, for on a busy
machine others fail too. The result is kept in docs/reliability/mutants/, with the survivors, to be read;
`make reliability` shows it in docs/reliability.md.
"""

import difflib
import json
import multiprocessing
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from _pytest.runner import runtestprotocol
from mutmut.mutation.trampoline import set_mutant_under_test

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "docs" / "reliability" / "mutants"
ROOMS = {
    "speech": (["speech/*"], ["tests/unit/speech", "tests/unit/labeling"]),
    "labeling": (["labeling/*"], ["tests/unit/labeling"]),
    "work": (["work/*"], ["tests/work"]),
    "prelabeling": (["prelabeling/answers", "prelabeling/deliveries"], ["tests/prelabeling"]),
}
"""What is mutated, and the tests that have to kill it. A module of one can be asked for too (`work/items.py`)."""
LEAST = 0.85
"""The share that has to be killed."""
TEST_SECONDS, MEMORY = 120, 8 * 2**30
"""Who takes more for one test does not end: the test has seen that."""
FORKS = 8
"""Many tests wait."""
MOST_DOUBTED = 5
"""After so many that fail without the mutant as well, the others are not asked."""
TIMED = "twice_the_time or than_a_moment or in_a_moment"
"""Tests that measure time: on a busy machine they tell nothing."""
OPTIONS = ("-q", "-s", "-n0", "-m", "not slow", "-k", f"not ({TIMED})", "-p", "no:cacheprovider", "--no-header",
           "--rootdir=.", "-W", "ignore")  # fmt: skip


def main(room: str, count: int, seed: int) -> int:
    """Print the share of killed mutants and each survivor, and keep them; 1 when fewer than LEAST were killed."""
    name, _, part = room.partition("/")
    sources, tests = ROOMS[name]
    commit = subprocess.check_output(["git", "rev-parse", "--short=7", "HEAD"], cwd=ROOT, text=True).strip()  # noqa: S607
    os.chdir(_copy(room.replace("/", "-"), [room.removesuffix(".py")] if part else sources))
    names = sorted(_made())
    os.chdir("mutants")
    sys.path.insert(0, os.getcwd())
    set_mutant_under_test("")
    chosen = random.Random(seed).sample(names, min(count, len(names)))  # noqa: S311 - a sample
    judge = Judge(chosen)
    pytest.main([*OPTIONS, *tests], plugins=[judge])
    living = [name for name in chosen if not judge.killed[name]]
    _keep(room, seed, commit, len(names), len(chosen), living)
    print(f"{room}: {len(chosen) - len(living)} of {len(chosen)} killed, of {len(names)} mutants; seed {seed}")
    for name in living:
        print(f"\n{name}", *_difference(name), sep="\n")
    return int(len(living) > (1 - LEAST) * len(chosen))


def _keep(room: str, seed: int, commit: str, of: int, drawn: int, living: Sequence[str]) -> None:
    """As JSON. A survivor is "not read" until somebody writes there what became of it, and why."""
    date = f"{datetime.now(UTC):%Y-%m-%d}"
    survivors = [{"mutant": name, "change": _difference(name), "became": "not read", "why": ""} for name in living]
    result: dict[str, Any] = {"room": room, "seed": seed, "mutants": of, "drawn": drawn, "killed": drawn - len(living)}
    result |= {"date": date, "commit": commit, "survivors": survivors}
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / f"{date}-{room.replace('/', '-')}-seed{seed}.json"
    path.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")


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


class Judge:
    """A plugin of pytest that runs the collected tests on each mutant in place of once. No mutant is seen in what runs
    on import alone.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._items: list[pytest.Item] = []
        self._sound: dict[pytest.Item, bool] = {}
        self.killed: dict[str, bool] = {}

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self._items = session.items
        with ThreadPoolExecutor(FORKS) as pool:
            for name, dead in zip(self._names, pool.map(self._is_killed, self._names), strict=True):
                self.killed[name] = dead
        return True

    def _is_killed(self, name: str) -> bool:
        left = sorted(self._items, key=lambda item: _distance(name, item))
        killer = None
        for _ in range(MOST_DOUBTED):
            failed = _failed(name, left)
            if failed is None or (_failed(name, [failed]) and self._is_sound(failed)):
                killer = failed
                break
            left.remove(failed)
        print(f"killed   {name} by {killer.name}" if killer else f"survived {name}", flush=True)
        return killer is not None

    def _is_sound(self, test: pytest.Item) -> bool:
        if test not in self._sound:
            self._sound[test] = _failed("", [test]) is None
        return self._sound[test]


def _distance(name: str, test: pytest.Item) -> tuple[int, bool]:
    """The tests of the module first, then those that import it; of each of them the quick ones first."""
    package, module = name.split(".")[1:3]
    near = re.search(rf"{package}(\.| import .*\b){module}\b", test.path.read_text())
    made_up = getattr(getattr(test, "obj", None), "is_hypothesis_test", False)
    slow = made_up or "postgresql" in test.name or "label_studio" in test.path.name
    return 0 if test.path.name.startswith(f"test_{module}") else 1 if near else 2, slow


def _failed(name: str, tests: Sequence[pytest.Item]) -> pytest.Item | None:
    """The first test that fails."""
    with tempfile.TemporaryDirectory() as folder:
        begun = Path(folder, "begun")
        process = multiprocessing.get_context("fork").Process(target=_run, args=(name, tests, begun))
        process.start()
        process.join()
        return tests[int(begun.read_text())] if process.exitcode else None


def _run(name: str, tests: Sequence[pytest.Item], begun: Path) -> None:
    """Ends the process with 1 at the first test that fails."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    os.environ["PYTEST_DEBUG_TEMPROOT"] = str(begun.parent)
    signal.signal(signal.SIGALRM, _interrupt)
    set_mutant_under_test(name)
    for number, (test, following) in enumerate(zip(tests, [*tests[1:], None], strict=True)):
        begun.write_text(str(number))
        signal.setitimer(signal.ITIMER_REAL, TEST_SECONDS, 10)
        reports = runtestprotocol(test, log=False, nextitem=following)
        if any(report.failed for report in reports):
            test.session._setupstate.teardown_exact(None)
            os._exit(1)
    os._exit(0)


def _interrupt(*_: object) -> None:
    raise TimeoutError(f"Not ended after {TEST_SECONDS} s.")


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
