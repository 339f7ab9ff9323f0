"""The servers of Label Studio's SDK as hosts of the model class.

They are Flask apps like ours, but pass on only a part of what Label Studio says: 2.x the bare number of the project,
1.0.9 neither project nor labeling config, since it keeps one model for all projects. Both answer errors with a
traceback, and /setup with a version of their own. So the model looks at the request itself, and what it has to say
replaces their answer.
"""

import atexit
import logging
import multiprocessing
import os
from collections.abc import Callable
from functools import lru_cache, wraps
from importlib import import_module
from typing import Any, TypeVar

from flask import after_this_request, current_app, has_request_context, request

from transcribe_backend.backend import Backend
from transcribe_backend.errors import TranscribeBackendError
from transcribe_backend.telemetry.redact import RedactingFilter
from transcribe_backend.web import payloads, refusals

_log = logging.getLogger(__name__)

EVENTS = (
    "ANNOTATION_CREATED",
    "ANNOTATION_UPDATED",
    "ANNOTATIONS_CREATED",
    "ANNOTATIONS_DELETED",
    "PROJECT_UPDATED",
    "START_TRAINING",
    "TASKS_CREATED",
    "TASKS_DELETED",
)
"""What 1.0.9's server is to pass on to `fit`; that of 2.x has a list of its own."""
_LIMITS = {
    True: "SDK 2.x drops TASKS_CREATED: tasks that are imported after the project was connected are transcribed when "
    "they are opened or retrieved, not ahead.",
    False: "SDK 1.0.9 forks a process for each webhook; after a restart it refuses requests before the first /setup.",
}
_SDK = "label_studio_ml.api"

Method = TypeVar("Method", bound=Callable[..., Any])


def _base() -> Any:
    try:
        return import_module("label_studio_ml.model").LabelStudioMLBase
    except ModuleNotFoundError as missing:
        if missing.name != "label_studio_ml":
            raise
        return object


LabelStudioMLBase: Any = _base()
"""The base class of either SDK; our own server needs none."""


def serve(running: Backend, connect: Callable[[], str]) -> None:
    """Called by the model in a server that is not ours: the backend works from now on, and /setup is answered by
    `connect`.
    """
    _begin(running, os.getpid())
    if _hosted() and request.path == "/setup":
        after_this_request(lambda _: refusals.version(connect))


def asked() -> tuple[str, str] | None:
    """Project (`<id>.<created>`) and labeling config of the request that an SDK's server answers; else None."""
    if not _hosted() or request.path not in ("/setup", "/predict"):
        return None
    return payloads.project(request.get_json(silent=True))


def event(*args: Any, **kwargs: Any) -> tuple[str, dict[str, Any]]:
    """Name and payload of an event, however the host calls `fit`. Raises RequestError."""
    name, data = (*args, None, None)[:2] if args and isinstance(args[0], str) else (None, None)
    name, data = kwargs.get("event", name) or "", kwargs.get("data", data) or {}
    return payloads.event(name, data) if _hosted() else (name, data)


def tell(method: Method) -> Method:
    """What goes wrong in `method` is answered as our own server would, not with the traceback of the SDK's."""

    @wraps(method)
    def telling(*args: Any, **kwargs: Any) -> Any:
        try:
            return method(*args, **kwargs)
        except TranscribeBackendError as error:
            if _hosted():
                answer = refusals.refused(error)
                after_this_request(lambda _: answer)
            raise

    return telling  # type: ignore[return-value]


def _hosted() -> bool:
    """Does a server of the SDK answer a request at the moment?"""
    return has_request_context() and current_app.import_name == _SDK


@lru_cache(maxsize=1)
def _begin(running: Backend, process: int) -> None:
    """Once per process; a fork is another one."""
    for handler in logging.getLogger().handlers:
        handler.addFilter(RedactingFilter(running.settings.secrets()))
    if multiprocessing.parent_process() is not None:  # 1.0.9's, for one webhook: what it queues, the server does
        running.crew.close()
        return
    running.start()
    atexit.register(running.close)
    if _hosted():
        _log.warning(
            "Hosted by Label Studio's SDK (docs/operations.md). %s", _LIMITS[hasattr(LabelStudioMLBase, "get")]
        )
