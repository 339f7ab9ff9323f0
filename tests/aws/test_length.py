"""Audio in S3 that is too long is told before a job is started, by a few ranged reads."""

import io
import struct
import wave
from collections.abc import Callable
from typing import Any

import av
import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transcribe_backend.aws import length
from transcribe_backend.aws.clients import AWSClients
from transcribe_backend.aws.media import S3Media
from transcribe_backend.errors import AudioUnsupported
from transcribe_backend.settings import Settings

HOUR = 3600


def wav(hours: float, rate: int = 300) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as sound:
        sound.setparams((1, 1, rate, 0, "NONE", ""))
        sound.writeframes(bytes(int(hours * HOUR * rate)))
    return buffer.getvalue()


def streamed_wav(hours: float) -> bytes:
    """As recorders write that do not know the size yet: the header claims the largest."""
    content = bytearray(wav(hours))
    struct.pack_into("<I", content, 40, 0xFFFFFFFF)
    return bytes(content)


def flac(hours: float) -> bytes:
    """Its STREAMINFO (RFC 9639, 8.2) and nothing that could be played."""
    samples = int(hours * HOUR * 8000)
    info = struct.pack(">HH6xQ16x", 4096, 4096, 8000 << 44 | 15 << 36 | samples)
    return b"fLaC\x80\x00\x00\x22" + info + bytes(5 * 1024**2)


def second(container: str, codec: str, rate: int, **options: str) -> bytes:
    """One second of a low tone in a real container."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container, options=options) as output:
        stream = output.add_stream(codec, rate=rate)
        stream.layout, stream.bit_rate = "mono", 8000
        samples = (numpy.sin(numpy.arange(rate) / 20) * 9000).astype("<i2").reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        frame.sample_rate = rate
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return buffer.getvalue()


def mp3(hours: float) -> bytes:
    """Frames of a constant bit rate, one after the other, without a header that counts them."""
    frames = second("mp3", "mp3", 8000, write_xing="0", id3v2_version="0")
    return frames * round(hours * HOUR / (length.of_file(io.BytesIO(frames)) or 1))


def mp4(hours: float) -> bytes:
    """Its header (ISO 14496-12, mvhd) says the length; it stands behind all the sound."""
    content = bytearray(second("mp4", "aac", 8000))
    scale = content.index(b"mvhd") + 16
    (units,) = struct.unpack_from(">I", content, scale)
    struct.pack_into(">I", content, scale + 4, int(units * hours * HOUR))
    media = content.index(b"mdhd") + 16
    (units,) = struct.unpack_from(">I", content, media)
    struct.pack_into(">I", content, media + 4, int(units * hours * HOUR))
    header = content.index(b"moov") - 4
    return (
        bytes(content[:header])
        + struct.pack(">I4s", 5 * 1024**2, b"free").ljust(5 * 1024**2, b"\0")
        + bytes(content[header:])
    )


def ogg(hours: float) -> bytes:
    """Its last page (RFC 3533) says how many samples there were."""
    content = bytearray(second("ogg", "libopus", 16000))
    last = content.rindex(b"OggS")
    struct.pack_into("<Q", content, last + 6, int(hours * HOUR * 48000))
    return bytes(content[:last]) + bytes(5 * 1024**2) + bytes(content[last:])


def located(s3: Any, content: bytes) -> tuple[int, int]:
    """How many ranged reads it takes to find audio, and how many more to find it again."""
    s3.put_object(Bucket="calls", Key="long", Body=content)
    asked: list[str] = []
    clients = AWSClients(observer=lambda service, operation, error: asked.append(operation))
    media = S3Media(clients, Settings())
    media.locate("s3://calls/long")
    first = asked.count("GetObject")
    media.locate("s3://calls/long")
    return first, asked.count("GetObject") - first


@pytest.mark.parametrize("made", [wav, flac, mp3, mp4, ogg])
def test_what_is_too_long_is_refused_and_what_is_not_is_taken(s3: Any, made: Callable[[float], bytes]) -> None:
    with pytest.raises(AudioUnsupported, match=r"s3://calls/long lasts 4\.1 h; AWS Transcribe accepts 4 h") as caught:
        located(s3, made(4.1))
    assert caught.value.remedy == "Split the audio."
    first, again = located(s3, made(3.95))
    assert 1 <= first <= 4 and again == 0


def test_a_size_that_nobody_knew_yet_is_not_believed(s3: Any) -> None:
    assert located(s3, streamed_wav(3.9))[0] >= 1


def test_small_objects_are_not_read(s3: Any) -> None:
    assert located(s3, wav(0.5)) == (0, 0)


def test_what_does_not_tell_its_length_is_left_to_aws(s3: Any) -> None:
    assert located(s3, b"#!AMR\n" + bytes(5 * 1024**2))[0] <= 2


def test_more_than_a_header_needs_is_not_read() -> None:
    asked: list[tuple[int, int]] = []

    def fetch(first: int, last: int) -> bytes:
        asked.append((first, last))
        return bytes(last - first + 1)

    file = length.Ranged(fetch, 10**9)
    with pytest.raises(OSError, match="too long"):
        while file.read(2**20):
            pass
    assert sum(last - first + 1 for first, last in asked) <= 2**21


@settings(max_examples=25)
@given(st.integers(0, 400_000), st.integers(0, 400_000), st.integers(0, 4000))
def test_ranges_are_the_file(length_: int, place: int, size: int) -> None:
    content = (bytes(range(251)) * 1600)[:length_]
    file = io.BufferedReader(length.Ranged(lambda first, last: content[first : last + 1], len(content)))
    file.seek(place)
    assert file.read(size) == content[place : place + size]


@settings(max_examples=25)
@given(st.binary(max_size=2000))
def test_no_content_is_an_error(content: bytes) -> None:
    length.of_file(io.BytesIO(content))
    length.of_file(io.BytesIO(wav(0.001)[:40] + content))
