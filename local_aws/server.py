"""The HTTP front: Transcribe here, everything else by moto; every call counted, every S3 answer open to browsers."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.wrappers import Request, Response

from local_aws import s3_operations
from local_aws.calls import Calls
from local_aws.errors import BadRequest, Refusal
from local_aws.faults import Faults
from local_aws.scheduler import Clock
from local_aws.transcribe import Transcribe

_JSON = "application/x-amz-json-1.1"
_CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, HEAD, PUT, POST, DELETE, OPTIONS",
    "Access-Control-Allow-Headers": "*",
    "Access-Control-Expose-Headers": "Accept-Ranges, Content-Length, Content-Range, ETag",
}


@dataclass(frozen=True, slots=True)
class Call:
    """Which operation of which service, in which region, a request asks for."""

    service: str
    operation: str
    region: str


class Front:
    """A WSGI application."""

    def __init__(self, transcribe: Transcribe, faults: Faults, calls: Calls, region: str, clock: Clock) -> None:
        self._transcribe, self._faults, self._calls = transcribe, faults, calls
        self._region, self._clock = region, clock
        self._moto: WSGIApplication = DomainDispatcherApplication(create_backend_app)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request = Request(environ)
        if request.path == "/_local_aws/calls":
            return Response(json.dumps(self._calls.report()), mimetype="application/json")(environ, start_response)
        call = _call(request, self._region)
        self._calls.arrived(call.service, call.operation)

        def counted(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            self._calls.answered(call.service, call.operation, int(status[:3]))
            return start_response(status, _open(headers), *rest)

        return self._application(request, call)(environ, counted)

    def _application(self, request: Request, call: Call) -> WSGIApplication:
        if call.service == "transcribe":
            return self._answer(request, call)
        if call.service != "s3":
            return self._moto
        if request.method == "OPTIONS" and "Origin" in request.headers:
            return Response(status=200)
        bucket, _, key = request.path.lstrip("/").partition("/")
        if bucket.startswith("aws-transcribe-") and bucket.endswith("-prod"):
            return self._document(bucket, key, request)
        if _expired(request, self._clock()):
            return _denied("Request has expired")
        return self._moto

    def _answer(self, request: Request, call: Call) -> Response:
        try:
            self._faults.strike(call.operation)
            reply = self._transcribe.call(
                call.operation, _parameters(request), call.region, request.host_url.rstrip("/")
            )
        except Refusal as refusal:
            body = {"__type": refusal.code, "Message": str(refusal)}
            return Response(json.dumps(body), refusal.status, content_type=_JSON)
        return Response(json.dumps(reply), content_type=_JSON)

    def _document(self, bucket: str, key: str, request: Request) -> Response:
        region = bucket.removeprefix("aws-transcribe-").removesuffix("-prod")
        try:
            content = self._transcribe.region(region).documents.read(key, request.query_string.decode())
        except PermissionError as error:
            return _denied(str(error))
        return Response(content, content_type="application/octet-stream")


def _parameters(request: Request) -> dict[str, Any]:
    try:
        parameters = json.loads(request.get_data() or b"{}")
    except ValueError as error:
        raise BadRequest("The request body isn't JSON.") from error
    if not isinstance(parameters, dict):
        raise BadRequest("The request body isn't a JSON object.")
    return parameters


def _call(request: Request, region: str) -> Call:
    prefix, _, operation = request.headers.get("X-Amz-Target", "").rpartition(".")
    signed_region, signed_service = _scope(request)
    service = "transcribe" if prefix == "Transcribe" else signed_service or "s3"
    if service == "s3":
        copies = "X-Amz-Copy-Source" in request.headers
        operation = s3_operations.operation(request.method, request.path, request.query_string.decode(), copies)
    elif not operation:
        operation = request.method
    return Call(service, operation, signed_region or region)


def _scope(request: Request) -> tuple[str, str]:
    """Region and service that the request was signed for: `Credential=KEY/DATE/REGION/SERVICE/aws4_request`."""
    header = request.headers.get("Authorization", "")
    credential = header.partition("Credential=")[2].partition(",")[0] or request.args.get("X-Amz-Credential", "")
    parts = credential.split("/")
    return (parts[-3], parts[-2].lower()) if len(parts) >= 5 else ("", "")


def _open(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """With CORS headers for any origin, for moto's stop at a bucket's own rules."""
    kept = [(name, value) for name, value in headers if name.title() not in _CORS]
    return [*kept, *_CORS.items()]


def _expired(request: Request, now: float) -> bool:
    """Is this a presigned URL (of signature version 2 or 4) whose time has passed? moto does not look."""
    fields = {name: values[0] for name, values in parse_qs(request.query_string.decode()).items()}
    try:
        if "X-Amz-Expires" in fields:
            signed = datetime.strptime(fields["X-Amz-Date"], "%Y%m%dT%H%M%S%z")
            return (signed + timedelta(seconds=int(fields["X-Amz-Expires"]))).timestamp() < now
        return "Signature" in fields and float(fields["Expires"]) < now
    except (KeyError, ValueError):
        return True


def _denied(message: str) -> Response:
    body = f'<?xml version="1.0" encoding="UTF-8"?><Error><Code>AccessDenied</Code><Message>{message}</Message></Error>'
    return Response(body, 403, content_type="application/xml")
