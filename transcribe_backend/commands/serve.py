"""`serve`: the server, under gunicorn."""

import argparse
import os
import sys

_GUNICORN = ("-m", "gunicorn", "-c", "python:transcribe_backend.gunicorn_conf", "transcribe_backend.wsgi:app")


def run(arguments: argparse.Namespace) -> int:
    """Become gunicorn, which reads the settings from the environment."""
    os.execv(sys.executable, [sys.executable, *_GUNICORN])  # noqa: S606 - our own command line
