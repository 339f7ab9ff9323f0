"""Custom vocabularies and vocabulary filters: what AWS accepts in them, and their states.

The rules are those of AWS's developer guide (custom-vocabulary.md, charsets.md): of a table's columns Phrase and
DisplayAs act, SoundsLike and IPA are ignored.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from local_aws.errors import BadRequest, Conflict, JobFailure, LimitExceeded, NotFound
from local_aws.paging import page
from local_aws.tags import Tags

PENDING, READY, FAILED = "PENDING", "READY", "FAILED"

_COLUMNS = ("Phrase", "SoundsLike", "IPA", "DisplayAs")
_LARGEST = 50 * 1024
_LONGEST = 256
_MOST = 100
_MOST_PENDING = 10
_ENGLISH = re.compile(r"[a-zA-Z'.\-]+")


@dataclass(eq=False, slots=True)
class Vocabulary:
    """A custom vocabulary; `hotwords` is how its phrases are written in a transcript."""

    name: str
    language: str
    modified: float
    state: str = PENDING
    failure: str | None = None
    content: bytes = b""
    hotwords: tuple[str, ...] = ()
    tags: Tags = field(default_factory=dict)

    def accept(self, content: bytes, language: str, now: float) -> None:
        """READY with the hotwords of `content` (a vocabulary table), or FAILED with the reason."""
        self.modified, self.content = now, content
        try:
            self.hotwords, self.state, self.failure = tuple(hotwords(content, language)), READY, None
        except JobFailure as error:
            self.fail(str(error), now)

    def fail(self, reason: str, now: float) -> None:
        """FAILED; what it held before is gone."""
        self.modified, self.state, self.failure, self.hotwords = now, FAILED, reason, ()

    def info(self) -> dict[str, Any]:
        """As all replies show it."""
        return {
            "VocabularyName": self.name,
            "LanguageCode": self.language,
            "VocabularyState": self.state,
            "LastModifiedTime": self.modified,
        }


@dataclass(eq=False, slots=True)
class VocabularyFilter:
    """Words that a job masks, removes or tags."""

    name: str
    language: str
    modified: float
    words: frozenset[str] = frozenset()
    tags: Tags = field(default_factory=dict)

    def info(self) -> dict[str, Any]:
        """As all replies show it."""
        return {
            "VocabularyFilterName": self.name,
            "LanguageCode": self.language,
            "LastModifiedTime": self.modified,
        }


class _Named(Protocol):
    @property
    def name(self) -> str: ...


_Entry = TypeVar("_Entry", bound=_Named)


class Shelf(Generic[_Entry]):
    """At most 100 entries of a kind by name. The caller holds the lock."""

    def __init__(self, noun: str) -> None:
        self._noun = noun
        self._entries: dict[str, _Entry] = {}

    def __iter__(self) -> Iterator[_Entry]:
        return iter(self._entries.values())

    def add(self, entry: _Entry) -> _Entry:
        """Raises Conflict for a taken name, LimitExceeded for the 101st."""
        if entry.name in self._entries:
            raise Conflict(f"The requested {self._noun} name already exists. Use a different {self._noun} name.")
        if len(self._entries) >= _MOST:
            raise LimitExceeded(f"You have reached the limit of {_MOST} {self._noun}s. Delete one and try again.")
        self._entries[entry.name] = entry
        return entry

    def named(self, name: str | None) -> _Entry | None:
        """The entry that a job names, if it names one; raises BadRequest when it is not there."""
        if name is None or name in self._entries:
            return self._entries.get(name or "")
        raise BadRequest(missing(self._noun))

    def get(self, name: str) -> _Entry:
        """The entry of that name; raises NotFound."""
        if name not in self._entries:
            raise NotFound(missing(self._noun))
        return self._entries[name]

    def delete(self, name: str) -> None:
        """Raises NotFound."""
        self.get(name)
        del self._entries[name]

    def page(self, request: Mapping[str, Any]) -> tuple[list[_Entry], str | None]:
        """Newest first, by the filters of a List request; and the next page's token."""
        state, part = request.get("StateEquals"), request.get("NameContains", "").lower()

        def matches(entry: _Entry) -> bool:
            return (not state or getattr(entry, "state", None) == state) and part in entry.name.lower()

        return page(list(self), matches, request.get("MaxResults"), request.get("NextToken"))


