"""What requests must look like (Label Studio 1.23 ml/api_connector.py); everything else is a RequestError."""

import json
import re
from collections.abc import Mapping
from typing import Any, TypedDict, TypeVar

from msgspec import DecodeError, Struct, ValidationError, convert
from msgspec.json import Decoder
from msgspec.structs import asdict
from werkzeug.wrappers import Request

from transcribe_backend.errors import RequestError

_LARGEST_ID = 2**63
_LARGEST_ODD_BODY = 32 * 1024 * 1024
_PROJECT = re.compile(r"(?:[0-9]{1,19}(?:\.[0-9]{1,19})?)?")
_WRONG = re.compile(r"Expected `(?P<right>[^`]+)`, got `[^`]+`(?: - at `\$\.?(?P<field>[^`]*)`)?")
_MISSING = re.compile(r"Object missing required field `(?P<field>[^`]+)`")

Shape = TypeVar("Shape")


class Task(TypedDict, total=False):
    """What we need of a task; its predictions and annotations, hours of them, are passed over."""

    id: Any
    project: Any
    data: dict[str, Any]


class Noticed(TypedDict, total=False):
    """What we need of a task in a webhook: webhooks are hints, the task is read from Label Studio."""

    id: Any


class Annotation(TypedDict, total=False):
    """What we need of an annotation in a webhook."""

    id: Any
    was_cancelled: Any


class Setup(Struct, frozen=True):
    """The body of POST /setup; `project` is `<id>.<created>`."""

    project: str | None = None
    schema: str | None = None


class Params(Struct, frozen=True):
    """`context` holds the annotator's regions in an interactive request."""

    context: dict[str, Any] | None = None


class Predict(Struct, frozen=True):
    """The body of POST /predict."""

    tasks: list[Task]
    project: str | None = None
    label_config: str | None = None
    params: Params | None = None

    @property
    def context(self) -> dict[str, Any] | None:
        """The annotator's regions in an interactive request, else None."""
        return (self.params.context if self.params else None) or None


class Webhook(Struct, frozen=True):
    """The body of POST /webhook."""

    action: str
    project: dict[str, Any] | None = None
    tasks: list[Noticed] | None = None
    annotation: Annotation | list[Annotation] | None = None

    def data(self) -> dict[str, Any]:
        """As the model class takes it."""
        return {name: value for name, value in asdict(self).items() if value is not None}


_setup, _predict, _webhook = Decoder(Setup), Decoder(Predict), Decoder(Webhook)


def setup(request: Request) -> Setup:
    """The body of POST /setup."""
    body = _body(request, _setup)
    _check_project(body.project)
    return body


def predict(request: Request) -> Predict:
    """The body of POST /predict."""
    body = _body(request, _predict)
    _check_project(body.project)
    for place, task in enumerate(body.tasks):
        _check_task(place, task)
    return body


def webhook(request: Request) -> tuple[str, dict[str, Any]]:
    """Action and body of POST /webhook."""
    body = _body(request, _webhook)
    if not body.action:
        raise RequestError("action must name the event.")
    if not isinstance((body.project or {}).get("label_config", ""), str):
        raise RequestError("project.label_config must be a string.")
    _check_ids(body)
    return body.action, body.data()


def event(name: str, data: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The same of an event whose body was read by another server."""
    try:
        body = convert({**data, "action": name}, Webhook)
    except ValidationError as error:
        raise RequestError(_problem(str(error))) from error
    _check_ids(body)
    return name, body.data()


def project(body: Any) -> tuple[str, str]:
    """Project and labeling config of a /setup or /predict request whose body was read by another server."""
    fields = body if isinstance(body, dict) else {}
    _check_project(named := str(fields.get("project") or ""))
    return named, str(fields.get("schema") or fields.get("label_config") or "")


def _check_ids(body: Webhook) -> None:
    """Ids become parts of addresses that we ask Label Studio for, with its token."""
    annotations = body.annotation if isinstance(body.annotation, list) else [body.annotation or {}]
    for field, holders in (("project", [body.project or {}]), ("tasks", body.tasks or []), ("annotation", annotations)):
        if not all(_is_id(holder.get("id", 0)) for holder in holders):
            raise RequestError(f"{field}.id must be a whole number.")


def _is_id(number: object) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and 0 <= number < _LARGEST_ID


def _check_project(project: str | None) -> None:
    if not _PROJECT.fullmatch(project or ""):
        raise RequestError("project must be <id>.<created>.")


def _check_task(place: int, task: Task) -> None:
    if "data" not in task:
        raise RequestError(f"tasks[{place}].data must be an object.")
    if task.get("id") is not None and not _is_id(task["id"]):
        raise RequestError(f"tasks[{place}].id must be a whole number.")


def _body(request: Request, decoder: "Decoder[Shape]") -> Shape:
    content = _content(request)
    try:
        try:
            return decoder.decode(content)
        except ValidationError:
            raise
        except (DecodeError, UnicodeDecodeError):
            return convert(_odd(content), decoder.type)
    except ValidationError as error:
        raise RequestError(_problem(str(error))) from error
    except RecursionError as error:
        raise RequestError("The body must be a JSON object.") from error


def _content(request: Request) -> bytearray | bytes:
    """The body, held once: it may have hundreds of megabytes."""
    length = request.content_length
    if length is None:
        return request.get_data(cache=False)
    content, filled = bytearray(length), 0
    stream: Any = request.stream
    with memoryview(content) as view:
        while filled < length and (read := stream.readinto(view[filled:])):
            filled += read
    if filled < length:
        raise RequestError(f"The body ended after {filled} of {length} bytes.")
    return content


def _odd(content: bytearray | bytes) -> Any:
    """JSON that Python writes and a strict reader refuses: NaN, halves of surrogate pairs."""
    if len(content) > _LARGEST_ODD_BODY:
        raise RequestError("The body must be a JSON object.")
    try:
        return _scrubbed(json.loads(content))
    except (ValueError, RecursionError) as error:
        raise RequestError("The body must be a JSON object.") from error


def _scrubbed(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [_scrubbed(each) for each in value]
    if isinstance(value, dict):
        return {_scrubbed(key): _scrubbed(each) for key, each in value.items()}
    return value


def _problem(told: str) -> str:
    """The library's words as a sentence that names the field."""
    if missing := _MISSING.match(told):
        return f"{missing['field']} is missing."
    wrong = _WRONG.match(told)
    if not wrong or not wrong["field"]:
        return "The body must be a JSON object."
    right = " or ".join(_KINDS.get(kind.strip(), kind.strip()) for kind in wrong["right"].split("|"))
    return f"{wrong['field']} must be {right}."


_KINDS = {"array": "a list", "object": "an object", "str": "a string", "null": "null"}
