"""Transcript + Interface -> predictions."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from transcribe_backend.labeling import results
from transcribe_backend.labeling.controls import Labels, Text
from transcribe_backend.labeling.finds import found
from transcribe_backend.labeling.interface import Interface
from transcribe_backend.labeling.labeler import Labeler
from transcribe_backend.labeling.results import Result
from transcribe_backend.labeling.seal import sealed
from transcribe_backend.speech.calibration import Calibration
from transcribe_backend.speech.segments import Segment, cut, turns
from transcribe_backend.speech.transcript import Transcript

Calibrations = Mapping[str, Calibration]
"""What confidence means, by language."""


def predictions(
    interface: Interface, transcript: Transcript, calibrations: Calibrations = MappingProxyType({})
) -> list[dict[str, Any]]:
    """The predictions of a task, the best first: one, or as many as `model_alternatives` asks for.

    Each is {"result": [...], "score": 0..1}, without a score where AWS gave no confidence. The score is the accuracy to
    expect where the language has a calibration, else the mean confidence of the words. Where more is expected to be
    wrong than `model_blank_above`, there is one, without text.
    """
    known = _calibration(interface, transcript, calibrations)
    variants = transcript.variants(interface.recognition.alternatives or 1)
    made = [results.scored({"result": _results(interface, each)}, _score(each.confidence, known)) for each in variants]
    return [without_text(made[0])] if is_too_wrong(interface, transcript, calibrations) else made


def is_too_wrong(interface: Interface, transcript: Transcript, calibrations: Calibrations) -> bool:
    """Whether more is expected to be wrong than `model_blank_above`; never as long as nothing is known of errors."""
    known = _calibration(interface, transcript, calibrations)
    return bool(
        known and transcript.confidence is not None and known.expected(transcript.confidence) > interface.blank_above
    )


def _calibration(interface: Interface, transcript: Transcript, calibrations: Calibrations) -> Calibration | None:
    return calibrations.get(transcript.language or interface.recognition.language)


def without_text(prediction: dict[str, Any]) -> dict[str, Any]:
    """The same for an annotator who is to write down what is said without having read ours."""
    return {**prediction, "result": [each for each in prediction["result"] if each["type"] != "textarea"]}


def _score(confidence: float | None, calibration: Calibration | None) -> float | None:
    return confidence if confidence is None or calibration is None else calibration.accuracy(confidence)


def _results(interface: Interface, transcript: Transcript) -> list[Result]:
    return [*_whole(interface, transcript), *_regions(interface, transcript)]


def _whole(interface: Interface, transcript: Transcript) -> Iterator[Result]:
    if interface.text:
        text = results.whole_text(interface.text, transcript.text)
        yield results.noted(text, transcript.remarks if interface.notes else ())
    first = transcript.language or interface.recognition.language
    spoken = [each.code for each in transcript.languages] if interface.recognition.multilingual else [first]
    for control in interface.languages:
        chosen = list(dict.fromkeys(filter(None, map(control.choose, spoken if control.multiple else [first]))))
        if chosen:
            yield results.choice(control, chosen)


def _regions(interface: Interface, transcript: Transcript) -> Iterator[Result]:
    text = interface.region_text
    targets = dict.fromkeys(control.to_name for control in (*interface.labels, text) if control)
    segments = _segments(interface, transcript) if targets else []
    for target in targets:
        yield from _Track(interface, target, segments).results()
    for control in interface.labels:
        yield from found(control, interface.recognition, transcript.findings)


def _segments(interface: Interface, transcript: Transcript) -> list[Segment]:
    """Turns where only the speakers matter, shorter segments where their text, language or confidence does."""
    if interface.region_text is None and all(control.voices and not control.doubtful for control in interface.labels):
        return turns(transcript)
    by_language = interface.recognition.multilingual and any(control.tongues for control in interface.labels)
    return cut(transcript, interface.max_segment, by_language=by_language)


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
            (control, self._labeler(control, text if control is owner else None))
            for control in interface.labels
            if control.to_name == target
        ]

    def _labeler(self, control: Labels, text: Text | None) -> Labeler:
        asked = self._interface
        return Labeler(control, self._segments, text, asked.low_confidence, multilingual=asked.recognition.multilingual)

    def results(self) -> Iterator[Result]:
        for index, segment in enumerate(self._segments):
            identity = {"id": results.region_id(self._target, segment.channel, f"{segment.start:.3f}", index)}
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
