"""docs/aws-setup.md: its commands do what they say."""

import json
import re
import subprocess
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from harness import ROOT
from tests.deploy.template import Template

TEXT = (ROOT / "docs" / "aws-setup.md").read_text()


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> Iterator[boto3.Session]:
    """A session in moto's AWS."""
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)  # of a shell that uses the stand-in
    with mock_aws():
        yield boto3.Session(region_name="us-east-1")


def policy() -> Any:
    """The policy that the sed command of the text makes."""
    (command,) = re.findall(r"sed .*?deploy/iam-policy\.json", TEXT, re.DOTALL)
    env = {"AUDIO_BUCKET": "my-recordings", "BUCKET": "my-transcripts", "PARTITION": "aws", "PATH": "/usr/bin:/bin"}
    made = subprocess.run(["sh", "-c", command], cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    return json.loads(made.stdout)


def test_the_command_fills_in_every_placeholder(session: boto3.Session) -> None:
    made = policy()
    assert "YOUR-" not in json.dumps(made)
    assert made["Statement"][0]["Resource"] == "arn:aws:s3:::my-recordings/*"
    assert made["Statement"][2]["Resource"] == "arn:aws:s3:::my-transcripts/label-studio-transcribe/*"
    iam = session.client("iam")
    iam.create_user(UserName="label-studio-transcribe")
    iam.put_user_policy(UserName="label-studio-transcribe", PolicyName="transcribe", PolicyDocument=json.dumps(made))


def test_the_lifecycle_is_the_template_s(session: boto3.Session) -> None:
    (given,) = re.findall(r"--lifecycle-configuration '(.*?)'", TEXT, re.DOTALL)
    (rule,) = json.loads(given)["Rules"]
    s3 = session.client("s3")
    s3.create_bucket(Bucket="my-transcripts")
    s3.put_bucket_lifecycle_configuration(Bucket="my-transcripts", LifecycleConfiguration={"Rules": [rule]})
    expiring, unfinished = Template().resources()["Bucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    assert rule["Filter"]["Prefix"] == expiring["Prefix"] == unfinished["Prefix"]
    assert str(rule["Expiration"]["Days"]) == expiring["ExpirationInDays"]
    assert rule["AbortIncompleteMultipartUpload"] == unfinished["AbortIncompleteMultipartUpload"]


def test_what_it_names_exists() -> None:
    named = re.findall(r"`(\w+Days)`", TEXT) + re.findall(r"\b(AudioBucket|Identity)=", TEXT)
    assert set(named) == {"AudioBucket", "Identity", "MediaDays", "TranscriptDays"} <= set(Template().values)
    for path in re.findall(r"deploy/[\w.-]+", TEXT):
        assert (ROOT / path).is_file()
