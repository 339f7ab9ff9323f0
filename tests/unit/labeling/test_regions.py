"""Interactive regions: what is answered, and what is left alone."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.labeling.cases import RECORDED, REGION_TEXT, TEXT, interface, labels, shape
from transcribe_backend.errors import RequestError
from transcribe_backend.labeling import seal
from transcribe_backend.labeling.interface import read
from transcribe_backend.labeling.predictions import predictions
from transcribe_backend.labeling.regions import fill, heard, wanted, without_sides
from transcribe_backend.speech.transcript import Transcript
from transcribe_backend.speech.words import Word

SEGMENTS = interface(labels("Speech", "Noise"), REGION_TEXT)
NOTED = interface(labels("Speech", "Noise"), REGION_TEXT, model_notes="true")


def drawn(id: str, start: float, end: float, channel: int | None = 0, label: str = "Speech") -> dict[str, Any]:
    value: dict[str, Any] = {"start": start, "end": end, "labels": [label]}
    if channel is not None:
        value["channel"] = channel
    return {"id": id, "from_name": "kind", "to_name": "sound", "type": "labels", "origin": "manual", "value": value}


def typed(id: str, start: float, end: float, *text: str) -> dict[str, Any]:
    value = {"start": start, "end": end, "channel": 0, "text": list(text)}
    return {"id": id, "from_name": "words", "to_name": "sound", "type": "textarea", "origin": "manual", "value": value}


def context(*results: dict[str, Any]) -> dict[str, Any]:
    return {"result": list(results)}


def test_a_drawn_region_gets_its_words_and_keeps_all_it_had() -> None:
    region = {**drawn("r1", 2.0, 2.9), "original_length": 4.0}
    sentiment = {"id": "r1", "from_name": "mood", "to_name": "sound", "type": "choices", "value": {"choices": ["Calm"]}}
    assert fill(NOTED, shape("plain_2018"), context(region, sentiment)) == {
        "result": [
            {**region, "score": 0.67, "meta": {"text": ["check: kettle 0.41"]}},
            sentiment,
            {
                "id": "r1",
                "from_name": "words",
                "to_name": "sound",
                "type": "textarea",
                "value": {"start": 2.0, "end": 2.9, "channel": 0, "text": ["kettle boils,"]},
                "score": pytest.approx(0.67, abs=1e-4),
            },
        ],
        "score": 0.67,
    }


def test_a_note_of_the_annotator_stays() -> None:
    noted = {**drawn("r1", 2.0, 2.9), "meta": {"text": ["noisy"]}}
    label, text = fill(NOTED, shape("plain_2018"), context(noted))["result"]
    assert label["meta"] == {"text": ["noisy"]}
    assert "meta" not in text


@pytest.mark.parametrize("text", [["mine"], ["ours", "mine"], [""], []])
def test_a_region_with_a_text_is_the_annotators(text: list[str]) -> None:
    known = context(drawn("r1", 0, 1), typed("r1", 0, 1, *text))
    assert wanted(SEGMENTS, known) == []
    assert fill(SEGMENTS, shape("plain_2018"), known) == {"result": []}


def filled(*bounds: float) -> list[dict[str, Any]]:
    """A region as the editor keeps it after we have filled it."""
    answer = fill(SEGMENTS, shape("plain_2018"), context(drawn("r1", *bounds)))
    return list(json.loads(json.dumps(answer["result"])))


def moved(results: list[dict[str, Any]], start: float, end: float) -> list[dict[str, Any]]:
    return [{**each, "value": {**each["value"], "start": start, "end": end}} for each in results]


def texts(answer: dict[str, Any]) -> list[Any]:
    return [each["value"]["text"] for each in answer["result"] if each["type"] == "textarea"]


def test_a_region_that_is_drawn_longer_gets_the_words_of_its_new_bounds_and_again() -> None:
    once = fill(SEGMENTS, shape("plain_2018"), context(*moved(filled(0, 0.5), 0, 0.9)))
    assert texts(once) == [["Good morning."]]
    assert [each["type"] for each in once["result"]] == ["labels", "textarea"]
    twice = fill(SEGMENTS, shape("plain_2018"), context(*moved(once["result"], 0, 3.7)))
    assert texts(twice) == [["Good morning. The kettle boils, listen!"]]


def test_a_predicted_region_too() -> None:
    (prediction,) = predictions(SEGMENTS, shape("plain_2018"))
    first = [each for each in prediction["result"] if each["id"] == prediction["result"][0]["id"]]
    assert wanted(SEGMENTS, context(*first)) == []
    assert texts(fill(SEGMENTS, shape("plain_2018"), context(*moved(first, 0, 2.6)))) == [["Good morning. The kettle"]]


def test_the_editor_may_compute_with_the_bounds() -> None:
    region = filled(0.1234, 0.9)
    assert wanted(SEGMENTS, context(*moved(region, 0.1234 + 1e-12, 0.9 - 1e-12))) == []


@pytest.mark.parametrize("text", [["Good"], ["Good morning"], ["Good morning.", "Good morning."], [""], []])
def test_a_text_that_was_touched_stays_wherever_its_region_goes(text: list[str]) -> None:
    label, ours = moved(filled(0, 0.9), 0, 3.7)
    theirs = {**ours, "value": {**ours["value"], "text": text}}
    assert fill(SEGMENTS, shape("plain_2018"), context(label, theirs)) == {"result": []}


@given(st.text(max_size=40), st.floats(0, 1), st.integers(0, 9999), st.integers(0, 9999))
def test_the_seal_tells_text_and_bounds(text: str, confidence: float, start: int, end: int) -> None:
    value = {"start": start / 1000, "end": end / 1000, "text": [text]}
    ours = json.loads(json.dumps(seal.sealed({"value": value}, confidence)))
    assert abs(ours["score"] - confidence) <= 2e-4
    assert 0 <= ours["score"] < 1
    assert seal.is_ours(ours) and not seal.has_moved(ours)
    assert not seal.is_ours({**ours, "value": {**value, "text": [text + "."]}})
    assert seal.has_moved({**ours, "value": {**value, "end": 10.5}})


@pytest.mark.parametrize("odd", [None, "soon", [], {}, 10**400], ids=["null", "text", "list", "object", "huge"])
def test_a_sealed_text_whose_bounds_are_none_has_other_bounds(odd: Any) -> None:
    ours = seal.sealed({"value": {"start": 0.5, "end": 1.0, "text": ["a"]}}, 0.9)
    assert seal.has_moved({**ours, "value": {**ours["value"], "end": odd}})


@pytest.mark.parametrize("score", [None, 1, 0, 1.0, 0.0, -0.5, 7.5, "0.5", float("nan"), True])
def test_a_score_that_is_not_ours_seals_nothing(score: Any) -> None:
    assert not seal.is_ours({"score": score, "value": {"text": ["a"], "start": 0, "end": 1}})


def test_a_region_moved_to_a_silence_loses_its_text_but_not_its_label() -> None:
    (left,) = fill(SEGMENTS, shape("plain_2018"), context(*moved(filled(0, 0.9), 50, 60)))["result"]
    assert left["value"] == {"start": 50, "end": 60, "channel": 0, "labels": ["Speech"]}


def test_without_labels_it_has_an_empty_text() -> None:
    (text,) = [each for each in moved(filled(0, 0.9), 50, 60) if each["type"] == "textarea"]
    assert texts(fill(SEGMENTS, shape("plain_2018"), context(text))) == [[""]]


def test_a_text_in_another_text_area_is_kept_and_hinders_nothing() -> None:
    asked = interface(labels("Speech"), REGION_TEXT, '<TextArea name="remarks" toName="sound" perRegion="true"/>')
    remark = {**typed("r1", 0, 0.9, "loud"), "from_name": "remarks"}
    answer = fill(asked, shape("plain_2018"), context(drawn("r1", 0, 0.9), remark))
    assert [(each["from_name"], each["value"].get("text")) for each in answer["result"]] == [
        ("kind", None), ("remarks", ["loud"]), ("words", ["Good morning."]),
    ]  # fmt: skip


def test_only_the_region_without_a_text_is_answered() -> None:
    known = context(drawn("r1", 0, 1), typed("r1", 0, 1, "mine"), drawn("r2", 1.5, 4))
    answer = fill(SEGMENTS, shape("plain_2018"), known)
    assert [result["id"] for result in answer["result"]] == ["r2", "r2"]


def test_every_region_without_a_text_is_answered() -> None:
    answer = fill(SEGMENTS, shape("plain_2018"), context(drawn("r1", 0, 1), drawn("r2", 1.5, 4, label="Noise")))
    assert [result["value"]["text"] for result in answer["result"] if result["type"] == "textarea"] == [
        ["Good morning."],
        ["The kettle boils, listen!"],
    ]


def test_each_side_of_a_region_of_all_channels_is_named_however_many_there_are() -> None:
    said = Transcript("Yes. No.", (Word("Yes", 0, 1, 0.9, None, 0, "."), Word("No", 1, 2, 0.9, None, 2, ".")))
    answer = fill(SEGMENTS, said, context(drawn("r1", 0, 2, channel=None)))
    assert answer["result"][1]["value"]["text"] == ["L: Yes. ch_2: No."]


def test_a_region_without_a_channel_is_answered_without() -> None:
    answer = fill(SEGMENTS, shape("plain_2018"), context(drawn("r1", 0, 1, channel=None)))
    assert "channel" not in answer["result"][1]["value"]


@pytest.mark.parametrize("bounds", [(0.8, 1.9), (50, 60), (3, 1), (0.2, 0.3)])
def test_where_nothing_is_said_nothing_changes(bounds: tuple[float, float]) -> None:
    assert fill(SEGMENTS, shape("plain_2018"), context(drawn("r1", *bounds))) == {"result": []}


def test_a_text_of_the_whole_audio_is_never_answered() -> None:
    whole = {"id": "w", "from_name": "text", "to_name": "sound", "type": "textarea", "value": {"text": ["mine"]}}
    assert fill(interface(TEXT), shape("plain_2018"), context(whole)) == {"result": []}
    assert fill(interface(TEXT, labels("Speech")), shape("plain_2018"), context(drawn("r", 0, 1))) == {"result": []}


def test_regions_whose_label_has_no_text_are_left_alone() -> None:
    asked = interface(
        labels("Speech", "Noise"),
        '<TextArea name="words" toName="sound" perRegion="true" whenTagName="kind" whenLabelValue="Speech"/>',
    )
    known = context(drawn("r1", 0, 1), drawn("r2", 1, 2, label="Noise"))
    assert [region.id for region in wanted(asked, known)] == ["r1"]


@pytest.mark.parametrize(("channel", "text"), [(0, "Hello, support."), (1, "My line is dead.")])
def test_words_of_a_predicted_region_come_from_its_channel(channel: int, text: str) -> None:
    region = {**drawn("r1", 0, 2, channel), "origin": "prediction-changed"}
    answer = fill(SEGMENTS, shape("channels_table_2020"), context(region))
    assert answer["result"][1]["value"] == {"start": 0, "end": 2, "channel": channel, "text": [text]}


@pytest.mark.parametrize(
    ("bounds", "text"),
    [((0, 2), "L: Hello, support. R: My line is dead."), ((1.2, 2), "is dead."), ((2.5, 4), "Yes.")],
)
def test_words_of_a_drawn_region_are_those_of_both_sides(bounds: tuple[float, float], text: str) -> None:
    """Label Studio 1.23 calls every drawn region's channel 0, wherever it was drawn."""
    answer = fill(SEGMENTS, shape("channels_table_2020"), context(drawn("r1", *bounds)))
    assert answer["result"][1]["value"]["text"] == [text]


