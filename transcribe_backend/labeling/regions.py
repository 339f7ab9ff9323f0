"""Interactive regions: the words of a segment that the annotator has just drawn, or drawn longer.

The editor sends every region that shares a label with the touched one, with its texts, and replaces each region it gets
an answer for. So answered are only regions without a text, and those whose bounds have changed while their text is
still exactly what we had filled in; and with all they had.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeGuard

from transcribe_backend.errors import RequestError
from transcribe_backend.labeling import results, seal
from transcribe_backend.labeling.controls import Text
from transcribe_backend.labeling.interface import Interface
from transcribe_backend.labeling.results import Result
from transcribe_backend.speech.segments import Segment, paragraphs
from transcribe_backend.speech.transcript import Transcript
from transcribe_backend.speech.words import Word, mean_confidence

_LATEST = 10**9  # seconds


@dataclass(frozen=True, slots=True)
class Region:
    """A region that needs its words; `results` is what the editor knows of it but for that text, times are in seconds.

    `drawn` by hand: Label Studio 1.23 says channel 0 of it then, on whichever waveform it was drawn.
    """

    id: str
    start: float
    end: float
    channel: int | None
    drawn: bool
    results: tuple[Mapping[str, Any], ...]
    text: Mapping[str, Any] | None = None


def wanted(interface: Interface, context: Mapping[str, Any]) -> list[Region]:
    """The regions of an interactive context that need words; raises RequestError for a malformed context.

    A text that anybody has touched, even to make it empty, is the annotator's.
    """
    text = interface.region_text
    if text is None:
        return []
    regions = [_region(region_id, parts, text) for region_id, parts in _by_id(context).items()]
    return [region for region in regions if region and _is_open(region) and _has_words(interface, text, region)]


def fill(interface: Interface, transcript: Transcript, context: Mapping[str, Any]) -> dict[str, Any]:
    """The prediction that gives each wanted region the words whose midpoint lies within it.

    {"result": []} changes nothing in the editor: nothing is wanted, or nothing is said there.
    """
    text = interface.region_text
    if text is None:
        return {"result": []}
    answered: list[Result] = []
    said: list[Word] = []
    for region in wanted(interface, context):
        words = _words(interface, transcript, region)
        if words or region.text:
            answered += _answer(interface, text, region, words, _written(interface, transcript, words))
            said += words
    return results.scored({"result": answered}, mean_confidence(said))


def drawn(transcript: Transcript, start: float, end: float, channel: int | None) -> tuple[Word, ...]:
    """The words of a region that was drawn from `start` to `end` seconds.

    Label Studio 1.23 says channel 0 of every drawn region: where that one is silent, words of all channels are meant.
    """
    words = transcript.between(start, end, channel if transcript.channels else None)
    return words or (() if channel else transcript.between(start, end))


def _by_id(context: Mapping[str, Any]) -> dict[str, list[Mapping[str, Any]]]:
    entries = context.get("result", []) if isinstance(context, Mapping) else None
    if not isinstance(entries, list) or not all(isinstance(entry, Mapping) for entry in entries):
        raise RequestError("context.result is not a list of regions.")
    regions: dict[str, list[Mapping[str, Any]]] = {}
    for entry in entries:
        if isinstance(entry.get("id"), str):
            regions.setdefault(entry["id"], []).append(entry)
    return regions


def _region(region_id: str, parts: list[Mapping[str, Any]], text: Text) -> Region | None:
    """The region these results make; None for results without times or of something else than the audio."""
    for part in parts:
        value = part.get("value")
        if part.get("to_name", text.to_name) != text.to_name or not isinstance(value, Mapping):
            continue
        start, end, channel = value.get("start"), value.get("end"), value.get("channel")
        if _is_time(start) and _is_time(end):
            ours = [other for other in parts if _is_text(other, text.name)]
            rest = tuple(other for other in parts if other not in ours)
            channel = channel if isinstance(channel, int) else None
            return Region(
                region_id, start, end, channel, part.get("origin") == "manual", rest, ours[0] if ours else None
            )
    return None


def _is_text(part: Mapping[str, Any], name: str) -> bool:
    return part.get("type") == "textarea" and part.get("from_name", name) == name


def _is_open(region: Region) -> bool:
    if region.text is None:
        return True
    return isinstance(region.text.get("value"), Mapping) and seal.is_ours(region.text) and seal.has_moved(region.text)


def _has_words(interface: Interface, text: Text, region: Region) -> bool:
    """Is this a region that a text belongs to, and none of what AWS points out beside the words?"""
    labels = _labels(region)
    return text.shows_for(labels) and not (labels and interface.is_finding(labels))


def _is_time(value: object) -> TypeGuard[float]:
    """JSON has no limit for numbers: 1e999 arrives as infinity, a whole number as long as it was written."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    return math.isfinite(value) if isinstance(value, float) else abs(value) <= _LATEST


