"""`_RULES` restates AWS's rules on its own: per language the code points of the guide's "Phrase" table, as a regex."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transcribe_backend.errors import VocabularyError
from transcribe_backend.speech.vocabulary import Row, can_learn, parse_table, table, table_text

_RULES = {
    "en-US": r"[A-Za-z'.\-]+",
    "en-GB": r"[A-Za-z'.\-]+",
    "de-DE": r"[A-Za-z'.\-\u00E4\u00F6\u00FC\u00DF\u00C4\u00D6\u00DC]+",
    "es-US": r"[A-Za-z'.\-\u00C1\u00C9\u00CD\u00D3\u00DA\u00D1\u00E1\u00E9\u00ED\u00F3\u00FA\u00F1\u00FC]+",
    "fr-CA": r"[A-Za-z'.\-\u00C0\u00C2\u00C7-\u00CB\u00CE\u00CF\u00D4\u00D6\u00D9\u00DB\u00DC"
    r"\u00E0\u00E2\u00E7-\u00EB\u00EE\u00EF\u00F4\u00F6\u00F9\u00FB\u00FC]+",
    "da-DK": r"[A-Za-z.\-\u00C5\u00C6\u00D8\u00E5\u00E6\u00E9\u00F8]+",
    "af-ZA": r"[a-z.\-\u00E1\u00E8-\u00EB\u00ED-\u00EF\u00F3\u00F4\u00F6\u00FA-\u00FC]+",
    "tr-TR": r"[A-Za-z'.\-\u00C7\u00D6\u00DC\u00E2\u00E4\u00E7-\u00EA\u00ED\u00EE\u00F3\u00F6\u00FB\u00FC"
    r"\u011E\u011F\u0130\u0131\u015E\u015F\u0161\u017E]+",
    "ru-RU": r"['.\-\u0430-\u044F\u0451]+",
    "ar-SA": r"[\-\u0621-\u063A\u0641-\u064A]+",
    "fa-IR": r"[\u0621-\u0624\u0626-\u0628\u062A-\u063A\u0641\u0642\u0644-\u0648\u064E-\u0651\u067E\u0686\u0698\u06A9"
    r"\u06AF\u06CC]+",
    "he-IL": r"[\-\u05D0-\u05EA]+",
    "hi-IN": r"[.\-\u0901-\u0903\u0905-\u090B\u090F-\u0911\u0913-\u0928\u092A-\u0930\u0932\u0935-\u0939\u093E-\u0943"
    r"\u0945\u0947-\u0949\u094B-\u094D\u095B-\u095D]+",
    "te-IN": r"[\-\u0C01-\u0C03\u0C05-\u0C0C\u0C0E-\u0C10\u0C12-\u0C28\u0C2A-\u0C33\u0C35-\u0C39\u0C3E-\u0C44"
    r"\u0C47\u0C48\u0C4A-\u0C4D]+",
    "ko-KR": r"[\uAC00-\uD7A3]+",
}
_SAMPLES = {
    "ru-RU": "абвёйя АЁ'-.",
    "ar-SA": "ابتثجحخد ً-",
    "fa-IR": "پچژکگی \u200c\u0629",
    "he-IL": "אבגדה ִ-",
    "hi-IN": "कखगज़ड़क़ािीँ ्-",
    "te-IN": "కఖగాిీ్ౄ -",
    "ko-KR": "김철수 가힣ㄱ",
}
_LATIN = "abzABZ áÉñçßøÅğİı's.’-–0½\t\n"


def breach(phrase: str, display: str, language: str) -> str:
    """The first of AWS's rules that a row breaks; "" when it breaks none."""
    words = phrase.split("-")
    checks = {
        "characters": re.fullmatch(_RULES[language], phrase),
        "fewer than 256 characters": len(phrase) < 256 and len(display) < 256,
        "words are joined by one hyphen": all(words),
        "a full stop only after a spelled letter": all(
            "." not in word or re.fullmatch(r"(?:[^\W\d_]\.)+", word) for word in words
        ),
        "no digits": not any(map(str.isdigit, phrase)),
        "composed characters": unicodedata.normalize("NFC", phrase) == phrase or language == "hi-IN",
        "one line, one cell": not re.search(r"[\t\r\n\v\f\x85\u2028\u2029]", display),
    }
    return next((rule for rule, kept in checks.items() if not kept), "")


@st.composite
def phrases_of_a_language(draw):
    language = draw(st.sampled_from(sorted(_RULES)))
    characters = st.one_of(st.sampled_from(_SAMPLES.get(language, _LATIN)), st.sampled_from(_LATIN), st.characters())
    return language, draw(st.lists(st.text(characters, max_size=12), max_size=20))


