"""`python -m campaign.page`: docs/reliability.md, from the results that are kept in docs/reliability/."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from campaign.faults import FAULTS
from campaign.mutants import Sample, samples, section
from campaign.results import RESULTS, read, row
from harness import ROOT

PAGE = ROOT / "docs" / "reliability.md"

Outcome = Mapping[str, Any]
"""A result of campaign.__main__, as it stands in its JSON."""

_BEGINNING = """# What is promised, and what was seen of it

This page is written by `make reliability` from the results in `docs/reliability/`; each is one run of `make campaign`.

A run has a real Label Studio 1.23.2, two machines with a server and a worker of the backend each, nginx, a PostgreSQL,
and the stand-in for AWS with all its nasty sides at once (`local_aws/weather.py`). Annotators open, draw, correct,
submit and skip as the editor does; a manager imports audio of all kinds (in S3 here and in another region, uploaded,
missing, broken) and deletes tasks; a training is started and a vocabulary promoted. Meanwhile one fault after the other
strikes, and every few seconds a process of the backend is killed. A fault counts only when it was seen to strike.
"""

_FOUND = """## What campaigns have found so far

Each is mended, and a test holds it.

- Tasks that were owed with a learnt vocabulary which somebody had deleted waited for ever (`vocabulary-deleted`).
- AWS Transcribe tells of a wrong clock in words only; the status page blamed the credentials (`clock-jumps`).
- After a restart the first `/setup` had two seconds for the first look at AWS; a busy machine refused it (`kill`).
- Label Studio on SQLite repeats a request when its database is locked, also where it had stored the prediction before
  that: tasks had two (`kill` with 500 tasks).
- An item in hand when the store did not answer for a moment was never due again: its process renewed all that it owned
  (all faults, seed 2: one of 157 tasks; and once nobody looked at the running jobs of a region any more).
- Label Studio's words for the predictions of a deleted task were not known: the task was told as a failure (seed 2).
- boto3's adaptive retries count by the time of day: a clock that was set back held up the watch over a region for
  an hour (all faults, seed 1).
- S3 refuses HEAD without a word, so a wrong clock looked like a missing permission: the audio was named without its
  ETag, and had a second job once the clock was right; a bucket in another region was taken for one in the default
  region until the process ended (`clock-jumps`, all faults for 5 minutes, seed 1).
- Label Studio was busy for 80 s with the answer to 130 tasks; what was pushed meanwhile, or answered to
  somebody who opened one of them, stood there twice (all faults; the answers were mended after the run with seed 2).
- The same once more: asked again for 700 tasks, which Label Studio was still storing when the claims of the first
  answer had ended (all faults for 30 minutes, seed 12). What is handed out a second time is now looked at later, and
  nothing is handed out in bulk while the store, which holds the claims, is away.
- A mend of the day, which looked again at audio that had waited, took the names from the jobs of a training: it billed
  some audio twice (all faults for 12 minutes, seed 12). It was mended before it was released.
"""

_NOT_COVERED = """## What is not covered

- AWS itself: what the stand-in cannot show is asked of a real account by `make contract` ([aws.md](aws.md)).
- Gains of a learnt vocabulary: the recogniser here reads the names of the files. See [learning.md](learning.md).
- A store on SQLite: two machines need PostgreSQL. `tests/model/` and `tests/work/` have SQLite, with crash points and
  damaged files.
- Networks that lose, delay or reorder packets; a PostgreSQL that loses what it has confirmed; a disk that returns wrong
  bytes unnoticed elsewhere than in the cache of transcripts.
- Label Studio's own faults: it is killed, but its database is never damaged. Label Studio Enterprise.
- 0.1.0's processes that run beside today's: the upgrade has the files of 0.1.0, which was killed at work.
- More than one project, and more than some hundred tasks: `benchmarks/scale.py` has 100,000.
- Audio that was staged for a task which is deleted before its job begins stays until the lifecycle rule of the bucket;
  the run with seed 42 still called that an orphan.
