"""ADAPTER: logging to stdout in the field's format, through the one redacting place."""

import io
import logging
import sys

from transcribe_backend.redact import RedactingFilter
from transcribe_backend.settings import Settings

_FORMAT = "[%(asctime)s] [%(levelname)s] [%(name)s::%(funcName)s::%(lineno)d] %(message)s"
_CHATTY = ("botocore", "boto3", "urllib3", "s3transfer", "huey", "werkzeug")


class _OneLine(logging.Formatter):
    """No message makes a second line, which could pretend to be another record; tracebacks do."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        return super().formatMessage(record).replace("\r", "\\r").replace("\n", "\\n")


def configure_logging(settings: Settings) -> None:
    """One handler for everything in this process, gunicorn's loggers included; no secret passes it."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # what tasks hold need not be encodable
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(_OneLine(_FORMAT))
    handler.addFilter(RedactingFilter(settings.secrets()))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.log_level)
    for name in ("gunicorn.error", "gunicorn.access"):
        logging.getLogger(name).handlers = [handler]
        logging.getLogger(name).propagate = False
    if settings.log_level != "DEBUG":
        for name in _CHATTY:
            logging.getLogger(name).setLevel(logging.WARNING)
