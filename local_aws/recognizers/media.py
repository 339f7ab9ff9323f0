"""What AWS finds out about a media file before it listens, and its reasons to refuse one."""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import av

from local_aws.errors import TOO_SMALL, UNSUPPORTED, JobFailure

_SHORTEST = 0.5  # seconds
_SAMPLE_RATES = range(8000, 48001)
_MOST_CHANNELS = 2
_LARGEST = 2 * 1024**3
_SAME_CONTAINER = {"m4a": "mp4"}


@dataclass(frozen=True, slots=True)
class Media:
    """Container format (one of AWS's MediaFormat names), sample rate in Hz, channels, duration in seconds."""

    format: str
    sample_rate: int
    channels: int
    duration: float


def inspect(content: bytes, request: Mapping[str, Any]) -> Media:
    """What the file is; raises JobFailure with AWS's reason if Transcribe would not take it for this request."""
    if len(content) > _LARGEST:
        raise JobFailure("Invalid file size: file size too large.")
    media = _probe(content)
    wanted = request.get("MediaFormat")
    if wanted and _container(wanted) != _container(media.format):
        raise JobFailure("The media format provided does not match the detected media format.")
    if media.sample_rate not in _SAMPLE_RATES:
        raise JobFailure("Invalid sample rate for audio file.")
    if request.get("MediaSampleRateHertz") not in (None, media.sample_rate):
        raise JobFailure("The sample rate provided does not match the detected sample rate.")
    if media.channels > _MOST_CHANNELS:
        raise JobFailure("Invalid number of channels: number of channels too large.")
    if media.duration < _SHORTEST:
        raise JobFailure(TOO_SMALL)
    return media


def detected_format(content: bytes) -> str | None:
    """The MediaFormat that a file's first bytes tell; None for one that Transcribe does not take."""
    if content[:4] == b"RIFF" and content[8:12] == b"WAVE":
        return "wav"
    if content[:3] == b"ID3" or (content[:1] == b"\xff" and content[1:2] >= b"\xe0"):
        return "mp3"
    if content[4:8] == b"ftyp":
        return "m4a" if content[8:11] == b"M4A" else "mp4"
    beginnings = {b"fLaC": "flac", b"OggS": "ogg", b"#!AM": "amr", b"\x1aE\xdf\xa3": "webm"}
    return beginnings.get(content[:4])


def _probe(content: bytes) -> Media:
    format = detected_format(content)
    if format is None:
        raise JobFailure(UNSUPPORTED)
    try:
        with av.open(io.BytesIO(content), mode="r") as container:
            stream = container.streams.audio[0]
            duration = (container.duration or 0) / av.time_base
            return Media(format, stream.rate or 0, stream.channels, duration or _decoded_seconds(container))
    except (av.FFmpegError, IndexError) as error:
        raise JobFailure(UNSUPPORTED) from error


def _decoded_seconds(container: Any) -> float:
    """For containers that do not say how long they are."""
    return float(sum(frame.samples / frame.sample_rate for frame in container.decode(audio=0)))


def _container(format: str) -> str:
    return _SAME_CONTAINER.get(format, format)
