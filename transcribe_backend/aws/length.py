"""How long a recording is, by what its header says: AWS refuses what is too long as if it were too busy."""

import io
import struct
from collections.abc import Callable
from typing import Any

from tinytag import TinyTag

from transcribe_backend.aws import sniff
from transcribe_backend.errors import AudioUnsupported

SHORTEST, LONGEST = 0.5, 4 * 3600.0
"""AWS Transcribe's quotas of media length, in seconds."""
COULD_BE_TOO_LONG = 4 * 1024**2
"""What has fewer bytes is shorter than LONGEST at any usual bit rate (AMR's lowest makes 8 MB of it)."""
LOW_QUALITY = 3000
"""Bytes per second of compressed speech that is still good to understand (24 kbit/s)."""
_MOST_AT_ONCE = 2**20
_MOST_READS = 60_000
_PAGE = b"OggS"
_LAST = 2**16  # a page has fewer bytes
_BLOCK = 128 * 1024
_MOST_BLOCKS = 16


def check(seconds: float | None, source: str) -> None:
    """Raise AudioUnsupported for a length that AWS Transcribe does not accept; `source` names the audio."""
    if seconds is not None and seconds < SHORTEST:
        raise AudioUnsupported(
            f"{source} lasts {seconds:.2f} s; AWS Transcribe accepts 0.5 s or more.", remedy="Skip the task."
        )
    if seconds is not None and seconds > LONGEST:
        raise AudioUnsupported(
            f"{source} lasts {seconds / 3600:.1f} h; AWS Transcribe accepts 4 h at most.", remedy="Split the audio."
        )


def of_file(file: Any) -> float | None:
    """Seconds of an open, seekable file; None where its header does not tell (AMR and WebM never do here)."""
    try:
        size = file.seek(0, io.SEEK_END)
        file.seek(0)
        head = file.read(sniff.HEAD)
        return _ogg(file, head, size) if head[:4] == _PAGE else _by_header(file, sniff.sniff(head), size)
    except Exception:  # whatever a parser makes of a hostile header, and what cannot be read
        return None


def _by_header(file: Any, format: str, size: int) -> float | None:
    file.seek(0)
    header = TinyTag.get(file_obj=_Bounded(file), tags=False)  # type: ignore[arg-type]
    if format == "wav" and header.duration and header.bitrate:
        # Recorders that stream do not know the size yet and write the largest.
        return min(header.duration, float(size / (header.bitrate * 125)))
    return header.duration


def _ogg(file: Any, head: bytes, size: int) -> float | None:
    """The samples counted by the last page (RFC 3533, 6), by the rate of Opus (RFC 7845, 4) or Vorbis."""
    vorbis = head.find(b"\x01vorbis")
    if b"OpusHead" not in head[:64] and vorbis < 0:
        return None
    rate = struct.unpack_from("<I", head, vorbis + 12)[0] if vorbis >= 0 else 48_000
    file.seek(max(0, size - _LAST))
    tail = file.read(_LAST)
    return float(struct.unpack_from("<Q", tail, tail.rindex(_PAGE) + 6)[0] / rate)


class _Bounded:
    """A file of which a parser gets at most 1 MB at once, however long a field claims to be, and not for ever."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self._reads = 0
        self.seek, self.tell = file.seek, file.tell

    def read(self, size: int = -1) -> Any:
        self._reads += 1
        if self._reads > _MOST_READS:
            raise EOFError("The parser seeks its way through too much of the file.")
        return self._file.read(min(size, _MOST_AT_ONCE) if size >= 0 else _MOST_AT_ONCE)


class Ranged(io.RawIOBase):
    """A file somewhere else, of `size` bytes, read in few and large ranges: `fetch(first, last)`, both inclusive.

    Raises OSError when more of it is asked for than any header needs.
    """

    def __init__(self, fetch: Callable[[int, int], bytes], size: int) -> None:
        self._fetch = fetch
        self._size = size
        self._place = 0
        self._blocks: dict[int, bytes] = {}

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence]
        self._place = max(0, start + offset)
        return self._place

    def readinto(self, buffer: Any, /) -> int:
        number, skipped = divmod(self._place, _BLOCK)
        part = self._block(number)[skipped : skipped + len(buffer)] if self._place < self._size else b""
        buffer[: len(part)] = part
        self._place += len(part)
        return len(part)

    def _block(self, number: int) -> bytes:
        if number not in self._blocks:
            if len(self._blocks) >= _MOST_BLOCKS:
                raise OSError("The header is too long.")
            first = number * _BLOCK
            self._blocks[number] = self._fetch(first, min(first + _BLOCK, self._size) - 1)
        return self._blocks[number]
