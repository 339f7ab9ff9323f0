"""Basic authentication of callers, as Label Studio and its webhooks send it."""

import hmac
from typing import Any

from flask import Flask, jsonify, request

from transcribe_backend.settings import Settings

_OPEN = frozenset({"/", "/health"})


def guard(app: Flask, settings: Settings) -> None:
    """Let only those in who know BASIC_AUTH_USER and BASIC_AUTH_PASS, but for `/` and `/health`."""
    if not settings.basic_auth_user:
        return
    wanted = (settings.basic_auth_user.encode(), settings.basic_auth_pass.encode())

    @app.before_request
    def authenticate() -> Any:
        if request.path in _OPEN or _given(wanted):
            return None
        refusal = jsonify(detail="This backend wants BASIC_AUTH_USER and BASIC_AUTH_PASS as Basic authentication.")
        refusal.status_code = 401
        refusal.headers["WWW-Authenticate"] = 'Basic realm="Label Studio ML backend"'
        return refusal


def _given(wanted: tuple[bytes, bytes]) -> bool:
    given = request.authorization
    if given is None or given.type != "basic":
        return False
    user, password = (given.username or "").encode(), (given.password or "").encode()
    # Both are compared, in constant time, so that the answer's delay tells nothing.
    return hmac.compare_digest(user, wanted[0]) & hmac.compare_digest(password, wanted[1])
