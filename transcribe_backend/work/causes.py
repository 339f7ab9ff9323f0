"""PURE: what equal troubles have in common, so that they are told, counted and mended together."""

import re

from transcribe_backend.errors import TranscribeBackendError

_LONGEST = 400
# One look at each run of characters.
_RULES = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"\bs3://([^/\s]{1,63})/\S+?(?=[.:;,]?(?:\s|$))", r"s3://\1/…"),
        (r"\b(https?://[^/\s]{1,255})/\S+?(?=[.:;,]?(?:\s|$))", r"\1/…"),
        (r"\b(gs|azure-blob)://\S+?(?=[.:;,]?(?:\s|$))", r"\1://…"),
        (r"(?<![\w/])/(data|tasks|projects|api|storage-data)/\S+?(?=[.:;,]?(?:\s|$))", r"/\1/…"),
        (r"\bls-(?:redacted-)?[0-9a-f]{40}\b", "ls-…"),
        (r"\b\d+[.]\d+\b|\b\d{4,}\b", "…"),
    )
)


def cause(error: TranscribeBackendError) -> str:
    """The kind of an error and its problem without what is particular to one task: `AudioNotFound: s3://calls/…: …`."""
    return f"{type(error).__name__}: {general(error.problem)}"


def general(text: str) -> str:
    """A sentence without the names, numbers and addresses of one task."""
    text = " ".join(text[:_LONGEST].split())
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text


def kind(cause: str) -> str:
    """The name of the error's class."""
    return cause.partition(":")[0]