- Days: the slope of memory is judged where processes lived for ten minutes, so not while `kill` strikes.
"""


def page(outcomes: Sequence[Outcome], mutants: Sequence[Sample] = ()) -> str:
    """The whole page."""
    parts = [_BEGINNING, "## Promises and faults\n", *_matrix(outcomes), "", "## Every run\n", *_runs(outcomes), ""]
    broken = list(_broken(outcomes))
    parts += [
        _FOUND,
        "## What was not kept\n",
        *(broken or ["Nothing in these runs."]),
        "",
        *section(mutants),
        _NOT_COVERED,
    ]
    return "\n".join(parts)


def _matrix(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """A row for each fault: in how many of the runs in which it struck each promise was kept."""
    promises = list(dict.fromkeys(each["promise"] for outcome in outcomes for each in outcome["verdicts"]))
    yield "Runs in which a promise was kept, of those in which it could be judged while the fault struck.\n"
    yield row(["fault", "what happens", "struck", "seeds", "last", *promises])
    yield row(["---"] * (5 + len(promises)))
    for name, fault in FAULTS.items():
        runs = [outcome for outcome in outcomes if _struck(outcome, name)]
        seeds = len({outcome["seed"] for outcome in runs})
        last = max((outcome["date"] for outcome in runs), default="never")
        struck = sum(_struck(outcome, name) for outcome in runs)
        kept = [_kept(runs, promise) for promise in promises]
        yield row([f"`{name}`", str(fault.__doc__), str(struck), str(seeds), last, *kept])


def _struck(outcome: Outcome, fault: str) -> int:
    return sum(int(each["fired"]) for each in outcome["faults"] if each["fault"] == fault)


def _kept(runs: Sequence[Outcome], promise: str) -> str:
    verdicts = [each["kept"] for run in runs for each in run["verdicts"] if each["promise"] == promise]
    judged = [kept for kept in verdicts if kept is not None]
    return f"{sum(judged)} of {len(judged)}" if judged else "–"


def _runs(outcomes: Sequence[Outcome]) -> Iterator[str]:
    yield row(["date", "commit", "run again with", "deeds of people", "faults that struck", "result"])
    yield row(["---"] * 6)
    for outcome in sorted(outcomes, key=lambda each: (each["date"], each["seed"])):
        struck = sum(each["fired"] > 0 for each in outcome["faults"])
        good = all(each["kept"] is not False for each in outcome["verdicts"])
        deeds = sum(outcome["done"].values())
        yield row([outcome["date"], outcome["commit"], f"`{_command(outcome)}`", str(deeds),
                    f"{struck} of {len(outcome['faults'])}", "all kept" if good else "see below"])  # fmt: skip


def _command(outcome: Outcome) -> str:
    only = "" if outcome["chosen"] == sorted(FAULTS) else "".join(f" --fault {name}" for name in outcome["chosen"])
    people = f" --annotators {outcome['annotators']} --tasks {outcome['tasks']}"
    return f"python -m campaign --minutes {outcome['minutes']:g} --seed {outcome['seed']}{people}{only}"


def _broken(outcomes: Sequence[Outcome]) -> Iterator[str]:
    for outcome in outcomes:
        for each in outcome["verdicts"]:
            if each["kept"] is False:
                yield f"- seed {outcome['seed']}, {outcome['commit']}: {each['promise']}: {each['seen']}"
        for each in outcome["faults"]:
            if not each["fired"]:
                yield f"- seed {outcome['seed']}, {outcome['commit']}: `{each['fault']}` " + (
                    f"was not possible there: {each['not_here']}." if each["not_here"] else "did not strike."
                )


def outcomes(folder: Path = RESULTS) -> list[Outcome]:
    """The results that are kept there."""
    return read(folder)


def main() -> int:
    """Write the page; 1 when there is no result to write of."""
    found = outcomes()
    if not found:
        print(f"No results in {RESULTS}: run `make campaign CAMPAIGN='--results docs/reliability'` first.")
        return 1
    PAGE.write_text(page(found, samples()))
    print(f"{PAGE}: {len(found)} runs")
    return 0


if __name__ == "__main__":
    sys.exit(main())
