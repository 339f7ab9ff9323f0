"""Transcripts cut into segments: examples and what always holds."""

import json
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.speech.made import transcripts
from transcribe_backend.speech.segments import Segment, cut, paragraphs, turns
from transcribe_backend.speech.transcript import Transcript, parse
from transcribe_backend.speech.words import Word

SHAPES = Path(__file__).parents[2] / "data" / "transcripts"


def shape(name: str) -> Transcript:
    return parse(json.loads((SHAPES / f"{name}.json").read_text()))


def spoken(text: str, seconds: float = 0.5) -> Transcript:
    """A word every `seconds`; "_" is a word's time of silence, "A:" the speaker of what follows."""
    words: list[Word] = []
    speaker, place = None, 0
    for token in text.split():
        if token.endswith(":"):
            speaker = token[:-1]
            continue
        if token != "_":
            bare = token.rstrip(".,?!")
            start = place * seconds
            words.append(Word(bare, start, start + seconds, 0.9, speaker, tail=token[len(bare) :]))
        place += 1
    return Transcript(" ".join(word.text + word.tail for word in words), tuple(words))


def texts(segments: list[Segment]) -> list[str]:
    return [segment.text for segment in segments]


def test_sentences_are_segments() -> None:
    transcript = spoken("Where is it now? Over there, I think. Good to know.")
    assert texts(cut(transcript)) == ["Where is it now?", "Over there, I think.", "Good to know."]


def test_a_very_short_sentence_stays_with_the_next_one() -> None:
    assert texts(cut(spoken("Yes. Over there, I think."))) == ["Yes. Over there, I think."]


def test_a_title_is_not_the_end_of_a_sentence() -> None:
    transcript = spoken("And then dear Mr. John Dashwood left. So Mrs. Dashwood stayed at home.")
    assert texts(cut(transcript)) == ["And then dear Mr. John Dashwood left.", "So Mrs. Dashwood stayed at home."]


def test_a_pause_ends_a_segment_within_a_sentence() -> None:
    assert texts(cut(spoken("one two _ _ three four"))) == ["one two", "three four"]
    assert texts(cut(spoken("one two _ _ three four"), gap=1.5)) == ["one two three four"]


def test_speakers_take_turns_whose_sentences_stay_together() -> None:
    transcript = spoken("A: I know him. He is fine. B: Is he? A: Yes he is.")
    assert texts(cut(transcript)) == ["I know him. He is fine.", "Is he?", "Yes he is."]
    assert [segment.speaker for segment in cut(transcript)] == ["A", "B", "A"]


def test_a_long_turn_is_cut_at_the_end_of_a_sentence() -> None:
    transcript = spoken("A: one two three four five. six seven eight, nine ten B: yes")
    assert texts(cut(transcript, max_seconds=4)) == ["one two three four five.", "six seven eight, nine ten", "yes"]


def test_a_long_sentence_is_cut_at_a_comma_then_at_a_pause_then_in_the_middle() -> None:
    assert texts(cut(spoken("one two three, four five six"), max_seconds=2)) == ["one two three,", "four five six"]
    assert texts(cut(spoken("one two _ three four"), max_seconds=2)) == ["one two", "three four"]
    assert texts(cut(spoken("one two three four"), max_seconds=1.5)) == ["one two", "three four"]


def test_a_word_longer_than_the_maximum_is_a_segment() -> None:
    assert texts(cut(spoken("one two", seconds=9), max_seconds=5)) == ["one", "two"]


@pytest.mark.parametrize("name", ["channels_table_2020", "channels_items_2025"])
def test_each_channel_has_its_own_segments(name: str) -> None:
    segments = cut(shape(name))
    assert [(segment.channel, segment.start, segment.end, segment.text) for segment in segments] == [
        (0, 0.1, 1.2, "Hello, support."),
        (1, 0.5, 2.0, "My line is dead."),
        (0, 2.9, 3.3, "Yes."),
    ]


