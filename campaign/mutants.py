"""The part of docs/reliability.md about mutation testing, from the results that `make mutants` keeps."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from campaign.results import RESULTS, read, row

Sample = Mapping[str, Any]
"""A result of scripts/mutants.py, as it stands in its JSON. What became of a survivor is written there by hand."""

KILLED, EQUIVALENT, LEFT, UNREAD = "killed since", "equivalent", "left", "not read"

_BEGINNING = """## Mutants: what the tests notice

`make mutants ROOM=speech MUTANTS=40 SEED=1` makes mutants of a folder (a "room") with mutmut, draws a sample that the
seed repeats, and runs the room's tests on each. A mutant is killed by a test that fails with it, fails again when it is
run alone, and passes without the mutant. We read every survivor. For most we wrote a test ("killed since"); the sample
is then no longer a fair measure, and only a later sample of another seed is. Equivalent mutants do what the code does.
Samples of fewer than 40 were ended early: they are the first of what the seed draws.
"""


def samples(folder: Path = RESULTS / "mutants") -> list[Sample]:
    """The results that are kept there."""
    return read(folder)


def section(kept: Sequence[Sample]) -> Iterator[str]:
    """Lines: each sample, then each survivor with what became of it."""
    yield _BEGINNING
    yield "| room | seed | date | commit | drawn | killed when drawn | killed since | equivalent | left |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"
    for sample in kept:
        yield _row(sample)
    yield ""
    for sample in kept:
        yield from _survivors(sample)


def _row(sample: Sample) -> str:
    became = [each["became"] for each in sample["survivors"]]
    share = f"{sample['killed']} ({100 * sample['killed'] / sample['drawn']:.0f} %)"
    cells = [f"`{sample['room']}`", sample["seed"], sample["date"], sample["commit"],
             f"{sample['drawn']} of {sample['mutants']:,}", share, became.count(KILLED), became.count(EQUIVALENT),
             became.count(LEFT) + became.count(UNREAD)]  # fmt: skip
    return row(cells)


def _survivors(sample: Sample) -> Iterator[str]:
    if sample["survivors"]:
        yield f"Survivors of `{sample['room']}` with seed {sample['seed']}:\n"
    for each in sample["survivors"]:
        changed = " → ".join(f"`{line[1:].strip()}`" for line in each["change"])
        became = ": ".join(filter(None, (each["became"].capitalize(), each["why"])))
        yield f"- `{each['mutant'].partition('.')[2]}`: {changed}. {became}"
    yield ""
