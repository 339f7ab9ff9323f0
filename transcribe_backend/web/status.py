"""GET /status and /status.json: the page for the people who run the backend; and its buttons."""

import json
import re
import secrets
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Response, jsonify, render_template, request

from transcribe_backend.backend import Backend
from transcribe_backend.errors import RequestError
from transcribe_backend.home import command
from transcribe_backend.web import actions, plots
from transcribe_backend.web.health import health
from transcribe_backend.web.lessons import Lessons
from transcribe_backend.web.overview import overview

_BETWEEN_TAGS = re.compile(r">\s+<")
# The steps of prelabeling/tally.py in words.
_STEPS = ("10 s", "1 min", "5 min", "30 min", "2 h", "1 day")
_OPEN = "Buttons work behind a password only: set BASIC_AUTH_USER and BASIC_AUTH_PASS."
_FOREIGN = "Another web page has sent this."


def serve(app: Flask, backend: Backend) -> None:
    """Add the routes to the app."""
    known, lessons = health(backend), Lessons(backend)
    decisions = actions.Actions(backend, lessons)

    @app.get("/status")
    def status() -> Any:
        nonce = secrets.token_urlsafe(12)
        text = render_template("status.html", **overview(backend, known, lessons), **_DRAWING, nonce=nonce)
        response = Response(_BETWEEN_TAGS.sub("> <", text).encode("utf-8", "backslashreplace"), mimetype="text/html")
        return _closed(response, nonce)

    @app.get("/status.json")
    def status_json() -> Any:
        return Response(json.dumps(overview(backend, known, lessons)), mimetype="application/json")

    @app.post("/status/<action>")
    def act(action: str) -> Any:
        if not backend.settings.guarded:
            return jsonify(detail=_OPEN), 403
        if _is_foreign():
            return jsonify(detail=_FOREIGN), 403
        body = request.get_json(silent=True)
        if not isinstance(body, dict):
            raise RequestError("The body must be a JSON object.")
        return jsonify(detail=decisions.do(action, body))


def _confidence_names(counts: Sequence[int]) -> list[str]:
    return [f"{tenth * 10}%: {count} texts" for tenth, count in enumerate(counts)]


def _wait_names(counts: Sequence[int]) -> list[str]:
    steps = [*(f"up to {step}" for step in _STEPS), f"over {_STEPS[-1]}"]
    return [f"{step}: {count} texts" for step, count in zip(steps, counts, strict=True)]


def _day_names(days: Sequence[Mapping[str, Any]]) -> list[str]:
    return [f"{each['day']}: ${each['dollars']:.2f}, {each['minutes']} minutes" for each in days]


_DRAWING = {
    "plots": plots,
    "confidence_names": _confidence_names,
    "wait_names": _wait_names,
    "day_names": _day_names,
    "command": command,
}


def _is_foreign() -> bool:
    """Whether a browser says that another site asks. A form cannot send JSON (auth.py); this is the second lock."""
    origin = request.headers.get("Origin")
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        return True
    return origin is not None and urlsplit(origin).netloc != request.host


def _closed(response: Response, nonce: str) -> Response:
    """Nothing is loaded from elsewhere, nobody shows the page inside another, nothing of it is kept."""
    response.headers["Content-Security-Policy"] = (
        f"default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; connect-src 'self'; "
        "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    response.headers["X-Frame-Options"] = "DENY"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cache-Control"] = "no-store"
    return response
