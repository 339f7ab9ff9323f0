"""The command line of the doctor."""

import argparse
import json
import os
import sys
from collections.abc import Iterable, Sequence

from transcribe_backend.commands.doctor import report, transcription
from transcribe_backend.commands.doctor.check import Check, Result, Verdict, examine
from transcribe_backend.commands.doctor.checks import ALL, chosen
from transcribe_backend.commands.doctor.patient import Patient
from transcribe_backend.errors import SettingsError
from transcribe_backend.home import command

_BEFORE_START = ("python", "store", "permissions", "bucket")
"""What a server needs before it starts; what these need is done as well."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument("check", nargs="*", type=_name, metavar="CHECK", help="only these, and what they need")
    parser.add_argument("--list-checks", action="store_true", help="list the checks, and exit")
    parser.add_argument("--json", action="store_true", help="one JSON object at the end instead of lines")
    parser.add_argument(
        "--backend-url", default="", help="this backend, as seen by Label Studio [http://localhost:PORT]"
    )
    parser.add_argument("--project", type=int, action="append", default=[], help="check this project [the newest 50]")
    parser.add_argument("--transcribe", action="store_true", help="also transcribe two seconds, which costs a little")


def run(arguments: argparse.Namespace) -> int:
    """Look; 0, or 1 when something is wrong."""
    if arguments.list_checks:
        print("\n".join(f"{each.name:<13}  {each.about}" for each in ALL))
        return 0
    patient = Patient(os.environ, arguments.backend_url.rstrip("/"), tuple(arguments.project))
    checks = chosen(arguments.check, paid=arguments.transcribe)
    if transcription.transcription in checks:
        _announce(patient)
    results = _look(checks, patient, silent=arguments.json)
    if arguments.json:
        print(json.dumps(report.as_json(results, os.environ), indent=1))
    else:
        _conclude(results)
    return _status(results)


def before_start() -> int:
    """What a server needs before it starts, Label Studio where it is named; 1 when something is wrong."""
    checks = chosen((*_BEFORE_START, *(("token",) if os.environ.get("LABEL_STUDIO_URL") else ())))
    results = _look(checks, Patient(os.environ), silent=False)
    left = ", ".join(each.name for each in ALL if each not in checks)
    print(f"Not checked here: {left}. `{command('doctor')}` checks everything.")
    return _status(results)


def _name(text: str) -> str:
    names = [each.name for each in ALL]
    if text not in names:
        raise argparse.ArgumentTypeError(f"there is no check {text!r}; there are {', '.join(names)}")
    return text


def _look(checks: Sequence[Check], patient: Patient, *, silent: bool) -> list[Result]:
    results = []
    for result in examine(checks, patient):
        if not silent:
            print(report.lines(result), flush=True)
        results.append(result)
    return results


def _status(results: Iterable[Result]) -> int:
    return int(any(each.finding.verdict is Verdict.WRONG for each in results))


def _announce(patient: Patient) -> None:
    try:
        print(transcription.announcement(patient.settings), file=sys.stderr, flush=True)
    except SettingsError:
        return  # the check of that name says more, and nothing is transcribed


def _conclude(results: Sequence[Result]) -> None:
    count = sum(each.finding.verdict is Verdict.WRONG for each in results)
    told = f"{count} of {len(results)} checks found something wrong." if count else "Nothing is wrong."
    print(f"\n{told} To report an issue, paste this; it contains no secrets:\n\n{report.block(results, os.environ)}")