def test_sides_have_the_names_of_their_labels() -> None:
    who = labels("Agent=ch_0", "Customer=ch_1", name="who")
    asked = interface(labels("Speech", "Noise"), who, REGION_TEXT)
    answer = fill(asked, shape("channels_table_2020"), context(drawn("r1", 0, 2)))
    assert answer["result"][1]["value"]["text"] == ["Agent: Hello, support. Customer: My line is dead."]


@pytest.mark.parametrize("who", [(), ("Agent=ch_0", "Customer=ch_1")])
def test_what_is_written_for_both_sides_is_read_back_as_what_they_said(who: tuple[str, ...]) -> None:
    """An annotator leaves the names of the sides where they are; they are no corrections."""
    asked = interface(labels("Speech", "Noise"), labels(*who, name="who"), REGION_TEXT, model_channels="true")
    answer = fill(asked, shape("channels_table_2020"), context(drawn("r1", 0, 2)))
    (text,) = answer["result"][1]["value"]["text"]
    assert ":" in text and ":" not in without_sides(asked, text)
    assert without_sides(asked, text) == heard(shape("channels_table_2020"), 0, 2, None)


def test_only_names_of_sides_are_taken_away() -> None:
    asked = interface(labels("Speech"), REGION_TEXT, model_channels="true")
    assert without_sides(asked, "L: he said: plan R: plan B: yes, xL: 5") == "he said: plan plan B: yes, xL: 5"
    assert without_sides(SEGMENTS, "L: hello") == "L: hello"


