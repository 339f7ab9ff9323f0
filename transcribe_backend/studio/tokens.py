"""Label Studio's two kinds of API token, and the Authorization header each becomes."""

import base64
import binascii
import json
import threading
from collections.abc import Callable
from typing import Any

ACCESS_SECONDS = 300.0
"""Life of an access token (Label Studio 1.23.2, SIMPLE_JWT); we renew it a minute before its end."""
_MARGIN = 60.0

KINDS = {"none": "token", "personal": "personal access token", "access": "access token", "legacy": "legacy token"}
"""What people call them."""


def kind(token: str) -> str:
    """`none`, `personal` (access token of a user: a refresh JWT), `access` (a short-lived JWT) or `legacy`."""
    if not token:
        return "none"
    claims = _claims(token)
    if claims is None:
        return "legacy"
    return "personal" if claims.get("token_type") == "refresh" else "access"


def _claims(token: str) -> dict[str, Any] | None:
    """The payload of a JWT, not verified (Label Studio does that); None when the token is no JWT."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, binascii.Error):
        return None
    return claims if isinstance(claims, dict) else None


class Authorization:
    """The Authorization header for a token; personal access tokens are exchanged by `exchange` and kept while valid."""

    def __init__(self, token: str, exchange: Callable[[str], str], clock: Callable[[], float]) -> None:
        self.kind = kind(token)
        self._token = token
        self._exchange = exchange
        self._clock = clock
        self._lock = threading.Lock()
        self._access = ""
        self._renew_at = 0.0

    def header(self) -> str:
        """Value of the Authorization header, "" without a token. Raises what `exchange` raises."""
        if self.kind == "personal":
            return f"Bearer {self._current_access()}"
        return {"none": "", "legacy": f"Token {self._token}", "access": f"Bearer {self._token}"}[self.kind]

    def forget(self) -> bool:
        """Drop an access token that was refused; False when another one would be no better."""
        with self._lock:
            had, self._access = bool(self._access), ""
        return had

    def _current_access(self) -> str:
        with self._lock:
            if not self._access or self._clock() >= self._renew_at:
                self._access = self._exchange(self._token)
                self._renew_at = self._clock() + ACCESS_SECONDS - _MARGIN
            return self._access
