"""Labeling configs read as interfaces, or refused with a reason."""

import pytest

from tests.unit.labeling import cases
from tests.unit.labeling.cases import REGION_TEXT, TEXT, choices, config, interface, labels, shape, template
from transcribe_backend.errors import LabelingConfigError, RecognitionError
from transcribe_backend.labeling.interface import Interface, read
from transcribe_backend.labeling.predictions import predictions
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
        config(TEXT, model_speakers="2", model_toxicity="true"),
        config(labels("Ann=spk_0", "Bob=spk_1"), model_toxicity="true"),
        config(TEXT, model_language="en-US", model_multilingual="true"),
        config(TEXT, model_languages="en-US,es-US", model_language_model="m"),
        config(TEXT, model_redact="NAME,SHOE_SIZE"),
        config(TEXT, model_multilingual="true", model_redact="true"),
        config(TEXT, model_speakers="1"),
        config(TEXT, model_alternatives="99"),
        config(TEXT, model_language="xx"),
        config(TEXT, model_languages="en-US"),
        config(TEXT, model_language="nl-NL", model_redact="true"),
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
        ({"model_redact": "email, Name,email"}, Recognition(redact=True, redact_types=("EMAIL", "NAME"))),
        ({"model_redact": "ALL"}, Recognition(redact=True)),
        ({"model_redact": "no"}, Recognition()),
        ({"model_multilingual": "true"}, Recognition("auto", multilingual=True)),
        (
            {"model_multilingual": "true", "model_languages": "en-US,fr-FR"},
            Recognition("auto", ("en-US", "fr-FR"), multilingual=True),
        ),
        ({"model_toxicity": "yes"}, Recognition(toxicity=True)),
        ({"model_language_model": "calls-7"}, Recognition(language_model="calls-7")),
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


def region_labels(asked: Interface, name: str = "plain_2018") -> list[str]:
    """The labels that the regions of a transcript get, "" for none."""
    (prediction,) = predictions(asked, shape(name))
    regions: dict[str, str] = {}
    for result in prediction["result"]:
        if "start" in result["value"]:
            regions[result["id"]] = regions.get(result["id"], "") + "; ".join(result["value"].get("labels", []))
    return list(regions.values())


@pytest.mark.parametrize(
    ("control", "given"),
    [
        (labels("Speech", "Noise"), "Speech"),
        (labels("Segment"), "Segment"),
        (labels("Segment", "Noise"), "Segment"),
        (labels("Positive", "Negative"), ""),
        (labels("Happy", "Background noise"), ""),
        (labels("Question", "Answer"), ""),
        (labels("Noise"), ""),
        (labels("Intro", "Verse", "Low=low_confidence"), ""),
    ],
)
def test_labels_are_true_or_not_given(control: str, given: str) -> None:
    assert region_labels(interface(control, REGION_TEXT)) == [given, given]


@pytest.mark.parametrize(
    ("control", "given"),
    [
        (labels("Interviewer", "Respondent"), ["Interviewer", "Respondent", "Interviewer"]),
        (labels("Doctor", "Relative", "Noise"), ["Doctor", "Relative", "Doctor"]),
        (labels("Customer 1", "Customer 2"), ["Customer 1", "Customer 2", "Customer 1"]),
        (labels("Ann=spk_0", "Bob"), ["Ann", "Bob", "Ann"]),
        (labels("Bob", "Ann=spk_0", "Laughter"), ["Ann", "Bob", "Ann"]),
        (labels("Speaker one", "Ann=spk_0"), ["Ann", "Speaker one", "Ann"]),
        (labels("Agent", "Hold music"), ["", "", ""]),
    ],
)
def test_labels_of_voices(control: str, given: list[str]) -> None:
    assert region_labels(interface(control, labels("Speech", name="a")), "speakers_items_2025") == [
        f"{label}Speech" for label in given
    ]


def test_labels_that_are_named_stand_for_speakers() -> None:
    who = labels("Ann", "Bob", name="who")
    assert region_labels(interface(who, REGION_TEXT), "speakers_items_2025") == ["", "", ""]
    asked = interface(who, labels("Speech", name="kind"), REGION_TEXT, model_labels="who")
    assert region_labels(asked, "speakers_items_2025") == ["Ann", "Bob", "Ann"]
    assert asked.recognition == Recognition(speakers=2)


