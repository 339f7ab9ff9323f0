"""The forms of S3 addresses."""

import boto3
import botocore.session
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transcribe_backend.aws.addresses import DOMAINS, S3Address, from_uri, from_url
from transcribe_backend.errors import AudioError

ENDPOINT = "http://127.0.0.1:5000"


@pytest.mark.parametrize(
    ("url", "uri"),
    [
        ("https://calls.s3.amazonaws.com/a/b.wav", "s3://calls/a/b.wav"),
        ("https://calls.s3.eu-west-1.amazonaws.com/a/b.wav", "s3://calls/a/b.wav"),
        ("https://calls.s3-eu-west-1.amazonaws.com/a/b.wav", "s3://calls/a/b.wav"),
        ("https://calls.s3.dualstack.us-east-2.amazonaws.com/b.wav", "s3://calls/b.wav"),
        ("https://calls.s3-fips.us-gov-west-1.amazonaws.com/b.wav", "s3://calls/b.wav"),
        ("https://calls.s3-accelerate.amazonaws.com/b.wav", "s3://calls/b.wav"),
        ("https://calls.s3-accelerate.dualstack.amazonaws.com/b.wav", "s3://calls/b.wav"),
        ("https://calls.s3.cn-north-1.amazonaws.com.cn/b.wav", "s3://calls/b.wav"),
        ("https://s3.us-gov-east-1.amazonaws.com/calls/b.wav", "s3://calls/b.wav"),
        ("https://calls.s3.eusc-de-east-1.amazonaws.eu/b.wav", "s3://calls/b.wav"),
        ("https://s3.us-iso-east-1.c2s.ic.gov/calls/b.wav", "s3://calls/b.wav"),
        ("https://my.dotted.bucket.s3.amazonaws.com/b.wav", "s3://my.dotted.bucket/b.wav"),
        ("https://s3.amazonaws.com/calls/a/b.wav", "s3://calls/a/b.wav"),
        ("https://s3.eu-west-1.amazonaws.com/calls/a/b.wav", "s3://calls/a/b.wav"),
        ("https://s3-eu-west-1.amazonaws.com/calls/b.wav", "s3://calls/b.wav"),
        ("https://s3-external-1.amazonaws.com/calls/b.wav", "s3://calls/b.wav"),
        ("https://s3.dualstack.eu-west-1.amazonaws.com/calls/b.wav", "s3://calls/b.wav"),
        ("http://S3.amazonaws.com:80/calls/b.wav", "s3://calls/b.wav"),
        ("https://s3.amazonaws.com/calls/two%20words+x%2B1.wav", "s3://calls/two words x+1.wav"),
        ("https://calls.s3.amazonaws.com/b.wav?X-Amz-Expires=60&X-Amz-Signature=ab", "s3://calls/b.wav"),
        ("http://127.0.0.1:5000/calls/a+b%20c.wav", "s3://calls/a+b c.wav"),
        ("http://calls.127.0.0.1:5000/b.wav", "s3://calls/b.wav"),
    ],
)
def test_urls_of_s3(url: str, uri: str) -> None:
    address = from_url(url, ENDPOINT)
    assert address and address.uri == uri
    assert address.signed == ("Signature" in url)


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/calls/b.wav",
        "https://calls.s3.amazonaws.com.evil.example/b.wav",
        "https://s3.amazonaws.com@evil.example/calls/b.wav",
        "https://evil.example/s3.amazonaws.com/calls/b.wav",
        "https://calls.s3-website-us-east-1.amazonaws.com/b.wav",
        "https://ap-123.s3-accesspoint.us-east-1.amazonaws.com/b.wav",
        "https://s3.amazonaws.com/calls",
        "https://s3.amazonaws.com/",
        "https://s3.amazonaws.com:8443/calls/b.wav",
        "http://127.0.0.1:5001/calls/b.wav",
        "http://x127.0.0.1:5000/calls/b.wav",
        "https://xs3.amazonaws.com/calls/b.wav",
    ],
)
def test_other_urls(url: str) -> None:
    assert from_url(url, ENDPOINT) is None


def test_the_domains_are_those_of_all_partitions() -> None:
    partitions = botocore.session.get_session().get_data("endpoints")["partitions"]
    assert {partition["dnsSuffix"] for partition in partitions} == set(DOMAINS)


def test_the_urls_of_all_regions_are_read() -> None:
    session = boto3.session.Session()
    regions = [
        region
        for partition in session.get_available_partitions()
        for region in session.get_available_regions("s3", partition)
    ]
    assert {"us-gov-west-1", "cn-northwest-1", "eusc-de-east-1"} < set(regions)
    for region in regions:
        client = session.client("s3", region, aws_access_key_id="a", aws_secret_access_key="b")
        for bucket in ("calls", "dotted.calls"):
            url = client.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "a/b c.wav"})
            assert from_url(url) == S3Address(bucket, "a/b c.wav", signed=True), url


def test_version() -> None:
    address = from_url("https://calls.s3.amazonaws.com/b.wav?versionId=v1&Signature=x")
    assert address == S3Address("calls", "b.wav", version="v1", signed=True)


@pytest.mark.parametrize(
    ("uri", "key"),
    [
        ("s3://calls/a/b.wav", "a/b.wav"),
        ("s3://calls/what?#1.wav", "what?#1.wav"),
        ("s3://calls/50%25 of it.wav", "50%25 of it.wav"),
        ("s3://calls//double.wav", "/double.wav"),
        ("s3://calls/日本語.wav", "日本語.wav"),
    ],
)
def test_keys_are_verbatim(uri: str, key: str) -> None:
    assert from_uri(uri) == S3Address("calls", key)


@pytest.mark.parametrize(
    ("uri", "problem"),
    [
        ("s3://", "no valid S3 bucket"),
        ("s3://ab/x.wav", "no valid S3 bucket"),
        ("s3://UPPER/x.wav", "no valid S3 bucket"),
        ("s3://user:pw@calls/x.wav", "no valid S3 bucket"),
        ("s3://arn:aws:s3:us-east-1:1:accesspoint/x", "no valid S3 bucket"),
        ("s3://calls", "no S3 object"),
        ("s3://calls/", "no S3 object"),
        ("s3://calls/folder/", "no S3 object"),
        ("s3://calls/../other/x.wav", "dot segments"),
        ("s3://calls/a/./x.wav", "dot segments"),
        ("s3://calls/x\r\nHost: evil", "control characters"),
        ("s3://calls/x\0.wav", "control characters"),
    ],
)
def test_impossible_uris(uri: str, problem: str) -> None:
    with pytest.raises(AudioError, match=problem):
        from_uri(uri)


@given(st.text(max_size=80))
def test_any_text_is_an_address_or_a_typed_error(text: str) -> None:
    try:
        address = from_uri(f"s3://{text}")
    except AudioError as error:
        assert error.remedy
    else:
        assert address.uri == f"s3://{text}"
