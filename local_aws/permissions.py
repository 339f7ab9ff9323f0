"""Which permissions a request needs (AWS: "Actions, resources, and condition keys" of S3 and of Transcribe)."""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs, unquote

from werkzeug.datastructures import Headers

from local_aws.iam import Need
from local_aws.storage import ACCOUNT, partition

_ON_BUCKET = {"HeadBucket": "ListBucket", "ListObjects": "ListBucket", "ListObjectsV2": "ListBucket"}
_READS = {"GetObject", "HeadObject"}
_WRITES = {"PutObject", "CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload"}
_COPIES = {"CopyObject", "UploadPartCopy"}
_KINDS = {
    "TranscriptionJobName": "transcription-job",
    "VocabularyName": "vocabulary",
    "VocabularyFilterName": "vocabulary-filter",
    "ModelName": "language-model",
}


def s3_needs(operation: str, path: str, query: str, headers: Headers, region: str) -> Iterator[Need]:
    """Of a path-style request to S3."""
    bucket, _, key = path.lstrip("/").partition("/")
    root = f"arn:{partition(region)}:s3:::"
    if operation in _READS:
        yield _reading(f"{root}{bucket}/{key}", "versionId" in parse_qs(query))
    elif operation in _WRITES:
        yield Need("s3:PutObject", f"{root}{bucket}/{key}")
    elif operation in _COPIES:
        yield Need("s3:PutObject", f"{root}{bucket}/{key}")
        yield from _copying(root, headers)
    elif not bucket:
        yield Need("s3:ListAllMyBuckets", "*")
    else:
        action = _ON_BUCKET.get(operation, operation)
        yield Need(f"s3:{action}", f"{root}{bucket}/{key}" if key else f"{root}{bucket}")


def listing(bucket: str, region: str) -> Need:
    """Without it S3 does not tell that an object is missing."""
    return Need("s3:ListBucket", f"arn:{partition(region)}:s3:::{bucket}")


def _reading(arn: str, versioned: bool) -> Need:
    return Need("s3:GetObjectVersion" if versioned else "s3:GetObject", arn)


def _copying(root: str, headers: Headers) -> Iterator[Need]:
    source, _, query = headers.get("X-Amz-Copy-Source", "").lstrip("/").partition("?")
    arn = root + unquote(source)
    yield _reading(arn, "versionId" in query)
    if headers.get("X-Amz-Tagging-Directive", "COPY") == "COPY":
        yield Need("s3:GetObjectTagging", arn)


def transcribe_needs(operation: str, request: Mapping[str, Any], region: str) -> Iterator[Need]:
    """Of a request to Transcribe itself; what it then reads and writes for the caller is checked where it does."""
    arn = _resource(operation, request, region)
    yield Need(f"transcribe:{operation}", arn)
    if request.get("Tags") and operation != "TagResource":
        yield Need("transcribe:TagResource", arn)
    role = (request.get("JobExecutionSettings") or {}).get("DataAccessRoleArn")
    if role:
        yield Need("iam:PassRole", role)


def _resource(operation: str, request: Mapping[str, Any], region: str) -> str:
    if request.get("ResourceArn"):
        return str(request["ResourceArn"])
    for field, kind in _KINDS.items():
        if request.get(field) and not operation.startswith("List"):
            return f"arn:{partition(region)}:transcribe:{region}:{ACCOUNT}:{kind}/{request[field]}"
    return "*"
