"""How common a word is in a language: a vocabulary is for words that the recogniser has hardly met.

Frequencies are those of pyspellchecker (subtitles, a dozen languages), function words those of stopwords-iso (58
languages); both are data of their packages, read once.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from transcribe_backend.speech.languages import base

_COMMON = 40_000
_POSSESSIVE = re.compile(r"(?<=\w)(?:'s|s')$")


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Words of a language in the comparable form of `normalize`."""

    common: frozenset[str] = frozenset()
    """The 40,000 most frequent ones and the function words: no terms, and known to every recogniser."""
    listed: frozenset[str] = frozenset()
    """All words whose frequency is known; empty where the language has no list."""

    def is_common(self, word: str) -> bool:
        """Whether everybody knows the word, or the one whose possessive it is."""
        return word in self.common or _POSSESSIVE.sub("", word) in self.common

    def are_variants(self, one: str, other: str) -> bool:
        """Whether two words are both in the language and differ in one letter: organise and organize."""
        return one in self.listed and other in self.listed and _one_edit_apart(one, other)


UNKNOWN = Lexicon()
"""Of a language that nothing is known about: no word is common."""


@lru_cache(maxsize=4)
def lexicon(language: str) -> Lexicon:
    """The lexicon of a language such as "en-US"."""
    code = base(language)
    ranked = _ranked(code)
    return Lexicon(frozenset(ranked[:_COMMON]) | _function_words(code), frozenset(ranked))


def most_frequent(language: str, count: int) -> frozenset[str]:
    """The `count` most frequent listed words; none where there is no list."""
    return frozenset(_ranked(base(language))[:count])


def _ranked(code: str) -> list[str]:
    """All listed words, the most frequent first; none where there is no list."""
    from spellchecker import SpellChecker  # only a training pays for its import

    if code not in SpellChecker.languages():
        return []
    counts = SpellChecker(language=code).word_frequency.dictionary
    return sorted(counts, key=lambda word: (-counts[word], word))


def _function_words(code: str) -> frozenset[str]:
    import stopwordsiso

    return frozenset(stopwordsiso.stopwords(code)) if stopwordsiso.has_lang(code) else frozenset()


def _one_edit_apart(one: str, other: str) -> bool:
    """One letter replaced, added or left out."""
    short, long = sorted((one, other), key=len)
    start = next((at for at, pair in enumerate(zip(short, long, strict=False)) if len(set(pair)) > 1), len(short))
    return short[start:] == long[start + 1 :] or (len(short) == len(long) and short[start + 1 :] == long[start + 1 :])
