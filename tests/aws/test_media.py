"""S3 objects become Media: regions, policy, versions, what AWS Transcribe would refuse."""

import io
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.response import StreamingBody
from botocore.stub import Stubber

from tests.s3 import ELSEWHERE, REGION
from transcribe_backend.aws.addresses import from_url
from transcribe_backend.aws.clients import AWSClients
from transcribe_backend.aws.media import MAX_BYTES, Media, S3Media
from transcribe_backend.errors import AudioForbidden, AudioNotFound, AudioUnsupported, AWSError, BucketError
from transcribe_backend.settings import Settings


def media(**settings: Any) -> S3Media:
    return S3Media(AWSClients(), Settings(**settings))


def etag(s3: Any, bucket: str, key: str) -> str:
    return str(s3.head_object(Bucket=bucket, Key=key)["ETag"]).strip('"')


def test_in_place(s3: Any) -> None:
    s3.put_object(Bucket="calls", Key="a/b c.wav", Body=b"audio")
    found = media(s3_bucket="ours").locate("s3://calls/a/b c.wav")
    tag = etag(s3, "calls", "a/b c.wav")
    assert found == Media("s3://calls/a/b c.wav", f"s3://calls/a/b c.wav#{tag}", REGION)


def test_a_new_object_under_an_old_uri_is_new_media(s3: Any) -> None:
    locator = media()
    s3.put_object(Bucket="calls", Key="a.wav", Body=b"one")
    before = locator.locate("s3://calls/a.wav")
    s3.put_object(Bucket="calls", Key="a.wav", Body=b"two")
    after = locator.locate("s3://calls/a.wav")
    assert before.uri == after.uri and before.identity != after.identity


def test_missing_object_says_it_in_aws_words(s3: Any) -> None:
    with pytest.raises(AudioNotFound) as caught:
        media().locate("s3://calls/none.wav")
    assert "s3://calls/none.wav" in caught.value.problem
    assert "S3 answered 404 Not Found" in caught.value.problem
    assert "The S3 URI that you provided can't be accessed" in caught.value.problem
    assert "bucket and the key" in caught.value.remedy


def test_missing_bucket(s3: Any) -> None:
    with pytest.raises(AudioNotFound, match="s3://no-such-bucket/a.wav: S3 answered 404 Not Found"):
        media().locate("s3://no-such-bucket/a.wav")


def test_empty_object(s3: Any) -> None:
    s3.put_object(Bucket="calls", Key="a.wav", Body=b"")
    with pytest.raises(AudioUnsupported, match="s3://calls/a.wav is empty"):
        media().locate("s3://calls/a.wav")


def test_policy_of_buckets(s3: Any) -> None:
    s3.put_object(Bucket="far", Key="a.wav", Body=b"audio")
    with pytest.raises(AudioForbidden, match="may not read") as caught:
        media(allowed_s3_buckets=frozenset({"calls"})).locate("s3://far/a.wav")
    assert "ALLOWED_S3_BUCKETS" in caught.value.remedy


def test_other_region_without_a_bucket_of_ours_runs_there(s3: Any) -> None:
    s3.put_object(Bucket="far", Key="a.wav", Body=b"audio")
    found = media().locate("s3://far/a.wav")
    assert (found.uri, found.region) == ("s3://far/a.wav", ELSEWHERE)


def test_other_region_with_our_bucket_there_runs_there(s3: Any) -> None:
    s3.put_object(Bucket="far", Key="a.wav", Body=b"audio")
    found = media(s3_bucket="ours-far").locate("s3://far/a.wav")
    assert (found.uri, found.region) == ("s3://far/a.wav", ELSEWHERE)


def test_other_region_is_copied_once_into_our_bucket(s3: Any) -> None:
    s3.put_object(Bucket="far", Key="a.WAV", Body=b"audio")
    locator = media(s3_bucket="ours", s3_folder="f")
    found = locator.locate("s3://far/a.WAV")
    assert found.region == REGION
    assert found.uri.startswith("s3://ours/f/media/") and found.uri.endswith(".wav")
    assert found.identity == f"s3://far/a.WAV#{etag(s3, 'far', 'a.WAV')}"
    key = found.uri.removeprefix("s3://ours/")
    first = s3.head_object(Bucket="ours", Key=key)["LastModified"]
    assert locator.locate("s3://far/a.WAV") == found
    assert s3.head_object(Bucket="ours", Key=key)["LastModified"] == first
    assert s3.get_object(Bucket="ours", Key=key)["Body"].read() == b"audio"


