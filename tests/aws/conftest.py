"""S3 as moto serves it, and clients for answers that a stub gives."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.s3 import fresh_buckets, moto_s3
from transcribe_backend.aws.clients import AWSClients


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """The URL of a moto server, which boto3 finds by the environment."""
    with moto_s3() as url:
        yield url


@pytest.fixture
def s3(endpoint: str) -> Any:
    """A client of it; its buckets are empty."""
    return fresh_buckets(endpoint)


@pytest.fixture
def clients(monkeypatch: pytest.MonkeyPatch) -> AWSClients:
    """Clients that reach nobody: each is to be stubbed."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    return AWSClients("us-east-1")
