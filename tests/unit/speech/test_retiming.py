"""A human's text with times: by example, and what always holds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transcribe_backend.speech.retiming import retimed
from transcribe_backend.speech.words import Word, joined


def heard(text: str, seconds: float = 1.0) -> list[Word]:
    """A word every `seconds`; "_" is a word's time of silence."""
    return [
        Word(word, place * seconds, (place + 1) * seconds, 0.9, f"spk_{place}")
        for place, word in enumerate(text.split())
        if word != "_"
    ]


def times(words: tuple[Word, ...]) -> list[tuple[str, float, float]]:
    return [(word.text + word.tail, word.start, word.end) for word in words]


def test_the_spelling_is_the_humans_and_the_time_is_the_recognisers() -> None:
    words = retimed("Good morning, O’Neil!", heard("good morning o'neil"))
    assert times(words) == [("Good", 0, 1), ("morning,", 1, 2), ("O’Neil!", 2, 3)]
    assert [(word.tail, word.confidence, word.speaker) for word in words] == [
        ("", 0.9, "spk_0"), (",", 0.9, "spk_1"), ("!", 0.9, "spk_2"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "recognised", "expected"),
    [
        ("a bird c", "a word c", [("a", 0, 1), ("bird", 1, 2), ("c", 2, 3)]),
        ("a bb cccc d", "a dashwood d", [("a", 0, 1), ("bb", 1, 1 + 1 / 3), ("cccc", 1 + 1 / 3, 2), ("d", 2, 3)]),
        ("a Dashwood d", "a dash wood d", [("a", 0, 1), ("Dashwood", 1, 3), ("d", 3, 4)]),
        ("a new b", "a _ _ b", [("a", 0, 1), ("new", 1, 3), ("b", 3, 4)]),
        ("a new b", "a b", [("a", 0, 1), ("new", 1, 1), ("b", 1, 2)]),
        ("a b", "a um b", [("a", 0, 1), ("b", 2, 3)]),
        ("twenty-one", "twenty one", [("twenty-one", 0, 2)]),
        ("twenty one", "twenty-one", [("twenty", 0, 2 / 3), ("one", 2 / 3, 1)]),
        ("a & b —", "a and b", [("a", 0, 1), ("&", 1, 2), ("b", 2, 3), ("—", 3, 3)]),
        ("", "a b", []),
    ],
)
def test_changed_words_lie_between_their_neighbours(
    text: str, recognised: str, expected: list[tuple[str, float, float]]
) -> None:
    found = times(retimed(text, heard(recognised)))
    assert [word for word, *_ in found] == [word for word, *_ in expected]
    assert [seconds for _, *pair in found for seconds in pair] == pytest.approx(
        [seconds for _, *pair in expected for seconds in pair]
    )


def test_changed_words_have_no_confidence_and_the_speaker_of_those_around_them() -> None:
    words = retimed("um a dash wood b new", heard("a dashwood b"))
    assert [(word.text, word.confidence, word.speaker) for word in words] == [
        ("um", None, "spk_0"), ("a", 0.9, "spk_0"), ("dash", None, "spk_1"), ("wood", None, "spk_1"),
        ("b", 0.9, "spk_2"), ("new", None, "spk_2"),
    ]  # fmt: skip


def test_a_stretch_in_which_nothing_was_heard_is_shared_out() -> None:
    assert times(retimed("ab cd", [], 2, 4)) == [("ab", 2, 3), ("cd", 3, 4)]


def test_within_bounds_words_at_the_ends_have_the_silence_there() -> None:
    words = retimed("x a y", [Word("a", 5, 6)], 4, 8)
    assert times(words) == [("x", 4, 5), ("a", 5, 6), ("y", 6, 8)]
    assert times(retimed("a y", [Word("a", 5, 8.5)], 4, 8)) == [("a", 5, 8.5), ("y", 8.5, 8.5)]


def test_without_spaces_words_go_from_token_to_token() -> None:
    words = retimed("你好，世界", [Word("你好", 0, 1, tail="，"), Word("世界", 1, 2)], glue="")
    assert joined(words, "") == "你好，世界"
    assert (words[0].start, words[-1].start, words[-1].end) == (0, words[-1].start, 2)


@st.composite
def corrections(draw: st.DrawFn) -> tuple[list[Word], list[str], dict[str, Word]]:
    """Heard words, a text with up to a fifth of them changed, deleted or joined by new ones, and those that stayed."""
    words, clock = [], 0.0
    for number in range(draw(st.integers(1, 80))):
        clock += draw(st.integers(0, 30)) / 10
        length = draw(st.integers(0, 12)) / 10
        words.append(Word(f"w{number}", clock, clock + length, 0.5, draw(st.sampled_from([None, "spk_0", "spk_1"]))))
        clock += draw(st.integers(0, 12)) / 10  # words may overlap
    places = draw(st.sets(st.integers(0, len(words) - 1), max_size=len(words) // 5))
    text: list[str] = []
    kept = {word.text: word for word in words}
    for number, word in enumerate(words):
        how = draw(st.sampled_from(["change", "delete", "insert", "split"])) if number in places else "keep"
        fresh = [f"new{number}", f"more{number}"]
        if how in ("change", "delete", "split"):
            del kept[word.text]
        text += {
            "keep": [word.text], "change": fresh[:1], "delete": [], "insert": [word.text, fresh[0]], "split": fresh,
        }[how]  # fmt: skip
    return words, text, kept


@given(corrections())
def test_unchanged_words_keep_their_times_exactly_and_the_rest_is_in_order(
    correction: tuple[list[Word], list[str], dict[str, Word]],
) -> None:
    words, text, kept = correction
    found = retimed(" ".join(text), words)
    assert [word.text for word in found] == text
    for word in found:
        assert word.start <= word.end
        assert word == kept[word.text] if word.text in kept else word.confidence is None
    assert [word.start for word in found] == sorted(word.start for word in found)
    assert all(words[0].start <= word.start for word in found)
    assert all(word.end <= max(each.end for each in words) for word in found)


@given(st.text(st.sampled_from("ab ,.-'—é9\n")), st.text(st.sampled_from("ab c-")))
def test_any_text_keeps_its_words(text: str, recognised: str) -> None:
    words = retimed(text, heard(recognised), 0, 100)
    assert joined(words).split() == text.split()
    assert [word.start for word in words] == sorted(word.start for word in words)
