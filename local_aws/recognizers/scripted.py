"""A recognizer that does not listen: words come from the object's key, or whole results from a sibling object."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from local_aws.errors import JobFailure
from local_aws.recognizers import Clip, Recognition, Word

SIBLING_SUFFIX = ".transcript.json"

_DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_PAUSE = 0.08


class Scripted:
    """Instant and the same every time, for load tests and for replaying real AWS output."""

    def recognize(self, clip: Clip) -> Recognition:
        """Sibling `<key>.transcript.json` verbatim; else words of the key, dealt to the channels in turns."""
        sibling = clip.sibling(SIBLING_SUFFIX)
        if sibling is not None:
            return Recognition(verbatim=_results(sibling, clip.key))
        speakers = min(2, clip.settings.get("MaxSpeakerLabels", 1))
        words = tuple(_spoken(_words(clip.key), clip.key, speakers))
        channels = (words[0::2], words[1::2]) if clip.settings.get("ChannelIdentification") else (words,)
        count = clip.settings.get("MaxAlternatives", 1) - 1
        return Recognition(channels=channels, readings=tuple(_readings(words, count)), duration=words[-1].end)


def _results(content: bytes, key: str) -> Mapping[str, Any]:
    try:
        results = json.loads(content)["results"]
    except (ValueError, KeyError, TypeError) as error:
        raise JobFailure(f"{key}{SIBLING_SUFFIX} isn't an AWS Transcribe output file with results.") from error
    return dict(results)


def _words(key: str) -> list[str]:
    stem = PurePosixPath(key).stem
    letters = re.findall(r"[^\W\d_]+", stem)
    return letters or [_DIGITS[int(digit)] for digit in re.findall(r"[0-9]", stem)] or ["audio"]


def _spoken(words: list[str], key: str, speakers: int) -> Iterator[Word]:
    clock = 0.1
    for number, word in enumerate(words):
        end = clock + 0.1 + 0.05 * len(word)
        text = f"{word}." if number == len(words) - 1 else word
        yield Word(text, round(clock, 3), round(end, 3), _confidence(key, number), number * speakers // len(words))
        clock = end + _PAUSE


def _confidence(key: str, number: int) -> float:
    """Between 0.7 and 0.998, always the same for the same word of the same key."""
    digest = hashlib.sha256(f"{key}#{number}".encode()).digest()
    return round(0.7 + 0.298 * digest[0] / 255, 3)


def _readings(words: tuple[Word, ...], count: int) -> Iterator[tuple[Word, ...]]:
    """Further readings: each one misses another word, the least certain first."""
    doubtful = sorted(words, key=lambda word: word.confidence)
    for missed in doubtful[:count] if len(words) > 1 else ():
        yield tuple(word for word in words if word is not missed)
