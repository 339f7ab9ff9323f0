"""What the demo prints at its end: what was heard, how surely, and what was said. No I/O."""

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from transcribe_backend.speech.normalize import tokenize
from transcribe_backend.speech.wer import rate, score

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


def newest_prediction(task: dict[str, Any]) -> dict[str, Any] | None:
    """The latest prediction that Label Studio keeps of a task."""
    predictions: list[dict[str, Any]] = task["predictions"]
    return max(predictions, key=lambda prediction: int(prediction["id"]), default=None)


def text_of(prediction: dict[str, Any]) -> str:
    """The words of a prediction's text areas."""
    return " ".join(text for part in prediction["result"] for text in part["value"].get("text", []))


def row(task: dict[str, Any], reference: str) -> Row:
    """What became of one task whose data names its `file`."""
    prediction = newest_prediction(task)
    if not prediction:
        return Row(task["data"]["file"], "(no prediction)", None, reference)
    return Row(task["data"]["file"], text_of(prediction), prediction["score"], reference)


def word_error_rate(rows: Sequence[Row]) -> float:
    """Over all rows; numbers up to ten may be digits."""
    return rate([score(_spell(row.reference), _spell(row.transcript)) for row in rows])


def _spell(text: str) -> str:
    return " ".join(_SPELLED.get(word, word) for word in tokenize(text).words())


def table(rows: Sequence[Row], width: int) -> str:
    """The rows as aligned columns in at most `width` characters (but no less than 60), long texts wrapped."""
    head = ("file", "transcript", "confidence", "reference")
    name = min(max(len(row.file) for row in rows), max(width, 60) // 4)
    cells = [(_shortened(row.file, name), row.transcript, _percent(row.confidence), row.reference) for row in rows]
    text = (max(width, 60) - name - len("confidence") - 6) // 2
    widths = (name, text, len("confidence"), text)
    lines = [_line(head, widths), "  ".join("-" * column for column in widths)]
    lines += [line for cell in cells for line in _wrapped(cell, widths)]
    return "\n".join(lines)


def _shortened(name: str, width: int) -> str:
    """A file name without its middle: its end tells it from its neighbours."""
    return name if len(name) <= width else name[: width // 3] + "…" + name[-(width - width // 3 - 1) :]


def _percent(confidence: float | None) -> str:
    return "-" if confidence is None else f"{confidence:.1%}"


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()


def _wrapped(cells: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    columns = [textwrap.wrap(cell, width) or [""] for cell, width in zip(cells, widths, strict=True)]
    for number in range(max(len(column) for column in columns)):
        yield _line([column[number] if number < len(column) else "" for column in columns], widths)
