"""Reading a response body that may be hostile: bounded in bytes and in time, never held in memory."""

import io
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

import requests
from urllib3.exceptions import HTTPError

from transcribe_backend.errors import AudioError, AudioUnsupported, Mended

_CHUNK = 256 * 1024
_ERROR_BYTES = 64 * 1024
_PLAIN = frozenset({"", "identity", "aws-chunked"})


class OneHopSession(requests.Session):
    """A session that leaves redirects to its caller.

    `allow_redirects=False` is not enough: requests would still read the whole body of a redirect into memory.
    """

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Never anywhere."""


def shorten_error(response: requests.Response, **_: object) -> None:
    """A hook of a session: of an answer that is an error only the first 64 KB are read."""
    if response.status_code < 400:
        return
    whole, start = response.raw, b""
    with suppress(HTTPError, OSError):
        start = whole.read(_ERROR_BYTES, decode_content=True)
    whole.close()
    response.raw = io.BytesIO(start)


class BodyCut(AudioError):
    """The connection ended before the body did."""

    mended = Mended.ITSELF


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of a body is read: `max_bytes`, within `seconds` altogether (connecting and redirects included), and
    after `grace` seconds never slower than `slowest` bytes per second on average.
    """

    max_bytes: int
    seconds: float
    slowest: float = 0.0
    grace: float = 20.0
    connect_timeout: float = 3.0
    read_timeout: float = 20.0
    clock: Callable[[], float] = field(default=time.monotonic)


def check_head(response: requests.Response, limits: Limits, audio: str) -> None:
    """Refuse by its headers a body that is announced as too long, or compressed though we asked for it as it is."""
    encoding = response.headers.get("Content-Encoding", "").strip().lower()
    if encoding not in _PLAIN:
        raise AudioUnsupported(
            f"{audio} is sent compressed ({encoding[:20]!r}), though it was asked for as it is.",
            remedy="Let its server send audio without Content-Encoding.",
        )
    length = response.headers.get("Content-Length", "")
    if length.isdecimal() and int(length) > limits.max_bytes:
        raise _too_long(audio, limits)


def read(response: requests.Response, limits: Limits, deadline: float, audio: str) -> Iterator[bytes]:
    """The body as it arrives. Raises AudioUnsupported over `limits.max_bytes`, AudioError after `deadline` or when
    it is too slow, BodyCut."""
    size, begun = 0, limits.clock()
    while chunk := _next_chunk(response, audio):
        size += len(chunk)
        if size > limits.max_bytes:
            raise _too_long(audio, limits)
        lasted = limits.clock() - begun
        if lasted > limits.grace and size < limits.slowest * lasted:
            raise AudioError(
                f"{audio} arrives too slowly: {size / lasted / 1024:.1f} KB per second.",
                remedy="Put the audio into S3, or on a faster server.",
                retryable=True,
            )
        if limits.clock() > deadline:
            raise AudioError(
                f"{audio} was not downloaded within {limits.seconds:g} s.",
                remedy="Put the audio into S3, or on a faster server.",
                retryable=True,
            )
        yield chunk


def _next_chunk(response: requests.Response, audio: str) -> bytes:
    """At most one read of the socket: `read` would wait for a full chunk, so a slow body would outlive the deadline."""
    try:
        chunk: bytes = response.raw.read1(_CHUNK, decode_content=False)
    except (HTTPError, OSError) as error:
        raise BodyCut(
            f"{audio}: the connection ended early ({type(error).__name__}).",
            remedy="Check its server; it is tried again.",
        ) from error
    return chunk


def _too_long(audio: str, limits: Limits) -> AudioUnsupported:
    return AudioUnsupported(
        f"{audio} is larger than {limits.max_bytes / 1024**3:.3g} GB, the most that AWS Transcribe accepts.",
        remedy="Split the audio or compress it (FLAC, Ogg).",
    )
