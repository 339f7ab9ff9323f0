"""Results: the entries of a prediction, in the form Label Studio stores them."""

from collections.abc import Iterable
from typing import Any

from transcribe_backend.labeling.controls import Labels, Languages, Text
from transcribe_backend.speech.words import Word

Result = dict[str, Any]


def whole_text(control: Text, text: str) -> Result:
    """The text of the whole audio."""
    return _result(control, "textarea", {"text": [text]})


def choice(control: Languages, value: str) -> Result:
    """A choice for the whole audio."""
    return _result(control, "choices", {"choices": [value]})


def region_label(control: Labels, bounds: Result, labels: list[str]) -> Result:
    """The labels of a region; `bounds` are start, end (seconds) and channel."""
    return _result(control, "labels", {**bounds, "labels": labels})


def region_text(control: Text, bounds: Result, text: str) -> Result:
    """The text of a region."""
    return _result(control, "textarea", {**bounds, "text": [text]})


def _result(control: Text | Labels | Languages, kind: str, value: Result) -> Result:
    return {"from_name": control.name, "to_name": control.to_name, "type": kind, "value": value}


def rounded(confidence: float) -> float:
    """Confidence as it is shown and stored."""
    return round(confidence, 4)


def scored(result: Result, confidence: float | None) -> Result:
    """The result (or prediction) with its score, where there is one."""
    return result if confidence is None else {**result, "score": rounded(confidence)}


def note(words: Iterable[Word], threshold: float) -> Result:
    """`meta` with the words an annotator should check ("check: dashwood 0.41"); empty when all are certain."""
    doubtful = [f"{word.text} {word.confidence:.2f}" for word in words if _below(word, threshold)]
    return {"meta": {"text": [f"check: {', '.join(doubtful)}"]}} if doubtful else {}


def _below(word: Word, threshold: float) -> bool:
    return word.confidence is not None and word.confidence < threshold