@pytest.mark.parametrize(
    ("names", "filled"),
    [
        (["context", "transcription"], "transcription"),
        (["free_text_comments", "said"], "said"),
        (["translated_text", "text"], "text"),
        (["text", "speech"], "speech"),
        (["reviewerNotes", "whatever"], "whatever"),
        (["a", "b"], "a"),
        (["notas", "Transkript"], "Transkript"),
    ],
)
@pytest.mark.parametrize("per_region", ["true", "false"])
def test_of_several_texts_that_of_the_transcript_is_filled(names: list[str], filled: str, per_region: str) -> None:
    texts = [f'<TextArea name="{name}" toName="sound" perRegion="{per_region}"/>' for name in names]
    assert [control.name for control in interface(*texts).controls] == [filled]


def test_a_lone_text_for_something_else_is_not_filled_unless_it_is_named() -> None:
    notes = '<TextArea name="reviewer_notes" toName="sound"/>'
    assert "Nothing in the labeling config" in refusal(config(notes))
    assert [each.name for each in interface(notes, model_text="reviewer_notes").controls] == ["reviewer_notes"]


def test_texts_are_chosen_by_name() -> None:
    found = interface(TEXT, '<TextArea name="b" toName="sound"/>', REGION_TEXT, model_text="b, words")
    assert [control.name for control in found.controls] == ["b", "words"]
    assert [control.name for control in interface(TEXT, REGION_TEXT, model_text="text").controls] == ["text"]
    assert "There are: 'text'" in refusal(config(TEXT, model_text="typo"))
    assert "not a Labels tag of 'sound'. Remove model_labels" in refusal(config(TEXT, model_labels="who"))


@pytest.mark.parametrize(
    ("control", "read"),
    [
        (choices("No"), False),
        (choices("Yes", "No"), False),
        (choices("No", "It", "So"), False),
        (choices("English", "Unsure"), False),
        (choices("English"), False),
        (choices("English", "Spanish", "Unsure", "Silence"), False),
        (choices("English", "Spanish").replace("<Choices", '<Choices perRegion="true"'), False),
        (choices("en", "no"), True),
        (choices("English", "Spanish", "No"), True),
        (choices("One=no", "Two=en"), True),
    ],
)
def test_choices_are_languages_only_where_they_are_surely_meant(control: str, read: bool) -> None:
    found = interface(control, TEXT)
    assert (len(found.languages), found.recognition.identifies) == (int(read), read)


def test_an_answer_beside_languages_is_no_language() -> None:
    (control,) = interface(choices("English", "Spanish", "No")).languages
    assert (control.choose("no-NO"), control.choose("en-GB")) == (None, "English")


@pytest.mark.parametrize(
    ("value", "data"),
    [
        ("$call.url", {"call": {"url": "s3://b/k"}}),
        ("$calls[1].url", {"calls": [None, {"url": "s3://b/k"}]}),
        ("$call", {"call": "s3://b/k"}),
    ],
)
def test_the_audio_may_lie_deeper_in_the_data(value: str, data: dict[str, object]) -> None:
    found = read(config(TEXT).replace("$file", value), "en-US")
    assert found.audio(data) == "s3://b/k"
    assert found.audio(found.data("s3://b/k")) == "s3://b/k"
    assert found.audio({value[1:]: "s3://b/flat"}) == "s3://b/flat"
    assert [found.audio(odd) for odd in (None, {}, {"call": None}, {"calls": []}, {"calls": "x"}, "x")] == [None] * 6


def test_results_hold_the_alias_of_a_label_or_choice_and_its_name_says_what_it_means() -> None:
    who = labels("Agent", "Customer").replace('value="Agent"', 'value="Agent" alias="A"')
    assert region_labels(interface(who), "speakers_items_2025") == ["A", "Customer", "A"]
    tongue = choices("English", "Spanish").replace('value="Spanish"', 'value="Spanish" alias="ES-LA"')
    (prediction,) = predictions(interface(tongue), shape("language_identified"))
    assert [result["value"]["choices"] for result in prediction["result"]] == [["ES-LA"]]


def test_labels_that_come_with_each_task_are_not_given() -> None:
    assert region_labels(interface(labels("$labels"), REGION_TEXT)) == ["", ""]


def test_a_text_shown_for_labels_with_commas() -> None:
    shown = REGION_TEXT.replace("/>", ' whenLabelValue="Speech, clear"/>')
    assert region_labels(interface(labels("Speech, clear", "Dialect"), shown)) == ["Speech, clear"] * 2


