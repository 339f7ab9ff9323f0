"""No text that others write can make a pattern of ours slow: twice the text costs at most about twice the time."""

import importlib
import pkgutil
import re
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import product
from pathlib import Path

import pytest

import transcribe_backend
from transcribe_backend.aws import addresses
from transcribe_backend.download.download import shown
from transcribe_backend.errors import TranscribeBackendError
from transcribe_backend.speech import conventions
from transcribe_backend.telemetry import redact

LENGTH = 5_000
QUICK = 0.003  # seconds of processor time that say nothing about growth
GROWTH = 3.0  # of the time when the text doubles: 2 is linear, 4 quadratic
BRICKS = (
    "a", "-", "_", ".", "/", "\\", "@", ":", " ", "\t", "=", "&", "?", "%", "0", "A", "é", "'", '"', "a.", "a-", "a:",
    "eyJ", "eyJaaaaa-", "-eyJaaaaa", "eyJaaaaa.", "eyJaaaaa.a-", "http://", "https://a", "://a", "a://", "a@a", "?a=",
    "&token", "?x-amz-a", "&x-amz-aa=", "authorization ", "authorization: ", "signature = ", "signature:0", "bearer ",
    "basic a", "AKIA", "AKIAAAAAAAAAAAAA_", "aws_secret_access_key ", "password = ", "api_key", "refresh ", "s3://",
    "s3.", "s3-", "s3.us-east-", "amazonaws.com", "spk_1", "ch_", "speaker ", "ls-p1-", "-v1", "data:", "{{", "<a ",
    "0.1", "12:", "en-", "a dot ", "a at ", "\r\n", "\x00", "\u2028",
)  # fmt: skip


def patterns() -> Iterator[tuple[str, Callable[[str], object]]]:
    """Every compiled pattern that a module of the package holds, in the ways its module uses it."""
    for module in pkgutil.walk_packages(transcribe_backend.__path__, "transcribe_backend."):
        if module.name.endswith("__main__"):
            continue
        loaded = importlib.import_module(module.name)
        source = Path(str(loaded.__file__)).read_text()
        for name, value in vars(loaded).items():
            if isinstance(value, re.Pattern):
                used = set(re.findall(rf"\b{name}\.(\w+)\(", source)) or {"fullmatch"}
                yield from ((f"{module.name}.{name}.{way}", _used(value, way)) for way in used)
    for number, (pattern, _) in enumerate(redact._RULES):
        yield f"redact._RULES[{number}]", _used(pattern, "sub")


def _used(pattern: re.Pattern[str], way: str) -> Callable[[str], object]:
    if way == "sub":
        return lambda text: pattern.sub("", text)
    return (lambda text: list(pattern.finditer(text))) if way == "finditer" else getattr(pattern, way)  # type: ignore[no-any-return]


def walls() -> Iterator[Callable[[int], str]]:
    """Long texts of one or two bricks, with and without something before and after."""
    for brick, head, tail in product(BRICKS, ("", "s3://-", "?x-amz-"), ("", "!", ".aaaaa")):
        yield lambda length, b=brick, h=head, t=tail: h + b * (length // len(b)) + t  # type: ignore[misc]


def seconds(work: Callable[[str], object], text: str) -> float:
    """Processor time of this thread: other programs on the machine do not count."""
    begun = time.thread_time()
    work(text)
    return time.thread_time() - begun


def grows_too_fast(work: Callable[[str], object], wall: Callable[[int], str]) -> bool:
    """Measured again before it is said, because the first time of anything is slow."""
    short, long = wall(LENGTH), wall(2 * LENGTH)
    return all(seconds(work, long) > max(QUICK, GROWTH * seconds(work, short)) for _ in range(3))


KNOWN = dict(patterns())


@pytest.mark.parametrize("name", KNOWN)
def test_every_pattern_is_linear(name: str) -> None:
    for wall in walls():
        assert not grows_too_fast(KNOWN[name], wall), wall(60)


@pytest.mark.parametrize("work", [redact.redact, shown, addresses.from_url, addresses.from_uri])
def test_reading_an_address_is_linear(work: Callable[[str], object]) -> None:
    def tried(text: str) -> None:
        with suppress(TranscribeBackendError, ValueError):
            work(text)

    for wall in walls():
        assert not grows_too_fast(tried, wall), wall(60)


def test_a_text_of_many_names_is_read_in_linear_time() -> None:
    def wall(length: int) -> str:
        return "\n".join(f"Name{number}: hello" for number in range(length // 5))

    assert not grows_too_fast(conventions.spoken, wall), wall(60)
