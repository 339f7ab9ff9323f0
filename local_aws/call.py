"""What a request asks for, and who signed it."""

from dataclasses import dataclass

from werkzeug.wrappers import Request

from local_aws import s3_operations


@dataclass(frozen=True, slots=True)
class Call:
    """Which operation of which service, in which region; `access_key` is "" when it is not signed, `signed_at` (as
    in X-Amz-Date) when it is not or was signed before, as a URL."""

    service: str
    operation: str
    region: str
    access_key: str = ""
    signed_at: str = ""


def call_of(request: Request, region: str) -> Call:
    """Reads a request; `region` is that of requests that name none."""
    prefix, _, operation = request.headers.get("X-Amz-Target", "").rpartition(".")
    access_key, signed_region, signed_service = _scope(request)
    service = "transcribe" if prefix == "Transcribe" else signed_service or "s3"
    if service == "s3":
        copies = "X-Amz-Copy-Source" in request.headers
        operation = s3_operations.operation(request.method, request.path, request.query_string.decode(), copies)
    elif not operation:
        operation = request.method
    access_key = access_key or request.args.get("AWSAccessKeyId", "")  # presigned with signature version 2
    return Call(service, operation, signed_region or region, access_key, request.headers.get("X-Amz-Date", ""))


def _scope(request: Request) -> tuple[str, str, str]:
    """Who signed for which region and service: `Credential=KEY/DATE/REGION/SERVICE/aws4_request`."""
    header = request.headers.get("Authorization", "")
    credential = header.partition("Credential=")[2].partition(",")[0] or request.args.get("X-Amz-Credential", "")
    parts = credential.split("/")
    return (parts[0], parts[-3], parts[-2].lower()) if len(parts) >= 5 else ("", "", "")
