"""Phrases as people write them -> rows of an AWS Transcribe custom vocabulary table.

Rules: AWS Transcribe developer guide, "Creating a custom vocabulary using a table" and "Character sets for custom
vocabularies". One character outside the language's set makes AWS refuse the whole vocabulary.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from string import ascii_letters, ascii_lowercase

from transcribe_backend.errors import VocabularyError

MAX_BYTES = 50_000
MAX_CHARACTERS = 255
_HEADER = "Phrase\tSoundsLike\tIPA\tDisplayAs\n"
_UPPER, _LOWER = "[A-ZÀ-ÖØ-ÞĞİŞŠŽ]", "[a-zß-öø-ÿğışšž]"
_DOTTED = re.compile(r"(?:[^\W\d_]\.)+[^\W\d_]")
_ACRONYM = re.compile(rf"(?P<head>{_UPPER}?{_LOWER}+)?(?P<letters>{_UPPER}{{2,5}})(?P<plural>['’]?s)?")
_VOWELS = re.compile("[AEIOUÀ-ÆÈ-ÏÒ-ÖØ-Üİ]")
_LETTERS_AND_DIGITS = re.compile(r"[^\W\d_]+|\d")
_DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_JOINERS = "\u200c\u200d"
_APOSTROPHES = "'\u2019\u02bc\u2018"
# The guide's letters that Unicode's composed form takes apart.
_COMPOSED = {"ज\u093c": "\u095b", "ड\u093c": "\u095c", "ढ\u093c": "\u095d"}


@dataclass(frozen=True, slots=True)
class _Alphabet:
    """What AWS lets a language's Phrase column hold."""

    letters: frozenset[str]
    hyphen: bool = True
    acronyms: bool = True
    apostrophe: bool = True
    digits: tuple[str, ...] = ()
    """How the ten digits are said."""


def _letters(*ranges: str) -> frozenset[str]:
    """Characters given one by one, or as `first-last`."""
    found: set[str] = set()
    for part in ranges:
        if len(part) == 3 and part[1] == "-":
            found.update(map(chr, range(ord(part[0]), ord(part[2]) + 1)))
        else:
            found.update(part)
    return frozenset(found)


def _latin(more: str = "") -> _Alphabet:
    return _Alphabet(_letters(ascii_letters, more))


_ALPHABETS = {
    "af": _Alphabet(_letters(ascii_lowercase, "áèéêëíîïóôöúûü"), apostrophe=False),
    "ar": _Alphabet(_letters("ء-غ", "ف-ي"), acronyms=False, apostrophe=False),
    "da": _Alphabet(_letters(ascii_letters, "ÅÆØåæéø"), apostrophe=False),
    "de": _latin("äöüßÄÖÜ"),
    "en": _Alphabet(_letters(ascii_letters), digits=_DIGITS),
    "es": _latin("ÁÉÍÓÚÑáéíóúñü"),
    "fa": _Alphabet(
        _letters("ءآأؤئاب", "ت-غ", "فقل", "م-و", "\u064e-\u0651", "پچژکگی"),
        hyphen=False,
        acronyms=False,
        apostrophe=False,
    ),
    "fr": _latin("ÀÂÇÈÉÊËÎÏÔÖÙÛÜàâçèéêëîïôöùûü"),
    "he": _Alphabet(_letters("א-ת"), acronyms=False, apostrophe=False),
    "hi": _Alphabet(
        _letters("ँ-ः", "अ-ऋ", "एऐऑओऔ", "क-न", "प-र", "लव", "श-ह", "ा-ृ", "ॅेै", "ॉोौ्", "\u095b-\u095d"),
        acronyms=False,
        apostrophe=False,
    ),
    "id": _latin(),
    "it": _latin("ÀÄÇÈÉÊËÌÒÙÜàäçèéêëìòùü"),
    "ko": _Alphabet(_letters("가-힣"), hyphen=False, acronyms=False, apostrophe=False),
    "ms": _latin(),
    "nl": _latin("àáâäçèéêëìíîïñòóôöùúûü"),
    "pt": _latin("ÀÁÂÃÄÇÈÉÊËÍÑÓÔÕÖÚÜàáâãäçèéêëíñóôõöúü"),
    "ru": _Alphabet(_letters("а-я", "ё"), acronyms=False),
    "te": _Alphabet(
        _letters("ఁ-ః", "అ-ఌ", "ఎ-ఐ", "ఒ-న", "ప-ఱ", "లళవ", "శ-హ", "ా-ౄ", "ేైొోౌ్"),
        acronyms=False,
        apostrophe=False,
    ),
    "tr": _latin("ÇÖÜâäçèéêíîóöûüĞğİıŞşšž"),
}