def test_a_text_shown_for_several_labels_waits_for_the_annotators_choice() -> None:
    shown = REGION_TEXT.replace("/>", ' whenLabelValue="Question,Answer"/>')
    assert region_labels(interface(labels("Question", "Answer", "Noise"), shown)) == ["", ""]


def test_the_text_belongs_to_the_labels_that_show_it() -> None:
    shown = REGION_TEXT.replace("/>", ' whenLabelValue="Speech"/>')
    found = interface(labels("Loud", "Quiet", name="first"), labels("Speech", name="second"), shown)
    assert found.text_labels and found.text_labels.name == "second"


TIMELINE = (
    '<View><Video name="v" value="$clip" {}/><TimelineLabels name="l" toName="v"><Label value="Agent"/>'
    '<Label value="Customer"/></TimelineLabels><TextArea name="t" toName="v" perRegion="true"/></View>'
)


@pytest.mark.parametrize(
    ("rate", "frames"),
    [("", [(10, 24), (27, 56), (61, 82)]), ('frameRate="0.04"', [(11, 25), (28, 58), (63, 85)])],
)
def test_labels_of_a_video_are_stored_in_frames(rate: str, frames: list[tuple[int, int]]) -> None:
    (prediction,) = predictions(read(TIMELINE.format(rate), "en-US"), shape("speakers_items_2025"))
    found = [result for result in prediction["result"] if result["type"] == "timelinelabels"]
    assert [each["value"]["timelinelabels"] for each in found] == [["Agent"], ["Customer"], ["Agent"]]
    ranges = [each["value"]["ranges"] for each in found]
    assert ranges == [[{"start": start, "end": end}] for start, end in frames]
    texts = [result["value"] for result in prediction["result"] if result["type"] == "textarea"]
    assert [(text["ranges"], text["text"]) for text in texts][0] == (ranges[0], ["Where to?"])


def test_a_frame_rate_that_comes_with_each_task_is_unknown() -> None:
    assert "Nothing in the labeling config" in refusal(TIMELINE.format('frameRate="$fps"'))


TWO = (
    '<View><Audio name="reference" value="$a"/><Audio name="call" value="$b" model_speakers="3"/>'
    '<Rating name="quality" toName="reference"/><TextArea name="notes" toName="call"/>'
    '<TextArea name="transcript" toName="call"/><Labels name="mood" toName="call"><Label value="Happy"/>'
    '<Label value="Sad"/></Labels><Choices name="ok" toName="call"><Choice value="Yes"/></Choices></View>'
)


def test_of_two_recordings_that_with_something_to_fill_is_transcribed() -> None:
    found = read(TWO, "en-US")
    assert (found.data_key, found.to_name, found.recognition) == ("b", "call", Recognition(speakers=3))


def test_what_is_filled_and_what_is_not_is_said() -> None:
    assert read(TWO, "en-US").explain() == [
        "TextArea 'transcript' is filled with the whole transcript.",
        "TextArea 'notes' is not filled: 'transcript' is. To change that, set model_text=\"notes\".",
        "Labels 'mood' is not filled: a transcript does not tell which of 'Happy', 'Sad' fits. "
        "Give labels of speakers, channels or low confidence predicted_values.",
        "Choices 'ok' is left to the annotators.",
        "Audio 'reference' is not transcribed: a task has one recording, and that is 'call'.",
    ]


@pytest.mark.parametrize(
    ("controls", "said"),
    [
        ((labels("Speech", "Noise"), REGION_TEXT), "Labels 'kind' is filled with segments of speech ('Speech')."),
        ((labels("Agent", "Customer"),), "segments of speakers ('Agent', 'Customer')."),
        ((labels("L=ch_0", "R=ch_1", "?=low_confidence"),), "channels ('L', 'R'), segments of low confidence ('?')."),
        ((REGION_TEXT,), "TextArea 'words' is filled with the words of each segment."),
        ((choices("English", "French"),), "Choices 'tongue' is filled with the language."),
    ],
)
def test_sentences_for_what_is_filled(controls: tuple[str, ...], said: str) -> None:
    assert any(said in sentence for sentence in interface(*controls).explain())


@pytest.mark.parametrize("count", [31, 60])
def test_more_labels_than_aws_knows_speakers(count: int) -> None:
    many = labels(*(f"Speaker {number}" for number in range(count)))
    assert interface(many).recognition.speakers == 30


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
