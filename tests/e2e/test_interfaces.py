"""Audio labeling interfaces in a real editor: what is predicted, what is drawn, what is stored."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from harness.aws import LocalAWS
from harness.backend import Server
from harness.label_studio import LabelStudio
from tests.e2e import recordings
from tests.e2e.editor import Editor
from tests.e2e.projects import connected, prelabeled, template, upload

DIARIZATION = """<View>
  <Labels name="label" toName="audio">
    <Label value="Speaker one" background="#1f8a70"/>
    <Label value="Speaker two" background="#bf5b04"/>
  </Labels>
  <Audio name="audio" value="$audio"/>
  <TextArea name="transcription" toName="audio" perRegion="true" editable="true" displayMode="region-list"/>
</View>"""

STEREO = """<View>
  <Labels name="labels" toName="audio">
    <Label value="Left" predicted_values="ch_0"/>
    <Label value="Right" predicted_values="ch_1"/>
  </Labels>
  <Audio name="audio" value="$audio" splitchannels="true" model_channels="true"/>
  <TextArea name="transcription" toName="audio" perRegion="true" editable="true"/>
</View>"""

STORY = recordings.in_a_row([recordings.austen(number) for number in (880, 890, 920, 930)])
# One speaks after the other, each on a channel: Whisper tells speakers apart by nothing else.
TALK = (recordings.kennedy(), recordings.silence(11.5) + recordings.in_a_row([recordings.austen(880)]))
# Both speak at once.
BOTH = (recordings.kennedy(), recordings.austen(870))


@dataclass(frozen=True)
class Segment:
    """A region as it is predicted or stored: times in seconds, one label, one text."""

    start: float
    end: float
    channel: int
    label: str
    text: str


def segments(results: list[dict[str, Any]]) -> list[Segment]:
    """The regions of a prediction or annotation; each must have exactly one labels and one textarea result."""
    found = []
    for identity in dict.fromkeys(result["id"] for result in results):
        parts = [result for result in results if result["id"] == identity]
        assert sorted(part["type"] for part in parts) == ["labels", "textarea"]
        label, text = sorted(parts, key=lambda part: str(part["type"]))
        assert text["value"].items() >= {(name, label["value"][name]) for name in ("start", "end", "channel")}
        (only_label,), (only_text,) = label["value"]["labels"], text["value"]["text"]
        value = label["value"]
        found.append(Segment(value["start"], value["end"], value["channel"], only_label, only_text))
    return found


@dataclass(frozen=True)
class Scene:
    """A pre-labeled task of `seconds`, and its predicted segments."""

    studio: LabelStudio
    project: int
    task: int
    seconds: float
    predicted: list[Segment]

    def open(self, page: Page) -> Editor:
        return Editor(page, self.studio, self.project, self.task, self.seconds)


@pytest.fixture(scope="module", autouse=True)
def _recordings(stand_in: LocalAWS) -> None:
    made = {"story.wav": recordings.mono(STORY), "talk.wav": recordings.stereo(*TALK)}
    upload(stand_in, {**made, "both.wav": recordings.stereo(*BOTH)})


def scene(studio: LabelStudio, stand_in: LocalAWS, backend: Server, name: str, config: str, file: str) -> Scene:
    project = connected(studio, stand_in, backend, name, config)
    (task,) = prelabeled(studio, project, file)
    (prediction,) = task["predictions"]
    samples = {"story.wav": len(STORY), "talk.wav": max(map(len, TALK)), "both.wav": max(map(len, BOTH))}[file]
    return Scene(studio, project, task["id"], samples / recordings.RATE, segments(prediction["result"]))


@pytest.fixture(scope="module")
def story(studio: LabelStudio, stand_in: LocalAWS, backend: Server) -> Iterator[Scene]:
    config = template("automatic_speech_recognition_using_segments")
    yield scene(studio, stand_in, backend, "Segments", config, "story.wav")


def test_predicted_segments_are_shown_with_their_texts(story: Scene, page: Page) -> None:
    editor = story.open(page)
    assert len(story.predicted) == 4
    expect(editor.regions).to_have_count(4)
    for place, segment in enumerate(story.predicted):
        editor.select(place)
        expect(editor.texts).to_have_text(segment.text)


def test_a_drawn_segment_gets_its_words_and_what_is_typed_over_them_stays(story: Scene, page: Page) -> None:
    editor = story.open(page)
    editor.annotate_automatically()
    editor.blank()
    _, first, second, _ = story.predicted

    up = editor.draw("Speech", first.start, first.end)
    editor.answered(lambda: editor.select(0))
    expect(editor.texts).to_have_text(first.text)
    _report(time.monotonic() - up, "Segments")

    editor.draw("Speech", second.start, second.end)
    editor.answered(lambda: editor.select(1))
    expect(editor.texts).to_have_text(second.text)

    editor.answered(lambda: editor.correct("He was not unkind."))
    editor.click((first.start + first.end) / 2)
    expect(editor.texts).to_have_text(first.text)
    answer = editor.answered(lambda: editor.click((second.start + second.end) / 2))
    assert answer.json() == {"data": {"result": []}}
    expect(editor.texts).to_have_text("He was not unkind.")
    assert [each.text for each in segments(editor.submit())] == [first.text, "He was not unkind."]


def _report(seconds: float, interface: str) -> None:
    """For people: the test only fails for a time in which nobody would call it interactive."""
    print(f"{interface}: words {seconds:.2f} s after the mouse went up")
    assert seconds < 20


def test_speech_transcription_with_texts_in_the_list(
    studio: LabelStudio, stand_in: LocalAWS, backend: Server, page: Page
) -> None:
    config = template("speech_transcription")
    listed = scene(studio, stand_in, backend, "Speech Transcription", config, "story.wav")
    _shown_in_the_list(listed, page)
    _drawn_in_the_list(listed, page, place=1)


def test_speakers(studio: LabelStudio, stand_in: LocalAWS, backend: Server, page: Page) -> None:
    talk = scene(studio, stand_in, backend, "Diarization", DIARIZATION, "talk.wav")
    assert [segment.label for segment in talk.predicted] == ["Speaker one", "Speaker two"]
    ours, theirs = talk.predicted
    assert "your country" in ours.text
    assert "young man" in theirs.text
    _shown_in_the_list(talk, page)
    _drawn_in_the_list(talk, page, place=1)


def _shown_in_the_list(shown: Scene, page: Page) -> None:
    editor = shown.open(page)
    expect(editor.regions).to_have_count(len(shown.predicted))
    for place, segment in enumerate(shown.predicted):
        expect(editor.regions.nth(place).get_by_role("textbox")).to_have_value(segment.text)


def _drawn_in_the_list(shown: Scene, page: Page, place: int) -> None:
    editor = shown.open(page)
    editor.annotate_automatically()
    editor.blank()
    segment = shown.predicted[place]
    up = editor.draw(segment.label, segment.start, segment.end)
    editor.answered(lambda: editor.select(0))
    expect(editor.regions.get_by_role("textbox")).to_have_value(segment.text)
    _report(time.monotonic() - up, segment.label)
    assert [(each.label, each.text) for each in segments(editor.submit())] == [(segment.label, segment.text)]


def test_two_speakers_at_once_on_two_channels(
    studio: LabelStudio, stand_in: LocalAWS, backend: Server, page: Page
) -> None:
    both = scene(studio, stand_in, backend, "Stereo", STEREO, "both.wav")
    left = " ".join(segment.text for segment in both.predicted if (segment.channel, segment.label) == (0, "Left"))
    right = " ".join(segment.text for segment in both.predicted if (segment.channel, segment.label) == (1, "Right"))
    assert "your country" in left and "Dashwood" not in left
    assert "Dashwood" in right and "your country" not in right

    editor = both.open(page)
    for place, segment in enumerate(both.predicted):
        editor.select(place)
        expect(editor.texts).to_have_text(segment.text)

    editor.annotate_automatically()
    editor.blank()
    editor.draw("Right", 0.3, 10)
    editor.answered(lambda: editor.select(0))
    expect(editor.texts).to_contain_text("Dashwood")
    expect(editor.texts).not_to_contain_text("country")


def test_the_least_certain_task_comes_first(studio: LabelStudio, stand_in: LocalAWS, backend: Server) -> None:
    """Label Studio 1.23 scores tasks by the predictions of the version that the project shows, by its name."""
    config = template("automatic_speech_recognition")
    project = connected(studio, stand_in, backend, "Sorted", config)
    tasks = prelabeled(studio, project, "cards_001.wav", "cards_002.wav", "goforward.wav")
    version = tasks[0]["predictions"][0]["model_version"]
    studio.call("PATCH", f"/api/projects/{project}", json={"model_version": version})

    scores = {task["id"]: task["predictions"][0]["score"] for task in tasks}
    query = {"project": project, "fields": "all", "query": json.dumps({"ordering": ["tasks:predictions_score"]})}
    shown = studio.call("GET", "/api/tasks", params=query)["tasks"]
    assert [task["id"] for task in shown] == sorted(scores, key=lambda task: float(scores[task]))
    assert len(set(scores.values())) == len(scores)
