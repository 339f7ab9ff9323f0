"""Labeling configs read as interfaces, or refused with a reason."""

import pytest

from tests.unit.labeling import cases
from tests.unit.labeling.cases import REGION_TEXT, TEXT, choices, config, interface, labels, template
from transcribe_backend.errors import LabelingConfigError, RecognitionError
from transcribe_backend.labeling.interface import read
from transcribe_backend.speech.recognition import Recognition

BOMB = (
    '<!DOCTYPE b [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>'
    '<View><Audio name="a" value="$a"/><TextArea name="&b;" toName="a"/></View>'
)
OUTSIDE = '<!DOCTYPE b [<!ENTITY a SYSTEM "file:///etc/passwd">]><View>&a;<Audio name="a" value="$a"/></View>'


@pytest.mark.parametrize(
    ("name", "recognition", "controls"),
    [
        ("automatic_speech_recognition", Recognition(), ["transcription"]),
        ("automatic_speech_recognition_using_segments", Recognition(), ["labels", "transcription"]),
        ("speech_transcription", Recognition(), ["label", "transcription"]),
        ("speaker_segmentation", Recognition(speakers=2), ["label"]),
    ],
)
def test_stock_templates_that_a_transcript_fills(name: str, recognition: Recognition, controls: list[str]) -> None:
    found = read(template(name), "en-US")
    assert (found.data_key, found.to_name, found.recognition) == ("audio", "audio", recognition)
    assert [control.name for control in found.controls] == controls


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("signal_quality_detection", "Nothing in the labeling config can be filled"),
        ("intent_classification", "Nothing in the labeling config can be filled"),
        ("sound_event_detection", "Nothing in the labeling config can be filled"),
        ("asr_hypotheses_selection", "Nothing in the labeling config can be filled"),
        ("video_timeline_segmentation", "Nothing in the labeling config can be filled"),
        ("conversational_analysis", "transcribe --dialogue"),
    ],
)
def test_stock_templates_that_no_transcript_fills_say_why(name: str, reason: str) -> None:
    assert reason in refusal(template(name))


@pytest.mark.parametrize("name", ["signal_quality_detection", "intent_classification", "sound_event_detection"])
def test_they_are_filled_where_a_text_is_added(name: str) -> None:
    extended = template(name).replace("</View>", '<TextArea name="t" toName="audio"/></View>')
    assert [control.name for control in read(extended, "en-US").controls] == ["t"]


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ("", "not readable XML"),
        ("<View>", "not readable XML"),
        (BOMB, "not readable XML"),
        (OUTSIDE, "not readable XML"),
        ("<View><Image name='i' value='$i'/></View>", "no Audio tag"),
        ("<View><Audio name='a' value='a.wav'/></View>", "no value that names a data column"),
        ("<View><Audio name='a'/><TextArea name='t' toName='a'/></View>", "no value that names a data column"),
        ("<View><Audio name='a' value='$a'/><TextArea name='t' toName='b'/></View>", "Nothing in the labeling config"),
        (config(choices("Good", "Bad")), "Nothing in the labeling config"),
        (config(labels("Cough", "Bark")), "Nothing in the labeling config"),
        (config(TEXT, model_speaker="2"), "unknown attribute 'model_speaker'"),
        (config(TEXT, model_speakers="two"), "model_speakers='two' means nothing. It must be a whole number."),
        (config(TEXT, model_channels="maybe"), "true or false"),
        (config(TEXT, model_low_confidence="1.5"), "a number from 0 to 1"),
        (config(TEXT, model_max_segment="soon"), "a number from 1 to 600"),
        (config(TEXT, model_max_segment="nan"), "a number from 1 to 600"),
    ],
)
def test_configs_that_cannot_be_served_say_why(broken: str, reason: str) -> None:
    assert reason in refusal(broken)


@pytest.mark.parametrize(
    "impossible",
    [
        config(TEXT, model_speakers="2", model_channels="true"),
        config(labels("Ann=spk_0", "Bob=spk_1"), model_channels="true"),
        config(labels("Left=ch_0", "Right=ch_1"), model_speakers="2"),
        config(labels("Left=ch_0", "Ann=spk_0")),
        config(TEXT, model_speakers="1"),
        config(TEXT, model_alternatives="99"),
        config(TEXT, model_language="xx"),
        config(TEXT, model_languages="en-US"),
        config(TEXT, model_language="fr-FR", model_redact="true"),
        config(TEXT, model_language="auto", model_vocabulary="v"),
        config(TEXT, model_vocabulary="très bien"),
        config(TEXT, model_vocabulary_filter="f:hide"),
    ],
)
def test_wishes_that_aws_refuses_are_refused_with_its_rule(impossible: str) -> None:
    with pytest.raises(RecognitionError):
        read(impossible, "en-US")
    refusal(impossible)


def refusal(label_config: str) -> str:
    """What Label Studio shows the user: the HTTP reason phrase of /setup."""
    with pytest.raises(LabelingConfigError) as refused:
        read(label_config, "en-US")
    advice = refused.value.advice
    assert refused.value.problem and refused.value.remedy
    assert len(advice) < 200
    assert advice.encode("latin-1").decode("latin-1").isprintable()
    return advice


