"""What requests must look like (Label Studio 1.23 ml/api_connector.py); everything else is a RequestError."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import Request

from transcribe_backend.errors import RequestError

_LARGEST_ID = 2**63
_PROJECT = re.compile(r"[0-9A-Za-z._-]{0,100}")


@dataclass(frozen=True, slots=True)
class Setup:
    """`project` is `<id>.<created>`."""

    project: str
    label_config: str


@dataclass(frozen=True, slots=True)
class Predict:
    """`context` holds the annotator's regions in an interactive request, else None."""

    tasks: list[dict[str, Any]]
    project: str
    label_config: str
    context: Mapping[str, Any] | None


def setup(request: Request) -> Setup:
    """The body of POST /setup."""
    body = _body(request)
    return Setup(_project(body), _text(body, "schema"))


def predict(request: Request) -> Predict:
    """The body of POST /predict."""
    body = _body(request)
    tasks = body.get("tasks")
    if not isinstance(tasks, list):
        raise RequestError("tasks must be a list of tasks.")
    for place, task in enumerate(tasks):
        _check_task(place, task)
    params = _object(body, "params")
    return Predict(tasks, _project(body), _text(body, "label_config"), _object(params, "context", "params.") or None)


def webhook(request: Request) -> tuple[str, dict[str, Any]]:
    """Action and whole body of POST /webhook."""
    body = _body(request)
    action = body.get("action")
    if not isinstance(action, str) or not action:
        raise RequestError("action must name the event.")
    _text(_object(body, "project"), "label_config", "project.")
    return action, body


def _check_task(place: int, task: Any) -> None:
    if not isinstance(task, dict):
        raise RequestError(f"tasks[{place}] must be an object.")
    if not isinstance(task.get("data"), dict):
        raise RequestError(f"tasks[{place}].data must be an object.")
    number = task.get("id")
    if number is not None and (isinstance(number, bool) or not isinstance(number, int) or abs(number) >= _LARGEST_ID):
        raise RequestError(f"tasks[{place}].id must be a whole number.")


def _body(request: Request) -> dict[str, Any]:
    try:
        body = request.get_json(force=True, silent=True)
    except RecursionError:  # nested a thousand levels deep
        body = None
    if not isinstance(body, dict):
        raise RequestError("The body must be a JSON object.")
    return body


def _project(body: Mapping[str, Any]) -> str:
    project = _text(body, "project")
    if not _PROJECT.fullmatch(project):
        raise RequestError("project must be <id>.<created>.")
    return project


def _text(body: Mapping[str, Any], field: str, prefix: str = "") -> str:
    value = body.get(field)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise RequestError(f"{prefix}{field} must be a string.")
    return value


def _object(body: Mapping[str, Any], field: str, prefix: str = "") -> dict[str, Any]:
    value = body.get(field)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise RequestError(f"{prefix}{field} must be an object.")
    return value
