import pytest
from hypothesis import given
from hypothesis import strategies as st

from transcribe_backend.speech.alignment import Gap, gaps
from transcribe_backend.speech.normalize import tokenize
from transcribe_backend.speech.wer import Score, compare, rate, score


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Hello, World!", ("hello", "world")),
        ("It’s O'Neil", ("it's", "o'neil")),
        ("well-known", ("well", "known")),
        ("the U.S. and A.W.S.", ("the", "us", "and", "aws")),
        ("3.5 of 1,000", ("3.5", "of", "1000")),
        ("İstanbul IŞIK ışık", ("istanbul", "işik", "işik")),
        ("Straße", ("strasse",)),
        ("e\u0301te\u0301", ("été",)),
        ("ＡＢ", ("ab",)),
        ("नमस्ते दुनिया", ("नमस्ते", "दुनिया")),
        ("Ёлка — Петров", ("ёлка", "петров")),
        ("你好，世界 OK", ("你", "好", "世", "界", "ok")),
        ("สวัสดี", ("ส", "วั", "ส", "ดี")),
        ("\ufdfa", ("صلىاللهعليهوسلم",)),
        ("… — ?!", ()),
        ("", ()),
    ],
)
def test_words_are_compared_without_case_punctuation_and_unicode_form(text, words):
    assert tokenize(text).words() == words


def test_the_written_form_is_kept():
    words = tokenize("We met  Jean-Luc\nO’Neil of the U.S., twice.")
    assert words.written(2, 5) == "Jean-Luc O’Neil"
    assert words.written(7, 8) == "U.S."


@given(st.text())
def test_every_token_lies_where_it_says(text):
    words = tokenize(text)
    for before, after in zip(words.tokens, words.tokens[1:], strict=False):
        assert before.start < before.end <= after.start
    assert all(tokenize(words.written(at, at + 1)).words() for at in range(len(words)))


def test_gaps_are_the_longest_runs_of_disagreement():
    assert list(gaps(["a", "b", "c", "d"], ["a", "x", "y", "c"])) == [Gap(1, 2, 1, 3), Gap(3, 4, 4, 4)]
    assert list(gaps(["a", "b"], [])) == [Gap(0, 2, 0, 0)]
    assert list(gaps([], ["a"])) == [Gap(0, 0, 0, 1)]
    assert list(gaps(["a"], ["a"])) == []


def test_score_counts_errors_per_human_word():
    assert score("Four queens of clubs.", "for queens of") == Score(errors=2, words=4)
    assert score("Same, words!", "same words") == Score(errors=0, words=2)
    assert score("", "thank you") == Score(errors=2, words=0)
    assert rate([Score(2, 4), Score(0, 4)]) == 0.25
    assert rate([]) == rate([Score(3, 0)]) == 0.0


@pytest.mark.parametrize(
    ("human", "ours"),
    [
        ("[NOISE] Agent: hello <laughter> there", "hello there"),
        ("um hello uh there", "hello there"),
        ("it costs twenty dollars", "it costs $20"),
        ("a colour that I am going to organise", "a color that I'm gonna organize"),
        ("my name is John Smith and so on", "my name is [PII] [PII] and so on"),
        ("what the *** is it", "what the *** is it"),
    ],
)
def test_conventions_are_no_errors(human: str, ours: str) -> None:
    assert score(human, ours).errors == 0


def test_names_before_turns_are_not_said_in_any_script() -> None:
    for human, ours, language in (
        ("राम: नमस्ते। सीता: हाँ", "नमस्ते। हाँ", "hi-IN"),
        ("ராம்: வணக்கம்.\nசீதா: ஆம்", "வணக்கம். ஆம்", "ta-IN"),
        ("Врач: да. Пациент: нет", "да. нет", "ru-RU"),
    ):
        assert score(human, ours, language).errors == 0, human


@pytest.mark.parametrize(
    ("human", "ours", "language"),
    [
        ("राम की किताब", "राम का किताब", "hi-IN"),
        ("మాట చెప్పాడు", "మాట చెప్పడు", "te-IN"),
        ("நல்ல கலை", "நல்ல கலி", "ta-IN"),
        ("ดี", "ดู", "th-TH"),
    ],
)
def test_another_vowel_sign_is_another_word(human: str, ours: str, language: str) -> None:
    assert score(human, ours, language).errors == 1


@pytest.mark.parametrize(
    ("human", "ours", "language"),
    [("كَتَبَ الوَلَد", "كتب الولد", "ar-SA"), ("שָׁלוֹם", "שלום", "he-IL"), ("e\u0301té", "été", "fr-FR")],
)
def test_vowel_points_that_most_writers_leave_out_are_no_errors(human: str, ours: str, language: str) -> None:
    assert score(human, ours, language).errors == 0


def test_a_language_without_spaces_is_counted_in_characters() -> None:
    assert score("今天天气很好", "今天天汽很好", "zh-CN") == Score(errors=1, words=6)


def test_a_clear_improvement_is_sure_and_its_interval_below_zero():
    result = compare([Score(4, 10)] * 12, [Score(2, 10)] * 12)
    assert (result.champion, result.candidate, result.confidence) == (0.4, 0.2, 1.0)
    assert result.low == result.high == pytest.approx(-0.2)


def test_one_lucky_task_of_many_is_not_sure():
    result = compare([Score(1, 10)] * 12, [Score(0, 10)] + [Score(1, 10)] * 11)
    assert result.candidate < result.champion
    assert result.low < 0 and result.high == 0
    assert 0.5 < result.confidence < 0.9


def test_the_same_seed_gives_the_same_figures_and_equals_are_no_improvement():
    champion, candidate = [Score(i % 4, 10) for i in range(20)], [Score(i % 3, 10) for i in range(20)]
    assert compare(champion, candidate, seed=7) == compare(champion, candidate, seed=7)
    assert compare(champion, champion).confidence == 0.0
    assert compare([], []).confidence == 0.0


def test_both_must_be_scored_on_the_same_tasks():
    with pytest.raises(ValueError, match="same tasks"):
        compare([Score(0, 1)], [Score(0, 2)])
