"""deploy/iam-policy.json in force: the backend's requests to AWS pass with it, and fail without any of its actions."""

import io
import time
import wave
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests
from botocore.config import Config
from botocore.exceptions import ClientError

from harness.aws import LocalAWS, local_aws
from harness.waiting import until
from local_aws.iam import Need, Policy
from tests.deploy.policy import DeployedPolicy, Grant
from transcribe_backend.aws.addresses import S3Address
from transcribe_backend.aws.bucket import Bucket
from transcribe_backend.aws.clients import AWSClients
from transcribe_backend.aws.jobs import Job, TranscribeJobs
from transcribe_backend.aws.listing import audio_uris
from transcribe_backend.aws.media import MEDIA, S3Media
from transcribe_backend.aws.names import Name, Names, names
from transcribe_backend.aws.staging import Staging
from transcribe_backend.aws.transcripts import TranscriptStore
from transcribe_backend.aws.vocabularies import Vocabularies
from transcribe_backend.errors import TranscribeBackendError
from transcribe_backend.settings import Settings
from transcribe_backend.speech.recognition import Recognition
from transcribe_backend.speech.vocabulary import Row, table

AUDIO, OURS = "calls", "transcripts"
POLICY = DeployedPolicy(YOUR_AUDIO_BUCKET=AUDIO, YOUR_BUCKET=OURS)
OWNER = {"aws_access_key_id": "root"}
_NAMING = Recognition(vocabulary="terms", vocabulary_filter="swearing", language_model="law")
USER = "arn:aws:iam::123456789012:user/label-studio-transcribe"


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAWS]:
    with local_aws() as running:
        owner = running.client("s3", **OWNER)
        for bucket in (AUDIO, OURS, "secret"):
            owner.create_bucket(Bucket=bucket)
        owner.put_bucket_versioning(Bucket=AUDIO, VersioningConfiguration={"Status": "Enabled"})
        owner.put_object(Bucket=AUDIO, Key="a_b.wav", Body=b"x")
        owner.put_object(Bucket="secret", Key="a_b.wav", Body=b"x")
        yield running


class Work:
    """All that the backend asks of AWS, on audio and with vocabularies of one name's own."""

    def __init__(self, aws: LocalAWS, folder: Path, name: str) -> None:
        self._name = name
        self._clients = AWSClients()
        self._settings = Settings(s3_bucket=OURS, model_dir=folder)
        self._store = TranscriptStore(self._clients, self._settings)
        self._jobs = TranscribeJobs(self._clients, self._store, self._settings)
        self._uri = f"s3://{AUDIO}/{name}.wav"
        owner = aws.client("s3", **OWNER)
        self._version = owner.put_object(Bucket=AUDIO, Key=f"{name}.wav", Body=name.encode())["VersionId"]

    def complaints(self) -> str:
        """What the errors of all steps say; each step is tried, whatever became of those before."""
        return "\n".join(text for step in self._steps() for text in _complaint(step))

    def _steps(self) -> Iterator[Callable[[], Any]]:
        yield lambda: audio_uris(self._clients, self._uri)
        yield lambda: self._copy("")
        yield lambda: self._copy(self._version)
        yield self._upload_in_parts
        yield self._give_up_an_upload
        yield self._transcribe
        yield self._learn
        yield from (partial(self._look_at, name) for name in names(_NAMING))

    def _look_at(self, name: Name) -> None:
        """What a labeling config names."""
        Names(self._clients, lambda: "us-east-1", elsewhere=True).check(name)

    def _copy(self, version: str) -> None:
        address = S3Address(AUDIO, f"{self._name}.wav", version)
        Bucket(self._clients, self._settings, MEDIA).copy(address, f"{self._name}{version}.wav")

    def _upload_in_parts(self) -> None:
        buffer = io.BytesIO()
        with wave.open(buffer, "wb") as sound:
            sound.setparams((1, 2, 16000, 0, "NONE", ""))
            sound.writeframes(self._name.encode().ljust(17 * 1024**2, b"\0"))
        Staging(self._clients, self._settings).stage([buffer.getvalue()], source="a long file")

    def _give_up_an_upload(self) -> None:
        """As boto3 does when a part cannot be sent; there it keeps a refusal to itself."""
        where = {"Bucket": OURS, "Key": f"label-studio-transcribe/media/{self._name}-parts"}
        upload = self._clients.s3().create_multipart_upload(**where)["UploadId"]
        self._clients.s3().abort_multipart_upload(**where, UploadId=upload)

    def _transcribe(self) -> None:
        job = Job(S3Media(self._clients, self._settings).locate(self._uri), Recognition(language="en-US"))
        self._jobs.start(job)
        until(lambda: self._jobs.get(job.name, ""), lambda status: status is not None and status.state == "COMPLETED")
        assert job.name in [found.name for found in self._jobs.listing("", "COMPLETED", pages=9)]
        until(lambda: self._jobs.fetch(job), bool)
        self._jobs.delete(job.name, "")

    def _learn(self) -> None:
        vocabularies = Vocabularies(self._clients, self._settings, sleep=lambda seconds: time.sleep(seconds / 50))
        project = f"{int(self._name.rpartition('-')[2])}.1"
        for word in ("Xochitl", "Brecon", "Llanelli", "Siobhan"):
            rows = (Row("room-7", "room 7"), *table((word,), "en-US").rows)
            vocabularies.promote(vocabularies.create(project, "en-US", rows).name)
        assert vocabularies.rows(vocabularies.promoted(project, "en-US") or "")
        assert vocabularies.prune(project, "en-US")


