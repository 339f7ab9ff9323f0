"""ADAPTER: logging to stdout in the field's format, through the one redacting place."""

import logging
import sys

from transcribe_backend.redact import RedactingFilter
from transcribe_backend.settings import Settings

_FORMAT = "[%(asctime)s] [%(levelname)s] [%(name)s::%(funcName)s::%(lineno)d] %(message)s"
_CHATTY = ("botocore", "boto3", "urllib3", "s3transfer", "huey", "werkzeug")


def configure_logging(settings: Settings) -> None:
    """One handler for everything in this process, gunicorn's loggers included; no secret passes it."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter(_FORMAT))
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