def test_copy_is_encrypted_with_our_key(s3: Any) -> None:
    s3.put_object(Bucket="far", Key="a.wav", Body=b"audio")
    found = media(s3_bucket="ours", s3_kms_key="alias/ours").locate("s3://far/a.wav")
    head = s3.head_object(Bucket="ours", Key=found.uri.removeprefix("s3://ours/"))
    assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", "alias/ours")


def test_version_of_an_url_is_copied(s3: Any) -> None:
    s3.put_bucket_versioning(Bucket="calls", VersioningConfiguration={"Status": "Enabled"})
    old = s3.put_object(Bucket="calls", Key="a.wav", Body=b"old")["VersionId"]
    s3.put_object(Bucket="calls", Key="a.wav", Body=b"new")
    address = from_url(f"https://calls.s3.amazonaws.com/a.wav?versionId={old}")
    assert address
    found = media(s3_bucket="ours").locate(address)
    assert s3.get_object(Bucket="ours", Key=found.uri.removeprefix("s3://ours/"))["Body"].read() == b"old"
    with pytest.raises(AudioForbidden, match="no S3_BUCKET"):
        media().locate(address)


def test_our_bucket_is_missing(s3: Any) -> None:
    s3.put_object(Bucket="calls", Key="a.wav", Body=b"audio")
    with pytest.raises(BucketError, match="S3_BUCKET nowhere does not exist"):
        media(s3_bucket="nowhere").locate("s3://calls/a.wav")


def test_urls_of_our_endpoint_are_objects(s3: Any, endpoint: str) -> None:
    url = s3.generate_presigned_url("get_object", Params={"Bucket": "calls", "Key": "a b.wav"})
    address = media().address(url)
    assert address and address.uri == "s3://calls/a b.wav" and address.signed
    assert media().address("https://example.com/a.wav") is None


class StubbedClients(AWSClients):
    """AWSClients whose S3 client is a botocore stub, for answers that moto does not give."""

    def __init__(self) -> None:
        super().__init__(REGION)
        self.client: Any = boto3.client("s3", region_name=REGION, aws_access_key_id="x", aws_secret_access_key="y")
        self.stub = Stubber(self.client)
        self.stub.activate()

    def s3(self, region: str | None = None) -> Any:
        return self.client


@pytest.fixture
def stubbed() -> Iterator[StubbedClients]:
    clients = StubbedClients()
    yield clients
    clients.stub.assert_no_pending_responses()


BUCKET = {"Bucket": "calls"}
OBJECT = {"Bucket": "calls", "Key": "a.wav"}


def head(stubbed: StubbedClients, **answer: Any) -> None:
    stubbed.stub.add_response("head_bucket", {"BucketRegion": REGION}, BUCKET)
    stubbed.stub.add_response("head_object", {"ETag": '"t"', "ContentLength": 5, **answer}, OBJECT)


def refuse(stubbed: StubbedClients, what: str, code: str, status: int = 403) -> None:
    """HEAD is refused without a word, GET with a code."""
    head, get, place, more = {
        "bucket": ("head_bucket", "list_objects_v2", BUCKET, {"MaxKeys": 1}),
        "object": ("head_object", "get_object", OBJECT, {"Range": "bytes=0-0"}),
    }[what]
    stubbed.stub.add_client_error(head, str(status), http_status_code=status, expected_params=place)
    stubbed.stub.add_client_error(get, code, http_status_code=status, expected_params={**place, **more})


def test_denied_metadata_leaves_the_uri_alone(stubbed: StubbedClients) -> None:
    refuse(stubbed, "bucket", "AccessDenied")
    for _ in range(2):
        refuse(stubbed, "object", "AccessDenied")
    locator = S3Media(stubbed, Settings())
    assert locator.readable("s3://calls/a.wav") is None
    assert locator.locate("s3://calls/a.wav") == Media("s3://calls/a.wav", "s3://calls/a.wav", REGION)


