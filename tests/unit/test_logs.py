"""The log of a whole process, as another program reads it."""

import logging
import subprocess
import sys

from harness import ROOT
from transcribe_backend.telemetry.logs import Once

PROGRAM = """
import logging
from transcribe_backend.telemetry.logs import configure_logging
from transcribe_backend.settings import Settings
configure_logging(Settings(label_studio_url="http://x", label_studio_api_key="0123456789abcdef"))
log = logging.getLogger("some")
log.warning("audio %s", "a\\n[2026] [ERROR] forged\\r\\nline")
log.warning("a\\x1b[2Jb\\x85c\\u2028d\\u2029e\\u202ef\\x00g\\th")
log.warning("odd \\ud800 and \\u8a9e and 0123456789abcdef")
try:
    raise ValueError("0123456789abcdef \\x1b[2J")
except ValueError:
    log.exception("failed")
logging.getLogger("gunicorn.error").info("booted")
logging.getLogger("urllib3").info("chatty")
"""


def test_one_line_each_whatever_is_in_it() -> None:
    env = {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii", "PATH": ""}
    ended = subprocess.run([sys.executable, "-c", PROGRAM], env=env, capture_output=True, text=True, check=True)
    assert ended.stderr == ""
    lines = ended.stdout.splitlines()
    records = [line.partition("[WARNING] ")[2] for line in lines if "[WARNING]" in line]
    assert records == [
        "[some::<module>::7] audio a\\n[2026] [ERROR] forged\\r\\nline",
        "[some::<module>::8] a\\x1b[2Jb\\x85c\\u2028d\\u2029e\\u202ef\\x00g\th",
        "[some::<module>::9] odd \\ud800 and \\u8a9e and [redacted]",
    ]
    assert "[some::<module>::13] failed" in ended.stdout
    assert "ValueError: [redacted] \\x1b[2J" in ended.stdout
    assert lines[-1].endswith("booted")


def test_what_a_queue_that_is_down_says_again_and_again_is_told_once_a_minute() -> None:
    now = [0.0]
    once = Once(clock=lambda: now[0])

    def passes(name: str, message: str) -> bool:
        return bool(once.filter(logging.LogRecord(name, logging.ERROR, "", 1, message, None, None)))

    said = [passes("huey.consumer.Worker", "Error reading from queue") for _ in range(3)]
    assert said == [True, False, False]
    assert passes("huey.consumer.Scheduler", "Error reading from queue")
    assert [passes("transcribe_backend.failures", "No prediction") for _ in range(2)] == [True, True]
    now[0] = 61.0
    assert passes("huey.consumer.Worker", "Error reading from queue")
