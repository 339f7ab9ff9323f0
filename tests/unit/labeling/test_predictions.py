"""Predictions of transcripts, by example."""

import pytest
from hypothesis import given

from tests.unit.labeling.cases import (
    REGION_TEXT,
    TEXT,
    choices,
    configs_with_segments,
    interface,
    labels,
    lines,
    shape,
    template,
)
from tests.unit.speech.made import transcripts
from transcribe_backend.labeling.interface import read
from transcribe_backend.labeling.predictions import predictions
from transcribe_backend.speech.calibration import Calibration
from transcribe_backend.speech.transcript import Transcript
from transcribe_backend.speech.words import Word


def test_a_text_takes_the_whole_transcript_and_its_confidence() -> None:
    assert predictions(interface(TEXT), shape("plain_2018")) == [
        {
            "result": [
                {
                    "from_name": "text",
                    "to_name": "sound",
                    "type": "textarea",
                    "value": {"text": ["Good morning. The kettle boils, listen!"]},
                }
            ],
            "score": pytest.approx((1.0 + 0.97 + 0.88 + 0.41 + 0.93 + 1.0) / 6, abs=1e-4),
        }
    ]


def test_no_speech_is_an_empty_text_without_a_score() -> None:
    (prediction,) = predictions(interface(TEXT), shape("no_speech_2025"))
    assert lines(prediction) == ["text "]
    assert "score" not in prediction


def test_with_notes_a_recording_without_speech_says_so_once() -> None:
    (prediction,) = predictions(interface(TEXT, REGION_TEXT, model_notes="true"), shape("no_speech_2025"))
    (text,) = prediction["result"]
    assert (text["value"], text["meta"]) == ({"text": [""]}, {"text": ["no speech recognised"]})


