"""How common words are, by the libraries' data."""

import pytest

from transcribe_backend.speech.lexicon import UNKNOWN, lexicon, most_frequent


@pytest.mark.parametrize("word", ["the", "answered", "yesterday", "yesterday's", "dollars", "um"])
def test_everyday_words_are_common(word: str) -> None:
    assert lexicon("en-US").is_common(word)


@pytest.mark.parametrize("word", ["llanberis", "xochitl", "kubernetes", "llanberis's"])
def test_names_and_terms_are_not(word: str) -> None:
    assert not lexicon("en-US").is_common(word)


def test_a_language_without_frequencies_has_its_function_words() -> None:
    assert lexicon("da-DK").is_common("ikke") and not lexicon("da-DK").is_common("hjem\u00e5")
    assert lexicon("lg-IN") == UNKNOWN, "of some languages nothing is known"


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("gray", "grey", True),
        ("theater", "theatre", False),
        ("color", "colors", True),
        ("answer", "answers", True),
        ("xochitl", "xochitel", False),
        ("cat", "house", False),
    ],
)
def test_variants_are_known_words_one_letter_apart(one: str, other: str, expected: bool) -> None:
    assert lexicon("en-US").are_variants(one, other) is lexicon("en-US").are_variants(other, one) is expected


def test_the_most_frequent_words_come_first() -> None:
    assert {"the", "you", "to"} <= most_frequent("en-US", 20)
    assert len(most_frequent("en-US", 20)) == 20
    assert most_frequent("zu-ZA", 20) == frozenset()