@pytest.mark.parametrize("what", ["bucket", "object"])
@pytest.mark.parametrize(
    ("code", "status", "told"),
    [
        ("RequestTimeTooSkewed", 403, "this machine's time"),
        ("InvalidAccessKeyId", 403, "the credentials"),
        ("ExpiredToken", 400, "the credentials"),
        ("InvalidRequest", 400, "InvalidRequest"),
    ],
)
def test_a_refusal_that_has_other_reasons_is_no_denial(
    stubbed: StubbedClients, what: str, code: str, status: int, told: str
) -> None:
    """Else the audio would be another one, whose job is paid again, and its region a guess."""
    if what == "object":
        stubbed.stub.add_response("head_bucket", {"BucketRegion": REGION}, BUCKET)
    refuse(stubbed, what, code, status)
    with pytest.raises(AWSError, match=told):
        S3Media(stubbed, Settings()).locate("s3://calls/a.wav")


def test_what_was_in_the_way_may_pass_meanwhile(stubbed: StubbedClients) -> None:
    stubbed.stub.add_response("head_bucket", {"BucketRegion": REGION}, BUCKET)
    stubbed.stub.add_client_error("head_object", "403", http_status_code=403, expected_params=OBJECT)
    body = StreamingBody(io.BytesIO(b"a"), 1)
    stubbed.stub.add_response("get_object", {"Body": body}, {**OBJECT, "Range": "bytes=0-0"})
    stubbed.stub.add_response("head_object", {"ETag": '"t"', "ContentLength": 5}, OBJECT)
    assert S3Media(stubbed, Settings()).locate("s3://calls/a.wav").identity == "s3://calls/a.wav#t"


@pytest.mark.parametrize("status", [301, 403])
def test_region_is_in_the_refusal(stubbed: StubbedClients, status: int) -> None:
    headers = {"HTTPHeaders": {"x-amz-bucket-region": ELSEWHERE}}
    stubbed.stub.add_client_error(
        "head_bucket", str(status), http_status_code=status, response_meta=headers, expected_params=BUCKET
    )
    stubbed.stub.add_response("head_object", {"ETag": '"t"', "ContentLength": 5}, OBJECT)
    assert S3Media(stubbed, Settings()).locate("s3://calls/a.wav").region == ELSEWHERE


def test_too_large_for_transcribe(stubbed: StubbedClients) -> None:
    head(stubbed, ContentLength=MAX_BYTES + 1)
    with pytest.raises(AudioUnsupported, match="s3://calls/a.wav has 2.0 GB; AWS Transcribe accepts 2 GB"):
        S3Media(stubbed, Settings()).locate("s3://calls/a.wav")


def test_exactly_2_gb_is_taken(stubbed: StubbedClients) -> None:
    head(stubbed, ContentLength=MAX_BYTES)
    assert S3Media(stubbed, Settings()).locate("s3://calls/a.wav").identity == "s3://calls/a.wav#t"


@pytest.mark.parametrize("storage", ["GLACIER", "DEEP_ARCHIVE"])
def test_archived(stubbed: StubbedClients, storage: str) -> None:
    head(stubbed, StorageClass=storage)
    with pytest.raises(AudioUnsupported, match="archived"):
        S3Media(stubbed, Settings()).locate("s3://calls/a.wav")


def test_archived_and_restored(stubbed: StubbedClients) -> None:
    head(stubbed, StorageClass="GLACIER", Restore='ongoing-request="false", expiry-date="Fri, 21 Dec 2040"')
    assert S3Media(stubbed, Settings()).locate("s3://calls/a.wav")


def test_other_failures_are_aws_errors(stubbed: StubbedClients) -> None:
    stubbed.stub.add_response("head_bucket", {}, BUCKET)
    stubbed.stub.add_client_error("head_object", "503", http_status_code=503, expected_params=OBJECT)
    with pytest.raises(AWSError, match="look at s3://calls/a.wav") as caught:
        S3Media(stubbed, Settings()).locate("s3://calls/a.wav")
    assert caught.value.retryable