def test_a_region_without_words_is_left_alone() -> None:
    assert fill(SEGMENTS, shape("channels_table_2020"), context(drawn("r1", 0, 0.2, 1))) == {"result": []}


@pytest.mark.parametrize("voices", [("Left=ch_0", "Right=ch_1"), ("Agent", "Customer")])
def test_a_label_that_stands_for_a_channel_says_which(voices: tuple[str, str]) -> None:
    asked = interface(labels(*voices), REGION_TEXT, model_channels="true", splitchannels="true")
    left, right = (voice.partition("=")[0] for voice in voices)
    drawings = context(drawn("r1", 0, 2, 0, left), drawn("r2", 0, 2, 0, right), drawn("r3", 1.2, 2, 0, left))
    texts = [result for result in fill(asked, shape("channels_table_2020"), drawings)["result"][1::2]]
    assert [(text["id"], text["value"]["channel"], *text["value"]["text"]) for text in texts] == [
        ("r1", 0, "Hello, support."),
        ("r2", 0, "My line is dead."),
    ]


def test_without_confidence_there_is_no_score() -> None:
    answer = fill(SEGMENTS, shape("confidence_unknown"), context(drawn("r1", 0, 1)))
    assert "score" not in answer
    assert "score" not in answer["result"][1]


@pytest.mark.parametrize(
    "odd",
    [
        {},
        {"result": []},
        context({"id": "r1"}),
        context({"id": "r1", "value": None}),
        context({"id": "r1", "value": {"start": "0", "end": "1"}}),
        context({"id": "r1", "value": {"start": float("nan"), "end": 1}}),
        context({"id": "r1", "value": {"start": True, "end": 1}}),
        context({"value": {"start": 0, "end": 1}}),
        context({"id": "r1", "to_name": "essay", "value": {"start": 0, "end": 9}}),
        context({"id": 7, "value": {"start": 0, "end": 1}}),
        context({"id": "r1", "type": "relation", "value": []}),
    ],
)
def test_what_is_no_region_is_left_alone(odd: dict[str, Any]) -> None:
    assert fill(SEGMENTS, shape("plain_2018"), odd) == {"result": []}