@dataclass(frozen=True, slots=True)
class Row:
    """One entry: `phrase` as AWS wants it, `display` as it shall appear in transcripts."""

    phrase: str
    display: str

    @property
    def line(self) -> str:
        """Phrase, SoundsLike, IPA, DisplayAs; we never guess a pronunciation."""
        return f"{self.phrase}\t\t\t{self.display}\n"


@dataclass(frozen=True, slots=True)
class Rejection:
    """A phrase that cannot go into the vocabulary, and why."""

    written: str
    reason: str


@dataclass(frozen=True, slots=True)
class Table:
    """Rows that AWS should accept, best first, and what was left out."""

    rows: tuple[Row, ...]
    rejected: tuple[Rejection, ...]


class _Unwritable(Exception):
    """The reason why a phrase has no row."""


def can_learn(language: str) -> bool:
    """Whether a vocabulary can be made in a language such as "en-US": whether AWS's character set for it is known."""
    return language.split("-")[0] in _ALPHABETS


def table(phrases: Iterable[str], language: str) -> Table:
    """Rows for `phrases` (best first) in a language such as "en-US", as many as fit into AWS's 50 KB.

    Raises VocabularyError for a language whose character set is not known here.
    """
    alphabet = _alphabet(language)
    rows: dict[str, Row] = {}
    rejected: list[Rejection] = []
    room = MAX_BYTES - len(_HEADER)
    for written in phrases:
        try:
            row = _row(written, alphabet)
            room -= _fit(row, rows, room)
        except _Unwritable as reason:
            rejected.append(Rejection(written, str(reason)))
        else:
            rows.setdefault(row.phrase.casefold(), row)
    return Table(tuple(rows.values()), tuple(rejected))


def table_text(rows: Iterable[Row]) -> str:
    """The file that CreateVocabulary reads: columns divided by TAB, lines by LF."""
    return _HEADER + "".join(row.line for row in rows)


def parse_table(text: str) -> tuple[Row, ...]:
    """The rows of a vocabulary file: a table with its columns in any order, or a list of phrases."""
    lines = [line.split("\t") for line in text.strip("\r\n").split("\n")]
    if "Phrase" not in lines[0]:
        return tuple(Row(cells[0], "") for cells in lines if cells[0])
    phrase, display = lines[0].index("Phrase"), lines[0].index("DisplayAs")
    return tuple(Row(cells[phrase], cells[display]) for cells in lines[1:])


def _alphabet(language: str) -> _Alphabet:
    try:
        return _ALPHABETS[language.split("-")[0]]
    except KeyError:
        raise VocabularyError(
            f"The characters that AWS Transcribe accepts in a vocabulary for {language} are not known here.",
            remedy="Make a vocabulary by hand and name it with model_vocabulary in the labeling config.",
        ) from None


def _fit(row: Row, rows: dict[str, Row], room: int) -> int:
    """The bytes that the row adds."""
    if row.phrase.casefold() in rows:
        return 0
    size = len(row.line.encode())
    if size > room:
        raise _Unwritable("the vocabulary is full: AWS accepts 50 KB")
    return size