def _complaint(step: Callable[[], Any]) -> Iterator[str]:
    try:
        step()
    except TranscribeBackendError as error:
        yield error.advice
    except ClientError as error:
        yield str(error)


@pytest.fixture
def work(aws: LocalAWS, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], Work]]:
    """The backend's work, by a number that no other work has."""
    for name, value in aws.env.items():
        monkeypatch.setenv(name, value)
    yield lambda number: Work(aws, tmp_path, f"work-{number}")
    aws.switch(iam_policy=None)


def test_the_policy_is_enough(aws: LocalAWS, work: Callable[[int], Work]) -> None:
    before = aws.fired("iam_policy")
    aws.switch(iam_policy=POLICY.document)
    assert work(1).complaints() == ""
    assert aws.fired("iam_policy") == before


@pytest.mark.parametrize(("number", "grant"), list(enumerate(sorted(POLICY.grants()), 2)), ids=str)
def test_without_any_action_something_fails_that_names_it(
    aws: LocalAWS, work: Callable[[int], Work], number: int, grant: Grant
) -> None:
    before = aws.fired("iam_policy")
    aws.switch(iam_policy=POLICY.without(grant))
    assert f"is not authorized to perform: {grant[1]} " in work(number).complaints()
    assert aws.fired("iam_policy") > before


# -- AWS's words


def refusal(call: Any, **request: Any) -> tuple[str, int, str]:
    """Code, HTTP status and message of a refused request."""
    with pytest.raises(ClientError) as caught:
        call(**request)
    error = caught.value.response
    return error["Error"]["Code"], error["ResponseMetadata"]["HTTPStatusCode"], error["Error"]["Message"]


@pytest.fixture
def nobody(aws: LocalAWS) -> Iterator[LocalAWS]:
    """Allowed is nothing but to look into one folder."""
    aws.switch(iam_policy={"Statement": _allow(["s3:Get*", "transcribe:*"], ["arn:aws:s3:::calls/a*"])})
    yield aws
    aws.switch(iam_policy=None)


def _allow(actions: list[str], resources: list[str], effect: str = "Allow") -> dict[str, Any]:
    return {"Effect": effect, "Action": actions, "Resource": resources}


def test_s3_names_action_and_resource_in_quotes(nobody: LocalAWS) -> None:
    assert refusal(nobody.s3.get_object, Bucket="secret", Key="a_b.wav") == (
        "AccessDenied",
        403,
        f'User: {USER} is not authorized to perform: s3:GetObject on resource: "arn:aws:s3:::secret/a_b.wav" '
        "because no identity-based policy allows the s3:GetObject action",
    )
    assert nobody.s3.get_object(Bucket=AUDIO, Key="a_b.wav")["Body"].read() == b"x"


def test_a_head_that_is_denied_still_tells_the_region(nobody: LocalAWS) -> None:
    with pytest.raises(ClientError) as caught:
        nobody.s3.head_bucket(Bucket="secret")
    response = caught.value.response
    assert (response["Error"]["Code"], response["Error"]["Message"]) == ("403", "Forbidden")
    assert response["ResponseMetadata"]["HTTPHeaders"]["x-amz-bucket-region"] == "us-east-1"


def test_who_may_not_list_is_not_told_that_an_object_is_missing(nobody: LocalAWS) -> None:
    code, _, message = refusal(nobody.s3.get_object, Bucket=AUDIO, Key="a-missing.wav")
    assert code == "AccessDenied" and 's3:ListBucket on resource: "arn:aws:s3:::calls" ' in message


def test_transcribe_names_what_has_a_name(nobody: LocalAWS) -> None:
    job = "arn:aws:transcribe:us-east-1:123456789012:transcription-job/j"
    assert refusal(nobody.transcribe.get_transcription_job, TranscriptionJobName="j") == (
        "AccessDeniedException",
        400,
        f"User: {USER} is not authorized to perform: transcribe:GetTranscriptionJob on resource: {job} "
        "because no identity-based policy allows the transcribe:GetTranscriptionJob action",
    )
    assert refusal(nobody.transcribe.list_transcription_jobs)[2] == (
        f"User: {USER} is not authorized to perform: transcribe:ListTranscriptionJobs "
        "because no identity-based policy allows the transcribe:ListTranscriptionJobs action"
    )