def test_with_notes_mono_recorded_as_stereo_is_said() -> None:
    words = [Word(f"w{place // 2}", place // 2, place // 2 + 0.5, 0.9, channel=place % 2) for place in range(40)]
    asked = interface(TEXT, model_channels="true", model_notes="true")
    (prediction,) = predictions(asked, Transcript("w", tuple(words)))
    assert "mono recorded as stereo" in prediction["result"][0]["meta"]["text"][0]


@pytest.mark.parametrize("name", ["plain_2018", "no_speech_2025"])
def test_notes_end_in_annotations_so_there_are_none_unless_asked_for(name: str) -> None:
    (prediction,) = predictions(interface(labels("Speech"), REGION_TEXT, TEXT), shape(name))
    assert not any("meta" in result for result in prediction["result"])


@given(transcripts(), configs_with_segments())
def test_regions_hold_every_word_once_in_order_without_overlap(transcript: Transcript, label_config: str) -> None:
    (prediction,) = predictions(read(label_config, "en-US"), transcript)
    regions = [result["value"] for result in prediction["result"] if result["from_name"] == "words"]
    for channel in transcript.channels or {0}:
        track = [region for region in regions if region["channel"] == channel]
        words = [word for word in transcript.words if (word.channel or 0) == channel]
        assert " ".join(region["text"][0] for region in track) == transcript.join(words)
        assert all(one["end"] <= other["start"] for one, other in zip(track, track[1:], strict=False))
    until = max((word.end for word in transcript.words), default=0.0)
    assert all(0 <= region["start"] <= region["end"] <= until + 1e-3 for region in regions)


def test_no_speech_makes_no_regions() -> None:
    assert predictions(interface(labels("Speech"), REGION_TEXT), shape("no_speech_2025")) == [{"result": []}]


def test_redacted_words_leave_no_score() -> None:
    (prediction,) = predictions(interface(labels("Speech"), REGION_TEXT), shape("confidence_unknown"))
    assert lines(prediction) == ["kind 0@0-0.9 Speech", "words 0@0-0.9 [PII]."]
    assert "score" not in prediction


def test_regions_have_a_label_and_a_text_of_one_id_with_score_and_note() -> None:
    asked = interface(labels("Noise", "Speech"), REGION_TEXT, model_notes="true")
    (prediction,) = predictions(asked, shape("plain_2018"))
    assert lines(prediction) == [
        "kind 0@0-0.9 Speech 0.98",
        "words 0@0-0.9 Good morning. 0.98",
        "kind 0@1.8-3.6 Speech 0.81",
        "words 0@1.8-3.6 The kettle boils, listen! 0.81",
    ]
    ids = [result["id"] for result in prediction["result"]]
    assert ids[0] == ids[1] != ids[2] == ids[3]
    assert [result.get("meta") for result in prediction["result"]] == [
        None,
        None,
        {"text": ["check: kettle 0.41"]},
        None,
    ]


def test_the_threshold_of_the_note_is_an_attribute() -> None:
    asked = interface(labels("Speech"), REGION_TEXT, model_low_confidence="0.9", model_notes="true")
    (prediction,) = predictions(asked, shape("plain_2018"))
    assert prediction["result"][2]["meta"] == {"text": ["check: The 0.88, kettle 0.41"]}


def test_predictions_are_the_same_every_time() -> None:
    asked = interface(labels("Speech"), REGION_TEXT)
    assert predictions(asked, shape("plain_2018")) == predictions(asked, shape("plain_2018"))


def test_the_longest_segment_is_an_attribute() -> None:
    asked = interface(labels("Speech"), REGION_TEXT, model_max_segment="1")
    (prediction,) = predictions(asked, shape("plain_2018"))
    assert lines(prediction)[3::2] == [
        "words 0@1.8-2.5 The kettle 0.65",
        "words 0@2.5-3.05 boils, 0.93",
        "words 0@3.05-3.6 listen! 1.00",
    ]


def test_texts_without_labels_make_regions_of_their_own() -> None:
    (prediction,) = predictions(interface(REGION_TEXT, model_notes="true"), shape("plain_2025"))
    assert lines(prediction) == ["words 0@0.029-1.28 Tea or coffee? 0.99", "words 0@1.949-3.219 Neither, thanks. 0.76"]
    assert [result["meta"]["text"] for result in prediction["result"][1:]] == [["check: Neither 0.54"]]


def test_whole_text_and_regions_are_filled_together() -> None:
    (prediction,) = predictions(interface(labels("Speech"), REGION_TEXT, TEXT), shape("plain_2025"))
    assert [line.split()[0] for line in lines(prediction)] == ["text", "kind", "words", "kind", "words"]


@pytest.mark.parametrize("name", ["speakers_table_2020", "speakers_items_2025"])
@pytest.mark.parametrize(
    ("control", "first", "second"),
    [
        (labels("Speaker one", "Speaker two"), "Speaker one", "Speaker two"),
        (labels("Noise", "Agent", "Customer"), "Agent", "Customer"),
        (labels("Ann=spk_1", "Bob=spk_0"), "Bob", "Ann"),
    ],
)
def test_turns_of_speakers(name: str, control: str, first: str, second: str) -> None:
    (prediction,) = predictions(interface(control), shape(name))
    assert lines(prediction) == [
        f"kind 0@0.4-1 {first} 0.99",
        f"kind 0@1.1-2.3 {second} 0.85",
        f"kind 0@2.5-3.4 {first} 0.79",
    ]


def test_speakers_no_label_stands_for_are_left_out() -> None:
    (prediction,) = predictions(interface(labels("Ann=spk_1")), shape("speakers_table_2020"))
    assert lines(prediction) == ["kind 0@1.1-2.3 Ann 0.85"]


def test_their_texts_are_not() -> None:
    (prediction,) = predictions(interface(labels("Ann=spk_1"), REGION_TEXT), shape("speakers_table_2020"))
    assert lines(prediction)[:3] == [
        "words 0@0.4-1 Where to? 0.99",
        "kind 0@1.1-2.3 Ann 0.85",
        "words 0@1.1-2.3 Station, please. 0.85",
    ]


@pytest.mark.parametrize("name", ["channels_table_2020", "channels_items_2025"])
@pytest.mark.parametrize(
    ("control", "attributes", "left", "right"),
    [
        (labels("Right=ch_1", "Left=ch_0"), {}, "Left", "Right"),
        (labels("Agent", "Customer"), {"model_channels": "true"}, "Agent", "Customer"),
        (labels("Speech", "Noise"), {"model_channels": "true"}, "Speech", "Speech"),
    ],
)
def test_channels(name: str, control: str, attributes: dict[str, str], left: str, right: str) -> None:
    (prediction,) = predictions(interface(control, REGION_TEXT, **attributes), shape(name))
    assert lines(prediction) == [
        f"kind 0@0.1-1.2 {left} 0.77",
        "words 0@0.1-1.2 Hello, support. 0.77",
        f"kind 1@0.5-2 {right} 0.81",
        "words 1@0.5-2 My line is dead. 0.81",
        f"kind 0@2.9-3.3 {left} 0.99",
        "words 0@2.9-3.3 Yes. 0.99",
    ]


def test_a_silent_channel_keeps_its_label() -> None:
    customer = Transcript("Hello?", (Word("Hello", 1, 2, 0.9, channel=1, tail="?"),))
    asked = interface(labels("Agent", "Customer"), model_channels="true")
    (prediction,) = predictions(asked, customer)
    assert lines(prediction) == ["kind 1@0.9-2 Customer 0.90"]


def test_segments_of_low_confidence_get_the_label_for_it() -> None:
    asked = interface(labels("Speech", "Check=low_confidence"), REGION_TEXT, model_low_confidence="0.9")
    (prediction,) = predictions(asked, shape("plain_2018"))
    assert lines(prediction)[::2] == ["kind 0@0-0.9 Speech 0.98", "kind 0@1.8-3.6 Check 0.81"]


def test_beside_the_usual_label_where_a_region_may_have_several() -> None:
    control = labels("Speech", "Check=low_confidence", choice="multiple")
    (prediction,) = predictions(interface(control, REGION_TEXT, model_low_confidence="0.9"), shape("plain_2018"))
    assert lines(prediction)[::2] == ["kind 0@0-0.9 Speech 0.98", "kind 0@1.8-3.6 Speech; Check 0.81"]


def test_a_control_for_low_confidence_alone_marks_only_such_segments() -> None:
    asked = interface(labels("Check=low_confidence"), model_low_confidence="0.9")
    (prediction,) = predictions(asked, shape("plain_2018"))
    assert lines(prediction) == ["kind 0@1.8-3.6 Check 0.81"]


def test_several_label_controls_share_the_region() -> None:
    asked = interface(
        labels("Agent", "Customer", name="who"), labels("Check=low_confidence", name="how"), model_low_confidence="0.8"
    )
    (prediction,) = predictions(asked, shape("speakers_table_2020"))
    assert lines(prediction)[2:] == ["who 0@2.5-3.4 Agent 0.79", "how 0@2.5-3.4 Check 0.79"]
    assert prediction["result"][2]["id"] == prediction["result"][3]["id"]


WHEN = '<TextArea name="words" toName="sound" perRegion="true" whenTagName="kind" whenLabelValue="{}"/>'


def test_a_text_for_some_labels_is_only_given_to_these() -> None:
    (prediction,) = predictions(
        interface(labels("Agent", "Customer"), WHEN.format("Customer")), shape("speakers_table_2020")
    )
    assert [line.split()[0] for line in lines(prediction)] == ["kind", "kind", "words", "kind"]


def test_a_text_for_some_labels_decides_the_label_of_speech() -> None:
    asked = interface(
        labels("Clear", "Dialect", "Check=low_confidence"), WHEN.format("Dialect"), model_low_confidence="1"
    )
    (prediction,) = predictions(asked, shape("plain_2025"))
    assert lines(prediction)[0] == "kind 0@0.029-1.28 Dialect 0.99"
    assert len(lines(prediction)) == 4


HIDDEN = [
    ' visibleWhen="choice-selected" whenTagName="heard" whenChoiceValue="Yes"',
    ' visibleWhen="choice-unselected" whenTagName="heard" whenChoiceValue="No"',
    ' visibleWhen="region-selected"',
    ' visibleWhen="no-region-selected"',
    ' whenChoiceValue="Yes"',
]


@pytest.mark.parametrize("condition", HIDDEN)
@pytest.mark.parametrize("control", [TEXT, REGION_TEXT])
def test_a_text_that_is_hidden_for_now_is_filled_all_the_same(control: str, condition: str) -> None:
    """What annotators choose is not known before; Label Studio shows the text once they have chosen it."""
    heard = choices("Yes", "No", name="heard")
    asked = interface(heard, labels("Speech"), control.replace("/>", f"{condition}/>"))
    shown = interface(heard, labels("Speech"), control)
    assert predictions(asked, shape("plain_2018")) == predictions(shown, shape("plain_2018"))
    assert any(result["type"] == "textarea" for result in predictions(asked, shape("plain_2018"))[0]["result"])


@pytest.mark.parametrize("condition", HIDDEN)
def test_so_is_a_text_in_a_view_that_is_hidden_for_now(condition: str) -> None:
    heard = choices("Yes", "No", name="heard")
    assert predictions(interface(heard, f"<View{condition}>{TEXT}</View>"), shape("plain_2018")) == predictions(
        interface(heard, TEXT), shape("plain_2018")
    )


@pytest.mark.parametrize(
    ("control", "chosen"),
    [
        (choices("English", "Spanish"), "Spanish"),
        (choices("en-US", "es-US", "es-ES"), "es-US"),
        (choices("en", "es"), "es"),
        (choices("Mexico=es-MX", "USA=en-US"), "Mexico"),
        (choices("One=english", "Two=es-US"), "Two"),
    ],
)
def test_the_language_is_chosen(control: str, chosen: str) -> None:
    (prediction,) = predictions(interface(control), shape("language_identified"))
    assert lines(prediction) == [f"tongue {chosen}"]


def test_a_language_without_a_choice_is_not_chosen() -> None:
    (prediction,) = predictions(interface(choices("French", "German"), TEXT), shape("language_identified"))
    assert lines(prediction) == ["text Buenos días."]


def test_the_language_asked_for_is_chosen_where_none_was_identified() -> None:
    (prediction,) = predictions(interface(choices("English", "Spanish"), model_language="en-GB"), shape("plain_2018"))
    assert lines(prediction) == ["tongue English"]


def test_alternatives_are_predictions_best_first() -> None:
    found = predictions(interface(TEXT, model_alternatives="3"), shape("alternatives_2020"))
    assert [lines(prediction) for prediction in found] == [
        ["text Queen of clubs. Fold."],
        ["text Queen of clothes. Hold."],
        ["text Queenie of close. Fold."],
    ]
    assert [prediction["score"] for prediction in found] == [0.8225, 0.6975, 0.5725]


def test_as_many_as_asked_for() -> None:
    assert len(predictions(interface(TEXT, model_alternatives="2"), shape("alternatives_2020"))) == 2
    assert len(predictions(interface(TEXT), shape("alternatives_2020"))) == 1


def test_labels_come_before_texts_in_the_stock_template_whose_text_depends_on_them() -> None:
    (prediction,) = predictions(read(template("speech_transcription"), "en-US"), shape("plain_2025"))
    assert [(result["type"], result["value"].get("labels")) for result in prediction["result"]] == [
        ("labels", ["Speech"]),
        ("textarea", None),
    ] * 2


HALF_WRONG = {"en-US": Calibration((0.0, 1.0), (0.5, 0.5))}


@pytest.mark.parametrize(("threshold", "blank"), [("0.4", True), ("0.6", False), ("1", False)])
def test_what_is_expected_to_be_too_wrong_comes_without_text(threshold: str, blank: bool) -> None:
    asked = interface(labels("Speech"), REGION_TEXT, TEXT, model_blank_above=threshold, model_alternatives="3")
    (known, *others) = predictions(asked, shape("alternatives_2020"), HALF_WRONG)
    kinds = {each["type"] for each in known["result"]}
    assert kinds == ({"labels"} if blank else {"labels", "textarea"}) and bool(others) is not blank
    assert known["score"] == pytest.approx(0.5, abs=0.01)
    (unfitted, *_) = predictions(asked, shape("alternatives_2020"))
    assert "textarea" in {each["type"] for each in unfitted["result"]}, "nothing is known of errors yet"
