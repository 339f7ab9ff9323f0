"""Words of errors that travel as HTTP reason phrases: one line, latin-1, short."""

from collections.abc import Iterable


def quoted(value: object, limit: int = 32) -> str:
    """What somebody wrote, in quotes: clipped to `limit` characters, anything but printable ASCII escaped."""
    text = str(value)
    clipped = text if len(text) <= limit else text[: limit - 3] + "..."
    return ascii(clipped)


def listed(values: Iterable[object]) -> str:
    """The values as "a, b, c"."""
    return ", ".join(str(value) for value in values)