def test_audio_segments_of_aws_are_not_cuts() -> None:
    """AWS's own segments (2024 on) end at pauses of any length: "it would tell you", "it."."""
    words = ["it", "would", "tell", "you", "it"]
    times = [(0.0, 0.1), (0.1, 0.3), (0.3, 0.5), (0.5, 0.7), (0.83, 1.03)]
    items: list[dict[str, object]] = [
        {"id": number, "type": "pronunciation", "start_time": str(start), "end_time": str(end),
         "alternatives": [{"content": word, "confidence": "0.9"}]}
        for number, (word, (start, end)) in enumerate(zip(words, times, strict=True))
    ]  # fmt: skip
    items.append({"id": 5, "type": "punctuation", "alternatives": [{"content": "."}]})
    results = {"items": items, "audio_segments": [{"items": [0, 1, 2, 3]}, {"items": [4, 5]}]}
    assert texts(cut(parse({"results": results}))) == ["it would tell you it."]


def test_a_short_sentence_joins_the_nearer_neighbour() -> None:
    words = (
        Word("Over", 0.0, 0.6), Word("there", 0.6, 1.2, tail="."), Word("Right", 1.3, 1.6, tail="."),
        Word("I", 2.0, 2.4), Word("know", 2.4, 3.2, tail="."), Word("Okay", 3.3, 3.6, tail="."),
    )  # fmt: skip
    assert texts(cut(Transcript("", words))) == ["Over there. Right.", "I know. Okay."]


def test_a_word_between_pauses_or_other_speakers_stands_alone() -> None:
    assert texts(cut(spoken("Over there I think. _ _ Yes. _ _ Good to know."))) == [
        "Over there I think.", "Yes.", "Good to know.",
    ]  # fmt: skip
    assert texts(cut(spoken("A: I know him B: Yes. A: and her"))) == ["I know him", "Yes.", "and her"]


def test_a_cut_never_leaves_a_crumb() -> None:
    (first, second) = cut(spoken("A: " + "word " * 30 + "end. rest B: x", seconds=0.5))[:2]
    assert min(len(first.words), len(second.words)) > 10


def test_a_mark_near_the_end_is_no_place_to_cut() -> None:
    transcript = spoken("one two three four five six, seven")
    assert texts(cut(transcript, max_seconds=3)) == ["one two three", "four five six, seven"]


def test_segments_have_a_little_silence_around_them_and_share_what_there_is() -> None:
    words = (
        Word("One", 0.05, 1.0, tail="."), Word("Two", 1.9, 3.0, tail="."),
        Word("A", 3.1, 4.2), Word("three", 4.2, 5.3, tail="."),
    )  # fmt: skip
    assert [(segment.start, segment.end) for segment in cut(Transcript("", words))] == [(0.0, 1.1), (1.8, 5.3)]
    apart = [replace(word, speaker=f"spk_{number // 2}") for number, word in enumerate(words)]
    assert [(turn.start, turn.end) for turn in turns(Transcript("", tuple(apart)))] == [(0.0, 3.05), (3.05, 5.3)]


def test_with_its_silence_no_segment_is_longer_than_the_maximum() -> None:
    (segment,) = cut(Transcript("", (Word("One", 1.0, 2.45), Word("later", 9.0, 9.2))), 1.5)[:1]
    assert (segment.start, segment.end) == (0.975, 2.475)


def test_every_segment_can_be_clicked_on() -> None:
    """AWS gives some words no length at all, between words of somebody else."""
    words = (
        Word("I", 0.0, 1.0, speaker="a"), Word("m", 1.0, 1.0, speaker="b"), Word("know", 1.0, 2.0, speaker="a"),
        Word("so", 2.0, 2.0, speaker="b"),
    )  # fmt: skip
    segments = cut(Transcript("", words))
    assert [segment.text for segment in segments] == ["I", "m", "know", "so"]
    assert all(segment.end - segment.start >= 0.2 - 1e-9 for segment in segments)
    assert segments[-1].end == 2.0


def test_a_paragraph_lasts_until_somebody_else_begins_or_it_is_too_long() -> None:
    transcript = spoken("A: I know him. _ _ _ _ _ _ He is fine. B: Is he? A: Yes.")
    assert texts(paragraphs(transcript, 60)) == ["I know him. He is fine.", "Is he?", "Yes."]
    assert texts(paragraphs(transcript, 4)) == ["I know him.", "He is fine.", "Is he?", "Yes."]


