import json
from typing import Any

import pytest

from tests.unit.labeling.cases import RECORDED
from transcribe_backend.labeling.annotations import Passage, chosen, passages
from transcribe_backend.labeling.interface import Interface, read

INTERFACE = read(
    """<View><Audio name="audio" value="$audio"/><Labels name="labels" toName="audio"><Label value="Speech"/></Labels>
    <TextArea name="transcription" toName="audio" perRegion="true"/><TextArea name="notes" toName="audio"/></View>""",
    "en-US",
)


def textarea(text: Any, **more: Any) -> dict[str, Any]:
    value = {"text": text, **{key: more.pop(key) for key in ("start", "end", "channel") if key in more}}
    return {"from_name": "transcription", "to_name": "audio", "type": "textarea", "value": value, **more}


def label(identity: str, start: float, end: float, channel: int = 0, name: str = "Speech") -> dict[str, Any]:
    value = {"start": start, "end": end, "channel": channel, "labels": [name]}
    return {"id": identity, "from_name": "labels", "to_name": "audio", "type": "labels", "value": value}


def task(*results: dict[str, Any]) -> dict[str, Any]:
    return {"annotations": [{"id": 1, "result": list(results)}]}


def human_text(task: dict[str, Any], interface: Interface) -> str | None:
    """All that a human wrote, passage by passage; None when no annotation has a text."""
    found = passages(task, interface)
    return "\n".join(passage.text for passage in found) if found else None


def test_a_text_of_the_whole_audio():
    assert human_text(task(textarea(["Hello  world", "again"])), INTERFACE) == "Hello world again"
    assert human_text(task(textarea("Hello")), INTERFACE) == "Hello"


def test_regions_are_read_per_channel_in_order_of_time_with_the_bounds_of_their_label():
    results = [
        textarea(["third"], id="c", start=0.1, end=0.4, channel=1),
        label("b", 2.0, 3.5),
        textarea(["second"], id="b"),
        textarea(["first"], id="a", start=0.5, end=1.5),
    ]
    assert passages(task(*results), INTERFACE) == [
        Passage("first", 0.5, 1.5, 0),
        Passage("second", 2.0, 3.5, 0, ("Speech",)),
        Passage("third", 0.1, 0.4, 1),
    ]
    assert human_text(task(*results), INTERFACE) == "first\nsecond\nthird"


def test_a_label_that_stands_for_a_channel_says_which():
    calls = read(
        """<View><Audio name="audio" value="$audio"/><TextArea name="transcription" toName="audio" perRegion="true"/>
        <Labels name="labels" toName="audio">
        <Label value="Left" predicted_values="ch_0"/><Label value="Right" predicted_values="ch_1"/></Labels></View>""",
        "en-US",
    )
    results = [
        label("a", 1, 2, name="Right"),
        textarea(["right"], id="a", start=1, end=2, channel=0),
        label("b", 3, 4, name="Left"),
        textarea(["left"], id="b", start=3, end=4, channel=0),
    ]
    assert passages(task(*results), calls) == [
        Passage("left", 3, 4, 0, ("Left",)),
        Passage("right", 1, 2, 1, ("Right",)),
    ]


def test_regions_of_a_video_are_read_in_seconds():
    film = read(
        """<View><Video name="film" value="$film" frameRate="25"/><TimelineLabels name="who" toName="film">
        <Label value="Agent"/><Label value="Customer"/></TimelineLabels>
        <TextArea name="said" toName="film" perRegion="true"/></View>""",
        "en-US",
    )
    where = {"id": "a", "to_name": "film"}
    frames = {"ranges": [{"start": 26, "end": 50}]}
    results = [
        {**where, "from_name": "who", "type": "timelinelabels", "value": {**frames, "timelinelabels": ["Agent"]}},
        {**where, "from_name": "said", "type": "textarea", "value": {**frames, "text": ["hello"]}},
    ]
    mood = {**where, "from_name": "mood", "type": "choices", "value": {"choices": ["Calm"]}}
    assert passages(task(*results, mood), film) == [Passage("hello", 1.0, 2.0, 0, ("Agent",))]


def test_of_several_text_areas_the_one_for_transcripts_counts():
    whole = read(
        """<View><Audio name="audio" value="$audio"/><TextArea name="notes" toName="audio"/>
        <TextArea name="transcription" toName="audio"/></View>""",
        "en-US",
    )
    note = {**textarea(["a note"]), "from_name": "notes"}
    assert human_text(task(note, textarea(["said"])), whole) == "said"
    assert human_text(task({**textarea(["said"]), "from_name": "renamed since"}), whole) == "said"


