"""Every shape of AWS's output document becomes one Transcript."""

import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from transcribe_backend.errors import TranscriptError
from transcribe_backend.speech.transcript import Language, Transcript, parse
from transcribe_backend.speech.words import Word

SHAPES = Path(__file__).parents[2] / "data" / "transcripts"
REAL = Path(os.environ.get("TRANSCRIPTS_DIR", ""))


def shape(name: str) -> Transcript:
    return parse(json.loads((SHAPES / f"{name}.json").read_text()))


def document(*items: dict[str, Any], **results: Any) -> dict[str, Any]:
    return {"results": {"items": list(items), **results}}


def item(content: str, start: str = "0.0", end: str = "0.5", **more: Any) -> dict[str, Any]:
    spoken = {"content": content, "confidence": "0.9"}
    return {"type": "pronunciation", "start_time": start, "end_time": end, "alternatives": [spoken], **more}


@pytest.mark.parametrize("path", sorted(SHAPES.glob("*.json")), ids=lambda path: path.stem)
def test_joining_the_words_gives_the_text_of_aws(path: Path) -> None:
    document = json.loads(path.read_text())
    transcript = parse(document)
    assert transcript.text == document["results"]["transcripts"][0]["transcript"]
    assert transcript.join(transcript.words) == transcript.text


@pytest.mark.parametrize("name", ["plain_2020_en", "speakers_2020", "channels_2020", "alternatives_2020",
                                  "redaction_redacted_2020", "vocabfilter_mask_2020", "vocabfilter_remove_2020",
                                  "empty_no_speech_trimmed"])  # fmt: skip
def test_real_documents_are_rebuilt_exactly(name: str) -> None:
    path = REAL / f"{name}.json"
    if not path.is_file():
        pytest.skip("TRANSCRIPTS_DIR does not name a folder with real transcripts")
    document = json.loads(path.read_text())
    transcript = parse(document)
    assert transcript.join(transcript.words) == document["results"]["transcripts"][0]["transcript"]


def test_words_have_times_confidence_and_the_punctuation_behind_them() -> None:
    assert shape("plain_2018").words[:3] == (
        Word("Good", 0.0, 0.31, 1.0),
        Word("morning", 0.31, 0.8, 0.97, tail="."),
        Word("The", 1.9, 2.0, 0.88),
    )


def test_confidence_is_the_mean_of_the_words_that_have_one() -> None:
    transcript = shape("confidence_of_all_kinds")
    assert [word.confidence for word in transcript.words] == [0.5, 0.75, None, None]
    assert transcript.confidence == 0.625


@pytest.mark.parametrize("name", ["no_speech_2025", "confidence_unknown"])
def test_without_any_confidence_there_is_none(name: str) -> None:
    assert shape(name).confidence is None


def test_no_speech_is_an_empty_transcript() -> None:
    transcript = shape("no_speech_2025")
    assert (transcript.text, transcript.words) == ("", ())


@pytest.mark.parametrize("name", ["speakers_table_2020", "speakers_items_2025"])
def test_speakers_stand_in_items_or_in_a_table(name: str) -> None:
    assert [word.speaker for word in shape(name).words] == ["spk_0"] * 2 + ["spk_1"] * 2 + ["spk_0"] * 2


@pytest.mark.parametrize("name", ["channels_table_2020", "channels_items_2025"])
def test_channels_stand_in_items_or_in_a_table(name: str) -> None:
    transcript = shape(name)
    assert [word.channel for word in transcript.words] == [0, 1, 0, 1, 1, 1, 0]
    assert transcript.channels == {0, 1}


def test_the_same_word_at_the_same_time_on_both_channels_is_one_word_of_each() -> None:
    words = [item("ok"), item("ok")]
    channels = [{"channel_label": f"ch_{number}", "items": [item("ok")]} for number in (0, 1)]
    transcript = parse(document(*words, channel_labels={"channels": channels}))
    assert [word.channel for word in transcript.words] == [0, 1]


def test_a_word_the_table_forgets_belongs_to_the_speaker_before() -> None:
    table = {"segments": [{"items": [{"start_time": "0.0", "speaker_label": "spk_1"}]}]}
    transcript = parse(document(item("a"), item("b", "0.5", "0.9"), speaker_labels=table))
    assert [word.speaker for word in transcript.words] == ["spk_1", "spk_1"]


def test_a_word_the_table_forgets_is_on_the_channel_before() -> None:
    channels = [{"channel_label": "ch_1", "items": [item("a")]}]
    transcript = parse(document(item("a"), item("b", "0.5", "0.9"), channel_labels={"channels": channels}))
    assert [word.channel for word in transcript.words] == [1, 1]


@pytest.mark.parametrize("odd", [None, 7, "x", [{"id": 0, "items": 7}], [{"items": [{}]}], [{"items": None}]])
def test_audio_segments_are_not_read_whatever_they_are(odd: Any) -> None:
    assert parse(document(item("a", id=0), audio_segments=odd)).text == "a"


def test_without_a_text_of_aws_it_is_that_of_the_words() -> None:
    assert parse(document(item("a"), transcripts=[{"transcript": None}])).text == "a"


def test_no_word_begins_before_the_audio() -> None:
    (word,) = parse(document(item("a", start="-0.25", end="-0.1"))).words
    assert (word.start, word.end) == (0.0, 0.0)


def reading(*words: tuple[str, str, str]) -> dict[str, Any]:
    """An alternative, whose words carry no speaker and no channel."""
    return {
        "items": [
            {"type": "pronunciation", "content": text, "start_time": start, "end_time": end, "confidence": "0.5"}
            for text, start, end in words
        ]
    }


