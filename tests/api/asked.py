"""Requests as Label Studio makes them, for the tests' own projects."""

from collections.abc import Iterable
from typing import Any

PLAIN = '<View><Audio name="audio" value="$audio"/><TextArea name="transcription" toName="audio"/></View>'
OTHER = '<View><Audio name="call" value="$recording"/><TextArea name="words" toName="call"/></View>'
SEGMENTS = (
    '<View><Labels name="labels" toName="audio"><Label value="Speech"/><Label value="Noise"/></Labels>'
    '<Audio name="audio" value="$audio"/>'
    '<TextArea name="transcription" toName="audio" perRegion="true"/></View>'
)


def task(number: int | None, audio: Any, key: str = "audio") -> dict[str, Any]:
    """A task as it stands in /predict, with what the backend reads of it."""
    return {"id": number, "data": {key: audio}, "annotations": [], "predictions": []}


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


def texts(prediction: dict[str, Any]) -> list[str]:
    """All texts of a prediction's textareas."""
    return [text for result in prediction["result"] if result["type"] == "textarea" for text in result["value"]["text"]]
