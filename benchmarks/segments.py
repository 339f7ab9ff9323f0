"""How well segments are cut: `python -m benchmarks.segments`.

The documents are made up in the shapes of AWS's output, with the rhythm of real recordings: most words follow at
once, commas and sentence ends have pauses, people say "yes" into each other's turns, and AWS's own audio segments
(since 2024) end at any short pause. With TRANSCRIPTS_DIR, every real document of that folder is measured as well.
"""

import json
import math
import os
import random
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, fields
from itertools import groupby
from pathlib import Path
from typing import Any

from transcribe_backend.labeling.dialogue import dialogue
from transcribe_backend.speech.segments import MAX_SECONDS, Segment, cut
from transcribe_backend.speech.transcript import Transcript, parse

PAUSE = 0.8  # seconds of silence that excuse a cut, wherever it falls
FRAGMENT = 0.2
PARAGRAPH = 60.0
Item = dict[str, Any]


@dataclass
class Faults:
    """What nobody would have drawn. Times in seconds."""

    segments: int = 0
    fragments: int = 0
    """shorter than FRAGMENT"""
    lone_words: int = 0
    """one word, though the same voice goes on at once and both would fit"""
    torn_sentences: int = 0
    """a cut within a sentence, without a pause, though both halves would fit"""
    overlaps: int = 0
    """begins before its neighbour on the same channel ends"""
    turns_split: int = 0
    """paragraphs of the dialogue beyond one a turn"""

    @property
    def total(self) -> int:
        return sum(getattr(self, field.name) for field in fields(self)[1:])


def measure(transcript: Transcript) -> Faults:
    """The faults of a transcript's segments and of its dialogue."""
    segments = cut(transcript)
    channels = defaultdict(list)
    for segment in segments:
        channels[segment.channel].append(segment)
    pairs = [pair for track in channels.values() for pair in zip(track, track[1:], strict=False)]
    joinable = [pair for pair in pairs if _joinable(*pair)]
    return Faults(
        len(segments),
        sum(segment.end - segment.start < FRAGMENT - 1e-9 for segment in segments),
        sum(min(len(one.words), len(other.words)) == 1 for one, other in joinable),
        sum(not one.words[-1].tail.endswith((".", "?", "!")) for one, other in joinable),
        sum(other.start < one.end - 1e-9 for one, other in pairs),
        _turns_split(transcript),
    )


def _joinable(one: Segment, other: Segment) -> bool:
    pause = other.words[0].start - one.words[-1].end
    length = other.words[-1].end - one.words[0].start
    return one.speaker == other.speaker and pause < PAUSE and length <= MAX_SECONDS


def _turns_split(transcript: Transcript) -> int:
    """Paragraphs too many: a turn of up to PARAGRAPH seconds needs one, a longer one at most two for each of these."""
    turns = [list(turn) for _, turn in groupby(dialogue(transcript), key=lambda paragraph: paragraph["author"])]
    return sum(max(0, len(turn) - _needed(turn[-1]["end"] - turn[0]["start"])) for turn in turns)


def _needed(seconds: float) -> int:
    return 1 if seconds <= PARAGRAPH else 2 * math.ceil(seconds / PARAGRAPH)


class Speech:
    """Makes up what people say, word by word, as AWS's items."""

    def __init__(self, seed: int) -> None:
        self._dice = random.Random(seed)  # noqa: S311 - repeatable, not secret
        self.items: list[Item] = []
        self._ids = 0

    def sentence(self, clock: float, words: int, **labels: str) -> float:
        """Says a sentence from `clock` on; the time at which it ends."""
        for number in range(words):
            length = self._dice.choice([0.04, 0.09, 0.14, 0.2, 0.25, 0.31, 0.38, 0.52])
            self._add("pronunciation", "word" if number else "So", labels, clock, clock + length)
            clock += length
            if number == words - 1:
                self._add("punctuation", self._dice.choice("...?"), labels)
            elif self._dice.random() < 0.12:
                self._add("punctuation", ",", labels)
                clock += self._dice.choice([0.0, 0.1, 0.22, 0.4])
            else:
                clock += self._dice.choice([0.0] * 12 + [0.01, 0.03, 0.13, 0.3, 0.55])
        return clock

    def length(self) -> int:
        """Words of the next sentence: one in seven is an "okay"."""
        return self._dice.choice([1, 3, 5, 8, 11, 16, 24])

    def pause(self, *choices: float) -> float:
        return self._dice.choice(choices)

    def chance(self, share: float) -> bool:
        return self._dice.random() < share

    def _add(self, kind: str, content: str, labels: dict[str, str], *times: float) -> None:
        said = {"content": content, "confidence": f"{self._dice.uniform(0.4, 1):.3f}" if times else "0.0"}
        bounds = dict(zip(("start_time", "end_time"), (f"{time:.3f}" for time in times), strict=False))
        self.items.append({"id": self._ids, "type": kind, "alternatives": [said], **bounds, **labels})
        self._ids += 1


