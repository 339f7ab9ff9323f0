"""`make campaign`, or `python -m campaign [--minutes 30] [--seed N] [--fault NAME …]`: what is promised, under faults.

Twenty annotators and a manager work for so many minutes while one fault after the other strikes, and processes are
killed all the time. Prints each promise with PASS or FAIL and leaves the result as JSON; the same seed draws the same
plan. `--fault` runs only these; `--list` shows all.
"""

import argparse
import json
import random
import secrets
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from campaign import faults, promises
from campaign.faults import FAULTS, Fault, Kill
from campaign.people import Annotator, Book, Manager, Person, Trainer
from campaign.promises import Verdict, Watch
from campaign.site import Site, faketime, site
from harness import ROOT
from harness.processes import ProgramError

ANNOTATORS, FIRST_IMPORT, BATCH = 20, 60, 8
RESULTS = ROOT / ".cache" / "campaign"
_AMONG_OTHERS = (8.0, 20.0)
"""Seconds between two kills where other faults strike as well: a restart takes five."""


@dataclass(frozen=True)
class Struck:
    """A fault that was injected: how long it lasted, how often it was seen to strike; or why it is `not_here`."""

    fault: str
    seconds: float
    fired: int
    not_here: str = ""


@dataclass(frozen=True)
class Outcome:
    """One campaign."""

    commit: str
    seed: int
    minutes: float
    annotators: int
    tasks: int
    date: str
    chosen: list[str]
    faults: list[Struck]
    verdicts: list[Verdict]
    done: dict[str, int]

    @property
    def wrong(self) -> list[str]:
        """Each promise that was broken, and each fault that is possible here and never struck."""
        broken = [f"{each.promise}: {each.seen}" for each in self.verdicts if each.kept is False]
        return broken + [f"{each.fault} never struck" for each in self.faults if not (each.fired or each.not_here)]


def main() -> int:
    """1 when a promise was not kept."""
    parser = argparse.ArgumentParser("campaign", description=__doc__.split("\n\n")[1])
    parser.add_argument("--minutes", type=float, default=30, help="how long people work [30]")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10_000), help="of people and faults [drawn]")
    parser.add_argument("--fault", action="append", choices=sorted(FAULTS), help="only this; may be given again")
    parser.add_argument("--annotators", type=int, default=ANNOTATORS, help=f"how many people annotate [{ANNOTATORS}]")
    parser.add_argument("--tasks", type=int, default=FIRST_IMPORT, help=f"imported at the beginning [{FIRST_IMPORT}]")
    parser.add_argument("--list", action="store_true", help="show the faults, and end")
    parser.add_argument("--results", type=Path, default=RESULTS, help=f"folder of the JSON [{RESULTS}]")
    parser.add_argument("--keep", type=Path, help="a new folder for logs and databases, which is kept")
    arguments = parser.parse_args()
    if arguments.list:
        print("\n".join(f"{name:<20} {fault.__doc__}" for name, fault in FAULTS.items()))
        return 0
    chosen = arguments.fault or list(FAULTS)
    print(f"Seed {arguments.seed}, {arguments.minutes:g} minutes, faults: {', '.join(chosen)}", flush=True)
    with _folder(arguments.keep) as folder:
        outcome = campaign(
            folder, arguments.seed, arguments.minutes, chosen, annotators=arguments.annotators, tasks=arguments.tasks
        )
    _show(outcome)
    print(f"Kept in {_keep(outcome, arguments.results)}")
    return 1 if outcome.wrong else 0


