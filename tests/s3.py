"""S3 as moto serves it, in this process."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import boto3
import pytest
import requests
from moto.server import ThreadedMotoServer

REGION, ELSEWHERE = "us-east-1", "eu-west-1"


@contextmanager
def moto_s3() -> Iterator[str]:
    """A moto server that boto3 finds by the environment; yields its URL."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", url)
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patch.setenv("AWS_DEFAULT_REGION", REGION)
        try:
            yield url
        finally:
            server.stop()


@cache
def _client(url: str) -> Any:
    return boto3.client("s3", endpoint_url=url)


def fresh_buckets(url: str) -> Any:
    """Empties moto and makes `calls` and `ours` here, `far` and `ours-far` in another region; returns a client."""
    requests.post(f"{url}/moto-api/reset", timeout=10).raise_for_status()
    client = _client(url)
    for bucket in ("calls", "ours"):
        client.create_bucket(Bucket=bucket)
    for bucket in ("far", "ours-far"):
        client.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": ELSEWHERE})
    return client
