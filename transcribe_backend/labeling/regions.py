"""Interactive regions: the words of a segment that the annotator has just drawn.

The editor sends every region that shares a label with the touched one, with its texts, and replaces each region it gets
an answer for. So only regions without a text are answered, and with all they had.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

from transcribe_backend.errors import RequestError
from transcribe_backend.labeling import results
from transcribe_backend.labeling.controls import Text
from transcribe_backend.labeling.interface import Interface
from transcribe_backend.labeling.results import Result
from transcribe_backend.speech.transcript import Transcript
from transcribe_backend.speech.words import Word, mean_confidence

_LATEST = 10**9  # seconds


@dataclass(frozen=True, slots=True)
class Region:
    """A region that lacks its text; `results` is what the editor knows of it, times are in seconds."""

    id: str
    start: float
    end: float
    channel: int | None
    results: tuple[Mapping[str, Any], ...]


def wanted(interface: Interface, context: Mapping[str, Any]) -> list[Region]:
    """The regions of an interactive context that lack a text; raises RequestError for a context that is none.

    A region with any text, even an empty one, is the annotator's.
    """
    text = interface.region_text
    if text is None:
        return []
    regions = [_region(region_id, parts, text.to_name) for region_id, parts in _by_id(context).items()]
    return [region for region in regions if region and not _has_text(region) and text.shows_for(_labels(region))]


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
        if words:
            note = {} if _has_note(region) else results.note(words, interface.low_confidence)
            first, *others = map(dict, region.results)
            # The editor shows the score and the note of a region's first result.
            answered += [results.scored({**first, **note}, mean_confidence(words)), *others]
            answered.append(_answer(text, region, words, transcript.join(words)))
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


def _region(region_id: str, parts: list[Mapping[str, Any]], to_name: str) -> Region | None:
    """The region these results make; None for results without times or of something else than the audio."""
    for part in parts:
        value = part.get("value")
        if part.get("to_name", to_name) != to_name or not isinstance(value, Mapping):
            continue
        start, end, channel = value.get("start"), value.get("end"), value.get("channel")
        if _is_time(start) and _is_time(end):
            return Region(region_id, start, end, channel if isinstance(channel, int) else None, tuple(parts))
    return None


def _is_time(value: object) -> TypeGuard[float]:
    """JSON has no limit for numbers: 1e999 arrives as infinity, a whole number as long as it was written."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    return math.isfinite(value) if isinstance(value, float) else abs(value) <= _LATEST


def _has_text(region: Region) -> bool:
    return any(part.get("type") == "textarea" for part in region.results)


def _has_note(region: Region) -> bool:
    return any("meta" in part for part in region.results)


def _labels(region: Region) -> list[str]:
    values = (part["value"].get("labels") for part in region.results if isinstance(part.get("value"), Mapping))
    return [label for labels in values if isinstance(labels, list) for label in labels if isinstance(label, str)]


def _words(interface: Interface, transcript: Transcript, region: Region) -> tuple[Word, ...]:
    named = interface.channel(_labels(region))
    if named is not None and transcript.channels:
        return transcript.between(region.start, region.end, named)
    return drawn(transcript, region.start, region.end, region.channel)


def _answer(text: Text, region: Region, words: tuple[Word, ...], said: str) -> Result:
    bounds: Result = {"start": region.start, "end": region.end}
    if region.channel is not None:
        bounds["channel"] = region.channel
    answer = {"id": region.id, **results.region_text(text, bounds, said)}
    return results.scored(answer, mean_confidence(words))
