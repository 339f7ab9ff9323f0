"""Pages of a list and the tokens between them."""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import TypeVar

from local_aws.errors import BadRequest

DEFAULT_PAGE = 5
"""What AWS answers when MaxResults is absent."""

_Entry = TypeVar("_Entry")


def page(
    entries: Sequence[_Entry], matches: Callable[[_Entry], bool], limit: int | None, token: str | None
) -> tuple[list[_Entry], str | None]:
    """The next `limit` (or DEFAULT_PAGE) matching entries, last one first, and the token of the page after them.

    A token is a position from the beginning of `entries`, so entries appended meanwhile do not shift later pages.
    """
    found: list[_Entry] = []
    position = _position(token) if token else len(entries)
    for index in range(min(position, len(entries)) - 1, -1, -1):
        if not matches(entries[index]):
            continue
        if len(found) == (limit or DEFAULT_PAGE):
            return found, _token(index + 1)
        found.append(entries[index])
    return found, None


def _token(position: int) -> str:
    return base64.urlsafe_b64encode(f"page:{position}".encode()).decode()


def _position(token: str) -> int:
    try:
        kind, _, position = base64.urlsafe_b64decode(token).decode().partition(":")
        if kind != "page":
            raise ValueError(kind)
        return int(position)
    except (ValueError, binascii.Error) as error:
        raise BadRequest("The specified NextToken isn't valid.") from error