@pytest.mark.parametrize(
    ("attributes", "recognition"),
    [
        ({}, Recognition()),
        ({"model_language": "es-US"}, Recognition("es-US")),
        ({"model_language": "ES_us"}, Recognition("es-US")),
        ({"model_language": "auto"}, Recognition("auto")),
        ({"model_language": ""}, Recognition()),
        ({"model_languages": "en-US, es-US"}, Recognition("auto", ("en-US", "es-US"))),
        ({"model_speakers": "3"}, Recognition(speakers=3)),
        ({"model_channels": "true"}, Recognition(channels=True)),
        ({"model_channels": "false"}, Recognition()),
        ({"model_alternatives": "3"}, Recognition(alternatives=3)),
        ({"model_vocabulary": "names"}, Recognition(vocabulary="names")),
        ({"model_vocabulary_filter": "rude"}, Recognition(vocabulary_filter="rude")),
        ({"model_vocabulary_filter": "rude:tag"}, Recognition(vocabulary_filter="rude", filter_method="tag")),
        ({"model_redact": "true"}, Recognition(redact=True)),
    ],
)
def test_attributes_of_the_audio_tag(attributes: dict[str, str], recognition: Recognition) -> None:
    assert interface(TEXT, **attributes).recognition == recognition


def test_attributes_of_presentation() -> None:
    found = interface(TEXT, model_low_confidence="0.75", model_max_segment="8")
    assert (found.low_confidence, found.max_segment) == (0.75, 8)
    assert found.recognition == Recognition()


def test_the_language_of_the_backend_is_that_of_projects_that_name_none() -> None:
    assert read(config(TEXT), "de-DE").recognition == Recognition("de-DE")
    assert read(config(TEXT), "auto").recognition == Recognition("auto")


@pytest.mark.parametrize(
    ("control", "attributes", "recognition"),
    [
        (labels("Speaker one", "Speaker two", "Speaker three"), {}, Recognition(speakers=3)),
        (labels("Speaker 1", "Speaker 2", "Noise"), {}, Recognition(speakers=2)),
        (labels("Agent", "Customer"), {}, Recognition(speakers=2)),
        (labels("Ann=spk_0", "Bob=spk_1", "Cid=spk_2"), {}, Recognition(speakers=3)),
        (labels("Ann=spk_0", "Bob=spk_4"), {}, Recognition(speakers=5)),
        (labels("Ann=spk_0"), {}, Recognition(speakers=2)),
        (labels("Agent", "Customer"), {"model_speakers": "6"}, Recognition(speakers=6)),
        (labels("Agent", "Customer"), {"model_channels": "true"}, Recognition(channels=True)),
        (labels("Left=ch_0", "Right=ch_1"), {}, Recognition(channels=True)),
        (labels("spk_0", "spk_1", "spk_2"), {}, Recognition(speakers=3)),
        (labels("ch_0", "ch_1"), {}, Recognition(channels=True)),
        (labels("Speech", "Noise"), {}, Recognition()),
        (labels("Agent", "Music") + REGION_TEXT, {}, Recognition()),
        (choices("English", "Spanish"), {}, Recognition("auto")),
        (choices("en-US", "es-US"), {}, Recognition("auto", ("en-US", "es-US"))),
        (choices("E=en-US", "S=es-US"), {}, Recognition("auto", ("en-US", "es-US"))),
        (choices("en-US", "es-US"), {"model_language": "es-US"}, Recognition("es-US")),
    ],
)
def test_controls_ask_for_what_fills_them(control: str, attributes: dict[str, str], recognition: Recognition) -> None:
    assert interface(control, **attributes).recognition == recognition


def test_tags_and_attributes_may_be_in_any_case() -> None:
    found = read("<view><audio NAME='a' value='$x'/><textarea name='t' toname='a' perregion='true'/></view>", "en-US")
    assert found.data_key == "x"
    assert found.region_text is not None


def test_video_takes_a_text_but_no_regions() -> None:
    video = '<View><Video name="v" value="$clip"/><TextArea name="t" toName="v"/>{}</View>'
    timed = video.format('<Labels name="l" toName="v"><Label value="Agent"/><Label value="Customer"/></Labels>')
    found = read(timed, "en-US")
    assert (found.data_key, found.to_name, [control.name for control in found.controls]) == ("clip", "v", ["t"])


def test_video_and_audio_of_the_same_media_are_one() -> None:
    both = (
        '<View><Video name="v" value="$clip" sync="a"/><Audio name="a" value="$clip" sync="v" model_speakers="4"/>'
        '<TextArea name="t" toName="v"/><TextArea name="r" toName="a" perRegion="true"/></View>'
    )
    found = read(both, "en-US")
    assert (found.to_name, found.recognition) == ("a", Recognition(speakers=4))
    assert [(control.name, control.to_name) for control in found.controls] == [("t", "v"), ("r", "a")]


def test_of_several_texts_that_of_the_transcript_is_filled() -> None:
    found = interface('<TextArea name="notes" toName="sound"/>', '<TextArea name="transcript" toName="sound"/>')
    assert [control.name for control in found.controls] == ["transcript"]


def test_a_control_of_several_objects_is_filled_for_the_audio() -> None:
    found = read(
        '<View><Image name="i" value="$i"/><Audio name="a" value="$a"/><TextArea name="t" toName="i,a"/></View>',
        "en-US",
    )
    assert [control.to_name for control in found.controls] == ["a"]


def test_the_same_config_is_read_once() -> None:
    assert read(cases.config(TEXT), "en-US") is read(cases.config(TEXT), "en-US")


def test_the_shape_is_that_of_the_predictions_not_of_the_recognition() -> None:
    plain = interface(TEXT).shape()
    assert interface(TEXT, model_redact="true", height="90").shape() == plain
    assert interface(TEXT, model_max_segment="9").shape() != plain
    assert interface(TEXT, labels("Speech")).shape() != plain
    assert plain == (
        '{"controls":[{"kind":"Text","labels":[],"labels_control":"","name":"text","per_region":false,"rate":null,'
        '"to_name":"sound"}],"low_confidence":0.6,"max_segment":15.0,"notes":false,"to_name":"sound"}'
    )
