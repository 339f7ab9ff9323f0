"""Who may call: Basic authentication, and where none is set what keeps web pages from calling for their visitors."""

import hmac
import ipaddress
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Response, jsonify, request

from transcribe_backend.settings import Settings

_OPEN = frozenset({"/", "/health"})
_PRIVATE_NAMES = (".localhost", ".local", ".internal", ".svc", ".lan", ".home.arpa")
_LONGEST_NAME = 253
_ASK = "This backend requires Basic authentication with its BASIC_AUTH_USER and BASIC_AUTH_PASS."
_NAME = "Without a password this backend answers to addresses and private names only: set BASIC_AUTH_USER and _PASS."
_JSON = "The body must be sent as application/json."


def guard(app: Flask, settings: Settings) -> None:
    """Let only those in who know BASIC_AUTH_USER and BASIC_AUTH_PASS, but for `/` and `/health`.

    Without a password a web page could make its visitor's browser call: by a form (which cannot send JSON), or under a
    name of its own that it lets point to us (DNS rebinding).
    """
    wanted = (settings.basic_auth_user.encode(), settings.basic_auth_pass.encode())

    @app.before_request
    def admit() -> Response | None:
        if request.path in _OPEN:
            return None
        if settings.guarded and not _given(wanted):
            return _refusal(401, _ASK, **{"WWW-Authenticate": 'Basic realm="Label Studio ML backend"'})
        if not settings.guarded and not is_private(request.headers.get("Host", "")):
            return _refusal(403, _NAME)
        if request.method == "POST" and request.mimetype != "application/json":
            return _refusal(415, _JSON)
        return None


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


def _given(wanted: tuple[bytes, bytes]) -> bool:
    given = request.authorization
    if given is None or given.type != "basic":
        return False
    user, password = (given.username or "").encode(), (given.password or "").encode()
    # Both are compared, in constant time, so that the answer's delay tells nothing.
    return hmac.compare_digest(user, wanted[0]) & hmac.compare_digest(password, wanted[1])


def _refusal(code: int, detail: str, **headers: str) -> Response:
    """Label Studio shows the reason phrase, others the body."""
    response: Any = jsonify(detail=detail)
    response.status = f"{code} {detail}"
    response.headers.update(headers)
    return response  # type: ignore[no-any-return]
