"""What the demo prints at its end: what was heard, how surely, and what was said. No I/O."""

import textwrap
from collections.abc import Iterator, Sequence

from harness.transcripts import Row


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


def things_to_try(pages: Sequence[str], training: str, status: str) -> str:
    """`pages` are the task lists of the three projects, `training` is where Start Training is pressed."""
    whole, segments, names = pages
    return f"""Three things to try
1  Open a task: its text is there. Correct it, and submit.
   {whole}
2  Open a task, switch on Auto-Annotation below the editor, draw a segment over speech, and click it: its words appear.
   {segments}
3  Names that the recogniser has never heard: most sentences are corrected. Open the tasks without annotations, and
   submit the corrected text. Then choose Start Training in the menu (three dots) of the model:
   {names}
   {training}
   A minute or two later the names are learnt. What runs, what failed, what was learnt: {status}"""


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
