"""AWS on a bad day: the weather of now, what it does to requests, and how often each nasty side struck."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

from local_aws.errors import ExpiredToken, InternalFailure, LimitExceeded, Refusal, Skewed, Throttling
from local_aws.scheduler import Clock
from local_aws.weather import BOTH, CALM, LIMIT_EXCEEDED, NASTY, THROTTLING, Weather

Place = tuple[str, str]
"""Bucket and key."""

_RATES = {
    "StartTranscriptionJob": "start_tps",
    "GetTranscriptionJob": "get_tps",
    "ListTranscriptionJobs": "list_tps",
}
_TOLERATED = {"s3": 900.0, "transcribe": 300.0}  # seconds between a signature and now
_SIGNED_AT = "%Y%m%dT%H%M%SZ"


class TokenBucket:
    """At most `rate` requests a second, with a burst of as many."""

    def __init__(self, rate: float, clock: Clock) -> None:
        self._rate, self._clock = rate, clock
        self._tokens, self._filled = max(1.0, rate), clock()
        self._lock = threading.Lock()

    def take(self) -> bool:
        """Is there room for one more request now?"""
        with self._lock:
            now = self._clock()
            self._tokens = min(max(1.0, self._rate), self._tokens + (now - self._filled) * self._rate)
            self._filled = now
            if self._tokens < 1:
                return False
            self._tokens -= 1
            return True


class Faults:
    """The nasty sides of AWS, switched on and off while it runs; thread-safe."""

    def __init__(
        self, weather: Weather = CALM, clock: Clock = time.time, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._clock, self._sleep = clock, sleep
        self._changed = threading.Condition()
        self._fired: Counter[str] = Counter()
        self._late: set[Place] = set()
        self._random = random.Random(0)  # noqa: S311 (the same faults at every start)
        self._since = clock()
        self._set(weather)

    @property
    def weather(self) -> Weather:
        """How AWS behaves now."""
        return self._weather

    def change(self, changes: Mapping[str, Any]) -> None:
        """Switch nasty sides by name; `nasty` true or false first sets all of them. Raises ValueError."""
        base = (NASTY if changes["nasty"] else CALM) if "nasty" in changes else self._weather
        weather = base.changed({name: value for name, value in changes.items() if name != "nasty"})
        with self._changed:
            if weather.expired_credentials != self._weather.expired_credentials:
                self._since = self._clock()
            self._set(weather)
            self._changed.notify_all()

    def fired(self, side: str) -> None:
        """A nasty side has struck once more."""
        with self._changed:
            self._fired[side] += 1

    def report(self) -> dict[str, int]:
        """How often each has struck so far."""
        with self._changed:
            return {side.name: self._fired[side.name] for side in fields(Weather)}

    def _set(self, weather: Weather) -> None:
        self._weather = weather
        rates = {operation: getattr(weather, side) for operation, side in _RATES.items()}
        self._buckets = {operation: TokenBucket(rate, self._clock) for operation, rate in rates.items() if rate}

    # -- before the service looks at a request

    def delay(self, region: str) -> None:
        """Answer late; in a region that hangs, not before it hangs no more."""
        if region in self._weather.hang_region:
            self.fired("hang_region")
            with self._changed:
                self._changed.wait_for(lambda: region not in self._weather.hang_region)
        if self._weather.answer_latency:
            self.fired("answer_latency")
            self._sleep(self._weather.answer_latency)

    def check_signature(self, service: str, signed_at: str) -> None:
        """Raises Skewed or ExpiredToken; `signed_at` is the request's X-Amz-Date."""
        self._check_clock(service, signed_at)
        window = self._weather.expired_credentials
        if window and window[0] <= self._clock() - self._since < window[1]:
            self.fired("expired_credentials")
            s3 = service == "s3"
            raise ExpiredToken(
                "The provided token has expired." if s3 else "The security token included in the request is expired"
            )

    def _check_clock(self, service: str, signed_at: str) -> None:
        if not self._weather.clock_skew:
            return
        now, tolerated = self._clock() + self._weather.clock_skew, _TOLERATED.get(service, 900.0)
        signed = datetime.strptime(f"{signed_at}+0000", f"{_SIGNED_AT}%z").timestamp()
        if abs(now - signed) > tolerated:
            self.fired("clock_skew")
            raise Skewed(_skewed(service, signed_at, now, tolerated, early=signed < now))

    # -- by Transcribe

    def strike(self, operation: str) -> None:
        """Raises what throttles over the operation's rate, InternalFailure by chance."""
        bucket = self._buckets.get(operation)
        if bucket and not bucket.take():
            self.fired(_RATES[operation])
            raise self._throttled()
        if self._random.random() < self._weather.error_rate:
            self.fired("error_rate")
            raise InternalFailure(
                "There was an internal error. Check the error message, correct the issue, and try your request again."
            )

    def _throttled(self) -> Refusal:
        kind = self._weather.throttle_as
        if kind == BOTH:
            kind = (LIMIT_EXCEEDED, THROTTLING)[self._fired["throttle_as"] % 2]
        if self._weather.throttle_as != LIMIT_EXCEEDED:
            self.fired("throttle_as")
        return (Throttling if kind == THROTTLING else LimitExceeded)("Rate exceeded")

    # -- objects that are written late

    def hold(self, place: Place) -> None:
        """An object is not there yet, though its job is COMPLETED."""
        with self._changed:
            self._late.add(place)

    def release(self, place: Place) -> None:
        """Now it is."""
        with self._changed:
            self._late.discard(place)

    def looked_at(self, place: Place) -> None:
        """Somebody tries to read an object."""
        if place in self._late:
            self.fired("read_lag")


def _skewed(service: str, signed_at: str, now: float, tolerated: float, *, early: bool) -> str:
    if service == "s3":
        return "The difference between the request time and the current time is too large."
    border = f"{datetime.fromtimestamp(now - tolerated if early else now + tolerated, UTC):{_SIGNED_AT}}"
    clock = f"{datetime.fromtimestamp(now, UTC):{_SIGNED_AT}} {'-' if early else '+'} {tolerated / 60:.0f} min."
    if early:
        return f"Signature expired: {signed_at} is now earlier than {border} ({clock})"
    return f"Signature not yet current: {signed_at} is still later than {border} ({clock})"
