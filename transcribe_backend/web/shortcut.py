"""POST /predict without Flask around it: a framework costs more than the answer does once transcripts are known.

Flask serves everything else, and tells what went wrong here, so that every refusal looks the same.
"""

import json
import time
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from flask import Flask
from werkzeug.wrappers import Request

from transcribe_backend.telemetry.metrics import Metrics
from transcribe_backend.web import payloads
from transcribe_backend.web.auth import Door

FAILED, BEGUN = "transcribe_backend.failed", "transcribe_backend.begun"
"""In the WSGI environment that Flask is given: the error to tell, and when (time.monotonic) the request began."""
MOST_BYTES = 256 * 1024 * 1024
"""Of a body: 100,000 imported tasks, or a thousand tasks with hours of old predictions."""

Answer = Callable[[payloads.Predict], list[Any]]
"""One slot per task of the request."""


class Shortcut:
    """WSGI middleware of `app`."""

    def __init__(self, app: Flask, door: Door, answer: Answer, metrics: Metrics) -> None:
        self._flask = app.wsgi_app
        self._door = door
        self._answer = answer
        self._metrics = metrics

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        environ[BEGUN] = time.monotonic()
        request = _Request(environ)
        if environ["PATH_INFO"] != "/predict" or environ["REQUEST_METHOD"] != "POST" or self._door.refusal(request):
            return self._flask(environ, start_response)
        try:
            body = _encoded({"results": self._answer(payloads.predict(request))})
        except Exception as error:
            environ[FAILED] = error
            return self._flask(environ, start_response)
        self._metrics.request("/predict", 200, time.monotonic() - environ[BEGUN])
        start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
        return [body]


class _Request(Request):
    max_content_length = MOST_BYTES


def _encoded(body: Any) -> bytes:
    try:
        return msgspec.json.encode(body)
    except UnicodeEncodeError:  # half of a surrogate pair in a transcript
        return json.dumps(body).encode()