def _has_note(region: Region) -> bool:
    return any("meta" in part for part in region.results)


def _labels(region: Region) -> list[str]:
    values = (part["value"].get("labels") for part in region.results if isinstance(part.get("value"), Mapping))
    return [label for labels in values if isinstance(labels, list) for label in labels if isinstance(label, str)]


def _words(interface: Interface, transcript: Transcript, region: Region) -> tuple[Word, ...]:
    """The words of a region: on its channel, or on all where nothing tells which one it was drawn on."""
    if not transcript.channels:
        return transcript.between(region.start, region.end)
    channel = interface.channel(_labels(region))
    if channel is None and (region.channel or not region.drawn):
        channel = region.channel
    return transcript.between(region.start, region.end, channel)


def _written(interface: Interface, transcript: Transcript, words: tuple[Word, ...]) -> str:
    """The words as text; those of several channels in order of time, each side named."""
    if len({word.channel for word in words}) < 2:
        return transcript.join(words)
    sides = _sides(transcript, words)
    return " ".join(f"{_side(interface, side.channel or 0)}: {side.text}" for side in sides)


def _sides(transcript: Transcript, words: tuple[Word, ...]) -> list[Segment]:
    return paragraphs(replace(transcript, words=words, alternatives=()), math.inf)


def heard(transcript: Transcript, start: float, end: float, channel: int | None) -> str:
    """The text of a region's words (see `drawn`), those of several channels in the order that `fill` writes them in."""
    words = drawn(transcript, start, end, channel)
    several = len({word.channel for word in words}) > 1
    return " ".join(side.text for side in _sides(transcript, words)) if several else transcript.join(words)


def without_sides(interface: Interface, text: str) -> str:
    """A text, as an annotator has left it, without the names of the two sides that `fill` puts before what each said.

    They may stand anywhere: the other side often speaks before a sentence has ended.
    """
    if not interface.recognition.channels:
        return text
    names = "|".join(re.escape(_side(interface, channel)) for channel in range(2))
    return " ".join(re.sub(rf"(?<!\S)(?:{names}):(?=\s|$)", " ", text).split())


def _side(interface: Interface, channel: int) -> str:
    for control in interface.labels:
        names = [each.name or each.value for each in control.voices if interface.channel([each.value]) == channel]
        if len(names) == 1:
            return names[0]
    return ("L", "R")[channel] if channel < 2 else f"ch_{channel}"


def _answer(interface: Interface, text: Text, region: Region, words: Sequence[Word], written: str) -> list[Result]:
    """All results of a region: what it had, and its words. Where it was moved to a silence, it has no text any more."""
    confidence = mean_confidence(words)
    answer: list[Result] = [dict(part) for part in region.results]
    if words or not answer:
        answer.append(_text(text, region, written, confidence))
    # The editor shows the score and the note of a region's first result.
    if len(answer) > 1:
        answer[0] = results.scored(answer[0], confidence)
    notes = results.doubts(words, interface.low_confidence) if interface.notes and not _has_note(region) else []
    return [results.noted(answer[0], notes), *answer[1:]]


def _text(text: Text, region: Region, written: str, confidence: float | None) -> Result:
    where: Result = {"start": region.start, "end": region.end}
    if region.channel is not None:
        where["channel"] = region.channel
    return seal.sealed({"id": region.id, **results.region_text(text, where, written)}, confidence)
