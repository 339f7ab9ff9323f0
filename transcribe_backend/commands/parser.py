"""`python -m transcribe_backend …`: the command line."""

import argparse
import sys
from collections.abc import Callable, Sequence

from transcribe_backend import __version__, home
from transcribe_backend.backend import Backend, backend
from transcribe_backend.commands import connect, estimate, export, retry, serve, transcribe, vocabulary, worker
from transcribe_backend.commands.doctor import command as doctor
from transcribe_backend.errors import TranscribeBackendError
from transcribe_backend.telemetry.logs import configure_logging

Command = Callable[[argparse.Namespace, Backend], int]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; 0 when it did what it says, 1 when it did not, 2 for wrong arguments or settings."""
    arguments = parser().parse_args(argv)
    try:
        return int(arguments.run(arguments))
    except TranscribeBackendError as error:
        print(error.advice, file=sys.stderr)
        return 2


def parser() -> argparse.ArgumentParser:
    """All commands and their arguments."""
    made = argparse.ArgumentParser(home.command(), description="AWS Transcribe backend for Label Studio")
    made.add_argument("--version", action="version", version=__version__)
    commands = made.add_subparsers(required=True, dest="command", metavar="COMMAND")

    def add(name: str, about: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=about, description=about)

    serving = add("serve", "the server that Label Studio connects to, at PORT")
    serving.set_defaults(run=serve.run)

    connecting = add("connect", "register this backend in a Label Studio project")
    connect.add_arguments(connecting)
    connecting.set_defaults(run=connect.run)

    disconnecting = add("disconnect", "take this backend out of a Label Studio project")
    connect.add_disconnecting(disconnecting)
    disconnecting.set_defaults(run=connect.disconnect)

    examining = add("doctor", "look at everything that can be wrong with an installation, and say what to do")
    doctor.add_arguments(examining)
    examining.set_defaults(run=doctor.run)

    transcribing = add("transcribe", "s3:// audio -> tasks.json with predictions, for import")
    transcribe.add_arguments(transcribing)
    transcribing.set_defaults(run=_with_backend(transcribe.run))

    exporting = add("export", "the annotators' corrected texts with times: subtitles, or lists of timed words")
    export.add_arguments(exporting)
    exporting.set_defaults(run=_with_backend(export.run))

    estimating = add("estimate", "what transcribing a project would cost, before anything is started")
    estimate.add_arguments(estimating)
    estimating.set_defaults(run=_with_backend(estimate.run))

    working = add("worker", "do owed work beside the servers, on any machine that shares QUEUE_URL")
    working.set_defaults(run=_with_backend(worker.run))

    learning = add("vocabulary", "what has been learnt from annotators: list, show, train, decide")
    vocabulary.add_arguments(learning)
    learning.set_defaults(run=_with_backend(vocabulary.run))

    retrying = add("retry", "forget FAILED jobs, so that their audio is tried again")
    retry.add_arguments(retrying)
    retrying.set_defaults(run=_with_backend(retry.run))
    return made


def _with_backend(command: Command) -> Callable[[argparse.Namespace], int]:
    def run(arguments: argparse.Namespace) -> int:
        running = backend()
        configure_logging(running.settings)
        try:
            return command(arguments, running)
        finally:
            running.close()

    return run
