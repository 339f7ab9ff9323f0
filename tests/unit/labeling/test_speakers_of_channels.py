"""Speakers and channels at once: AWS numbers the speakers of each channel anew."""

import pytest

from tests.unit.labeling.cases import REGION_TEXT, TEXT, interface, labels, lines, shape
from transcribe_backend.labeling.dialogue import dialogue
from transcribe_backend.labeling.predictions import predictions
from transcribe_backend.labeling.regions import fill
from transcribe_backend.speech.recognition import Recognition
from transcribe_backend.speech.segments import cut

BOTH = {"model_speakers": "2", "model_channels": "true"}
DOCUMENT = "speakers_of_channels_2025"


def given(*controls: str, **attributes: str) -> list[str]:
    """The labels of the four turns: left, right, left, right."""
    (prediction,) = predictions(interface(*controls, **(attributes or BOTH)), shape(DOCUMENT))
    return [line.split()[2] for line in lines(prediction)]


def test_words_that_start_at_once_have_the_speaker_of_their_own_channel() -> None:
    said = {word.text: (word.channel, word.speaker) for word in shape(DOCUMENT).words}
    assert (said["Hello"], said["Good"]) == ((0, "spk_0"), (1, "spk_1"))


def test_segments_are_of_one_channel_and_one_speaker() -> None:
    assert [(segment.voices[0], segment.text) for segment in cut(shape(DOCUMENT))] == [
        ("ch_0_spk_0", "Hello."),
        ("ch_1_spk_1", "Good day."),
        ("ch_0_spk_1", "My turn."),
        ("ch_1_spk_0", "Thanks."),
    ]


@pytest.mark.parametrize(
    ("control", "expected"),
    [
        (labels("Left=ch_0", "Right=ch_1"), ["Left", "Right", "Left", "Right"]),
        (labels("Agent", "Customer"), ["Agent", "Customer", "Agent", "Customer"]),
        (labels("First=spk_0", "Second=spk_1"), ["First", "Second", "Second", "First"]),
        (labels("A=ch_0_spk_0", "B=ch_0_spk_1", "C=ch_1_spk_0", "D=ch_1_spk_1"), ["A", "D", "B", "C"]),
        (labels("Boss=ch_0_spk_1", "Agent=ch_0", "Customer=ch_1"), ["Agent", "Customer", "Boss", "Customer"]),
        (labels("Speaker 1", "Speaker 2", "Speaker 3", "Speaker 4"),
         ["Speaker", "Speaker", "Speaker", "Speaker"]),
    ],
)  # fmt: skip
def test_labels(control: str, expected: list[str]) -> None:
    assert given(control) == expected


def test_unnamed_labels_take_the_speakers_of_the_channels_in_order() -> None:
    who = labels("Person a", "Person b", "Person c", "Person d")
    (prediction,) = predictions(interface(who, **BOTH), shape(DOCUMENT))
    assert [result["value"]["labels"] for result in prediction["result"]] == [
        ["Person a"], ["Person c"], ["Person b"], ["Person d"],
    ]  # fmt: skip


def test_one_control_for_the_side_and_one_for_the_speaker() -> None:
    side, who = labels("L=ch_0", "R=ch_1", name="side"), labels("First=spk_0", "Second=spk_1", name="who")
    asked = interface(side, who)
    assert asked.recognition == Recognition(channels=True, speakers=2)
    assert given(side, who) == ["L", "First", "R", "Second", "L", "Second", "R", "First"]


@pytest.mark.parametrize(
    ("control", "recognition"),
    [
        (labels("A=ch_0_spk_0", "B=ch_0_spk_1", "C=ch_1_spk_0"), Recognition(channels=True, speakers=3)),
        (labels("A=ch_0", "B=spk_0"), Recognition(channels=True, speakers=2)),
        (TEXT, Recognition(channels=True, speakers=2)),
    ],
)
def test_what_labels_ask_of_aws(control: str, recognition: Recognition) -> None:
    asked = interface(control, **(BOTH if control is TEXT else {})).recognition
    assert asked == recognition
    assert asked.request()["Settings"].keys() == {"ShowSpeakerLabels", "MaxSpeakerLabels", "ChannelIdentification"}


@pytest.mark.parametrize(
    ("voices", "label", "words"),
    [
        (("A=ch_0_spk_0", "B=ch_1_spk_1"), "B", "Good day."),
        (("A=ch_0_spk_0", "B=ch_1_spk_1"), "A", "Hello."),
        (("Agent", "Customer"), "Customer", "Good day."),
        (("Person a", "Person b", "Person c"), "Person b", "L: Hello. R: Good day."),
    ],
)
def test_a_drawn_region_takes_the_channel_of_its_label(voices: tuple[str, ...], label: str, words: str) -> None:
    value = {"start": 0, "end": 2, "channel": 0, "labels": [label]}
    drawn = {"id": "r", "from_name": "kind", "to_name": "sound", "type": "labels", "origin": "manual", "value": value}
    answer = fill(interface(labels(*voices), REGION_TEXT, **BOTH), shape(DOCUMENT), {"result": [drawn]})
    (text,) = [result["value"]["text"] for result in answer["result"] if result["type"] == "textarea"]
    assert text == [words]


def test_the_dialogue_names_channel_and_speaker() -> None:
    assert [each["author"] for each in dialogue(shape(DOCUMENT))] == [
        "ch_0_spk_0", "ch_1_spk_1", "ch_0_spk_1", "ch_1_spk_0",
    ]  # fmt: skip
