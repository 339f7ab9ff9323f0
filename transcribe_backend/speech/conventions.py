"""What people who transcribe write without anybody having said it, and what they spell in different ways.

English is brought into one form by the text standardisation that OpenAI published with Whisper, the usual one for word
error rates (Radford et al., 2022, appendix C): spelling variants, contractions, numbers, currencies, um and uh.
"""

import re
from collections.abc import Callable
from functools import cache

from transcribe_backend.speech.languages import base

HIDDEN = "\u02c7\u02c7\u02c7"
"""A token in place of what AWS has redacted or masked: nobody knows what was recognised there."""

_REDACTED = re.compile(r"\[[A-Z]+(?:_[A-Z]+)*\]|\*{3,}")  # AWS Transcribe: [PII], [NAME], … and masked words
_MARK = re.compile(
    r"\[[^\[\]\n]{0,60}\]|<[^<>\n]{0,60}>|\{[^{}\n]{0,60}\}|\(\([^()\n]{0,60}\)\)"
    r"|\((?=[a-z])[^()\n]{1,30}\)|\*[a-z][^*\n]{0,30}\*"
)
_SPEAKER = re.compile(
    r"(?:^|(?<=[.!?\u2026\n]))[ \t]{0,8}(?P<name>[^\W\d_][\w.'\u2019-]{0,40}(?: [\w.'\u2019-]{1,40}){0,2}):(?=\s|$)",
    re.M,
)


def spoken(human: str) -> str:
    """An annotator's text without marks such as [NOISE] or (laughs) and without speakers' names before their turns."""
    text = _MARK.sub(" ", human)
    names = {match["name"] for match in _SPEAKER.finditer(text)}
    for name in sorted(names, key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(name)}:(?=\s|$)", " ", text)
    return text


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
    return "".join(character for character in text.casefold() if character.isalnum())
