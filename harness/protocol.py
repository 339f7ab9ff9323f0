"""Requests as Label Studio makes them, and what is in their answers."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

SPEECH_RECOGNITION = """<View>
  <Audio name="audio" value="$audio" zoom="true" hotkey="ctrl+enter" />
  <Header value="Transcribe the audio" />
  <TextArea name="transcription" toName="audio"
            rows="4" editable="true" maxSubmissions="1" />
</View>"""
"""Template "Automatic Speech Recognition" of Label Studio 1.23."""
PLAIN = '<View><Audio name="audio" value="$audio"/><TextArea name="transcription" toName="audio"/></View>'
NAMED = PLAIN.replace(
    "<Audio",
    '<Audio model_vocabulary="terms" model_vocabulary_filter="swearing:mask" model_language_model="law"',
)
"""Names everything that a labeling config can name in the AWS account."""
OTHER = '<View><Audio name="call" value="$recording"/><TextArea name="words" toName="call"/></View>'
SEGMENTS = (
    '<View><Labels name="labels" toName="audio"><Label value="Speech"/><Label value="Noise"/></Labels>'
    '<Audio name="audio" value="$audio"/>'
    '<TextArea name="transcription" toName="audio" perRegion="true"/></View>'
)


def project_id(project: Mapping[str, Any]) -> str:
    """`<id>.<created>` of a project object (Label Studio 1.23 ml/api_connector.py)."""
    return f"{project['id']}.{int(datetime.fromisoformat(project['created_at']).timestamp())}"


def task(number: int | None, audio: Any, key: str = "audio") -> dict[str, Any]:
    """A task as it stands in /predict, with what the backend reads of it."""
    return {"id": number, "data": {key: audio}, "annotations": [], "predictions": []}


def whole_task(number: Any, audio: str) -> dict[str, Any]:
    """A task with all that Label Studio 1.23 sends of it."""
    counts = ("total_annotations", "cancelled_annotations", "total_predictions", "comment_count")
    return {
        **task(number, audio),
        **dict.fromkeys((*counts, "unresolved_comment_count"), 0),
        **dict.fromkeys(("last_comment_updated_at", "updated_by", "file_upload")),
        "meta": {}, "comment_authors": [], "is_labeled": False, "overlap": 1, "inner_id": 1, "project": 1,
        "created_at": "2026-11-22T06:04:24.430186Z", "updated_at": "2026-11-22T06:04:24.430193Z",
    }  # fmt: skip


def predict(
    tasks: Iterable[Any], config: str = PLAIN, project: str = "7.1795327464", context: Any = None
) -> dict[str, Any]:
    """The body of a prediction request."""
    params = {"login": None, "password": None, "context": context}
    return {"tasks": list(tasks), "project": project, "label_config": config, "params": params}


def setup(config: str = PLAIN, project: str = "7.1795327464") -> dict[str, Any]:
    """The body of a /setup request."""
    return {
        "project": project,
        "schema": config,
        "hostname": "http://localhost:8080",
        "access_token": "REDACTED-TOKEN",
        "extra_params": None,
    }


def texts(prediction: Mapping[str, Any]) -> list[str]:
    """All texts of a prediction's text areas."""
    return [text for result in prediction["result"] for text in result["value"].get("text", [])]


def newest_prediction(task: Mapping[str, Any]) -> dict[str, Any] | None:
    """The latest prediction that Label Studio keeps of a task."""
    predictions: list[dict[str, Any]] = task["predictions"]
    return max(predictions, key=lambda prediction: int(prediction["id"]), default=None)
