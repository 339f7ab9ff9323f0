"""ADAPTER: logging to stdout in the field's format, through the one redacting place."""

import io
import logging
import sys
import time
from collections.abc import Callable

from transcribe_backend.settings import Settings
from transcribe_backend.telemetry.redact import RedactingFilter

_FORMAT = "[%(asctime)s] [%(levelname)s] [%(name)s::%(funcName)s::%(lineno)d] %(message)s"
_LOOPS = ("huey.consumer", "transcribe_backend.background")
_QUIET_SECONDS = 60.0
_CHATTY = ("botocore", "boto3", "urllib3", "s3transfer", "huey", "werkzeug")

# Unicode's control characters (C0, DEL, C1), line and paragraph separators, and those that turn the writing around.
_RANGES = ((0x00, 0x1F), (0x7F, 0x9F), (0x2028, 0x202E), (0x2066, 0x2069))
_CONTROLS = {
    code: chr(code).encode("unicode_escape").decode() for first, last in _RANGES for code in range(first, last + 1)
}
del _CONTROLS[ord("\n")], _CONTROLS[ord("\t")]


class _OneLine(logging.Formatter):
    """No message makes a second line, which could pretend to be another record; tracebacks do. Nothing that a log holds
    moves the cursor of whoever reads it.
    """

    def formatMessage(self, record: logging.LogRecord) -> str:
        return super().formatMessage(record).replace("\n", "\\n")

    def format(self, record: logging.LogRecord) -> str:
        return super().format(record).translate(_CONTROLS)


class Once(logging.Filter):
    """Loops that meet a queue that is down say the same every second: each message of theirs passes once a minute."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._said: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether it is news."""
        if not record.name.startswith(_LOOPS):
            return True
        key, now = (record.name, record.getMessage()), self._clock()
        news = now - self._said.get(key, float("-inf")) > _QUIET_SECONDS
        if news:
            self._said[key] = now
        return news


def configure_logging(settings: Settings) -> None:
    """One handler for everything in this process, gunicorn's loggers included; no secret passes it."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # what tasks hold need not be encodable
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(_OneLine(_FORMAT))
    handler.addFilter(Once())
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
