"""Labeling configs that name things in their own way, in a real editor."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from harness.aws import LocalAWS
from harness.backend import Server
from harness.label_studio import LabelStudio
from harness.waiting import wait_until
from tests.e2e import recordings
from tests.e2e.editor import Editor, submitted
from tests.e2e.projects import BUCKET, connected, predicted, upload
from tests.unit.labeling.cases import shape
from transcribe_backend.labeling.interface import read
from transcribe_backend.labeling.predictions import predictions

# A nested key, aliases, texts that are no transcript, other controls beside ours.
OWN_NAMES = """<View>
  <Audio name="sound" value="$call.url"/>
  <Labels name="kind" toName="sound">
    <Label value="Speech" alias="SP" background="#1f8a70"/>
    <Label value="Noise" alias="NO" background="#bf5b04"/>
  </Labels>
  <TextArea name="remarks" toName="sound" perRegion="true" rows="2"/>
  <TextArea name="said" toName="sound" perRegion="true" whenTagName="kind" whenLabelValue="SP"/>
  <TextArea name="context" toName="sound"/>
  <Rating name="quality" toName="sound"/>
  <Number name="speakers" toName="sound"/>
  <Taxonomy name="subject" toName="sound"><Choice value="Prose"/><Choice value="Verse"/></Taxonomy>
  <Relations><Relation value="answers"/></Relations>
</View>"""

STEREO = """<View>
  <Labels name="labels" toName="audio"><Label value="Speech"/><Label value="Noise"/></Labels>
  <Audio name="audio" value="$audio" splitchannels="true" model_channels="true"/>
  <TextArea name="transcription" toName="audio" perRegion="true" editable="true"/>
</View>"""

VIDEO = """<View>
  <Video name="film" value="$film" frameRate="25"/>
  <TimelineLabels name="who" toName="film">
    <Label value="Agent" background="#1f8a70"/><Label value="Customer" background="#bf5b04"/>
  </TimelineLabels>
  <TextArea name="said" toName="film" perRegion="true"/>
</View>"""

# The first recording has nothing that a transcript could fill.
TWO_RECORDINGS = """<View>
  <Audio name="agent" value="$agent"/>
  <Rating name="politeness" toName="agent"/>
  <Audio name="customer" value="$customer"/>
  <Labels name="kind" toName="customer"><Label value="Speech"/><Label value="Noise"/></Labels>
  <TextArea name="said" toName="customer" perRegion="true"/>
</View>"""

# Played in step; `film` is the same file.
WITH_VIDEO = """<View>
  <Video name="film" value="$customer" sync="both"/>
  <Audio name="sound" value="$customer" sync="both"/>
  <Labels name="kind" toName="sound"><Label value="Speech"/><Label value="Noise"/></Labels>
  <TextArea name="said" toName="sound" perRegion="true"/>
