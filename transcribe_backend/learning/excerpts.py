"""ADAPTER: the places of a long recording that an evaluation needs, cut out and put together as a short one.

WAV is cut here; any other format needs ffmpeg beside the backend.
"""

import logging
import random
import shutil
import subprocess
import tempfile
import wave
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from transcribe_backend.aws import sniff
from transcribe_backend.aws.addresses import from_uri
from transcribe_backend.aws.clients import AWSClients, aws_errors
from transcribe_backend.aws.media import Media
from transcribe_backend.aws.staging import Staging
from transcribe_backend.errors import TranscribeBackendError
from transcribe_backend.labeling.annotations import Passage
from transcribe_backend.learning.evidence import Sample
from transcribe_backend.speech.credit import Phrase, comparable, holds
from transcribe_backend.speech.pieces import pieces

_log = logging.getLogger(__name__)

LONG = 120.0
"""Recordings longer than this (seconds) are judged by excerpts."""
_SHORTEST = 8.0  # seconds
_MOST = 4  # pieces with a phrase, and as many without, of one recording
_CUTTING_SECONDS = 600
# One demuxer by name each: left to guess, ffmpeg would also follow playlists to other files.
_DEMUXERS = {
    **{name: name for name in ("mp3", "wav", "flac", "ogg", "amr")},
    **{"mp4": "mov", "m4a": "mov", "webm": "matroska"},
}


@dataclass(frozen=True, slots=True)
class Window:
    """Seconds `start` to `end` of a recording, and what a human wrote there."""

    start: float
    end: float
    passages: tuple[Passage, ...]

    def holds(self, phrases: Collection[Phrase]) -> bool:
        """Whether one of the phrases is said in it."""
        return any(holds(comparable(passage.text), phrases) for passage in self.passages)


class Excerpts:
    """Makes samples of a minute or so out of long ones. Nothing is transcribed, so nothing paid."""

    def __init__(self, clients: AWSClients, staging: Staging, folder: Path) -> None:
        self._clients = clients
        self._staging = staging
        self._folder = folder

    def of(self, sample: Sample, phrases: Collection[str]) -> Sample | None:
        """The places where the phrases are said, and as much speech without them, as a sample of its own.

        None where the recording has no pauses to be cut at, or cannot be cut. The same again gives the same audio.
        """
        windows = chosen(_windows(sample), {comparable(phrase) for phrase in phrases}, sample.media.identity)
        if not windows:
            return None
        try:
            media = self._cut(sample.media, windows)
        except (TranscribeBackendError, OSError, EOFError, KeyError, wave.Error, subprocess.SubprocessError) as error:
            _log.info("No excerpts of %s: %s", sample.media.uri, error)
            return None
        return replace(sample, media=media, passages=tuple(_moved(windows)), transcript=None)

    def _cut(self, media: Media, windows: Sequence[Window]) -> Media:
        self._folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._folder) as folder:
            whole, part = Path(folder) / "whole", Path(folder) / "part"
            address = from_uri(media.uri)
            with aws_errors(f"read {media.uri}"):
                self._clients.s3(media.region or None).download_file(address.bucket, address.key, str(whole))
            _cutter(whole)(whole, windows, part)
            return self._staging.stage(iter([part.read_bytes()]), source=f"An excerpt of {media.uri}")


def _windows(sample: Sample) -> list[Window]:
    """The whole recording in windows that no passage crosses."""
    timed = [passage for passage in sample.passages if passage.start is not None]
    if timed:
        return list(_of_regions(sorted(timed, key=lambda passage: passage.start or 0.0)))
    human = "\n".join(passage.text for passage in sample.passages)
    found = pieces(sample.transcript, human, sample.language) if sample.transcript else []
    return [Window(piece.start, piece.end, (Passage(piece.text),)) for piece in found]


def _of_regions(passages: Sequence[Passage]) -> Iterator[Window]:
    together: list[Passage] = []
    for passage in passages:
        end = max((each.end or 0.0 for each in together), default=0.0)
        if together and (passage.start or 0.0) >= end and end - (together[0].start or 0.0) >= _SHORTEST:
            yield Window(together[0].start or 0.0, end, tuple(together))
            together = []
        together.append(passage)


def chosen(windows: Sequence[Window], phrases: Collection[Phrase], seed: str) -> list[Window]:
    """Up to four windows with a phrase and as many without, at random, in order of time."""
    draw = random.Random(seed)  # noqa: S311 - repeatable, not secret
    speaking = [window for window in windows if window.holds(phrases)]
    silent = [window for window in windows if not window.holds(phrases)]
    some = draw.sample(speaking, min(_MOST, len(speaking)))
    others = draw.sample(silent, min(max(1, len(some)), len(silent)))
    return sorted(some + others, key=lambda window: window.start)


def _moved(windows: Sequence[Window]) -> Iterator[Passage]:
    """The passages at their places in the excerpt."""
    clock = 0.0
    for window in windows:
        shift = clock - window.start
        for passage in window.passages:
            if passage.start is None or passage.end is None:
                yield passage
            else:
                yield replace(passage, start=passage.start + shift, end=passage.end + shift)
        clock += window.end - window.start


def as_record(sample: Sample) -> dict[str, Any]:
    """An excerpt as JSON values."""
    passages = [[each.text, each.start, each.end, each.channel] for each in sample.passages]
    media = sample.media
    return {"uri": media.uri, "identity": media.identity, "region": media.region, "passages": passages}


def from_record(record: dict[str, Any], sample: Sample) -> Sample:
    """The excerpt of a sample."""
    media = Media(record["uri"], record["identity"], record["region"])
    passages = tuple(Passage(*each) for each in record["passages"])
    return replace(sample, media=media, passages=passages, transcript=None)


def _cutter(whole: Path) -> Callable[[Path, Sequence[Window], Path], None]:
    try:
        with wave.open(str(whole)):
            return _cut_wav
    except (wave.Error, EOFError):
        return _cut_by_ffmpeg


def _cut_wav(whole: Path, windows: Sequence[Window], part: Path) -> None:
    with wave.open(str(whole)) as source, wave.open(str(part), "wb") as target:
        target.setparams(source.getparams())
        for window in windows:
            first, last = (min(round(at * source.getframerate()), source.getnframes()) for at in _bounds(window))
            source.setpos(first)
            target.writeframes(source.readframes(last - first))


def _cut_by_ffmpeg(whole: Path, windows: Sequence[Window], part: Path) -> None:
    ffmpeg = shutil.which("ffmpeg")
    if not ffmpeg:
        raise FileNotFoundError("ffmpeg is not here, and only WAV can be cut without it")
    with whole.open("rb") as file:
        demuxer = _DEMUXERS[sniff.sniff(file.read(sniff.HEAD))]
    kept = "+".join("between(t,{:.3f},{:.3f})".format(*_bounds(window)) for window in windows)
    command = [ffmpeg, "-nostdin", "-v", "error", "-y", "-threads", "1", "-protocol_whitelist", "file", "-f", demuxer]
    command += [
        "-i",
        str(whole),
        "-vn",
        "-af",
        f"aselect='{kept}',asetpts=N/SR/TB",
        "-c:a",
        "flac",
        "-f",
        "flac",
        str(part),
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=_CUTTING_SECONDS)  # noqa: S603


def _bounds(window: Window) -> tuple[float, float]:
    return window.start, window.end
