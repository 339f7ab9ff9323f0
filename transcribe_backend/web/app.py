"""The Flask app: routes of the Label Studio ML protocol, each a few lines around the model class."""

import logging
import time
from typing import Any

from flask import Flask, Response, g, jsonify, request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from transcribe_backend.backend import Backend
from transcribe_backend.errors import TranscribeBackendError
from transcribe_backend.web import auth, payloads, refusals
from transcribe_backend.web import status as status_page
from transcribe_backend.web.shortcut import BEGUN, FAILED, MOST_BYTES, Shortcut

_log = logging.getLogger(__name__)


def create_app(model_class: Any, backend: Backend) -> Flask:
    """The app that gunicorn serves; `model_class` is made anew for each request."""
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = MOST_BYTES
    door = auth.Door(backend.settings)
    auth.guard(app, door)
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
        return refusals.version(model(asked.project, asked.schema).connect)

    def predict(asked: payloads.Predict) -> list[Any]:
        answers: list[Any] = model(asked.project, asked.label_config).predict(asked.tasks, context=asked.context)
        return answers

    app.wsgi_app = Shortcut(app, door, predict, backend.metrics)  # type: ignore[method-assign]

    @app.post("/predict")
    def failed() -> Any:
        raise request.environ[FAILED]

    @app.post("/webhook")
    def webhook() -> Any:
        event, data = payloads.webhook(request)
        model().fit(event, data)
        return jsonify(status="ok")

    @app.get("/versions")
    def versions() -> Any:
        answered = backend.versions.recent().values()
        return jsonify(versions=list(dict.fromkeys(each.version for each in answered)))

    @app.get("/metrics")
    def metrics() -> Any:
        return Response(backend.metrics.exposition(), mimetype="text/plain; version=0.0.4")

    status_page.serve(app, backend)
    return app


def _tell_errors(app: Flask) -> None:
    app.register_error_handler(TranscribeBackendError, refusals.refused)

    @app.errorhandler(RequestEntityTooLarge)
    def too_large(error: RequestEntityTooLarge) -> Any:
        most = MOST_BYTES // 1024**2
        return jsonify(detail=f"A request may have {most} MB at most; select fewer tasks at once."), 413

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
        g.begun = request.environ[BEGUN]

    @app.after_request
    def end(response: Response) -> Response:
        route = request.url_rule.rule if request.url_rule else "unknown"
        backend.metrics.request(route, response.status_code, time.monotonic() - g.get("begun", time.monotonic()))
        return response
