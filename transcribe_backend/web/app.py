"""The Flask app: routes of the Label Studio ML protocol, each a few lines around the model class."""

import json
import logging
import time
from typing import Any

import msgspec
from flask import Flask, Response, g, jsonify, request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from transcribe_backend.backend import Backend
from transcribe_backend.errors import LabelingConfigError, RequestError, TranscribeBackendError
from transcribe_backend.telemetry.redact import redact
from transcribe_backend.web import auth, payloads
from transcribe_backend.web import status as status_page

_log = logging.getLogger(__name__)

_MAX_BODY = 256 * 1024 * 1024  # of 100,000 imported tasks, or of a thousand tasks with hours of old predictions
_LONGEST_REASON = 400


def create_app(model_class: Any, backend: Backend) -> Flask:
    """The app that gunicorn serves; `model_class` is made anew for each request."""
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = _MAX_BODY
    auth.guard(app, backend.settings)
    _measure(app, backend)
    _tell_errors(app)

    def model(project: str | None = "", label_config: str | None = "") -> Any:
        return model_class(project_id=project, label_config=label_config, running=backend)

    @app.get("/")
    @app.get("/health")
    def health() -> Any:
        return jsonify(status="UP", model_class=model_class.__name__)

    @app.post("/setup")
    def setup() -> Any:
        asked = payloads.setup(request)
        try:
            version = model(asked.project, asked.schema).connect()
        except TranscribeBackendError as error:
            return _with_reason(error)
        return jsonify(model_version=version)

    @app.post("/predict")
    def predict() -> Any:
        asked = payloads.predict(request)
        answers = model(asked.project, asked.label_config).predict(asked.tasks, context=asked.context)
        return Response(_encoded({"results": answers}), mimetype="application/json")

    @app.post("/webhook")
    def webhook() -> Any:
        event, data = payloads.webhook(request)
        model().fit(event, data)
        return jsonify(status="ok")

    @app.get("/versions")
    def versions() -> Any:
        return jsonify(versions=list(backend.versions.recent()))

    @app.get("/metrics")
    def metrics() -> Any:
        return Response(backend.metrics.exposition(), mimetype="text/plain; version=0.0.4")

    status_page.serve(app, backend)
    return app


def _encoded(body: Any) -> bytes:
    try:
        return msgspec.json.encode(body)
    except UnicodeEncodeError:  # half of a surrogate pair in a transcript
        return json.dumps(body).encode()


def _with_reason(error: TranscribeBackendError) -> Any:
    """The reason phrase is the only thing of a failing /setup that Label Studio shows its user."""
    advice = redact(error.advice)
    response = jsonify(detail=advice)
    response.status = f"{_code(error)} {_phrase(error)}"
    _log.warning("/setup refused: %s", advice)
    return response


def _phrase(error: TranscribeBackendError) -> str:
    """Fit for an HTTP status line: one line of latin-1, short; of a long problem the remedy stays whole."""
    problem, remedy = (" ".join(redact(text).split()) for text in (error.problem, error.remedy))
    if len(problem) + 1 + len(remedy) > _LONGEST_REASON:
        problem = problem[: max(0, _LONGEST_REASON - 4 - len(remedy))] + "..."
    phrase = f"{problem} {remedy}".strip()[:_LONGEST_REASON]
    return phrase.encode("latin-1", "replace").decode("latin-1")


def _code(error: TranscribeBackendError) -> int:
    return 422 if isinstance(error, LabelingConfigError) else 503


def _tell_errors(app: Flask) -> None:
    @app.errorhandler(RequestError)
    def bad_request(error: RequestError) -> Any:
        return jsonify(detail=redact(error.advice)), 400

    @app.errorhandler(TranscribeBackendError)
    def known(error: TranscribeBackendError) -> Any:
        _log.warning("%s %s refused: %s", request.method, request.path, error.advice)
        return jsonify(detail=redact(error.advice)), _code(error)

    @app.errorhandler(RequestEntityTooLarge)
    def too_large(error: RequestEntityTooLarge) -> Any:
        return jsonify(detail=f"A request may have {_MAX_BODY // 1024**2} MB at most; select fewer tasks at once."), 413

    @app.errorhandler(HTTPException)
    def http(error: HTTPException) -> Any:
        return jsonify(detail=error.description or error.name), error.code or 500

    @app.errorhandler(Exception)
    def unknown(error: Exception) -> Any:
        _log.exception("%s %s failed", request.method, request.path)
        return jsonify(detail="The backend failed; its log says why."), 500


def _measure(app: Flask, backend: Backend) -> None:
    @app.before_request
    def begin() -> None:
        g.begun = time.monotonic()

    @app.after_request
    def end(response: Response) -> Response:
        route = request.url_rule.rule if request.url_rule else "unknown"
        backend.metrics.request(route, response.status_code, time.monotonic() - g.get("begun", time.monotonic()))
        return response
