"""How an error is told: /setup's reason phrase is the only thing of a failing backend that Label Studio shows."""

import logging
from collections.abc import Callable
from typing import Any

from flask import Response, jsonify, request

from transcribe_backend.errors import LabelingConfigError, RequestError, TranscribeBackendError
from transcribe_backend.telemetry.redact import redact

_log = logging.getLogger(__name__)

_LONGEST_REASON = 400


def version(connect: Callable[[], str]) -> Response:
    """The answer to /setup: the version, or what keeps us from answering one."""
    try:
        return jsonify(model_version=connect())
    except TranscribeBackendError as error:
        return refused(error)


def refused(error: TranscribeBackendError) -> Response:
    """The answer to a request that cannot be done; body and reason phrase say why."""
    advice = redact(error.advice)
    response: Any = jsonify(detail=advice)
    response.status = f"{code(error)} {_phrase(error)}"
    if not isinstance(error, RequestError):
        _log.warning("%s %s refused: %s", request.method, request.path, advice)
    return response  # type: ignore[no-any-return]


def code(error: TranscribeBackendError) -> int:
    """The HTTP status."""
    if isinstance(error, RequestError):
        return 400
    return 422 if isinstance(error, LabelingConfigError) else 503


def _phrase(error: TranscribeBackendError) -> str:
    """Fit for an HTTP status line: one line of latin-1, short; of a long problem the remedy stays whole."""
    problem, remedy = (" ".join(redact(text).split()) for text in (error.problem, error.remedy))
    if len(problem) + 1 + len(remedy) > _LONGEST_REASON:
        problem = problem[: max(0, _LONGEST_REASON - 4 - len(remedy))] + "..."
    phrase = f"{problem} {remedy}".strip()[:_LONGEST_REASON]
    return phrase.encode("latin-1", "replace").decode("latin-1")
