"""The CloudFormation template: linted, created in moto; what moto ignores is read from the template."""

import json
from typing import Any

import boto3
import pytest
from cfnlint import api
from moto import mock_aws

from harness import ROOT
from tests.deploy.template import PATH, Template

PARTITION = {"AWS::Partition": "YOUR-PARTITION"}
POLICY = json.loads((ROOT / "deploy" / "iam-policy.json").read_text())


def statements(template: Template) -> list[Any]:
    """The policy of the template, with the ARNs that iam-policy.json has."""
    document = json.dumps(template.resources()["Policy"]["Properties"]["PolicyDocument"])
    return json.loads(document.replace("Bucket.Arn", "arn:YOUR-PARTITION:s3:::YOUR-BUCKET"))["Statement"]


def test_cfn_lint_has_nothing_to_say() -> None:
    assert [str(match) for match in api.lint_file(PATH)] == []


def test_the_policy_is_exactly_the_one_beside_it() -> None:
    assert statements(Template(AudioBucket="YOUR-AUDIO-BUCKET", **PARTITION)) == POLICY["Statement"]


def test_without_an_audio_bucket_no_other_bucket_can_be_read() -> None:
    assert "YOUR-AUDIO-BUCKET" not in json.dumps(statements(Template()))
    assert [each["Sid"] for each in statements(Template())] == [each["Sid"] for each in POLICY["Statement"][1:]]


def test_the_policy_follows_the_folder() -> None:
    assert "s3:::YOUR-BUCKET/calls/*" in json.dumps(statements(Template(Folder="calls")))


def test_nothing_is_tied_to_one_partition() -> None:
    for text in (PATH.read_text(), json.dumps(POLICY)):
        assert "arn:aws" not in text


def test_the_bucket_is_kept_encrypted_and_closed() -> None:
    resources = Template().resources()
    bucket = resources["Bucket"]
    properties = bucket["Properties"]
    assert bucket["DeletionPolicy"] == bucket["UpdateReplacePolicy"] == "Retain"
    assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(properties["PublicAccessBlockConfiguration"]) == 4
    (encryption,) = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert encryption["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    (only_tls,) = resources["OnlyTLS"]["Properties"]["PolicyDocument"]["Statement"]
    assert (only_tls["Effect"], only_tls["Principal"], only_tls["Action"]) == ("Deny", "*", "s3:*")
    assert only_tls["Resource"] == ["Bucket.Arn", "Bucket.Arn/*"]
    assert only_tls["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


@pytest.mark.parametrize(
    ("days", "expires"), [("0", {"f/media/": "7"}), ("90", {"f/media/": "7", "f/transcripts/": "90"})]
)
def test_copied_audio_expires_and_transcripts_are_kept_unless_told(days: str, expires: dict[str, str]) -> None:
    bucket = Template(TranscriptDays=days, Folder="f").resources()["Bucket"]
    rules = bucket["Properties"]["LifecycleConfiguration"]["Rules"]
    assert {rule["Prefix"]: rule["ExpirationInDays"] for rule in rules if "ExpirationInDays" in rule} == expires
    assert {rule["Status"] for rule in rules} == {"Enabled"}
    (unfinished,) = [rule for rule in rules if "AbortIncompleteMultipartUpload" in rule]
    assert unfinished["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}
    assert unfinished["Prefix"] == "f/media/"


@pytest.mark.filterwarnings("ignore:Tried to parse AWS..S3..BucketPolicy")
@pytest.mark.parametrize(
    ("identity", "made"),
    [
        ("user", {"User"}),
        ("ec2.amazonaws.com", {"Role", "InstanceProfile"}),
        ("ecs-tasks.amazonaws.com", {"Role"}),
    ],
)
def test_the_stack_can_be_created(identity: str, made: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)  # of a shell that uses the stand-in
    with mock_aws():
        session = boto3.Session(region_name="us-east-1")
        cloudformation, iam = session.client("cloudformation"), session.client("iam")
        parameters = {"AudioBucket": "my-audio", "Identity": identity}
        cloudformation.create_stack(
            StackName="transcribe",
            TemplateBody=PATH.read_text(),
            Capabilities=["CAPABILITY_IAM"],
            Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()],
        )
        (stack,) = cloudformation.describe_stacks(StackName="transcribe")["Stacks"]
        assert stack["StackStatus"] == "CREATE_COMPLETE"
        outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
        session.client("s3").head_bucket(Bucket=outputs["BucketName"])
        # moto evaluates outputs without looking at their conditions, so it makes what they name as well.
        assert iam.list_users()["Users"] if "User" in made else iam.list_roles()["Roles"]
        version = iam.get_policy_version(PolicyArn=outputs["PolicyArn"], VersionId="v1")["PolicyVersion"]["Document"]
        assert version["Statement"][0]["Resource"] == "arn:aws:s3:::my-audio/*"
        assert version["Statement"][2]["Resource"].startswith(f"arn:aws:s3:::{outputs['BucketName']}/")
    resources = Template(Identity=identity).resources()
    assert set(resources) == {"Bucket", "OnlyTLS", "Policy"} | made
    for name in made - {"InstanceProfile"}:
        assert resources[name]["Properties"]["ManagedPolicyArns"] == ["Policy"]
