"""`python -m transcribe_backend doctor`: in order where all is, and each broken set-up names its fix."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from harness import ROOT
from harness.aws import LocalAWS, local_aws
from harness.label_studio import VERSION
from harness.processes import free_port
from harness.studio_double import StudioDouble, studio_double
from tests.deploy.policy import DeployedPolicy
from tests.servers import Reply, Request, Server, serve
from transcribe_backend.commands import parser as cli
from transcribe_backend.commands.connections import basic
from transcribe_backend.commands.doctor import label_studio
from transcribe_backend.commands.doctor.checks import ALL

BUCKET, FAR = "transcripts", "far-transcripts"
_PERSONAL = "eyJhbGciOiJIUzI1NiJ9.eyJ0b2tlbl90eXBlIjoicmVmcmVzaCJ9.c2lnbmF0dXJl"
PASSWORD = {"BASIC_AUTH_USER": "somebody", "BASIC_AUTH_PASS": "open sesame"}


def health(request: Request) -> Reply:
    """A backend that runs."""
    return Reply(200, b'{"status": "UP", "model_class": "AWSTranscribe"}')


@pytest.fixture(scope="module")
def stand_in() -> Iterator[LocalAWS]:
    """AWS, with a bucket as docs/aws-setup.md makes it."""
    with local_aws() as running:
        running.s3.create_bucket(Bucket=BUCKET)
        blocked = dict.fromkeys(
            ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True
        )
        running.s3.put_public_access_block(Bucket=BUCKET, PublicAccessBlockConfiguration=blocked)
        rule = {"ID": "old", "Status": "Enabled", "Filter": {"Prefix": "media/"}, "Expiration": {"Days": 7}}
        running.s3.put_bucket_lifecycle_configuration(Bucket=BUCKET, LifecycleConfiguration={"Rules": [rule]})
        far = running.client("s3", region_name="eu-west-1")
        far.create_bucket(Bucket=FAR, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        yield running


@dataclass
class Installation:
    """What a doctor looks at, and a doctor."""

    aws: LocalAWS
    studio: StudioDouble
    server: Server
    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]
    stack: ExitStack
    printed: str = field(default="", repr=False)

    def set(self, **variables: str | None) -> None:
        """Change its environment; None takes a variable away."""
        for name, value in variables.items():
            if value is None:
                self.monkeypatch.delenv(name, raising=False)
            else:
                self.monkeypatch.setenv(name, value)

    def connect(self, **changes: Any) -> None:
        """Connect project 1, with its webhook."""
        self.studio.connected = [
            {"id": 1, "project": 1, "url": self.server.url, "title": "AWS Transcribe", "state": "CO", **changes}
        ]
        self.studio.webhooks = [{"id": 1, "url": f"{self.server.url}/webhook", "is_active": True, "headers": {}}]

    def doctor(self, *arguments: str) -> int:
        """Its exit status; what it said is `printed`."""
        status = cli.main(["doctor", "--backend-url", self.server.url, *arguments])
        self.printed = self.capsys.readouterr().out
        return status

    def examined(self, *checks: str) -> dict[str, dict[str, str]]:
        """What it found, by check."""
        self.doctor("--json", *checks)
        return {each["name"]: each for each in json.loads(self.printed)["checks"]}


@pytest.fixture
def installation(
    stand_in: LocalAWS, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Installation]:
    """One in which everything is in order."""
    with ExitStack() as stack:
        studio, server = stack.enter_context(studio_double()), stack.enter_context(serve(health))
        made = Installation(stand_in, studio, server, monkeypatch, capsys, stack)
        made.set(**stand_in.env, **studio.env, S3_BUCKET=BUCKET, MODEL_DIR=str(tmp_path / "model"), LOG_LEVEL="ERROR")
        made.connect()
        yield made
        stand_in.switch(nasty=False)


def test_where_all_is_in_order_it_says_so(installation: Installation) -> None:
    found = installation.examined()
    assert {name: each["found"] for name, each in found.items() if each["verdict"] not in ("fine", "unseen")} == {}
    assert [each.name for each in ALL if not each.asked_for] == list(found)
    assert installation.doctor() == 0
    assert "Nothing is wrong." in installation.printed
    assert "who sees 1 project." in installation.printed
    assert "are in order" in installation.printed and "arrive" not in installation.printed, "none was sent"


# Broken set-ups


def without_server(broken: Installation) -> None:
    broken.server.url = f"http://127.0.0.1:{free_port()}"


def read_only_folder(broken: Installation) -> None:
    """Root may write anywhere: as somebody else."""
    parent = Path(os.environ["MODEL_DIR"]).parent / "read-only"
    parent.mkdir(mode=0o555)
    broken.set(MODEL_DIR=str(parent / "model"))
    if os.geteuid() == 0:
        os.seteuid(65534)
        broken.stack.callback(os.seteuid, 0)


def full_of_webhooks(broken: Installation, **changes: Any) -> None:
    broken.studio.webhooks[0] |= changes


def policy_without(*actions: str) -> dict[str, Any]:
    """deploy/iam-policy.json, put into force without some actions."""
    document = DeployedPolicy(YOUR_AUDIO_BUCKET="audio", YOUR_BUCKET=BUCKET).document
    for statement in document["Statement"]:
        listed = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        statement["Action"] = [action for action in listed if action not in actions]
    return {"Version": "2012-10-17", "Statement": [each for each in document["Statement"] if each["Action"]]}


def legacy_off(broken: Installation) -> None:
    broken.set(LABEL_STUDIO_API_KEY="f" * 40)


BROKEN: list[tuple[str, Callable[[Installation], object], str, str]] = [
    ("wrong personal token", lambda it: it.set(LABEL_STUDIO_API_KEY=_PERSONAL), "token", "Create a new one (Account"),
    ("legacy token", legacy_off, "token", "Create a personal access token"),
    ("Label Studio down", lambda it: it.studio.down(), "label-studio", "Check LABEL_STUDIO_URL"),
    ("not Label Studio", lambda it: it.set(LABEL_STUDIO_URL=it.server.url), "label-studio", "Check that LABEL_STUDIO"),
    ("URL without key", lambda it: it.set(LABEL_STUDIO_API_KEY=None), "token", "personal access token"),
    ("no Label Studio", lambda it: it.set(LABEL_STUDIO_URL=None, LABEL_STUDIO_API_KEY=None),
     "label-studio", "Set LABEL_STUDIO_URL"),
    ("no AWS keys", lambda it: it.set(AWS_ACCESS_KEY_ID=None), "identity", "Set AWS_ACCESS_KEY_ID"),
    ("expired keys", lambda it: it.aws.switch(expired_credentials=True), "identity", "AWS_SESSION_TOKEN"),
    ("no region", lambda it: it.set(AWS_DEFAULT_REGION=None), "region", "Set AWS_DEFAULT_REGION"),
    ("wrong region", lambda it: it.set(AWS_DEFAULT_REGION="us-est-1"), "region", "or us-east-1?"),
    ("AWS unreachable", lambda it: it.set(AWS_ENDPOINT_URL="http://127.0.0.1:9"), "clock", "Check the network"),
    ("clock skew", lambda it: it.aws.switch(clock_skew=4000), "clock", "Correct the clock"),
    ("bucket missing", lambda it: it.set(S3_BUCKET="no-such-bucket"), "bucket", "Create it or correct S3_BUCKET"),
    ("bucket as URI", lambda it: it.set(S3_BUCKET=f"s3://{BUCKET}/"), "settings", "of a bucket alone: transcripts"),
    ("language by name", lambda it: it.set(TRANSCRIBE_LANGUAGE="english"), "settings", "en-US"),
    ("impossible setting", lambda it: it.set(PORT="abc"), "settings", "Correct the environment"),
    ("store unreachable", lambda it: it.set(QUEUE_URL="postgresql://127.0.0.1:9/work"), "store", "server at QUEUE_URL"),
    ("folder that cannot be made", lambda it: it.set(MODEL_DIR="/dev/null/model"), "folder", "Name a folder"),
    ("read-only folder", read_only_folder, "folder", "Name a folder that the backend's user may write to"),
    ("permission missing", lambda it: it.aws.switch(iam_policy=policy_without("transcribe:GetVocabulary")),
     "permissions", "Attach deploy/iam-policy.json"),
    ("bucket not listed", lambda it: it.aws.switch(iam_policy=policy_without("s3:ListBucket")),
     "bucket", "Attach deploy/iam-policy.json"),
    ("no server", without_server, "server", "Start it"),
    ("backend not reached", lambda it: it.connect(state="DI"), "connection", "host.docker.internal"),
    ("backend refuses", lambda it: it.connect(state="ER", error_message="422 Client Error: No Audio tag. for url: x"),
     "connection", "then connect again"),
    ("wrong password", lambda it: it.connect(state="ER", error_message="401 Client Error: wants. for url: x"),
     "connection", "Set BASIC_AUTH_USER and BASIC_AUTH_PASS"),
    ("webhook missing", lambda it: it.studio.webhooks.clear(), "webhook", "connect --project 1"),
    ("webhook off", lambda it: full_of_webhooks(it, is_active=False), "webhook", "connect --project 1"),
    ("webhook without password", lambda it: it.set(**PASSWORD), "webhook", "connect --project 1"),
]  # fmt: skip


@pytest.mark.parametrize(("break_it", "check", "fix"), [each[1:] for each in BROKEN], ids=[each[0] for each in BROKEN])
def test_a_broken_set_up_names_its_fix(
    installation: Installation, break_it: Callable[[Installation], object], check: str, fix: str
) -> None:
    break_it(installation)
    found = installation.examined(check)
    assert found[check]["verdict"] == "wrong", found
    assert fix in f"{found[check]['found']} {found[check]['fix']}", found[check]
    assert [name for name, each in found.items() if each["verdict"] == "wrong"] == [check]
    assert installation.doctor(check) == 1
    assert f"WRONG  {check}" in installation.printed


def test_what_cannot_be_known_before_is_not_looked_at(installation: Installation) -> None:
    installation.set(AWS_ACCESS_KEY_ID=None)
    found = installation.examined()
    assert {name for name, each in found.items() if each["verdict"] == "unseen"} == {
        "permissions",
        "bucket",
        "protection",
    }


def test_a_bucket_elsewhere_works_and_is_told(installation: Installation) -> None:
    installation.set(S3_BUCKET=FAR)
    found = installation.examined("bucket")["bucket"]
    assert found["verdict"] == "note"
    assert "AWS_DEFAULT_REGION=eu-west-1" in found["fix"]


def test_another_version_of_label_studio_is_told(installation: Installation) -> None:
    installation.studio.version = "1.24.0"
    assert "the tested version is" in installation.examined("label-studio")["label-studio"]["found"]
    assert label_studio.TESTED == VERSION


def test_the_password_in_the_webhook_is_accepted(installation: Installation) -> None:
    installation.set(**PASSWORD)
    full_of_webhooks(installation, headers={"Authorization": basic("somebody", "open sesame")})
    assert installation.examined("webhook")["webhook"]["verdict"] == "fine"


# Permissions


def test_every_action_of_the_policy_is_tried_and_nothing_is_made(installation: Installation) -> None:
    def made() -> list[Any]:
        vocabularies = installation.aws.transcribe.list_vocabularies()["Vocabularies"]
        objects = installation.aws.s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])
        uploads = installation.aws.s3.list_multipart_uploads(Bucket=BUCKET).get("Uploads", [])
        return [*installation.aws.jobs(), *vocabularies, *objects, *uploads]

    before = made()
    allowed = {action for each in policy_without()["Statement"] for action in each["Action"]}
    for action in sorted(allowed - {"s3:ListBucket", "s3:GetObjectVersion"}):
        installation.aws.switch(iam_policy=policy_without(action))
        found = installation.examined("permissions")["permissions"]
        assert (found["verdict"], action in found["found"]) == ("wrong", True), (action, found)
    installation.aws.switch(iam_policy=policy_without())
    assert installation.examined("permissions")["permissions"]["verdict"] == "fine"
    installation.aws.switch(nasty=False)
    (left,) = installation.aws.s3.list_multipart_uploads(Bucket=BUCKET)["Uploads"]  # which it might not abort
    upload = {"Key": left["Key"], "UploadId": left["UploadId"]}
    installation.aws.s3.abort_multipart_upload(Bucket=BUCKET, **upload)
    assert made() == before


# A transcription


def test_a_transcription_says_its_price_first_and_leaves_no_job(
    installation: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["doctor", "--transcribe", "transcription"]) == 0
    printed = capsys.readouterr()
    assert "which costs an estimated $0.0002" in printed.err
    assert "its transcript can be read" in printed.out
    assert installation.aws.jobs() == []
    assert installation.aws.count("StartTranscriptionJob") >= 1


def test_nothing_is_transcribed_unasked(installation: Installation) -> None:
    assert "transcription" not in installation.examined()


# What it prints


def test_the_block_for_an_issue_holds_no_secret_and_no_name(installation: Installation) -> None:
    installation.set(**PASSWORD, S3_BUCKET="no-such-bucket", AWS_SESSION_TOKEN="t" * 30, TRANSCRIBE_MAX_JOBS="7")
    installation.doctor()
    block = installation.printed.partition("```")[2]
    environ = os.environ
    private = ("LABEL_STUDIO_API_KEY", "BASIC_AUTH_PASS", "BASIC_AUTH_USER", "AWS_SESSION_TOKEN", "S3_BUCKET")
    assert [name for name in private if environ[name] in block] == []
    assert "admin@example.com" not in block and "123456789012" not in block
    assert "WRONG bucket: S3_BUCKET … does not exist." in block
    assert "TRANSCRIBE_MAX_JOBS=7" in block and "S3_BUCKET (set)" in block


def test_each_result_is_printed_as_it_is_known(installation: Installation) -> None:
    installation.doctor("settings", "folder")
    names = [line.split()[1] for line in installation.printed.partition("\n\n")[0].splitlines() if line[0] != " "]
    assert names == ["settings", "folder"]


def test_checks_are_listed_and_a_wrong_name_is_refused(
    installation: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    assert installation.doctor("--list-checks") == 0
    assert [line.split()[0] for line in installation.printed.splitlines()] == [each.name for each in ALL]
    with pytest.raises(SystemExit):
        installation.doctor("clok")
    assert "there is no check 'clok'" in capsys.readouterr().err


def test_names_are_unique_and_needs_come_before() -> None:
    names = [each.name for each in ALL]
    assert len(set(names)) == len(names)
    for number, each in enumerate(ALL):
        assert set(each.needs) <= set(names[:number])


def test_the_lock_that_python_is_compared_with_is_there() -> None:
    assert (ROOT / "requirements.txt").exists()