@pytest.mark.parametrize(
    ("allowed", "told"),
    [
        (["s3:PutObject"], "The S3 URI that you provided can't be accessed."),
        (["s3:GetObject"], "The specified S3 output bucket can't be accessed."),
    ],
)
def test_transcribe_reads_and_writes_with_the_callers_permissions(aws: LocalAWS, allowed: list[str], told: str) -> None:
    aws.switch(iam_policy={"Statement": [_allow([*allowed, "transcribe:*"], ["*"])]})
    request = {
        "TranscriptionJobName": "by-permission",
        "LanguageCode": "en-US",
        "Media": {"MediaFileUri": f"s3://{AUDIO}/a_b.wav"},
        "OutputBucketName": OURS,
    }
    code, _, message = refusal(aws.transcribe.start_transcription_job, **request)
    assert code == "BadRequestException" and message.startswith(told)
    aws.switch(iam_policy=None)


def test_tags_and_roles_need_permissions_of_their_own(aws: LocalAWS) -> None:
    deny = _allow(["transcribe:TagResource", "iam:PassRole"], ["*"], "Deny")
    aws.switch(iam_policy={"Statement": [_allow(["*"], ["*"]), deny]})
    request = {"LanguageCode": "en-US", "Media": {"MediaFileUri": f"s3://{AUDIO}/a_b.wav"}}
    deferred = {"AllowDeferredExecution": True, "DataAccessRoleArn": "arn:aws:iam::123456789012:role/r"}
    start = aws.transcribe.start_transcription_job
    tagged = refusal(start, TranscriptionJobName="tagged", Tags=[{"Key": "a", "Value": "b"}], **request)
    assert (
        "transcribe:TagResource on resource: arn:aws:transcribe:us-east-1:123456789012:transcription-job/" in tagged[2]
    )
    passed = refusal(start, TranscriptionJobName="deferred", JobExecutionSettings=deferred, **request)
    assert "iam:PassRole on resource: arn:aws:iam::123456789012:role/r " in passed[2]
    start(TranscriptionJobName="plain", **request)
    aws.switch(iam_policy=None)


def test_only_the_owner_and_who_does_not_sign_is_not_asked(nobody: LocalAWS) -> None:
    assert nobody.client("s3", **OWNER).list_objects_v2(Bucket="secret")["KeyCount"] == 1
    assert nobody.client("sts").get_caller_identity()["Account"] == "123456789012"
    assert refusal(nobody.client("sqs").list_queues)[0] == "AccessDeniedException"
    signed = nobody.client("s3", config=Config(signature_version="s3v4"))
    for client in (nobody.s3, signed):
        url = client.generate_presigned_url("get_object", Params={"Bucket": "secret", "Key": "a_b.wav"})
        assert "s3:GetObject on resource" in requests.get(url, timeout=10).text


# -- the language of policies


@pytest.mark.parametrize(
    ("statements", "action", "resource", "allowed"),
    [
        (_allow(["s3:GetObject"], ["arn:aws:s3:::b/*"]), "s3:GetObject", "arn:aws:s3:::b/a/b", True),
        (_allow(["S3:getobject"], ["*"]), "s3:GetObject", "arn:aws:s3:::b/a", True),
        (_allow(["s3:Get*"], ["*"]), "s3:GetObjectVersion", "arn:aws:s3:::b/a", True),
        (_allow(["s3:GetObject?"], ["*"]), "s3:GetObject", "arn:aws:s3:::b/a", False),
        (_allow(["s3:GetObject"], ["arn:aws:s3:::B/*"]), "s3:GetObject", "arn:aws:s3:::b/a", False),
        (_allow(["s3:GetObject"], ["arn:aws:s3:::b.c/*"]), "s3:GetObject", "arn:aws:s3:::bxc/a", False),
        (_allow(["s3:GetObject"], ["arn:aws:s3:::[b]/*"]), "s3:GetObject", "arn:aws:s3:::b/a", False),
        ([_allow(["*"], ["*"]), _allow(["s3:*"], ["*"], "Deny")], "s3:GetObject", "arn:aws:s3:::b/a", False),
        ([], "s3:GetObject", "arn:aws:s3:::b/a", False),
    ],
)
def test_what_a_policy_allows(statements: Any, action: str, resource: str, allowed: bool) -> None:
    assert Policy({"Statement": statements}).allows(Need(action, resource)) is allowed


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ({"Statement": {**_allow(["*"], ["*"]), "Condition": {}}}, "does not evaluate Condition"),
        ({"Statement": {"Effect": "Allow", "NotAction": "*", "Resource": "*"}}, "does not evaluate NotAction"),
        ({"Statement": _allow(["*"], ["arn:aws:s3:::YOUR-BUCKET/*"])}, "put your names for YOUR-BUCKET"),
        ({"Version": "2012-10-17"}, "no policy document"),
        ({"Statement": ["Allow"]}, "no policy document"),
    ],
)
def test_a_policy_that_cannot_be_evaluated_is_refused(document: Any, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        Policy(document)


def test_the_flag_reads_a_file(tmp_path: Path) -> None:
    file = tmp_path / "policy.json"
    file.write_text('{"Statement": {"Effect": "Allow", "Action": "s3:CreateBucket", "Resource": "*"}}')
    with local_aws("--iam-policy", str(file)) as running:
        running.s3.create_bucket(Bucket="made")
        assert refusal(running.s3.list_buckets)[2].startswith(
            f"User: {USER} is not authorized to perform: s3:ListAllMyBuckets because"
        )
        running.client("s3", **OWNER).list_buckets()