def _row(written: str, alphabet: _Alphabet) -> Row:
    display = " ".join("".join(filter(_is_shown, unicodedata.normalize("NFC", written))).split())
    phrase = "-".join(filter(None, (_part(part, alphabet) for part in re.split(r"[\s\-\u2010\u2011]+", display))))
    if not phrase:
        raise _Unwritable("it has no letters")
    if "-" in phrase and not alphabet.hyphen:
        raise _Unwritable("AWS accepts only single words in this language")
    if max(len(phrase), len(display)) > MAX_CHARACTERS:
        raise _Unwritable("it is longer than AWS's 255 characters")
    return Row(phrase, "" if display == phrase else display)


def _is_shown(character: str) -> bool:
    return character.isspace() or character.isprintable() or character in _JOINERS


def _part(written: str, alphabet: _Alphabet) -> str:
    """A word, or letters and digits as AWS's guide has them: VX02Q is V.X.-zero-two-Q., EC2 is E.C.-two."""
    if not any(character.isnumeric() for character in written):
        return _word(written, alphabet)
    if not alphabet.digits or not any(map(str.isalpha, written)) or not written.isascii():
        raise _Unwritable("AWS accepts no digits: write numbers as words")
    return "-".join(_named(part, alphabet) for part in _LETTERS_AND_DIGITS.findall(written))


def _named(part: str, alphabet: _Alphabet) -> str:
    if part.isdigit():
        return alphabet.digits[int(part)]
    return _spelled(part, alphabet) if part.isupper() else _word(part, alphabet)


def _word(written: str, alphabet: _Alphabet) -> str:
    """One word of a Phrase: in the language's letters, or letter by letter as A.W.S., A.B.C.-s, Dynamo-D.B."""
    word = _trim(written)
    if not alphabet.acronyms:
        return _plain(word, alphabet)
    if _DOTTED.fullmatch(word):
        return _spelled(word.replace(".", ""), alphabet)
    if acronym := _ACRONYM.fullmatch(word):
        head, letters, plural = acronym.group("head", "letters", "plural")
        if not head and _is_pronounced(letters):
            return _plain(letters.capitalize() + ("s" if plural else ""), alphabet)
        parts = (_plain(head or "", alphabet), _spelled(letters, alphabet), "s" if plural else "")
        return "-".join(filter(None, parts))
    return _plain(word, alphabet)


def _is_pronounced(acronym: str) -> bool:
    """Whether people say it as a word (IKEA, NATO) rather than letter by letter (AWS, HTML): by its vowels."""
    return len(acronym) > 3 and len(_VOWELS.findall(acronym)) > 1


def _trim(written: str) -> str:
    """Without the marks around the word: quotes, commas, a final full stop."""
    letters = [at for at, character in enumerate(written) if unicodedata.category(character)[0] in "LM"]
    return written[letters[0] : letters[-1] + 1] if letters else ""


def _spelled(letters: str, alphabet: _Alphabet) -> str:
    return "".join(f"{_letter(each, alphabet)}." for each in letters)


def _plain(word: str, alphabet: _Alphabet) -> str:
    for decomposed, composed in _COMPOSED.items():
        word = word.replace(decomposed, composed)
    return "".join(_letter(each, alphabet) for each in word).strip("'")


def _letter(character: str, alphabet: _Alphabet) -> str:
    """The character as the language's set has it: in the other case or without its accent where it must be."""
    if character in _APOSTROPHES:
        return "'" if alphabet.apostrophe else ""
    for form in (character, character.lower(), character.upper()):
        if form in alphabet.letters:
            return form
    bare = "".join(part for part in unicodedata.normalize("NFD", character) if not unicodedata.combining(part))
    if bare == character and unicodedata.category(character) != "Cf":
        raise _Unwritable(f"AWS accepts no {character!r} in this language")
    return "".join(_letter(part, alphabet) for part in bare if part != character)