</View>"""

STORY = recordings.in_a_row([recordings.austen(880), recordings.austen(890)])
BOTH = (recordings.kennedy(), recordings.austen(870))


def by_control(results: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """The labels and texts of a prediction or annotation, control by control."""
    found: dict[str, list[Any]] = {}
    for result in results:
        value = result["value"]
        found.setdefault(result["from_name"], []).extend(value.get(result["type"]) or value["text"])
    return found


def test_own_names(studio: LabelStudio, stand_in: Server, backend: Server, page: Page) -> None:
    upload(stand_in, {"names.wav": recordings.mono(STORY)})
    project = connected(studio, stand_in, backend, "Own names", OWN_NAMES)
    studio.import_tasks(project, [{"call": {"url": f"s3://{BUCKET}/names.wav"}}])
    studio.retrieve_predictions(project)
    (task,) = predicted(studio, project)
    (prediction,) = task["predictions"]
    filled = by_control(prediction["result"])
    assert filled.keys() == {"kind", "said"}
    assert set(filled["kind"]) == {"SP"}

    editor = Editor(page, studio, project, task["id"], len(STORY) / recordings.RATE)
    expect(editor.regions).to_have_count(len(filled["said"]))
    expect(editor.regions.first).to_contain_text("Speech")
    assert by_control(editor.submit()) == filled


@pytest.mark.parametrize(
    ("label_config", "target"), [(TWO_RECORDINGS, "customer"), (WITH_VIDEO, "sound")], ids=["two", "video"]
)
def test_several_recordings(
    label_config: str, target: str, studio: LabelStudio, stand_in: LocalAWS, backend: Server, page: Page
) -> None:
    upload(stand_in, {"several.wav": recordings.mono(STORY), "other.wav": recordings.mono(recordings.kennedy())})
    project = connected(studio, stand_in, backend, f"Several with {target}", label_config)
    studio.import_tasks(project, [{"agent": f"s3://{BUCKET}/other.wav", "customer": f"s3://{BUCKET}/several.wav"}])
    studio.retrieve_predictions(project)
    (task,) = predicted(studio, project)
    (prediction,) = task["predictions"]
    filled = by_control(prediction["result"])
    assert {result["to_name"] for result in prediction["result"]} == {target}
    assert filled["said"] and "country" not in " ".join(filled["said"])

    editor = Editor(page, studio, project, task["id"], len(STORY) / recordings.RATE)
    expect(editor.regions).to_have_count(len(filled["said"]))
    editor.select(0)
    expect(editor.texts.first).to_have_text(filled["said"][0])
    stored = editor.submit()
    assert by_control(stored) == filled
    assert {result["to_name"] for result in stored} == {target}


def test_a_remark_does_not_keep_the_words_away(
    studio: LabelStudio, stand_in: Server, backend: Server, page: Page
) -> None:
    upload(stand_in, {"remarked.wav": recordings.mono(STORY)})
    project = connected(studio, stand_in, backend, "Remarks", OWN_NAMES)
    studio.import_tasks(project, [{"call": {"url": f"s3://{BUCKET}/remarked.wav"}}])
    studio.retrieve_predictions(project)
    (task,) = predicted(studio, project)
    (first, *_) = by_control(task["predictions"][0]["result"])["said"]

    editor = Editor(page, studio, project, task["id"], len(STORY) / recordings.RATE)
    editor.blank()
    editor.draw("Speech", 0, 3)
    editor.select(0)
    remarks = page.locator("textarea").first
    remarks.fill("quiet")
    remarks.press("Shift+Enter")
    expect(editor.texts).to_have_text("quiet")
    editor.select(0)  # a second click lets it go
    editor.annotate_automatically()
    editor.answered(lambda: editor.select(0))
    expect(editor.texts).to_have_count(2)
    stored = by_control(editor.submit())
    assert stored["remarks"] == ["quiet"]
    assert first.startswith(stored["said"][0][:5])


def test_a_segment_drawn_over_both_waveforms_names_the_sides(
    studio: LabelStudio, stand_in: Server, backend: Server, page: Page
) -> None:
    upload(stand_in, {"sides.wav": recordings.stereo(*BOTH)})
    project = connected(studio, stand_in, backend, "Sides", STEREO)
    studio.import_tasks(project, [{"audio": f"s3://{BUCKET}/sides.wav"}])
    studio.retrieve_predictions(project)
    (task,) = predicted(studio, project)
    editor = Editor(page, studio, project, task["id"], max(map(len, BOTH)) / recordings.RATE)
    editor.annotate_automatically()
    editor.blank()
    editor.draw("Speech", 0.3, 10)
    editor.answered(lambda: editor.select(0))
    expect(editor.texts).to_contain_text("L: ")
    expect(editor.texts).to_contain_text("R: ")
    expect(editor.texts).to_contain_text("your country")
    expect(editor.texts).to_contain_text("Dashwood")


def test_labels_on_the_timeline_of_a_video(studio: LabelStudio, page: Page) -> None:
    (prediction,) = predictions(read(VIDEO, "en-US"), shape("speakers_items_2025"))
    project = studio.create_project("Film", VIDEO)
    film = f"{studio.url}/static/samples/opossum_snow.mp4"
    studio.call("POST", f"/api/projects/{project}/import", json=[{"data": {"film": film}, "predictions": [prediction]}])
    (task,) = studio.tasks(project)
    page.goto(studio.page(project, task["id"]))
    regions = page.locator(".lsf-outliner-item")
    expect(regions).to_have_count(3)
    text = page.get_by_test_id("textarea-region")

    def selected() -> bool:
        """A click that comes before the video is ready selects nothing."""
        if not text.count():
            regions.nth(1).click()
        return bool(text.count())

    wait_until(selected, 60, "the region is selected", 3.0)
    expect(text).to_have_text("Station, please.")
    stored = submitted(page)
    assert by_control(stored) == by_control(prediction["result"])
    ranges = [[(one["start"], one["end"]) for one in each["value"]["ranges"]] for each in stored]
    assert ranges == [[(one["start"], one["end"]) for one in each["value"]["ranges"]] for each in prediction["result"]]
