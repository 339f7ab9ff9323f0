"""Names of S3 operations from HTTP requests, by botocore's own service model."""

from collections.abc import Iterator
from functools import lru_cache
from urllib.parse import parse_qsl

import botocore.session

_Query = frozenset[tuple[str, str]]

# The model tells these from PutObject and UploadPart by a header or by parameters, not by the URI.
_SAME_URI = {
    "CopyObject",
    "UploadPart",
    "UploadPartCopy",
    "AbortMultipartUpload",
    "CompleteMultipartUpload",
    "ListParts",
}


def operation(method: str, path: str, query: str, copies: bool) -> str:
    """The operation of a path-style request; `copies`: it has an x-amz-copy-source header."""
    _, _, key = path.lstrip("/").partition("/")
    level = "key" if key else "bucket" if path.strip("/") else "service"
    fields = frozenset(parse_qsl(query, keep_blank_values=True))
    names = {name for name, _ in fields}
    if level == "key" and "uploadId" in names:
        return _multipart(method, copies)
    if level == "key" and copies:
        return "CopyObject"
    wanted = [(len(needed), name) for name, needed in _candidates()[method, level] if _given(needed, fields, names)]
    return max(wanted, key=lambda entry: entry[0], default=(0, method))[1]


def _multipart(method: str, copies: bool) -> str:
    if method == "PUT":
        return "UploadPartCopy" if copies else "UploadPart"
    return {"POST": "CompleteMultipartUpload", "DELETE": "AbortMultipartUpload"}.get(method, "ListParts")


def _given(needed: _Query, fields: _Query, names: set[str]) -> bool:
    return all((name, value) in fields if value else name in names for name, value in needed)


@lru_cache
def _candidates() -> dict[tuple[str, str], list[tuple[str, _Query]]]:
    table: dict[tuple[str, str], list[tuple[str, _Query]]] = {}
    for name, method, level, needed in _model():
        table.setdefault((method, level), []).append((name, needed))
    for method in ("GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS", "PATCH"):
        for level in ("service", "bucket", "key"):
            table.setdefault((method, level), [])
    return table


def _model() -> Iterator[tuple[str, str, str, _Query]]:
    model = botocore.session.get_session().get_service_model("s3")
    for name in model.operation_names:
        if name in _SAME_URI:
            continue
        http = model.operation_model(name).http
        path, _, query = http["requestUri"].partition("?")
        level = "key" if "{Key" in path else "bucket" if "{Bucket" in path else "service"
        yield name, http["method"], level, frozenset(parse_qsl(query, keep_blank_values=True))
