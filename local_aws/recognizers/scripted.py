"""A recognizer that does not listen: words come from the object's key, or whole results from a sibling object.

What a word is beyond its letters is told by another sibling, `<key>.words.json`, by the word in lower case:

    {"hola": {"language": "es-US"}, "mary": {"pii": "NAME"}, "idiot": {"toxicity": {"insult": 0.9}}}
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

from local_aws.errors import JobFailure
from local_aws.recognizers import Clip, Recognition, Word

SIBLING_SUFFIX = ".transcript.json"
WORDS_SUFFIX = ".words.json"

_DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_PAUSE = 0.08


class Scripted:
    """Instant and the same every time, for load tests and for replaying real AWS output."""

    def recognize(self, clip: Clip) -> Recognition:
        """Sibling `<key>.transcript.json` verbatim; else words of the key, dealt to the channels in turns."""
        sibling = clip.sibling(SIBLING_SUFFIX)
        if sibling is not None:
            return Recognition(verbatim=_results(sibling, clip.key))
        told = _told(clip.sibling(WORDS_SUFFIX), clip.key)
        words = tuple(replace(word, **told.get(word.text.strip(".").lower(), {})) for word in _spoken(clip.key))
        dealt = (words[0::2], words[1::2]) if clip.settings.get("ChannelIdentification") else (words,)
        speakers = min(2, clip.settings.get("MaxSpeakerLabels", 1))
        channels = tuple(tuple(_attributed(channel, speakers)) for channel in dealt)
        readings = tuple(_readings(channels[0], clip.settings.get("MaxAlternatives", 1) - 1))
        return Recognition(channels=channels, readings=readings, duration=words[-1].end)


def _told(content: bytes | None, key: str) -> dict[str, dict[str, Any]]:
    """Language, pii and toxicity by word."""
    try:
        told = {} if content is None else json.loads(content)
        known = all(set(facts) <= {"language", "pii", "toxicity"} for facts in told.values())
    except (ValueError, AttributeError, TypeError):
        known = False
    if not known:
        raise JobFailure(f"{key}{WORDS_SUFFIX} isn't an object of language, pii and toxicity by word.")
    return dict(told)


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


def _spoken(key: str) -> Iterator[Word]:
    clock, words = 0.1, _words(key)
    for number, word in enumerate(words):
        end = clock + 0.1 + 0.05 * len(word)
        text = f"{word}." if number == len(words) - 1 else word
        yield Word(text, round(clock, 3), round(end, 3), _confidence(key, number))
        clock = end + _PAUSE


def _attributed(words: Sequence[Word], speakers: int) -> Iterator[Word]:
    """The speakers take the same share each, one after the other."""
    for number, word in enumerate(words):
        yield replace(word, speaker=number * speakers // len(words))


def _confidence(key: str, number: int) -> float:
    """Between 0.7 and 0.998, always the same for the same word of the same key."""
    digest = hashlib.sha256(f"{key}#{number}".encode()).digest()
    return round(0.7 + 0.298 * digest[0] / 255, 3)


def _readings(words: tuple[Word, ...], count: int) -> Iterator[tuple[Word, ...]]:
    """Further readings: each one misses another word, the least certain first."""
    doubtful = sorted(words, key=lambda word: word.confidence)
    for missed in doubtful[:count] if len(words) > 1 else ():
        yield tuple(word for word in words if word is not missed)