def campaign(
    folder: Path,
    seed: int,
    minutes: float,
    chosen: Sequence[str] = tuple(FAULTS),
    *,
    annotators: int = ANNOTATORS,
    tasks: int = FIRST_IMPORT,
) -> Outcome:
    """Run one in an empty folder. Raises NotInstalledError where a program is missing."""
    dice = random.Random(seed)  # noqa: S311 - repeatable, not secret
    with site(folder, faked_clock="clock-jumps" in chosen and faketime() is not None) as made:
        book = Book()
        watch = Watch(made, book)
        manager = Manager(made, book, dice.random(), BATCH, "m")
        manager.bring(tasks)
        watch.begin()
        with at_work(_people(made, book, manager, annotators, dice, minutes)):
            visitor = Manager(made, book, dice.random(), BATCH // 2, "v")
            struck = list(_disturb(made, dice, minutes * 60, list(chosen), visitor))
        problems = promises.settled(made)
        watch.end()
        verdicts = promises.judge(made, book, watch, problems)
    date = datetime.now(UTC).date().isoformat()
    done = dict(sorted(book.done.items()))
    return Outcome(_commit(), seed, minutes, annotators, tasks, date, sorted(chosen), struck, verdicts, done)


def _commit() -> str:
    """What was tried; "" where this is no checkout."""
    told = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return told.stdout.strip()


def _people(
    made: Site, book: Book, manager: Manager, annotators: int, dice: random.Random, minutes: float
) -> list[Person]:
    people = [Annotator(made, book, dice.random()) for _ in range(annotators)]
    return [*people, manager, Trainer(made, book, dice.random(), minutes * 60 / 4)]


@contextmanager
def at_work(people: Sequence[Person]) -> Iterator[None]:
    """All of them work until the end of the block."""
    ended = threading.Event()
    threads = [threading.Thread(target=person.work, args=(ended,)) for person in people]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        for thread in threads:
            thread.join()


def _disturb(made: Site, dice: random.Random, seconds: float, chosen: list[str], visitor: Manager) -> Iterator[Struck]:
    """Inject what is planned, each at its time, and heal it; the visitor sees to it that there is work to strike."""
    begun = time.monotonic()

    def sleep_until(at: float) -> None:
        time.sleep(max(0.0, begun + at - time.monotonic()))

    lasting: list[tuple[Fault, float]] = []
    for name, at, length in list(faults.plan(chosen, seconds, dice)):
        fault: Fault = FAULTS[name](made, random.Random(dice.random()))  # noqa: S311 - repeatable, not secret
        if isinstance(fault, Kill) and len(chosen) > 1:
            fault.between = _AMONG_OTHERS
        if reason := fault.possible():
            yield Struck(name, 0.0, 0, reason)
            continue
        sleep_until(at)
        if length == seconds and fault.seconds == float("inf"):
            fault.inject()
            lasting.append((fault, length))
        else:
            yield _strike(made, fault, length, visitor)
    sleep_until(seconds)
    for fault, length in lasting:
        fault.heal()
        yield Struck(fault.name(), length, fault.fired())


def _strike(made: Site, fault: Fault, length: float, visitor: Manager) -> Struck:
    print(f"  {time.strftime('%H:%M:%S')} {fault.name()} for {length:.0f} s", flush=True)
    visitor.provoke()  # when it strikes, there is work under way that needs everything
    ends = made.diary.begins(fault.allows)
    begun = time.monotonic()
    try:
        fault.inject()
        fired = faults.last(fault, length, visitor.provoke)
    finally:
        fault.heal()
        ends()
    return Struck(fault.name(), round(time.monotonic() - begun, 1), max(fired, fault.fired()))


@contextmanager
def _folder(kept: Path | None) -> Iterator[Path]:
    if kept:
        kept.mkdir(parents=True)
        yield kept
        return
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def _show(outcome: Outcome) -> None:
    print(f"People: {', '.join(f'{deed} {count}' for deed, count in outcome.done.items())}")
    for struck in outcome.faults:
        told = struck.not_here or f"struck {struck.fired} times in {struck.seconds:.0f} s"
        print(f"{'FAIL' if not (struck.fired or struck.not_here) else '    '}  {struck.fault}: {told}")
    for verdict in outcome.verdicts:
        word = {True: "PASS", False: "FAIL", None: "    "}[verdict.kept]
        print(f"{word}  {verdict.promise}: {verdict.seen}", flush=True)


def _keep(outcome: Outcome, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    only = "all" if outcome.chosen == sorted(FAULTS) else "-and-".join(outcome.chosen)[:60]
    path = folder / f"{outcome.date}-{only}-{outcome.minutes:g}min-seed{outcome.seed}.json"
    content: dict[str, Any] = asdict(outcome)
    path.write_text(json.dumps(content, indent=1) + "\n")
    return path


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ProgramError as error:
        sys.exit(str(error))
