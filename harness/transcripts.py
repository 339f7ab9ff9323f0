"""What was heard in a recording, beside what was said in it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jiwer

from harness.protocol import newest_prediction, texts

# Two ways of writing the same speech, which a word error rate should not count.
_SPELLED = {
    "1": "one", "2": "two", "3": "three", "4": "four", "5": "five",
    "6": "six", "7": "seven", "8": "eight", "9": "nine", "10": "ten",
    "mr": "mister",
}  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One recording: its transcript and its confidence (0..1; None where nothing was heard), and its reference text."""

    file: str
    transcript: str
    confidence: float | None
    reference: str


def row(task: Mapping[str, Any], reference: str) -> Row:
    """What became of one task whose data names its `file`."""
    prediction = newest_prediction(task)
    if not prediction:
        return Row(task["data"]["file"], "(no prediction)", None, reference)
    return Row(task["data"]["file"], text_of(prediction), prediction["score"], reference)


def text_of(prediction: Mapping[str, Any]) -> str:
    """The words of a prediction's text areas."""
    return " ".join(texts(prediction))


def word_error_rate(rows: Sequence[Row]) -> float:
    """Over all rows, by jiwer; case and punctuation do not count, and numbers up to ten may be digits."""
    return float(jiwer.wer([_spell(row.reference) for row in rows], [_spell(row.transcript) for row in rows]))


def _spell(text: str) -> str:
    return " ".join(_SPELLED.get(word, word) for word in re.findall(r"[\w']+", text.lower()))
