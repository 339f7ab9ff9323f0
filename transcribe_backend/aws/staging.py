"""Audio that is not in S3 yet: checked, and put into S3_BUCKET once, under a name that is its content."""

import contextlib
import hashlib
import os
import shutil
import subprocess  # noqa: S404
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from transcribe_backend.aws import length, sniff
from transcribe_backend.aws.bucket import Bucket
from transcribe_backend.aws.clients import AWSClients
from transcribe_backend.aws.media import MAX_BYTES, MEDIA, Media, kept
from transcribe_backend.errors import AudioUnsupported, DiskFull
from transcribe_backend.home import spare_bytes
from transcribe_backend.settings import Settings

_LEFTOVER_SECONDS = 24 * 3600.0
_CONVERSION_SECONDS = 900.0
_LOOK_BYTES = 16 * 1024**2
# One demuxer by name each: left to guess, ffmpeg would also follow playlists to other files.
_DEMUXERS = {
    **{name: name for name in ("aiff", "caf", "asf", "au", "aac", "mov", "matroska")},
    "3gp": "mov",
    "rf64": "wav",
}


class WebPage(AudioUnsupported):
    """Where audio should be there is HTML."""


@dataclass(frozen=True, slots=True)
class _Spooled:
    path: Path
    sha256: str
    format: str


class Staging:
    """Puts audio into `S3_FOLDER/media/<sha256>.<format>`; thread-safe, memory does not grow with the audio."""

    def __init__(self, clients: AWSClients, settings: Settings, spare: Callable[[Path], int] = spare_bytes) -> None:
        self._spare = spare
        self._bucket = Bucket(clients, settings, MEDIA)
        self._folder = settings.model_dir / "tmp"
        self._sweep()

    def require(self, source: str) -> None:
        """Raise, before anything is downloaded, AudioForbidden without an S3_BUCKET for it, DiskFull without room."""
        self._bucket.require(source)
        self._folder.mkdir(parents=True, exist_ok=True)
        self._require_room(source)

    def stage(self, stream: Iterable[bytes], *, source: str) -> Media:
        """Put the bytes of `stream` into S3 unless they are there; `source` names them in errors.

        Raises AudioUnsupported (format, size, length), AudioForbidden (no S3_BUCKET), DiskFull, AWSError, or what
        `stream` raises. What is no audio is not read beyond its first bytes.
        """
        self.require(source)
        with self._temporary() as path, self._temporary() as converted:
            spooled = self._spool(stream, path, source)
            if not sniff.is_accepted(spooled.format):
                self._require_room(source)
                spooled = _convert(spooled, converted, source)
            with spooled.path.open("rb") as file:
                seconds = length.of_file(file)
            length.check(seconds, source)
            return self._put(spooled, seconds, source)

    def _put(self, spooled: _Spooled, seconds: float | None, source: str) -> Media:
        name = f"{spooled.sha256}.{spooled.format}"
        if not self._bucket.holds(name):
            self._bucket.upload(spooled.path, name, source)
        return kept(self._bucket, name, f"sha256:{spooled.sha256}", spooled.path.stat().st_size, seconds)

    def _spool(self, stream: Iterable[bytes], path: Path, source: str) -> _Spooled:
        format, chunks = _recognised(stream, source)
        digest, size = hashlib.sha256(), 0
        with path.open("wb") as file:
            for chunk in chunks:
                size += len(chunk)
                if size > MAX_BYTES:
                    raise AudioUnsupported(
                        f"{source} is larger than 2 GB, the most that AWS Transcribe accepts.",
                        remedy="Split or compress it.",
                    )
                if size // _LOOK_BYTES > (size - len(chunk)) // _LOOK_BYTES:
                    self._require_room(source)
                digest.update(chunk)
                file.write(chunk)
        return _Spooled(path, digest.hexdigest(), format)

    def _require_room(self, source: str) -> None:
        if self._spare(self._folder) <= 0:
            raise DiskFull(
                f"The disk of MODEL_DIR is nearly full: {source} is not downloaded.",
                remedy="Make room on it, or move MODEL_DIR to a larger one.",
            )

    @contextmanager
    def _temporary(self) -> Iterator[Path]:
        handle, name = tempfile.mkstemp(dir=self._folder, prefix="audio-")
        os.close(handle)
        try:
            yield Path(name)
        finally:
            Path(name).unlink(missing_ok=True)

    def _sweep(self) -> None:
        """Delete what a killed process left behind."""
        if not self._folder.is_dir():
            return
        for path in self._folder.glob("audio-*"):
            with contextlib.suppress(FileNotFoundError):  # another process has just put its file away
                if path.stat().st_mtime < time.time() - _LEFTOVER_SECONDS:
                    path.unlink()


def _recognised(stream: Iterable[bytes], source: str) -> tuple[str, Iterable[bytes]]:
    """The format, and all of the stream. Raises AudioUnsupported when the first bytes tell that it is of no use."""
    chunks = iter(stream)
    head = b""
    for chunk in chunks:
        head += chunk
        if len(head) >= sniff.HEAD:
            break
    if not head:
        raise AudioUnsupported(f"{source} is empty.", remedy="Upload the audio again.")
    format = sniff.sniff(head[: sniff.HEAD])
    if not (sniff.is_accepted(format) or _is_convertible(format)):
        raise _not_taken(format, source)
    return format, chain([head], chunks)


def _is_convertible(format: str) -> bool:
    return format in _DEMUXERS and shutil.which("ffmpeg") is not None


def _convert(spooled: _Spooled, target: Path, source: str) -> _Spooled:
    demuxer = _DEMUXERS[spooled.format]
    command = ["ffmpeg", "-nostdin", "-v", "error", "-y", "-threads", "1", "-protocol_whitelist", "file", "-f", demuxer]
    command += ["-i", str(spooled.path), "-vn", "-fs", str(MAX_BYTES), "-c:a", "flac", "-f", "flac", str(target)]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=_CONVERSION_SECONDS)  # noqa: S603
    except (subprocess.SubprocessError, OSError) as error:
        raise AudioUnsupported(
            f"{source} ({spooled.format}) cannot be converted to FLAC.", remedy="Check that the file plays."
        ) from error
    with target.open("rb") as file:
        return _Spooled(target, hashlib.file_digest(file, "sha256").hexdigest(), "flac")


def _not_taken(format: str, source: str) -> AudioUnsupported:
    if format == "html":
        return WebPage(
            f"{source} is a web page, not audio.",
            remedy="Use the URL of the audio file itself, which must need no sign-in.",
        )
    return AudioUnsupported(
        f"{source} is {format or 'of an audio format we do not know'}, which AWS Transcribe does not accept.",
        remedy="Convert it to FLAC or WAV"
        + (", or install ffmpeg beside the backend: it then converts by itself." if format in _DEMUXERS else "."),
    )
