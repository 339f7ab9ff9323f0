"""The HTTP front: Transcribe here, everything else by moto; every call counted, every S3 answer open to browsers."""

import json
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.wrappers import Request, Response

from local_aws import permissions
from local_aws.answers import refused, reply, s3_error
from local_aws.call import Call, call_of
from local_aws.calls import Calls
from local_aws.errors import AccessDenied, BadRequest, Refusal
from local_aws.faults import Faults
from local_aws.iam import OWNER, USER, Need
from local_aws.operations import Caller
from local_aws.scheduler import Clock
from local_aws.storage import ACCOUNT, Storage, partition
from local_aws.transcribe import Transcribe

_CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, HEAD, PUT, POST, DELETE, OPTIONS",
    "Access-Control-Allow-Headers": "*",
    "Access-Control-Expose-Headers": "Accept-Ranges, Content-Length, Content-Range, ETag",
}
_LOOKS = {"GetObject", "HeadObject"}


class Front:
    """A WSGI application."""

    def __init__(self, transcribe: Transcribe, faults: Faults, calls: Calls, region: str, clock: Clock) -> None:
        self._transcribe, self._faults, self._calls = transcribe, faults, calls
        self._region, self._clock = region, clock
        self._moto: WSGIApplication = DomainDispatcherApplication(create_backend_app)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request = Request(environ)
        if request.path.startswith("/_local_aws/"):
            return self._own(request)(environ, start_response)
        call = call_of(request, self._region)
        self._calls.arrived(call.service, call.operation)
        self._faults.delay(call.region)

        def counted(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            self._calls.answered(call.service, call.operation, int(status[:3]), dict(headers))
            return start_response(status, _open(headers), *rest)

        return self._application(request, call)(environ, counted)

    def now(self) -> float:
        """The time by AWS's clock."""
        return self._clock() + self._faults.weather.clock_skew

    def _own(self, request: Request) -> Response:
        """`calls` are counted; `faults` are switched by a POST of their new values by name."""
        if request.path == "/_local_aws/calls":
            return _json({**self._calls.report(), "faults": self._faults.report()})
        if request.path != "/_local_aws/faults":
            return _json({"error": "There are /_local_aws/calls and /_local_aws/faults."}, 404)
        try:
            self._faults.change(_parameters(request))
        except (ValueError, BadRequest) as error:
            return _json({"error": str(error)}, 400)
        return _json({"fired": self._faults.report()})

    def _application(self, request: Request, call: Call) -> WSGIApplication:
        if call.service == "s3" and request.method == "OPTIONS" and "Origin" in request.headers:
            return Response(status=200)
        try:
            self._admit(request, call)
            return self._service(request, call)
        except Refusal as refusal:
            return self._refused(refusal, request, call)

    def _service(self, request: Request, call: Call) -> WSGIApplication:
        if call.service == "transcribe":
            self._faults.strike(call.operation)
            caller = Caller(request.host_url.rstrip("/"), lambda need: self._allowed(call, need))
            return reply(self._transcribe.call(call.operation, _parameters(request), call.region, caller))
        if call.service != "s3":
            return self._moto
        bucket, _, key = request.path.lstrip("/").partition("/")
        if call.operation in _LOOKS:
            self._faults.looked_at((bucket, key))
        if bucket.startswith("aws-transcribe-") and bucket.endswith("-prod"):
            return self._document(bucket, key, request)
        return s3_error("AccessDenied", "Request has expired") if _expired(request, self._clock()) else self._moto

    def _document(self, bucket: str, key: str, request: Request) -> Response:
        region = bucket.removeprefix("aws-transcribe-").removesuffix("-prod")
        try:
            content = self._transcribe.region(region).documents.read(key, request.query_string.decode())
        except PermissionError as error:
            return s3_error("AccessDenied", str(error))
        return Response(content, content_type="application/octet-stream")

    # -- who may do what

    def _admit(self, request: Request, call: Call) -> None:
        """Raises Refusal for a signed request that the front door turns away."""
        if not call.access_key:
            return
        self._faults.check_signature(call.service, call.signed_at)
        if self._faults.weather.iam_policy is None:
            return
        for need in self._needs(request, call):
            if not self._allowed(call, need):
                self._faults.fired("iam_policy")
                user = f"arn:{partition(call.region)}:iam::{ACCOUNT}:user/{USER}"
                raise AccessDenied(need.told(user, '"' if call.service == "s3" else ""))

    def _allowed(self, call: Call, need: Need) -> bool:
        policy = self._faults.weather.iam_policy
        return policy is None or call.access_key in ("", OWNER) or policy.allows(need)

    def _needs(self, request: Request, call: Call) -> Iterator[Need]:
        if call.service == "transcribe":
            yield from permissions.transcribe_needs(call.operation, _parameters(request), call.region)
        elif call.service == "s3":
            query = request.query_string.decode()
            yield from permissions.s3_needs(call.operation, request.path, query, request.headers, call.region)
            yield from self._needs_of_the_missing(request, call)
        elif call.service != "sts":  # everybody may ask who they are
            yield Need(f"{call.service}:{call.operation}", "*")

    def _needs_of_the_missing(self, request: Request, call: Call) -> Iterator[Need]:
        """Only who may list a bucket is told that an object is not there (404 instead of 403)."""
        bucket, _, key = request.path.lstrip("/").partition("/")
        if call.operation in _LOOKS and not Storage(call.region).holds(bucket, key):
            yield permissions.listing(bucket, call.region)

    def _refused(self, refusal: Refusal, request: Request, call: Call) -> Response:
        answer = refused(refusal, call.service)
        region = Storage(call.region).region(request.path.lstrip("/").partition("/")[0])
        if call.service == "s3" and region:
            answer.headers["x-amz-bucket-region"] = region
        return answer


def _json(content: Any, status: int = 200) -> Response:
    return Response(json.dumps(content), status, mimetype="application/json")


def _parameters(request: Request) -> dict[str, Any]:
    try:
        parameters = json.loads(request.get_data() or b"{}")
    except ValueError as error:
        raise BadRequest("The request body isn't JSON.") from error
    if not isinstance(parameters, dict):
        raise BadRequest("The request body isn't a JSON object.")
    return parameters


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
