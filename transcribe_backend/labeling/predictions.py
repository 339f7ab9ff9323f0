"""Transcript + Interface -> predictions."""

import hashlib
from collections.abc import Iterator
from typing import Any

from transcribe_backend.labeling import results
from transcribe_backend.labeling.controls import Labels, Text
from transcribe_backend.labeling.interface import Interface
from transcribe_backend.labeling.labeler import Labeler
from transcribe_backend.labeling.results import Result
from transcribe_backend.speech.segments import Segment, cut, turns
from transcribe_backend.speech.transcript import Transcript


def predictions(interface: Interface, transcript: Transcript) -> list[dict[str, Any]]:
    """The predictions of a task, the best first: one, or as many as `model_alternatives` asks for.

    Each is {"result": [...], "score": 0..1}, without a score where AWS gave no confidence.
    """
    variants = transcript.variants(interface.recognition.alternatives or 1)
    return [results.scored({"result": _results(interface, variant)}, variant.confidence) for variant in variants]


def _results(interface: Interface, transcript: Transcript) -> list[Result]:
    return [*_whole(interface, transcript), *_regions(interface, transcript)]


def _whole(interface: Interface, transcript: Transcript) -> Iterator[Result]:
    if interface.text:
        yield results.whole_text(interface.text, transcript.text)
    language = transcript.language or interface.recognition.language
    for control in interface.languages:
        chosen = control.choose(language)
        if chosen is not None:
            yield results.choice(control, chosen)


def _regions(interface: Interface, transcript: Transcript) -> Iterator[Result]:
    text, owner = interface.region_text, interface.text_labels
    if not (text or interface.labels):
        return
    segments = _segments(interface, transcript)
    labelers = [
        (control, Labeler(control, segments, text if control is owner else None, interface.low_confidence))
        for control in interface.labels
    ]
    for index, segment in enumerate(segments):
        yield from _region(interface, text, labelers, segment, index)


def _segments(interface: Interface, transcript: Transcript) -> list[Segment]:
    """Turns where only the speakers matter, shorter segments where their text or confidence does."""
    by_voice = all(control.voices and not control.doubtful for control in interface.labels)
    if interface.region_text is None and by_voice:
        return turns(transcript)
    return cut(transcript, interface.max_segment)


def _region(
    interface: Interface, text: Text | None, labelers: list[tuple[Labels, Labeler]], segment: Segment, index: int
) -> Iterator[Result]:
    """The results of one region: they share its id, and labels come before the text (the editor needs that)."""
    bounds = {"start": segment.start, "end": segment.end, "channel": segment.channel or 0}
    labels = [(control, chosen) for control, labeler in labelers if (chosen := labeler.labels(segment))]
    parts = [results.region_label(control, bounds, chosen) for control, chosen in labels]
    if text and (not labels or text.shows_for(label for _, chosen in labels for label in chosen)):
        parts.append(results.region_text(text, bounds, segment.text))
    identity, confidence = {"id": _region_id(interface.to_name, segment, index)}, segment.confidence
    note = results.note(segment.words, interface.low_confidence)
    for place, part in enumerate(parts):
        yield results.scored({**identity, **part, **(note if place == 0 else {})}, confidence)


def _region_id(to_name: str, segment: Segment, index: int) -> str:
    identity = f"{to_name}|{segment.channel}|{segment.start:.3f}|{index}"
    return hashlib.blake2s(identity.encode(), digest_size=5).hexdigest()
