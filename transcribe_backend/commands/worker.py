"""`python -m transcribe_backend worker`: a process that does owed work and answers no requests."""

import argparse
import os
import signal
import threading

from transcribe_backend.backend import Backend
from transcribe_backend.home import UMASK
from transcribe_backend.web.metrics_port import metrics_port


def run(arguments: argparse.Namespace, running: Backend) -> int:
    """Work until SIGINT or SIGTERM."""
    os.umask(UMASK)
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    with metrics_port(running):
        running.start()
        print("Worker runs.", flush=True)
        ended.wait()
    return 0
