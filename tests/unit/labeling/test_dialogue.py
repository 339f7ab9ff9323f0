"""Transcripts as dialogues."""

from tests.unit.labeling.cases import shape
from transcribe_backend.labeling.dialogue import dialogue


def test_turns_are_paragraphs() -> None:
    assert dialogue(shape("speakers_table_2020")) == [
        {"start": 0.4, "end": 1.0, "author": "spk_0", "text": "Where to?"},
        {"start": 1.1, "end": 2.3, "author": "spk_1", "text": "Station, please."},
        {"start": 2.5, "end": 3.4, "author": "spk_0", "text": "Ten minutes."},
    ]


def test_no_paragraph_starts_at_zero_where_label_studio_would_not_sort_it() -> None:
    assert [paragraph["start"] for paragraph in dialogue(shape("plain_2018"))][0] == 0.001


def test_channels_are_authors() -> None:
    assert [paragraph["author"] for paragraph in dialogue(shape("channels_table_2020"))] == ["ch_0", "ch_1", "ch_0"]


def test_without_speakers_there_is_one_author() -> None:
    assert {paragraph["author"] for paragraph in dialogue(shape("plain_2018"))} == {"spk_0"}


def test_no_speech_is_no_dialogue() -> None:
    assert dialogue(shape("no_speech_2025")) == []
