"""What must never be shown: credentials, tokens and signed URLs, taken out of any text."""

import logging
import re
from collections.abc import Iterable

from transcribe_backend.errors import clipped

_GONE = "[redacted]"
_LONGEST_MESSAGE, _LONGEST_LINE, _LINES = 8000, 2000, 200
_URL = re.compile(r"(?i)https?://[^\s\"'<>]+")
_SIGNED = re.compile(
    r"(?i)x-(?:amz|goog)-|(?:awsaccesskeyid|googleaccessid|signature|sig|key-pair-id)$|"
    r"token|secret|passw|credential|api_?-?key|^auth|^key$"
)
"""Names of query parameters that make a URL a key to something."""
_OPAQUE = re.compile(r"(?!\d+$)[\w~+=%-]{8,}")
"""Values of query parameters that may be a key, whatever their name (`?t=…`): no number, no path, no file name."""

_RULES = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"(?i)\b([a-z][a-z0-9+.-]{0,20}://)[^\s/?#\"'<>]+@", rf"\1{_GONE}@"),
        (r"(?i)([?&;](?:x-(?:amz|goog)-[a-z-]+|signature|sig|\w*token|api_?key|password)=)[^\s&\"'<>]+", rf"\1{_GONE}"),
        (r"(?i)((?:authorization|x-amz-security-token)[\"']?\s*[:=,]\s*(?:b?[\"'])?)[^\"'\r\n]+", rf"\1{_GONE}"),
        (r"(?i)(signature[\"']?\s*[:=]\s*[\"']?)[0-9a-f]{32,}", rf"\1{_GONE}"),
        (r"(?i)\b(bearer|basic|token)\s+[a-z0-9._~+/=-]{16,}", rf"\1 {_GONE}"),
        # One look at each run of characters: a JWT may begin anywhere in it, and must not be sought from everywhere.
        (r"(?<![\w-])(?=[\w-]++\.[\w-]{5})([\w-]*?)eyJ[\w-]{5,}+\.[\w-]{5,}+(?:\.[\w-]*+)?", rf"\1{_GONE}"),
        (r"\b(?:AKIA|ASIA)[A-Z0-9]{12,}\b", _GONE),
        (
            r"(?i)\b((?:aws_?)?(?:secret_?access_?key|session_?token|access_?token|api_?key|password|refresh)"
            r"[\"']?\s*[:=]\s*[\"']?)[^\s\"',;&}]+",
            rf"\1{_GONE}",
        ),
    )
)


def redact(text: str) -> str:
    """`text` without the queries of signed URLs, user:password@, Authorization values, JWTs and AWS keys."""
    text = _URL.sub(_without_signature, text)
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text


def _without_signature(url: re.Match[str]) -> str:
    head, mark, query = url[0].partition("?")
    parameters = (parameter.partition("=") for parameter in re.split("[&;]", query))
    signed = any(_SIGNED.search(name) or _OPAQUE.fullmatch(value) for name, _, value in parameters)
    return f"{head}?{_GONE}" if mark and signed else url[0]


class RedactingFilter(logging.Filter):
    """Put on every handler: redacts a record's message (arguments included), traceback and stack, and bounds them.

    `secrets` are values to scrub wherever they stand, e.g. the configured passwords and tokens.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        super().__init__()
        # The longest first, so that a secret that contains another one goes as a whole.
        self._secrets = sorted({secret for secret in secrets if len(secret) >= 4}, key=len, reverse=True)

    def filter(self, record: logging.LogRecord) -> bool:
        """Redact `record` in place; True always."""
        record.msg, record.args = redact(clipped(self._without_secrets(_message(record)), _LONGEST_MESSAGE)), None
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = self._clean_lines(record.exc_text)
        if record.stack_info:
            record.stack_info = self._clean_lines(record.stack_info)
        return True

    def _clean_lines(self, text: str) -> str:
        lines = [clipped(line, _LONGEST_LINE) for line in self._without_secrets(text).splitlines()]
        if len(lines) > _LINES:
            lines[_LINES // 2 : -_LINES // 2] = ["…"]
        return redact("\n".join(lines))

    def _without_secrets(self, text: str) -> str:
        """Before anything is cut: half a secret is not found any more."""
        for secret in self._secrets:
            text = text.replace(secret, _GONE)
        return text


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError):
        return f"{record.msg} (its arguments do not fit)"


def shown(url: str) -> str:
    """A URL as it may be shown: without query, fragment and user:password@ (they hold secrets)."""
    head = url.partition("?")[0].partition("#")[0]
    scheme, slashes, rest = head.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{slashes}{host.rpartition('@')[2]}{slash}{path}"[:300]
