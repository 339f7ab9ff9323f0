"""Recordings made of the samples: several in a row, and two speakers on the channels of one file. 16 kHz, 16 bit."""

import io
import wave
from array import array
from collections.abc import Sequence
from typing import TypeAlias

from harness import SAMPLES

RATE = 16_000
Samples: TypeAlias = "array[int]"

_AUSTEN = "sense_and_sensibility_01_austen_64kb-{}.wav"


def austen(number: int) -> Samples:
    """A sentence of Sense and Sensibility."""
    return _samples(_AUSTEN.format(f"{number:04}"))


def kennedy() -> Samples:
    """Another voice: "ask not what your country can do for you"."""
    return _samples("jfk.wav")


def silence(seconds: float) -> Samples:
    return array("h", bytes(2 * round(seconds * RATE)))


def in_a_row(parts: Sequence[Samples], pause: float = 1.0) -> Samples:
    """The parts one after another, `pause` seconds behind each."""
    return sum((part + silence(pause) for part in parts), array("h"))


def mono(samples: Samples) -> bytes:
    """A WAV file of one channel."""
    return _wav(samples, channels=1)


def stereo(left: Samples, right: Samples) -> bytes:
    """A WAV file with one voice on each channel."""
    length = max(len(left), len(right))
    both = silence(2 * length / RATE)
    for place, voice in enumerate((left, right)):
        both[place : 2 * len(voice) : 2] = voice
    return _wav(both, channels=2)


def _samples(name: str) -> Samples:
    with wave.open(str(SAMPLES / name)) as file:
        return array("h", file.readframes(file.getnframes()))


def _wav(samples: Samples, channels: int) -> bytes:
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.tobytes())
    return content.getvalue()