@given(phrases_of_a_language())
def test_no_row_ever_breaks_a_rule_of_its_language(case):
    language, phrases = case
    result = table(phrases, language)
    for row in result.rows:
        assert breach(row.phrase, row.display, language) == "", row
    assert len({row.phrase.casefold() for row in result.rows}) == len(result.rows)
    assert all(each.reason for each in result.rejected)
    assert parse_table(table_text(result.rows)) == result.rows


@pytest.mark.parametrize(
    ("language", "written", "row"),
    [
        ("en-US", "Jean-Luc Picard", Row("Jean-Luc-Picard", "Jean-Luc Picard")),
        ("en-US", "AWS", Row("A.W.S.", "AWS")),
        ("en-US", "IKEA", Row("Ikea", "IKEA")),
        ("en-US", "HTML", Row("H.T.M.L.", "HTML")),
        ("en-US", "EC2", Row("E.C.-two", "EC2")),
        ("en-US", "VX02Q", Row("V.X.-zero-two-Q.", "VX02Q")),
        ("en-US", "K8s", Row("K.-eight-s", "K8s")),
        ("en-US", "ABCs", Row("A.B.C.-s", "ABCs")),
        ("en-US", "U.S.", Row("U.S.", "")),
        ("en-US", "DynamoDB", Row("Dynamo-D.B.", "DynamoDB")),
        ("en-US", "Zoë  Smith,", Row("Zoe-Smith", "Zoë Smith,")),
        ("en-US", "O’Neil", Row("O'Neil", "O’Neil")),
        ("en-US", "Xochitl", Row("Xochitl", "")),
        ("da-DK", "O'Neil", Row("ONeil", "O'Neil")),
        ("af-ZA", "Kaapstad", Row("kaapstad", "Kaapstad")),
        ("de-DE", "Stra\u00dfe U\u0308bung", Row("Straße-Übung", "Straße Übung")),
        ("ru-RU", "Ёлка Петров", Row("ёлка-петров", "Ёлка Петров")),
        ("ru-RU", "МГУ", Row("мгу", "МГУ")),
        ("ru-RU", "ѐж", Row("еж", "ѐж")),
        ("hi-IN", "ज\u093cिंदगी", Row("\u095bिंदगी", "ज\u093cिंदगी")),
        ("he-IL", "שָׁלוֹם", Row("שלום", "שָׁלוֹם")),
    ],
)
def test_rows(language, written, row):
    assert table([written], language).rows == (row,)


@pytest.mark.parametrize(
    ("language", "written", "reason"),
    [
        ("en-US", "7-Eleven", "digits"),
        ("de-DE", "EC2", "digits"),
        ("en-US", "x²", "digits"),
        ("en-US", "amazon.com", "accepts no '.'"),
        ("en-US", "Øresund", "accepts no 'Ø'"),
        ("en-US", "Ладога", "accepts no 'Л'"),
        ("en-US", "?!", "no letters"),
        ("en-US", "a" * 256, "255"),
        ("en-US", "A" + "é" * 256, "255"),
        ("ko-KR", "김 철수", "single words"),
        ("ru-RU", "Amazon", "accepts no 'A'"),
    ],
)
def test_what_aws_would_refuse_is_rejected_with_the_reason(language, written, reason):
    result = table([written, written[:0]], language)
    assert result.rows == ()
    assert reason in result.rejected[0].reason


def test_only_the_best_fit_into_fifty_kilobytes():
    phrases = [f"Wort{'abcdefghij'[i % 10]}{'abcdefghij'[i // 10 % 10]}{chr(97 + i // 100)} Ähre" for i in range(2600)]
    result = table(phrases, "de-DE")
    assert 49_900 < len(table_text(result.rows).encode()) <= 50_000
    assert [row.display for row in result.rows] == phrases[: len(result.rows)]
    assert {each.written for each in result.rejected} == set(phrases[len(result.rows) :])
    assert "full" in result.rejected[0].reason


def test_the_table_has_all_four_columns_and_line_feeds_only():
    text = table_text(table(["AWS", "Xochitl"], "en-US").rows)
    assert text == "Phrase\tSoundsLike\tIPA\tDisplayAs\nA.W.S.\t\t\tAWS\nXochitl\t\t\t\n"


@pytest.mark.parametrize("language", ["zh-CN", "ja-JP", "th-TH", "xx"])
def test_a_language_whose_characters_are_not_known_is_refused(language):
    with pytest.raises(VocabularyError, match=language) as caught:
        table(["x"], language)
    assert not can_learn(language) and can_learn("en-GB")
    assert "model_vocabulary" in caught.value.remedy


def test_a_file_may_have_its_columns_in_another_order_or_be_a_list():
    assert parse_table("DisplayAs\tIPA\tPhrase\tSoundsLike\nAWS\t\tA.W.S.\t\n") == (Row("A.W.S.", "AWS"),)
    assert parse_table("Los-Angeles\nCLI") == (Row("Los-Angeles", ""), Row("CLI", ""))
