"""The nasty sides of AWS, each with its flag, its check, and the value that `--nasty` gives it.

One table: `python -m local_aws --help`, `POST /_local_aws/faults` and the report of what fired are made from it.
"""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from local_aws.iam import Policy

Window = tuple[float, float]
"""Seconds from and to, since it was set."""

LIMIT_EXCEEDED, THROTTLING, BOTH = "LimitExceeded", "Throttling", "both"
BESIDE, ABOVE = "beside", "above"
DETAILED, TERSE, REFUSED = "detailed", "terse", "refused"


def _number(value: Any) -> float:
    number = float(value)
    if isinstance(value, bool) or not math.isfinite(number) or number < 0:
        raise ValueError(f"{value!r} is no number of 0 or more")
    return number


def _seconds(value: Any) -> float:
    """Of either sign."""
    number = float(value)
    if isinstance(value, bool) or not math.isfinite(number):
        raise ValueError(f"{value!r} is no number")
    return number


def _share(value: Any) -> float:
    share = _number(value)
    if share > 1:
        raise ValueError(f"{value!r} is more than 1")
    return share


def _switch(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{value!r} is neither true nor false")
    return value


def _one_of(*choices: str) -> Callable[[Any], str]:
    def parse(value: Any) -> str:
        if value not in choices:
            raise ValueError(f"{value!r} is none of {', '.join(choices)}")
        return str(value)

    return parse


def _names(value: Any) -> tuple[str, ...]:
    if isinstance(value, str) or not all(isinstance(name, str) for name in value):
        raise ValueError(f"{value!r} is no list of names")
    return tuple(value)


def _window(value: Any) -> Window | None:
    """`FROM:TO`, or true for ever, or false for never."""
    if isinstance(value, bool) or value is None:
        return (0.0, math.inf) if value else None
    start, colon, end = str(value).partition(":")
    if not colon:
        raise ValueError(f"{value!r} is not FROM:TO")
    return _number(start), _number(end)


def _policy(value: Any) -> Policy | None:
    """A policy document, or null for none."""
    return None if value is None else Policy(value)


def policy_file(path: str) -> Any:
    """The document in a file."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from error


def _side(calm: Any, parse: Callable[[Any], Any], help: str, metavar: str = "", nasty: Any = None) -> Any:
    return field(default=calm, metadata={"parse": parse, "help": help, "metavar": metavar, "nasty": nasty})


@dataclass(frozen=True, slots=True)
class Weather:
    """How AWS behaves now; without arguments, well. Times in seconds, rates in requests a second (0: any)."""

    start_tps: float = _side(0.0, _number, "StartTranscriptionJob requests a second; 0: any", "N", 25)
    get_tps: float = _side(0.0, _number, "GetTranscriptionJob requests a second; 0: any", "N", 30)
    list_tps: float = _side(0.0, _number, "ListTranscriptionJobs requests a second; 0: any", "N", 5)
    throttle_as: str = _side(
        LIMIT_EXCEEDED,
        _one_of(LIMIT_EXCEEDED, THROTTLING, BOTH),
        "the exception of a throttled request: LimitExceeded (429), Throttling (400), or both in turns",
        "KIND",
        BOTH,
    )
    error_rate: float = _side(0.0, _share, "share of Transcribe requests answered with a 500: 0..1", "P", 0.02)
    answer_latency: float = _side(0.0, _number, "seconds that every answer is late", "S", 0.05)
    list_filters_after_paging: bool = _side(
        False,
        _switch,
        "ListTranscriptionJobs applies JobNameContains and Status after paging: a page may be empty and have a "
        "NextToken",
        nasty=True,
    )
    list_lag: float = _side(
        0.0, _number, "seconds until a started job, and any change of its state, is seen in a list", "S", 2
    )
    read_lag: float = _side(
        0.0, _number, "seconds until a transcript is readable after its job is listed as COMPLETED", "S", 1
    )
    delete_lag: float = _side(0.0, _number, "seconds for which a deleted job is still there", "S", 1)
    access_check_file: str = _side(
        BESIDE,
        _one_of(BESIDE, ABOVE),
        "where .write_access_check_file.temp is written: beside the output, or above, in the folder of its folder",
        "WHERE",
        ABOVE,
    )
    vocabulary_reasons: str = _side(
        DETAILED,
        _one_of(DETAILED, TERSE, REFUSED),
        "how a bad vocabulary is told: detailed (FAILED, names the row), terse (FAILED, names nothing) or refused "
        "(at once, names nothing)",
        "KIND",
        TERSE,
    )
    expired_credentials: Window | None = _side(
        None, _window, "seconds since the start between which all credentials are expired", "FROM:TO"
    )
    clock_skew: float = _side(
        0.0, _seconds, "seconds by which AWS's clock is ahead: beyond 15 minutes S3 refuses, beyond 5 Transcribe", "S"
    )
    hang_region: tuple[str, ...] = _side((), _names, "a region that never answers; may be given again", "REGION")
    iam_policy: Policy | None = _side(
        None,
        _policy,
        "policy document that every signed request must be allowed by, but those of the access key 'root'",
        "FILE",
    )

    def changed(self, changes: Mapping[str, Any]) -> "Weather":
        """With other values, by field; raises ValueError that names the field."""
        parsers = {side.name: side.metadata["parse"] for side in fields(self)}
        values = {}
        for name, value in changes.items():
            if name not in parsers:
                raise ValueError(f"{name} is no nasty side of local_aws; it has {', '.join(parsers)}")
            try:
                values[name] = parsers[name](value)
            except (TypeError, ValueError) as error:
                raise ValueError(f"{name}: {error}") from error
        return replace(self, **values)


def moderate() -> dict[str, Any]:
    """The values of `--nasty` by side."""
    return {side.name: side.metadata["nasty"] for side in fields(Weather) if side.metadata["nasty"] is not None}


CALM = Weather()
NASTY = CALM.changed(moderate())
"""Everything at once that a correct client survives without help."""
