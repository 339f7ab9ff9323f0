"""Several predictions per task: which of them the annotator finds in the form."""

import requests
from playwright.sync_api import Page, expect

from harness.aws import LocalAWS
from harness.backend import Server
from harness.label_studio import LabelStudio
from harness.transcripts import text_of
from tests.e2e.editor import Editor
from tests.e2e.projects import BUCKET, connected, predicted

ALTERNATIVES = """<View>
  <Audio name="audio" value="$audio" model_alternatives="3"/>
  <TextArea name="transcription" toName="audio" editable="true" maxSubmissions="1"/>
</View>"""
AUDIO = "cards_002.wav"


def test_the_best_of_several_predictions_is_in_the_form(
    studio: LabelStudio, stand_in: LocalAWS, backend: Server, page: Page
) -> None:
    """New tasks are transcribed ahead, and their predictions pushed with the best one last."""
    project = connected(studio, stand_in, backend, "Alternatives", ALTERNATIVES)
    studio.import_tasks(project, [{"audio": f"s3://{BUCKET}/{AUDIO}"}])
    (task,) = predicted(studio, project)
    best, *others = _asked(backend, project)
    assert others

    editor = Editor(page, studio, project, task["id"], seconds=1.9)
    expect(editor.texts).to_have_text(best)
    page.goto(studio.page(project) + "?labeling=1")
    expect(editor.texts).to_have_text(best, timeout=30_000)


def _asked(backend: Server, project: int) -> list[str]:
    """The texts of POST /predict: the best first."""
    body = {
        "tasks": [{"id": None, "data": {"audio": f"s3://{BUCKET}/{AUDIO}"}}],
        "project": f"{project}.1",
        "label_config": ALTERNATIVES,
    }
    answer = requests.post(f"{backend.url}/predict", json=body, timeout=60)
    (predictions,) = answer.json()["results"]
    return [text_of(prediction) for prediction in predictions]