def test_alternatives_are_said_by_the_speakers_of_the_best_reading() -> None:
    items = [item("queen", "0.0", "0.4", speaker_label="spk_0"), item("fold", "0.9", "1.3", speaker_label="spk_1")]
    readings = [
        reading(("queen", "0.0", "0.4"), ("fold", "0.9", "1.3")),
        reading(("quite", "0.0", "0.1"), ("keen", "0.1", "0.45"), ("cold", "0.92", "1.3")),
    ]
    _, variant = parse(document(*items, segments=[{"alternatives": readings}])).variants(2)
    assert [word.speaker for word in variant.words] == ["spk_0", "spk_0", "spk_1"]


def test_alternatives_are_heard_on_the_channel_of_the_best_reading_though_both_sides_speak_at_once() -> None:
    items = [
        item("ok", channel_label="ch_0"),
        item("ok", channel_label="ch_1"),
        item("no", "0.1", channel_label="ch_1"),
    ]
    sides = [
        {"alternatives": [reading(("ok", "0.0", "0.5")), reading(("oh", "0.0", "0.5"))]},
        {"alternatives": [reading(("ok", "0.0", "0.5"), ("no", "0.1", "0.5")), reading(("okay", "0.0", "0.5"))]},
    ]
    _, variant = parse(document(*items, segments=sides)).variants(2)
    assert [(word.text, word.channel) for word in variant.words] == [("oh", 0), ("okay", 1)]


def test_mono_recorded_on_two_channels_is_noticed() -> None:
    words = [Word(f"w{number}", number, number + 0.5, 0.9) for number in range(20)]
    twice = [replace(word, channel=channel, start=word.start + channel / 50) for word in words for channel in (0, 1)]
    assert Transcript("", tuple(twice)).is_mono_twice
    assert not Transcript("", tuple(words)).is_mono_twice
    assert not shape("channels_table_2020").is_mono_twice
    other = [word if word.channel == 0 else replace(word, text=word.text[::-1]) for word in twice]
    assert not Transcript("", tuple(other)).is_mono_twice


def test_a_variant_has_no_variants_of_its_own() -> None:
    variant = shape("alternatives_2020").variants(2)[1]
    assert variant.variants(10) == (variant,)


def test_alternatives_make_variants_best_first_and_no_text_twice() -> None:
    texts = [variant.text for variant in shape("alternatives_2020").variants(10)]
    assert texts == ["Queen of clubs. Fold.", "Queen of clothes. Hold.", "Queenie of close. Fold."]


def test_variants_are_limited_and_the_transcript_is_the_first() -> None:
    transcript = shape("alternatives_2020")
    assert transcript.variants(1) == (transcript,)
    assert len(shape("plain_2018").variants(5)) == 1


def test_the_identified_language_has_a_score() -> None:
    transcript = shape("language_identified")
    assert transcript.language == "es-US"
    assert transcript.languages == (Language("es-US", 0.8123), Language("en-US", 0.1877))


def test_several_languages_are_ranked_by_their_share_of_time() -> None:
    transcript = shape("languages_multiple")
    assert transcript.language == "en-US"
    assert transcript.languages == (Language("en-US", 0.85), Language("es-US", 0.15))


def test_a_language_without_spaces_is_joined_without() -> None:
    transcript = shape("japanese_without_spaces")
    assert transcript.glue == ""
    assert transcript.join(transcript.words[:2]) == "今日は"


def test_redacted_and_masked_words_are_words() -> None:
    assert shape("redacted_2022").words[2] == Word("[PII]", 0.4, 1.2, None, tail=".")
    assert shape("filter_masked_2025").words[2] == Word("***", 0.4, 0.9, 0.87)


def test_without_transcripts_the_text_is_that_of_the_words() -> None:
    assert parse(document(item("a"), item("b"), transcripts=[])).text == "a b"


def test_punctuation_before_the_first_word_belongs_to_none() -> None:
    comma = {"type": "punctuation", "alternatives": [{"content": ",", "confidence": "0.0"}]}
    assert parse(document(comma, item("a"))).words == (Word("a", 0.0, 0.5, 0.9),)


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        ({}, "no results"),
        ({"results": None}, "no results"),
        ([], "no results"),
        (document({"type": "pronunciation", "alternatives": [{"content": "a"}]}), "start_time"),
        (document(item("a", start="soon")), "start_time"),
        (document(item("a", end="nan")), "end_time"),
        (document(item("a", end="1e300")), "end_time"),
    ],
)
def test_what_is_no_transcript_is_refused(broken: Any, told: str) -> None:
    with pytest.raises(TranscriptError, match=told):
        parse(broken)


def test_words_between_two_times_are_those_whose_midpoint_is() -> None:
    transcript = shape("plain_2018")
    assert [word.text for word in transcript.between(0.5, 2.25)] == ["morning", "The"]
    assert [word.text for word in transcript.between(2.25, 9)] == ["kettle", "boils", "listen"]
    assert transcript.between(5, 1) == ()


def test_words_between_two_times_on_one_channel() -> None:
    transcript = shape("channels_table_2020")
    assert [word.text for word in transcript.between(0, 2, 0)] == ["Hello", "support"]
    assert [word.text for word in transcript.between(0, 2, 1)] == ["My", "line", "is", "dead"]
    assert [word.text for word in transcript.between(0, 1)] == ["Hello", "My", "support"]
    assert transcript.between(0, 2, 7) == ()


def test_equal_strings_and_numbers_of_a_transcript_are_kept_once() -> None:
    first, second = parse(document(item("echo", "1.25", "2.5"), item("echo", "2.5", "3.0"))).words
    assert first.text is second.text
    assert first.end is second.start
    assert sys.getsizeof(first) < 100
