"""Text to comparable words: what two writers of the same speech may differ in without disagreeing.

Case, punctuation, hyphenation, kind of apostrophe and Unicode form are removed from the `word` of a token;
the offsets of the token keep what was written. Where words are written without spaces between them (Chinese, Japanese,
Thai, …) every character is a token, so that what is counted in words elsewhere is counted in characters there.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

_APOSTROPHES = "'\u2019\u02bc\u2018\uff07"
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u9fff\uf900-\ufaff"
    "\uff66-\uff9f\U00020000-\U0003ffff]"
)
_FOLD = str.maketrans({**dict.fromkeys(_APOSTROPHES, "'"), "\u0307": None, "ı": "i", "\u200c": None, "\u200d": None})


@dataclass(frozen=True, slots=True)
class Token:
    """A word to compare, and where `Words.text` has it."""

    word: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Words:
    """A text (in Unicode's composed form) and its tokens in order."""

    text: str
    tokens: tuple[Token, ...]

    def __len__(self) -> int:
        return len(self.tokens)

    def words(self, start: int = 0, end: int | None = None) -> tuple[str, ...]:
        """The comparable forms of tokens `start` to `end` (exclusive)."""
        return tuple(token.word for token in self.tokens[start:end])

    def written(self, start: int, end: int) -> str:
        """Tokens `start` to `end` (exclusive, at least one) as the writer wrote them, on one line."""
        return " ".join(self.text[self.tokens[start].start : self.tokens[end - 1].end].split())

    def between(self, start: int, end: int) -> str:
        """All that stands between token `start - 1` and token `end`: tokens with the symbols around them, as $ or %."""
        first = self.tokens[start - 1].end if start else 0
        last = self.tokens[end].start if end < len(self.tokens) else len(self.text)
        return self.text[first:last]


def is_letter(character: str) -> bool:
    """Whether it is part of a word: a letter or digit, or a mark such as the vowel signs of Hindi."""
    return unicodedata.category(character)[0] in "LMN" or character in "\u200c\u200d"


def tokenize(text: str) -> Words:
    """Split `text` into its words."""
    composed = unicodedata.normalize("NFC", text)
    tokens = (Token(_fold(composed[start:end]), start, end) for start, end in _spans(composed))
    return Words(composed, tuple(token for token in tokens if token.word))


def _fold(written: str) -> str:
    composed = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", written).casefold()).translate(_FOLD)
    word = "".join(composed.split())  # a ligature such as \ufdfa stands for several words
    parts = word.removesuffix(".").split(".")
    return "".join(parts) if all(len(part) == 1 and part.isalpha() for part in parts) else word.replace(",", "")


def _spans(text: str) -> Iterator[tuple[int, int]]:
    start = None
    for position, character in enumerate(text):
        if start is not None and _parts(text, position):
            yield start, position
            start = None
        if is_letter(character) or (start is not None and _joins(text, position)):
            start = position if start is None else start
        elif start is not None:
            yield start, position + _closes_acronym(text, start, position)
            start = None
    if start is not None:
        yield start, len(text)


def _parts(text: str, position: int) -> bool:
    """Whether a new token begins here without any mark or space before it; vowel signs stay with their letter."""
    character = text[position]
    if unicodedata.category(character)[0] == "M":
        return False
    return bool(_UNSPACED.match(character) or _UNSPACED.match(text[position - 1]))


def _closes_acronym(text: str, start: int, end: int) -> bool:
    """Whether the full stop at `end` is the last one of U.S. rather than that of the sentence."""
    letters = text[start:end].split(".")
    return text[end] == "." and len(letters) > 1 and all(len(each) == 1 for each in letters)


def _joins(text: str, position: int) -> bool:
    """Whether the mark at `position`, which follows a word, belongs to it: O'Neil, U.S., 3.5, 1,000."""
    before, mark, after = text[position - 1], text[position], text[position + 1 : position + 2]
    if not after or not is_letter(after) or not is_letter(before):
        return False
    return mark in _APOSTROPHES or mark == "." or (mark == "," and before.isdigit() and after.isdigit())