def monologue(seed: int) -> list[Item]:
    """One speaker, ten minutes."""
    speech, clock = Speech(seed), 0.3
    while clock < 600:
        clock = speech.sentence(clock, speech.length()) + speech.pause(0.05, 0.1, 0.25, 0.4, 0.7, 1.3, 3.0)
    return speech.items


def interview(seed: int) -> list[Item]:
    """Two speakers on one channel, who answer at once or hesitate, and say "yes" in between."""
    speech, clock, speaker = Speech(seed), 0.3, 0
    while clock < 600:
        for _ in range(int(speech.pause(1, 1, 2, 4, 9))):
            clock = speech.sentence(clock, speech.length(), speaker_label=f"spk_{speaker}")
            clock += speech.pause(0.05, 0.1, 0.3, 0.6, 1.0, 2.5)
            if speech.chance(0.1):
                clock = speech.sentence(clock, 1, speaker_label=f"spk_{1 - speaker}")
        speaker = 1 - speaker
        clock += speech.pause(-0.04, 0.0, 0.2, 0.7)
    return speech.items


def call(seed: int) -> list[Item]:
    """Two channels, which talk into each other."""
    sides = []
    for channel in (0, 1):
        speech, clock = Speech(seed + channel), 0.2 + channel
        while clock < 600:
            clock = speech.sentence(clock, speech.length(), channel_label=f"ch_{channel}")
            clock += speech.pause(0.1, 0.3, 0.6, 1.5, 4.0, 9.0)
        sides += speech.items
    return sides


def document(items: list[Item], *, audio_segments: bool = False) -> dict[str, Any]:
    """The items as AWS's output; with its own audio segments, which end at any pause of 0.1 s."""
    for number, item in enumerate(items):
        item["id"] = number
    results: dict[str, Any] = {"items": items}
    if audio_segments:
        results["audio_segments"] = [{"items": [item["id"] for item in part]} for part in _parts(items)]
    return {"results": results}


def _parts(items: list[Item]) -> Iterator[list[Item]]:
    part: list[Item] = []
    end, voice = 0.0, None
    for item in items:
        if item["type"] == "pronunciation":
            if part and (float(item["start_time"]) - end > 0.1 or item.get("speaker_label") != voice):
                yield part
                part = []
            end, voice = float(item["end_time"]), item.get("speaker_label")
        part.append(item)
    yield part


def documents() -> Iterator[tuple[str, dict[str, Any]]]:
    """Names and documents, made up and real."""
    yield "monologue", document(monologue(1))
    yield "monologue with audio_segments", document(monologue(2), audio_segments=True)
    yield "interview", document(interview(3))
    yield "interview with audio_segments", document(interview(4), audio_segments=True)
    yield "call on two channels", document(call(5))
    if folder := os.environ.get("TRANSCRIPTS_DIR"):
        for path in sorted(Path(folder).glob("*.json")):
            yield path.stem, json.loads(path.read_text())


def main() -> int:
    names = [field.name for field in fields(Faults)]
    print(f"{'':<32}" + "".join(f"{name.replace('_', ' '):>16}" for name in names))
    faults = 0
    for title, content in documents():
        found = measure(parse(content))
        print(f"{title:<32}" + "".join(f"{getattr(found, name):>16}" for name in names))
        faults += found.total
    print(f"{faults} faults, limit 0: {'MISSED' if faults else 'met'}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
