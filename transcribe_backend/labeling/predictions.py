"""Transcript + Interface -> predictions."""

import hashlib
from collections.abc import Iterator
from typing import Any

from transcribe_backend.labeling import results
from transcribe_backend.labeling.controls import Labels
from transcribe_backend.labeling.interface import Interface
from transcribe_backend.labeling.labeler import Labeler
from transcribe_backend.labeling.results import Result
from transcribe_backend.labeling.seal import sealed
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
        text = results.whole_text(interface.text, transcript.text)
        yield results.noted(text, transcript.remarks if interface.notes else ())
    language = transcript.language or interface.recognition.language
    for control in interface.languages:
        chosen = control.choose(language)
        if chosen is not None:
            yield results.choice(control, chosen)


def _regions(interface: Interface, transcript: Transcript) -> Iterator[Result]:
    text = interface.region_text
    targets = dict.fromkeys(control.to_name for control in (*interface.labels, text) if control)
    segments = _segments(interface, transcript) if targets else []
    for target in targets:
        yield from _Track(interface, target, segments).results()


def _segments(interface: Interface, transcript: Transcript) -> list[Segment]:
    """Turns where only the speakers matter, shorter segments where their text or confidence does."""
    by_voice = all(control.voices and not control.doubtful for control in interface.labels)
    if interface.region_text is None and by_voice:
        return turns(transcript)
    return cut(transcript, interface.max_segment)


class _Track:
    """The regions of one Audio or Video tag."""

    def __init__(self, interface: Interface, target: str, segments: list[Segment]) -> None:
        text = interface.region_text
        self._interface = interface
        self._target = target
        self._segments = segments
        self._text = text if text and text.to_name == target else None
        owner = interface.text_labels
        self._labelers: list[tuple[Labels, Labeler]] = [
            (control, Labeler(control, segments, text if control is owner else None, interface.low_confidence))
            for control in interface.labels
            if control.to_name == target
        ]

    def results(self) -> Iterator[Result]:
        for index, segment in enumerate(self._segments):
            identity = {"id": _region_id(self._target, segment, index)}
            notes = results.doubts(segment.words, self._interface.low_confidence) if self._interface.notes else []
            for place, part in enumerate(self._region(segment)):
                yield {**identity, **results.noted(part, notes if place == 0 else [])}

    def _region(self, segment: Segment) -> list[Result]:
        """Labels come before the text: the editor needs that."""
        given = [(control, chosen) for control, labeler in self._labelers if (chosen := labeler.labels(segment))]
        where = segment.start, segment.end, segment.channel
        parts = [
            results.scored(results.region_label(control, results.bounds(control, *where), chosen), segment.confidence)
            for control, chosen in given
        ]
        text = self._text
        if text and (not given or text.shows_for(label for _, chosen in given for label in chosen)):
            said = results.region_text(text, results.bounds(text, *where), segment.text)
            parts.append(sealed(said, segment.confidence))
        return parts


def _region_id(to_name: str, segment: Segment, index: int) -> str:
    identity = f"{to_name}|{segment.channel}|{segment.start:.3f}|{index}"
    return hashlib.blake2s(identity.encode(), digest_size=5).hexdigest()