def missing(noun: str) -> str:
    """AWS's words for a vocabulary that is not there."""
    return f"The requested {noun} couldn't be found. Check the {noun} name and try your request again."


def require_few_pending(vocabularies: Shelf[Vocabulary]) -> None:
    """Raises LimitExceeded when ten vocabularies are being made already."""
    if sum(vocabulary.state == PENDING for vocabulary in vocabularies) >= _MOST_PENDING:
        raise LimitExceeded(f"You have reached the limit of {_MOST_PENDING} pending vocabularies. Try again later.")


def require_one_source(request: Mapping[str, Any], *names: str) -> None:
    """Raises BadRequest unless exactly one of the parameters is given."""
    if sum(bool(request.get(name)) for name in names) != 1:
        raise BadRequest(f"Specify either {' or '.join(names)}, and only one of them.")


def table(phrases: Sequence[str]) -> bytes:
    """A list of phrases as the table that AWS makes of it."""
    rows = ["\t".join(_COLUMNS), *(f"{phrase}\t\t\t" for phrase in phrases)]
    return "\n".join(rows).encode()


def misspelt(content: bytes, language: str) -> bool:
    """Would a vocabulary of this content be FAILED?"""
    try:
        list(hotwords(content, language))
    except JobFailure:
        return True
    return False


def hotwords(content: bytes, language: str) -> Iterator[str]:
    """What each row of a vocabulary table puts into a transcript; raises JobFailure that names the first bad row."""
    for number, row in enumerate(_rows(content), 1):
        problem = _problem(row["Phrase"], language)
        if problem:
            raise JobFailure(f"The vocabulary can't be processed. Row {number}: {problem}.")
        yield row["DisplayAs"] or _written(row["Phrase"])


def _rows(content: bytes) -> list[dict[str, str]]:
    if len(content) > _LARGEST:
        raise JobFailure("The vocabulary can't be processed. Its size exceeds 50 KB.")
    if b"\r" in content:
        raise JobFailure("The vocabulary can't be processed. Lines must end with LF, not with CR LF.")
    try:
        header, *lines = content.decode("utf-8").rstrip("\n").split("\n")
    except UnicodeDecodeError as error:
        raise JobFailure("The vocabulary can't be processed. It isn't plain text in UTF-8.") from error
    columns = header.split("\t")
    if sorted(columns) != sorted(_COLUMNS):
        raise JobFailure(
            f"The vocabulary can't be processed. Its header must hold {', '.join(_COLUMNS)}, separated by tabs."
        )
    if not lines:
        raise JobFailure("The vocabulary can't be processed. It holds no phrase.")
    return [dict(zip(columns, _cells(line, number), strict=True)) for number, line in enumerate(lines, 1)]


def _cells(line: str, number: int) -> list[str]:
    cells = line.split("\t")
    if len(cells) != len(_COLUMNS):
        raise JobFailure(
            f"The vocabulary can't be processed. Row {number}: {len(cells)} columns instead of {len(_COLUMNS)}."
        )
    return cells


def _problem(phrase: str, language: str) -> str | None:
    if not phrase:
        return "the phrase is empty"
    if len(phrase) > _LONGEST:
        return f"the phrase '{phrase[:20]}…' is longer than {_LONGEST} characters"
    if re.search(r"\s", phrase):
        return f"the phrase '{phrase}' contains a space; join its words with hyphens"
    if re.search(r"\d", phrase):
        return f"the phrase '{phrase}' contains a digit; spell it out"
    if phrase.startswith("-") or phrase.endswith("-"):
        return f"the phrase '{phrase}' begins or ends with a hyphen"
    if language.startswith("en-") and not _ENGLISH.fullmatch(phrase):
        return f"the phrase '{phrase}' contains a character that isn't allowed for {language}"
    return None


def _written(phrase: str) -> str:
    """`Los-Angeles` as Los Angeles, `A.B.C.` as ABC."""
    acronym = re.sub(r"\b([a-zA-Z])\.", r"\1", phrase)
    return acronym.replace("-s", "s") if acronym != phrase else phrase.replace("-", " ")
