"""`app` for gunicorn; made from the environment when this module is imported, which raises SettingsError."""

from flask import Flask

from transcribe_backend.backend import backend
from transcribe_backend.model import AWSTranscribe
from transcribe_backend.telemetry.logs import configure_logging
from transcribe_backend.web.app import create_app


def _made() -> Flask:
    running = backend()
    configure_logging(running.settings)
    return create_app(AWSTranscribe, running)


app = _made()
