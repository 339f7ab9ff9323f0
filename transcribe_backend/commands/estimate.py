"""`python -m transcribe_backend estimate`: what transcribing a project would cost; starts nothing, changes nothing."""

import argparse
import sys
from collections.abc import Iterator
from math import ceil

from tqdm import tqdm

from transcribe_backend.aws.price import Price
from transcribe_backend.backend import Backend
from transcribe_backend.errors import SettingsError
from transcribe_backend.prelabeling.estimates import Estimate
from transcribe_backend.prelabeling.project import project_id
from transcribe_backend.telemetry.redact import redact


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument("--project", type=int, required=True, help="the number in the project's address")


def run(arguments: argparse.Namespace, running: Backend) -> int:
    """Look at every task's audio and say what is new in it, and what that costs."""
    if running.studio is None:
        raise SettingsError(
            "Without Label Studio there are no tasks to look at.",
            remedy="Set LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY.",
        )
    described = running.studio.project(arguments.project)
    project = running.projects.read(project_id(described), described.get("label_config", ""))
    found = Estimate()
    with tqdm(total=described.get("task_number"), unit="task", desc="Checking", file=sys.stderr) as bar:
        for _ in running.estimates.steps(running.studio.tasks(arguments.project), project, found):
            bar.update()
    for line in report(found, running.price, running.settings.max_audio_hours):
        print(line)
    return 0


def report(found: Estimate, price: Price, hours_per_day: float) -> Iterator[str]:
    """What was found, in sentences; `hours_per_day` is MAX_AUDIO_HOURS_PER_DAY, 0 where nothing limits."""
    refused = found.refused.total()
    yield f"{found.tasks} tasks with {found.there + found.new} different recordings that can be transcribed."
    yield f"{found.there} have a transcript already: nothing is charged for them again."
    yield f"{found.new} are new{_lengths(found)}."
    if found.measured:
        yield (
            f"Estimate: ${price.dollars(found.likely(found.billed)):.2f} "
            f"(${price.per_minute:g} a minute, TRANSCRIBE_PRICE_PER_MINUTE)."
        )
    hours = found.likely(found.seconds) / 3600
    if hours_per_day and hours > hours_per_day:
        yield f"MAX_AUDIO_HOURS_PER_DAY={hours_per_day:g} spreads them over {ceil(hours / hours_per_day)} days or more."
    if refused:
        yield f"{refused} cannot be transcribed as they are:"
        yield from (f"  {count} x {redact(reason)}" for reason, count in found.refused.most_common())


def _lengths(found: Estimate) -> str:
    if not found.new:
        return ""
    if not found.measured:
        return "; their length is not known until they are downloaded"
    measured = f": {found.seconds / 60:.1f} minutes of audio"
    if not found.unmeasured:
        return measured
    return (
        f"{measured} in {found.measured} of them; the length of {found.unmeasured} is not known until they are "
        "downloaded, so they are counted as if they were like the others"
    )
