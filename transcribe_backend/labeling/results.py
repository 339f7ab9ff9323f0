"""Results: the entries of a prediction, in the form Label Studio stores them."""

import hashlib
import math
from collections.abc import Iterable
from typing import Any

from transcribe_backend.labeling.controls import Labels, Languages, Text
from transcribe_backend.speech.words import Word

Result = dict[str, Any]


def whole_text(control: Text, text: str) -> Result:
    """The text of the whole audio."""
    return _result(control, "textarea", {"text": [text]})


def choice(control: Languages, values: Iterable[str]) -> Result:
    """What is chosen for the whole audio."""
    return _result(control, "choices", {"choices": list(values)})


def bounds(control: Text | Labels, start: float, end: float, channel: int | None) -> Result:
    """Where a region is: seconds and channel of audio, frames of a video, which Label Studio counts from 1."""
    if control.rate:
        first = math.floor(start * control.rate) + 1
        return {"ranges": [{"start": first, "end": max(first, math.ceil(end * control.rate))}]}
    return {"start": start, "end": end, "channel": channel or 0}


def region_id(*identity: object) -> str:
    """The same for the same region in every prediction."""
    return hashlib.blake2s("|".join(map(str, identity)).encode(), digest_size=5).hexdigest()


def region_label(control: Labels, where: Result, labels: list[str]) -> Result:
    """The labels of a region; `where` are its bounds."""
    kind = control.kind.lower()
    return _result(control, kind, {**where, kind: labels})


def region_text(control: Text, where: Result, text: str) -> Result:
    """The text of a region."""
    return _result(control, "textarea", {**where, "text": [text]})


def _result(control: Text | Labels | Languages, kind: str, value: Result) -> Result:
    return {"from_name": control.name, "to_name": control.to_name, "type": kind, "value": value}


def rounded(confidence: float) -> float:
    """Confidence as it is shown and stored."""
    return round(confidence, 4)


def scored(result: Result, confidence: float | None) -> Result:
    """The result (or prediction) with its score, where there is one."""
    return result if confidence is None else {**result, "score": rounded(confidence)}


def noted(result: Result, remarks: Iterable[str]) -> Result:
    """The result with notes (`meta`), which Label Studio copies into the annotation."""
    notes = list(remarks)
    return {**result, "meta": {"text": notes}} if notes else result


def doubts(words: Iterable[Word], threshold: float) -> list[str]:
    """The words an annotator should check: "check: dashwood 0.41"; nothing when all are certain."""
    doubtful = [f"{word.text} {word.confidence:.2f}" for word in words if _below(word, threshold)]
    return [f"check: {', '.join(doubtful)}"] if doubtful else []


def _below(word: Word, threshold: float) -> bool:
    return word.confidence is not None and word.confidence < threshold
