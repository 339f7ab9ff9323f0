"""How long a recording is, by what its beginning says: WAV and FLAC, or the object's metadata for all others.

A test needs no file of four hours: `x-amz-meta-duration-seconds: 20000` makes any object one.
"""

import struct
from collections.abc import Iterator, Mapping

METADATA = "x-amz-meta-duration-seconds"
LONGEST = 4 * 3600
"""Seconds; AWS Transcribe quotas."""


def seconds(content: bytes, metadata: Mapping[str, str]) -> float | None:
    """The length in seconds; None where neither the metadata nor the header tells it."""
    if METADATA in metadata:
        return float(metadata[METADATA])
    try:
        if content[:4] == b"RIFF" and content[8:12] == b"WAVE":
            return _wav(content)
        return _flac(content) if content[:4] == b"fLaC" else None
    except (struct.error, KeyError, ZeroDivisionError):
        return None


def _wav(content: bytes) -> float:
    """The data that is there by its bytes per second: recorders that stream leave a size that means nothing."""
    chunks = dict(_chunks(content))
    (rate,) = struct.unpack_from("<I", content, chunks[b"fmt "] + 8)
    start = chunks[b"data"]
    (claimed,) = struct.unpack_from("<I", content, start - 4)
    return float(min(claimed, len(content) - start) / rate)


def _chunks(content: bytes) -> Iterator[tuple[bytes, int]]:
    """Name and place of the content of each chunk of a RIFF file."""
    place = 12
    while place + 8 <= len(content):
        name, size = struct.unpack_from("<4sI", content, place)
        yield name, place + 8
        place += 8 + size + size % 2


def _flac(content: bytes) -> float:
    """20 bits of sample rate and 36 bits of sample count in STREAMINFO (RFC 9639, 8.2)."""
    (packed,) = struct.unpack_from(">Q", content, 18)
    rate, samples = packed >> 44, packed & (1 << 36) - 1
    return float(samples / rate)
