"""What the demo prints."""

import pytest

from demo.report import table
from harness.protocol import newest_prediction
from harness.transcripts import Row, row, text_of, word_error_rate

FIRST = {"id": 3, "score": 0.5, "result": [{"value": {"text": ["old"]}}]}
SECOND = {"id": 10, "score": 0.9, "result": [{"value": {"text": ["new", "words"]}}, {"value": {"labels": ["Speech"]}}]}


def task(*predictions: dict) -> dict:
    return {"data": {"file": "a.wav"}, "predictions": list(predictions)}


def test_a_row_is_made_of_the_newest_prediction() -> None:
    assert newest_prediction(task(SECOND, FIRST)) == SECOND
    assert text_of(SECOND) == "new words"
    assert row(task(FIRST, SECOND), "new world") == Row("a.wav", "new words", 0.9, "new world")


def test_a_task_without_prediction_says_so() -> None:
    assert row(task(), "words") == Row("a.wav", "(no prediction)", None, "words")


@pytest.mark.parametrize(
    ("heard", "said", "rate"),
    [
        ("4. Queen of Clubs!", "four queen of clubs", 0),
        ("And Mr. Dashwood", "and mister dashwood", 0),
        ("four queen of clothes", "four queen of clubs", 0.25),
    ],
)
def test_word_error_rate_counts_words_not_spelling(heard: str, said: str, rate: float) -> None:
    assert word_error_rate([Row("a.wav", heard, 0.9, said)]) == rate


def test_table_is_aligned_and_as_wide_as_asked() -> None:
    rows = [
        Row("a_very_long_name_of_a_recording_from_yesterday.wav", "one two three " * 5, 0.876, "one two three " * 5),
        Row("b.wav", "", None, "nothing was heard"),
    ]
    lines = table(rows, 80).splitlines()
    assert max(map(len, lines)) <= 80
    column = lines[0].index("confidence")
    assert [line[column:].split()[0] for line in lines if line.startswith(("a_", "b."))] == ["87.6%", "-"]
    assert sum(line.count("three") for line in lines) == 10
    assert lines[2].startswith("a_very…") and "yesterday.wav " in lines[2]


def test_table_stays_readable_in_a_narrow_terminal() -> None:
    assert max(map(len, table([Row("b.wav", "some words", 0.5, "some words")], 10).splitlines())) <= 60
