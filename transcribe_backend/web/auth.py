"""Who may call: Basic authentication, and where none is set what keeps web pages from calling for their visitors."""

import hmac
import ipaddress
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Response, jsonify, request
from werkzeug.wrappers import Request

from transcribe_backend.settings import Settings

_OPEN = frozenset({"/", "/health"})
_PRIVATE_NAMES = (".localhost", ".local", ".internal", ".svc", ".lan", ".home.arpa")
_LONGEST_NAME = 253
_ASK = "This backend requires Basic authentication with its BASIC_AUTH_USER and BASIC_AUTH_PASS."
_NAME = "Without a password this backend answers to addresses and private names only: set BASIC_AUTH_USER and _PASS."
_JSON = "The body must be sent as application/json."

Refusal = tuple[int, str, dict[str, str]]
"""HTTP status, what to do, further headers."""


class Door:
    """Lets only those in who know BASIC_AUTH_USER and BASIC_AUTH_PASS, but for `/` and `/health`.

    Without a password a web page could make its visitor's browser call: by a form (which cannot send JSON), or under a
    name of its own that it lets point to us (DNS rebinding).
    """

    def __init__(self, settings: Settings) -> None:
        self._guarded = settings.guarded
        self._known = (settings.basic_auth_user.encode(), settings.basic_auth_pass.encode())

    def refusal(self, request: Request) -> Refusal | None:
        """Why the request is not let in; None when it is."""
        if request.path in _OPEN:
            return None
        if self._guarded and not _given(request, self._known):
            return 401, _ASK, {"WWW-Authenticate": 'Basic realm="Label Studio ML backend"'}
        if not self._guarded and not is_private(request.headers.get("Host", "")):
            return 403, _NAME, {}
        if request.method == "POST" and request.mimetype != "application/json":
            return 415, _JSON, {}
        return None


def guard(app: Flask, door: Door) -> None:
    """Nothing of the app is reached past the door."""

    @app.before_request
    def admit() -> Response | None:
        refusal = door.refusal(request)
        return _told(*refusal) if refusal else None


@lru_cache(maxsize=256)
def is_private(host: str) -> bool:
    """Whether nobody on the internet can own this Host header: an address, or a name that no registry sells."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    if len(name) > _LONGEST_NAME:
        return False
    return "." not in name.rstrip(".") or name.rstrip(".").endswith(_PRIVATE_NAMES) or _is_address(name)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _given(request: Request, known: tuple[bytes, bytes]) -> bool:
    given = request.authorization
    if given is None or given.type != "basic":
        return False
    user, password = (given.username or "").encode(), (given.password or "").encode()
    # Both are compared, in constant time, so that the answer's delay tells nothing.
    return hmac.compare_digest(user, known[0]) & hmac.compare_digest(password, known[1])


def _told(code: int, detail: str, headers: dict[str, str]) -> Response:
    """Label Studio shows the reason phrase, others the body."""
    response: Any = jsonify(detail=detail)
    response.status = f"{code} {detail}"
    response.headers.update(headers)
    return response  # type: ignore[no-any-return]