def test_on_two_channels_a_paragraph_ends_where_the_other_side_begins() -> None:
    left = [Word("So", 0, 1, channel=0), Word("yes", 1, 2, channel=0, tail="."), Word("Bye", 9, 10, channel=0)]
    right = [Word("Fine", 4, 5, channel=1), Word("then", 7, 8, channel=1)]
    words = sorted(left + right, key=lambda word: word.start)
    assert texts(paragraphs(Transcript("", tuple(words)), 60)) == ["So yes.", "Fine then", "Bye"]


def test_turns_are_not_cut_by_length_but_by_long_silence() -> None:
    transcript = spoken("A: " + "word " * 60 + "_ _ _ _ again B: yes")
    assert [(turn.speaker, turn.start, turn.end) for turn in turns(transcript)] == [
        ("A", 0.0, 30.1),
        ("A", 31.9, 32.5),
        ("B", 32.5, 33.0),
    ]


def test_confidence_is_the_mean_over_the_words() -> None:
    segments = cut(shape("plain_2018"))
    assert [segment.confidence for segment in segments] == [0.985, pytest.approx((0.88 + 0.41 + 0.93 + 1) / 4)]


def test_nothing_said_nothing_cut() -> None:
    assert cut(shape("no_speech_2025")) == []
    assert turns(shape("no_speech_2025")) == []


def by_channel(segments: list[Segment]) -> dict[int | None, list[Segment]]:
    tracks = defaultdict(list)
    for segment in segments:
        tracks[segment.channel].append(segment)
    return dict(tracks)


@given(transcripts(), st.floats(0.5, 30), st.floats(0.05, 5))
def test_segments_hold_each_word_once_in_order_without_overlap(transcript: Transcript, most: float, gap: float) -> None:
    check_cut(transcript, cut(transcript, most, gap))


@given(transcripts(), st.floats(0.05, 5))
def test_turns_hold_each_word_once_in_order_without_overlap(transcript: Transcript, pause: float) -> None:
    check_cut(transcript, turns(transcript, pause))


@given(transcripts(), st.floats(1, 60))
def test_paragraphs_hold_each_word_once_in_order_without_overlap(transcript: Transcript, most: float) -> None:
    check_cut(transcript, paragraphs(transcript, most))


def check_cut(transcript: Transcript, segments: list[Segment]) -> None:
    assert segments == sorted(segments, key=lambda segment: segment.start)
    for channel, track in by_channel(segments).items():
        words = [word for word in transcript.words if word.channel == channel]
        assert [word for segment in track for word in segment.words] == words
        assert " ".join(segment.text for segment in track) == transcript.join(words)
        assert all(segment.start <= segment.end for segment in track)
        assert all(one.end <= other.start for one, other in zip(track, track[1:], strict=False))
    assert sum(len(segment.words) for segment in segments) == len(transcript.words)
    assert all(len({word.speaker for word in segment.words}) == 1 for segment in segments)


@given(transcripts(), st.floats(0.5, 30))
def test_no_segment_of_several_words_is_longer_than_the_maximum(transcript: Transcript, most: float) -> None:
    for segment in cut(transcript, most):
        assert len(segment.words) == 1 or segment.words[-1].end - segment.words[0].start <= most + 1e-9


@given(transcripts(), st.floats(0.5, 30))
def test_no_segment_reaches_out_of_the_audio_or_far_from_its_words(transcript: Transcript, most: float) -> None:
    until = max((word.end for word in transcript.words), default=0.0)
    for segment in cut(transcript, most):
        assert 0 <= segment.start <= segment.end <= until + 1e-3
        assert segment.start >= min(word.start for word in segment.words) - 0.4


@given(transcripts())
def test_segments_with_room_can_be_clicked_on(transcript: Transcript) -> None:
    segments = cut(transcript)
    for track in by_channel(segments).values():
        spoken = [segment.words[0].start for segment in track]
        roomy = all(later - sooner >= 0.2 for sooner, later in zip([0.0, *spoken[1:]], spoken[1:], strict=False))
        if roomy and max(word.end for word in transcript.words) - spoken[-1] >= 0.2:
            assert all(segment.end - segment.start >= 0.2 - 1e-9 for segment in track)