@pytest.mark.parametrize("broken", [{"result": None}, {"result": {}}, {"result": ["r1"]}, [], "x"])
def test_what_is_no_context_is_refused(broken: Any) -> None:
    with pytest.raises(RequestError, match="context"):
        wanted(SEGMENTS, broken)


@pytest.mark.parametrize(
    ("name", "ids"),
    [
        ("08_interactive_ui_draw_region", ["MKLWi"]),
        ("09_interactive_ui_second_region", ["-gRSc"]),
        ("10_interactive_ui_human_typed_text", []),
        ("11_interactive_ui_global_textarea", []),
        ("12_interactive_ui_click_existing_region", []),
    ],
)
def test_recorded_requests_of_the_editor(name: str, ids: list[str]) -> None:
    body = json.loads((RECORDED / f"{name}.json").read_text())["requests_to_backend"][0]["request"]["body"]
    asked = read(body["label_config"], "en-US")
    assert [region.id for region in wanted(asked, body["params"]["context"])] == ids


@st.composite
def tilings(draw: st.DrawFn) -> tuple[Transcript, list[float]]:
    """A transcript of up to two channels and cuts that tile all of its time."""
    hundredths = st.integers(0, 2000).map(lambda number: number / 100)
    channels = draw(st.sampled_from([[None], [0, 1]]))
    spans = draw(st.lists(st.tuples(hundredths, hundredths, st.sampled_from(channels)), max_size=40))
    words = tuple(
        Word(f"w{number}", start, start + length, 0.5, channel=channel)
        for number, (start, length, channel) in enumerate(sorted(spans, key=lambda span: span[0]))
    )
    cuts = sorted({0.0, 50.0, *draw(st.lists(hundredths, max_size=10))})
    return Transcript(" ".join(word.text for word in words), words), cuts


@given(tilings())
def test_regions_that_tile_the_time_get_each_word_once(tiling: tuple[Transcript, list[float]]) -> None:
    transcript, cuts = tiling
    drawings = [
        drawn(f"{channel}-{start}", start, end, channel=0, label=f"ch_{channel}")
        for start, end in zip(cuts, cuts[1:], strict=False)
        for channel in transcript.channels or {0}
    ]
    asked = interface(labels("ch_0", "ch_1"), REGION_TEXT)
    answer = fill(asked, transcript, context(*drawings))["result"]
    texts = [result["value"]["text"][0] for result in answer if result["type"] == "textarea"]
    assert sorted(" ".join(texts).split()) == sorted(word.text for word in transcript.words)


@pytest.mark.parametrize(
    "number", [float("inf"), 10**400, -(10**400), 10**12], ids=["infinite", "long", "negative", "late"]
)
def test_numbers_that_are_no_times_make_no_region(number: float) -> None:
    assert wanted(SEGMENTS, context(drawn("r1", 0.0, number))) == []
    assert wanted(SEGMENTS, context(drawn("r1", number, 1.0))) == []
