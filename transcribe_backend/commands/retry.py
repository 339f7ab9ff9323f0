"""`python -m transcribe_backend retry`: a FAILED job is forgotten, so that the next request tries its audio again."""

import argparse
import sys

from transcribe_backend.aws.jobs import NAME
from transcribe_backend.backend import Backend


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument("job", nargs="+", metavar="ls-…", help="name of the job, as in the error")


def run(arguments: argparse.Namespace, running: Backend) -> int:
    """Delete the jobs in AWS and what is kept of their failure here; 1 at the first that is not FAILED."""
    for name in arguments.job:
        if not NAME.fullmatch(name):
            print(
                f"{name} is not the name of a job of ours: copy it, ls-…, from the error or from /status.",
                file=sys.stderr,
            )
            return 1
        status = running.jobs.get(name, "")
        if status is None:
            place = running.clients.region
            print(
                f"AWS Transcribe has no job {name} in {place}. For another region, set AWS_DEFAULT_REGION.",
                file=sys.stderr,
            )
            return 1
        if status.state != "FAILED":
            print(f"{name} is {status.state}, not FAILED: nothing to retry.", file=sys.stderr)
            return 1
        running.jobs.delete(name, "")
        running.work.forget_failed(name)
        print(f"{name}: the next request tries its audio again.")
    return 0
