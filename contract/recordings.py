"""Audio of a few seconds: speech, and what is none."""

import io
import struct
import wave
from pathlib import Path

_SAMPLES = Path(__file__).parents[1] / "samples"
SHORT, LONG = "cards_001.wav", "jfk.wav"
SHORT_SECONDS, LONG_SECONDS = 1.2, 11.0


def speech(name: str = SHORT) -> bytes:
    """A recording of the folder `samples`."""
    return (_SAMPLES / name).read_bytes()


def stereo() -> bytes:
    """Two people, each on a channel of its own."""
    left, right = (_samples(name) for name in ("cards_002.wav", "cards_003.wav"))
    length = max(len(left), len(right))
    frames = b"".join(
        left[at : at + 2].ljust(2, b"\0") + right[at : at + 2].ljust(2, b"\0") for at in range(0, length, 2)
    )
    return _wav(frames, channels=2)


STEREO_SECONDS = 2.0


def silence(seconds: float, *, rate: int = 16000, channels: int = 1) -> bytes:
    """A WAV file of nothing."""
    return _wav(bytes(int(seconds * rate) * 2 * channels), rate=rate, channels=channels)


def _samples(name: str) -> bytes:
    with wave.open(str(_SAMPLES / name)) as sound:
        return bytes(sound.readframes(sound.getnframes()))


def _wav(frames: bytes, *, rate: int = 16000, channels: int = 1) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as sound:
        sound.setparams((channels, 2, rate, 0, "NONE", ""))
        sound.writeframes(frames)
    return buffer.getvalue()


BAD = {
    "nothing": b"",
    "text": b"This is no audio at all. " * 40,
    "a-web-page": b"<!doctype html><html><body>404</body></html>" * 20,
    "a-picture": b"\x89PNG\r\n\x1a\n" + bytes(2000),
    "zeros": bytes(4000),
    "a-wav-header-alone": silence(1)[:44],
    "half-a-header": silence(1)[:20],
    "a-flac-header-alone": b"fLaC\x80\x00\x00\x22" + struct.pack(">HH6xQ16x", 4096, 4096, 8000 << 44 | 15 << 36),
    "100-ms": silence(0.1),
    "4000-hz": silence(1, rate=4000),
    "three-channels": silence(1, channels=3),
    "an-aiff": b"FORM\x00\x00\x00\x2eAIFFCOMM\x00\x00\x00\x12" + bytes(100),
}
"""Twelve kinds of media that cannot be transcribed, by name."""
