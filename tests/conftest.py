"""For all tests: what one of them does to the process does not reach the next, nor does the developer's environment."""

import logging
import os
from collections.abc import Generator, Iterator
from typing import Any

import pytest
from hypothesis import settings

from harness.debian import missing
from harness.processes import NotInstalledError

# No example is a measurement of speed, and a run fails where the same run failed before.
settings.register_profile("tests", deadline=None, derandomize=True)
settings.load_profile("tests")

_OURS = ("AWS_", "LABEL_STUDIO_", "BASIC_AUTH_", "S3_", "TRANSCRIBE_", "TRAIN_", "PROMETHEUS_")
_ALSO_OURS = (
    "MODEL_DIR",
    "QUEUE_URL",
    "PREDICT_WAIT_SECONDS",
    "INTERACTIVE_WAIT_SECONDS",
    "PREFETCH_MAX_TASKS",
    "PORT",
)


def pytest_report_header() -> list[str]:
    """What will be skipped, and what would bring it."""
    return list(_skipped(missing(), os.environ.get("TRANSCRIPTS_DIR")))


def _skipped(packages: dict[str, str], transcripts: str | None) -> Iterator[str]:
    if packages:
        yield "Skipped, as these Debian packages are not here:"
        yield from (f"  {package:<12} {what}" for package, what in packages.items())
        yield f"  All of them: sudo apt-get install --no-install-recommends {' '.join(packages)}"
    if not transcripts:
        yield "Skipped, as TRANSCRIPTS_DIR names no folder of real AWS transcripts: 25 tests (nobody but us has those)."


@pytest.fixture(autouse=True, scope="session")
def no_settings_of_the_developer() -> None:
    """Nobody's AWS account is used by a test."""
    for name in list(os.environ):
        if name.startswith(_OURS) or name in _ALSO_OURS:
            del os.environ[name]


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """Commands configure logging for their process, which here is everybody's."""
    loggers = [logging.getLogger(name) for name in (None, *logging.root.manager.loggerDict)]
    before = [(logger, logger.level, list(logger.handlers), logger.propagate) for logger in loggers]
    yield
    for logger, level, handlers, propagate in before:
        logger.setLevel(level)
        logger.handlers[:] = handlers
        logger.propagate = propagate


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup() -> Generator[None, Any, Any]:
    """What needs a program that is not on this machine is skipped."""
    return (yield from _skipping())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup() -> Generator[None, Any, Any]:
    """So is what needs the fixture after that: pytest keeps the fixture's own error."""
    return (yield from _skipping())


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call() -> Generator[None, Any, Any]:
    """Likewise."""
    return (yield from _skipping())


def _skipping() -> Generator[None, Any, Any]:
    try:
        return (yield)
    except NotInstalledError as missing:
        pytest.skip(str(missing))
