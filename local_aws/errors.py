"""The refusals of AWS Transcribe, as exceptions; code and HTTP status are those of botocore's service model."""

from typing import ClassVar


class Refusal(Exception):
    """A request that AWS refuses; `str()` is the Message that boto3 shows."""

    code: ClassVar[str]
    status: ClassVar[int]


class BadRequest(Refusal):
    """The request does not fulfil a rule."""

    code, status = "BadRequestException", 400


class NotFound(Refusal):
    """No such job, vocabulary or resource."""

    code, status = "NotFoundException", 404


class Conflict(Refusal):
    """The name is taken, or the resource is still being worked on."""

    code, status = "ConflictException", 409


class LimitExceeded(Refusal):
    """Too many requests, concurrent jobs or vocabularies."""

    code, status = "LimitExceededException", 429


class Throttling(Refusal):
    """Too many requests, as AWS's front door says it."""

    code, status = "ThrottlingException", 400


class InternalFailure(Refusal):
    """AWS's own fault; here only when asked for by `--error-rate`."""

    code, status = "InternalFailureException", 500


class FrontDoor(Refusal):
    """A refusal that comes before the service looks at the request; S3 has words of its own for it."""

    s3_code: ClassVar[str]
    s3_status: ClassVar[int]


class AccessDenied(FrontDoor):
    """No policy allows it."""

    code, status = "AccessDeniedException", 400
    s3_code, s3_status = "AccessDenied", 403


class ExpiredToken(FrontDoor):
    """The credentials were good once."""

    code, status = "ExpiredTokenException", 400
    s3_code, s3_status = "ExpiredToken", 400


class Skewed(FrontDoor):
    """The request was signed at another time than it is now."""

    code, status = "InvalidSignatureException", 400
    s3_code, s3_status = "RequestTimeTooSkewed", 403


class UnknownOperation(Refusal):
    """An operation that AWS or this stand-in does not have."""

    code, status = "UnknownOperationException", 400


UNREADABLE = (
    "The S3 URI that you provided can't be accessed. "
    "Make sure that you have read permission and try your request again."
)
TOO_LONG = (
    "You've either sent too many requests or your input file is too long. "
    "Wait before retrying your request, or use a smaller file and try your request again."
)
TOO_SMALL = "The input media file length is too small. Check the length of the file and try your request again."
UNSUPPORTED = "Unsupported media format."


class JobFailure(Exception):
    """A job or vocabulary ends as FAILED; `str()` is its FailureReason."""
