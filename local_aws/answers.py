"""Answers in the protocol of their service: JSON for Transcribe and SQS, XML for S3 and STS."""

import json
from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape

from werkzeug.wrappers import Response

from local_aws.errors import FrontDoor, Refusal

_JSON = "application/x-amz-json-1.1"
_XML = "application/xml"
_HEAD = '<?xml version="1.0" encoding="UTF-8"?>'


def reply(content: Mapping[str, Any]) -> Response:
    """What an operation of Transcribe returns."""
    return Response(json.dumps(content), content_type=_JSON)


def refused(refusal: Refusal, service: str) -> Response:
    """A refusal as the service words it; `x-amzn-ErrorType` tells its code as well."""
    if service == "s3" and isinstance(refusal, FrontDoor):
        return s3_error(refusal.s3_code, str(refusal), refusal.s3_status)
    if service == "sts":
        body = f"{_HEAD}<ErrorResponse>{_error(refusal.code, str(refusal))}</ErrorResponse>"
        return Response(body, refusal.status, content_type=_XML)
    body = json.dumps({"__type": refusal.code, "Message": str(refusal)})
    return Response(body, refusal.status, {"x-amzn-ErrorType": refusal.code}, content_type=_JSON)


def s3_error(code: str, message: str, status: int = 403) -> Response:
    """A refusal of S3."""
    return Response(_HEAD + _error(code, message), status, content_type=_XML)


def _error(code: str, message: str) -> str:
    return f"<Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
