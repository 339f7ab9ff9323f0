"""A segment is drawn longer or shorter with the mouse: its words follow, those that a human touched do not."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Page, Response, expect

from harness.backend import Server
from harness.label_studio import LabelStudio
from tests.e2e import recordings
from tests.e2e.editor import Editor
from tests.e2e.projects import connected, prelabeled, template, upload

FILE = "resizing.wav"
STORY = recordings.in_a_row([recordings.austen(number) for number in (880, 890, 920)])


@dataclass(frozen=True)
class Words:
    """The text of an answered region, and where that region ends (seconds)."""

    text: str
    end: float


@pytest.fixture(scope="module")
def tasks(studio: LabelStudio, stand_in: Server, backend: Server) -> Iterator[list[dict[str, Any]]]:
    upload(stand_in, {FILE: recordings.mono(STORY)})
    config = template("automatic_speech_recognition_using_segments")
    project = connected(studio, stand_in, backend, "Resizing", config)
    yield [{**task, "project": project} for task in prelabeled(studio, project, FILE, FILE)]


def opened(page: Page, studio: LabelStudio, task: dict[str, Any]) -> Editor:
    editor = Editor(page, studio, task["project"], task["id"], len(STORY) / recordings.RATE)
    editor.annotate_automatically()
    return editor


def predicted(task: dict[str, Any]) -> list[Words]:
    (prediction,) = task["predictions"]
    texts = (result["value"] for result in prediction["result"] if result["type"] == "textarea")
    return [Words(value["text"][0], value["end"]) for value in texts]


def words(answer: Response) -> list[Words]:
    texts = (each["value"] for each in answer.json()["data"]["result"] if each["type"] == "textarea")
    return [Words(value["text"][0], value["end"]) for value in texts]


def test_a_drawn_segment_follows_its_edge_and_a_touched_text_stays(
    tasks: list[dict[str, Any]], studio: LabelStudio, page: Page
) -> None:
    first, second, _ = predicted(tasks[0])
    middle = (first.end + second.end) / 2
    editor = opened(page, studio, tasks[0])
    editor.blank()
    editor.draw("Speech", 0, 1.5)
    (half,) = words(editor.answered(lambda: editor.select(0)))
    assert first.text.startswith(half.text[:5]) and len(half.text) < len(first.text)
    expect(editor.texts).to_have_text(half.text)

    (grown,) = words(editor.answered(lambda: editor.resize(half.end, middle)))
    assert grown.text.startswith(first.text) and len(grown.text) > len(first.text)
    expect(editor.texts).to_have_text(grown.text)
    (shrunk,) = words(editor.answered(lambda: editor.resize(grown.end, first.end)))
    assert shrunk.text == first.text
    expect(editor.texts).to_have_text(first.text)

    corrected = first.text[:-4]
    editor.answered(lambda: editor.correct(corrected))
    assert words(editor.answered(lambda: editor.resize(shrunk.end, middle))) == []
    expect(editor.texts).to_have_text(corrected)
    results = editor.submit()
    assert [each["value"]["text"] for each in results if each["type"] == "textarea"] == [[corrected]]
    assert all(each["value"]["end"] == pytest.approx(middle, abs=0.1) for each in results)


def test_a_predicted_segment_follows_its_edge_and_no_note_is_stored(
    tasks: list[dict[str, Any]], studio: LabelStudio, page: Page
) -> None:
    first, second, _ = predicted(tasks[1])
    editor = opened(page, studio, tasks[1])
    assert words(editor.answered(lambda: editor.select(0))) == []
    (grown,) = words(editor.answered(lambda: editor.resize(first.end, (first.end + second.end) / 2)))
    assert grown.text.startswith(first.text) and len(grown.text) > len(first.text)
    expect(editor.texts).to_have_text(grown.text)
    assert not any("meta" in result for result in editor.submit())
