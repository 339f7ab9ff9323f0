"""Objects in S3: what a look at them tells."""

from typing import Any

from botocore.exceptions import ClientError

from contract.account import Account
from contract.assumption import Seen, assume
from contract.recordings import speech

MEDIA = "aws/media.py"
_PART = 5 * 1024**2


@assume("A HEAD tells an ETag that stays as long as the object does and changes with its content.",
        "same, then another", MEDIA)  # fmt: skip
def etag(account: Account) -> Seen:
    tags = []
    for content in (speech(), None, speech("cards_004.wav")):
        if content is not None:
            account.put("etag.wav", content)
        tags.append(account.s3.head_object(Bucket=account.bucket, Key="etag.wav")["ETag"])
    return Seen(" ".join(tags), tags[0] == tags[1] != tags[2])


@assume("So it is for an object that was uploaded in parts.", "one ETag, of whatever form", MEDIA)
def etag_of_parts(account: Account) -> Seen:
    where: Any = {"Bucket": account.bucket, "Key": "parts.bin"}
    upload = account.s3.create_multipart_upload(**where)["UploadId"]
    parts = []
    for number, content in enumerate((bytes(_PART), b"the end"), 1):
        part = account.s3.upload_part(**where, UploadId=upload, PartNumber=number, Body=content)
        parts.append({"PartNumber": number, "ETag": part["ETag"]})
    account.s3.complete_multipart_upload(**where, UploadId=upload, MultipartUpload={"Parts": parts})
    tags = [account.s3.head_object(**where)["ETag"] for _ in range(2)]
    return Seen(tags[0], tags[0] == tags[1] != "")


@assume("A look at a bucket names its region, also to a client of another region.", "the region", MEDIA)
def bucket_region(account: Account) -> Seen:
    other = "us-west-2" if account.region != "us-west-2" else "us-east-1"
    try:
        answer: Any = account.client("s3", other).head_bucket(Bucket=account.bucket)
    except ClientError as error:
        answer = error.response
    told = answer["ResponseMetadata"]["HTTPHeaders"].get("x-amz-bucket-region", "nothing")
    return Seen(str(told), told == account.region)


@assume("A part of an object can be read, to learn its length.", "exactly that part", "aws/length.py")
def ranged_read(account: Account) -> Seen:
    account.put("range.bin", bytes(range(100)))
    answer = account.s3.get_object(Bucket=account.bucket, Key="range.bin", Range="bytes=10-19")
    content = answer["Body"].read()
    return Seen(f"{len(content)} bytes", content == bytes(range(10, 20)))


@assume("An object that is not there is told by 404 to who may list the bucket.", "404", MEDIA)
def missing_object(account: Account) -> Seen:
    try:
        account.s3.head_object(Bucket=account.bucket, Key="nobody.wav")
    except ClientError as error:
        code = str(error.response["Error"]["Code"])
        return Seen(code, code in ("404", "NoSuchKey"))
    return Seen("it is there", False)
