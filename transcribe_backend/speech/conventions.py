"""What people who transcribe write without anybody having said it, and what they spell in different ways.

English is brought into one form by the text standardisation that OpenAI published with Whisper, the usual one for word
error rates (Radford et al., 2022, appendix C): spelling variants, contractions, numbers, currencies, um and uh.
"""

import re
import unicodedata
from collections.abc import Callable, Set
from functools import cache

from transcribe_backend.speech.languages import base
from transcribe_backend.speech.normalize import is_letter

HIDDEN = "\u02c7\u02c7\u02c7"
"""A token in place of what AWS has redacted or masked: nobody knows what was recognised there."""

_REDACTED = re.compile(r"\[[A-Z]+(?:_[A-Z]+)*\]|\*{3,}")  # AWS Transcribe: [PII], [NAME], … and masked words
_MARK = re.compile(
    r"\[[^\[\]\n]{0,60}\]|<[^<>\n]{0,60}>|\{[^{}\n]{0,60}\}|\(\([^()\n]{0,60}\)\)"
    r"|\((?=[a-z])[^()\n]{1,30}\)|\*[a-z][^*\n]{0,30}\*"
)
_COLON = re.compile(r":(?=\s|$)")
_POINTS = range(10, 36)
"""Unicode's combining classes of Hebrew and Arabic vowel points."""
# The vowel signs of Indic scripts are no word characters to `re`.
_IN_NAME = r"[\w\u0900-\u0963\u0966-\u0dff.'\u2019-]"
_SPEAKER = re.compile(
    rf"(?:^|(?<=[.!?\u2026\u0964\n]))[ \t]{{0,8}}"
    rf"(?P<name>[^\W\d_]{_IN_NAME}{{0,40}}(?: {_IN_NAME}{{1,40}}){{0,2}}):(?=\s|$)",
    re.M,
)


def spoken(human: str) -> str:
    """An annotator's text without marks such as [NOISE] or (laughs) and without speakers' names before their turns."""
    text = _MARK.sub(" ", human)
    return _without(text, {match["name"] for match in _SPEAKER.finditer(text)})


def _without(text: str, names: Set[str]) -> str:
    """The text without these names where a colon and a space follow; of two that end there, the longer one."""
    longest = max(map(len, names), default=0)
    parts: list[str] = []
    done = 0
    for colon in _COLON.finditer(text):
        end = colon.start()
        starts = (at for at in range(max(done, end - longest), end) if text[at:end] in names)
        start = next((at for at in starts if not is_letter(text[at - 1 : at] or " ")), None)
        if start is not None:
            parts.append(text[done:start])
            done = colon.end()
    return " ".join([*parts, text[done:]])


def recognised(ours: str) -> str:
    """A transcript of AWS with `HIDDEN` wherever something is redacted or masked."""
    return _REDACTED.sub(f" {HIDDEN} ", ours)


def same(one: str, other: str, language: str) -> bool:
    """Whether two writings differ in spelling only: letters alike, or one form by the language's standardisation."""
    standard = _standard(base(language))
    return standard(one) == standard(other)


@cache
def _standard(language: str) -> Callable[[str], str]:
    if language != "en":
        return _letters
    from whisper_normalizer.english import EnglishTextNormalizer  # only a training pays for its import

    normalizer = EnglishTextNormalizer()
    return lambda text: "".join(normalizer(text).split())


def _letters(text: str) -> str:
    return "".join(character for character in text.casefold() if character.isalnum() or _is_vowel_sign(character))


def _is_vowel_sign(character: str) -> bool:
    """Whether it tells words apart, unlike the points of Arabic and Hebrew, which most writers leave out."""
    return unicodedata.category(character)[0] == "M" and unicodedata.combining(character) not in _POINTS