def test_a_note_beside_regions_is_no_transcript():
    assert human_text(task(textarea(["a note"]), textarea(["said"], id="a", start=0.0, end=1.0)), INTERFACE) == "said"


@pytest.mark.parametrize(
    "nothing",
    [
        {},
        {"annotations": None},
        task(),
        task(textarea([""])),
        task(label("a", 0.0, 1.0)),
        task(textarea(["other tag"], to_name="video")),
        task({"from_name": "x", "to_name": "audio", "type": "textarea", "value": None}),
        {"annotations": [{"id": 1, "was_cancelled": True, "result": [textarea(["skipped"])]}]},
    ],
)
def test_without_a_human_transcript_there_is_none(nothing):
    assert human_text(nothing, INTERFACE) is None


def annotation(identity: int, updated: str, **more: Any) -> dict[str, Any]:
    return {"id": identity, "updated_at": updated, "result": [textarea([str(identity)])], **more}


def test_ground_truth_first_then_the_latest_and_never_a_skipped_one():
    early, late = annotation(2, "2026-01-01T10:00:00.1Z"), annotation(1, "2026-01-02T10:00:00.1Z")
    skipped = annotation(3, "2026-01-03T10:00:00.1Z", was_cancelled=True, ground_truth=True)
    truth = annotation(4, "2025-01-01T10:00:00.1Z", ground_truth=True)
    assert chosen({"annotations": [early, late, skipped]}) is late
    assert chosen({"annotations": [early, truth, late, skipped]}) is truth
    assert chosen({"annotations": [skipped]}) is None


@pytest.mark.parametrize(
    ("fixture", "text"),
    [
        ("23_ui_submitted_annotation_segments", "Hello world\nthis is the first test"),
        ("24_ui_submitted_annotation_plain", None),
    ],
)
def test_annotations_that_label_studio_really_submits(fixture, text):
    submitted = json.loads((RECORDED / f"{fixture}.json").read_text())["label_studio_side"]["request"]["json"]
    assert human_text({"annotations": [submitted]}, INTERFACE) == (text or submitted["result"][0]["value"]["text"][0])


UNREADABLE = [
    "text",
    None,
    textarea(None),
    textarea([None, 1, ["deep"]]),
    textarea({"text": "x"}),
    textarea(["bounds"], id="r", start="soon", end=2.0),
    textarea(["no end"], id="r", start=1.0),
    textarea(["backwards"], id="r", start=2.0, end=1.0),
    textarea(["endless"], id="r", start=0.0, end=1e300),
    {**textarea(["x"]), "value": "Hello"},
    {**textarea(["x"]), "value": None},
    {**textarea([]), "from_name": ["transcription"], "type": {}},
]


@pytest.mark.parametrize("result", UNREADABLE, ids=repr)
def test_what_an_import_has_left_unreadable_does_not_hide_the_rest(result: Any):
    """Label Studio 1.23 checks of a result that it is a list (tasks/serializers.py)."""
    assert passages(task(result, textarea(["Hello"], id="a", start=1, end=2)), INTERFACE) == [Passage("Hello", 1, 2)]
    assert passages(task(result), INTERFACE) == []


def test_a_region_is_read_as_far_as_it_can_be():
    odd = {**textarea(["Hello"], start="1.5", end=2, channel="left"), "id": ["no", "text"]}
    odd["value"]["labels"] = ["Speech", None, {}]
    assert passages(task(odd), INTERFACE) == [Passage("Hello", 1.5, 2.0, 0, ("Speech",))]


@pytest.mark.parametrize("ranges", [5, [5], [{}], [{"start": "x", "end": 3}], [{"start": 1}]])
def test_frames_that_are_none_make_no_passage(ranges: Any):
    video = read(
        """<View><Video name="audio" value="$clip"/><TextArea name="transcription" toName="audio" perRegion="true"/>
        <TimelineLabels name="labels" toName="audio"><Label value="Speech"/></TimelineLabels></View>""",
        "en-US",
    )
    broken = textarea(["Hello"], id="a")
    broken["value"]["ranges"] = ranges
    assert passages(task(broken), video) == []
