"""A worker's metrics on a port of their own (METRICS_PORT), under the rules of the server: who may call, from where."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask, Response, jsonify
from werkzeug.serving import WSGIRequestHandler, make_server

from transcribe_backend.backend import Backend
from transcribe_backend.errors import SettingsError
from transcribe_backend.web import auth


@contextmanager
def metrics_port(backend: Backend) -> Iterator[None]:
    """Serve until the end of the block; nothing where METRICS_PORT is 0. Raises SettingsError when it is taken."""
    settings = backend.settings
    if not settings.metrics_port:
        yield
        return
    try:
        server = make_server(
            settings.host, settings.metrics_port, _app(backend), threaded=True, request_handler=_Silent
        )
    except (OSError, SystemExit) as error:
        raise SettingsError(
            f"METRICS_PORT {settings.metrics_port} is taken or not allowed.", remedy="Choose another one."
        ) from error
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


def _app(backend: Backend) -> Flask:
    app = Flask(__name__)
    auth.guard(app, auth.Door(backend.settings))

    @app.get("/")
    @app.get("/health")
    def health() -> Response:
        return jsonify(status="UP")

    @app.get("/metrics")
    def metrics() -> Response:
        return Response(backend.metrics.exposition(), mimetype="text/plain; version=0.0.4")

    return app


class _Silent(WSGIRequestHandler):
    timeout = 10

    def log(self, type: str, message: str, *args: object) -> None:
        """Nobody needs a line for each scrape."""
