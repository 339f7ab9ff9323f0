"""AWS: where, when and as whom it is asked, what it permits, and the bucket."""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from email.utils import parsedate_to_datetime
from itertools import chain
from typing import Any

import botocore
import requests
from botocore.exceptions import BotoCoreError, ClientError

from transcribe_backend.aws.bucket import Bucket
from transcribe_backend.aws.clients import head_object, translate
from transcribe_backend.aws.diagnosis import check_bucket
from transcribe_backend.commands.doctor.check import Finding, check, fine, note, unseen, wrong
from transcribe_backend.commands.doctor.patient import Patient
from transcribe_backend.errors import AccessDenied, AWSError, CredentialsError

_TOLERATED = 240.0
"""Seconds; AWS Transcribe refuses a signature that is five minutes old, S3 one of fifteen."""
_NOTHING = "ls-doctor-no-such-thing"
_NO_BUCKET = "S3_BUCKET is not set: audio in s3:// works, uploads to Label Studio do not."
_SET_BUCKET = "Set S3_BUCKET to a bucket of yours (docs/aws-setup.md)."


@check("region", "AWS_DEFAULT_REGION, and whether it has AWS Transcribe", needs=("settings",))
def region(patient: Patient) -> Finding:
    """As boto3 finds it: variables, profile, configuration."""
    name = patient.clients.region
    if not name:
        return wrong("No AWS region is set.", "Set AWS_DEFAULT_REGION for the backend.")
    known = patient.clients.regions()
    if name in known:
        return fine(f"{name} has AWS Transcribe.")
    like = get_close_matches(name, known, 2)
    meant = f"Did you mean {' or '.join(like)}?" if like else "Choose one that has AWS Transcribe."
    return wrong(
        f"botocore {botocore.__version__} knows no AWS Transcribe in {name}.", f"Correct AWS_DEFAULT_REGION. {meant}"
    )


@check("clock", "whether AWS answers, and agrees on the time", needs=("region",))
def clock(patient: Patient) -> Finding:
    """By the Date of an answer to a request without a signature."""
    address = patient.clients.s3().meta.endpoint_url
    try:
        answer = requests.head(address, timeout=10, allow_redirects=False)
    except requests.RequestException as error:
        raise AWSError(
            f"AWS does not answer at {address} ({type(error).__name__}).",
            remedy="Check the network, a proxy in between, AWS_DEFAULT_REGION and AWS_ENDPOINT_URL.",
        ) from error
    ahead = _ahead(answer.headers.get("Date", ""))
    if ahead is None:
        return note(f"{address} answers, but does not say what time it is.")
    if abs(ahead) > _TOLERATED:
        late = "ahead of" if ahead > 0 else "behind"
        return wrong(
            f"This machine's clock is {abs(ahead):.0f} s {late} AWS's.", "Correct the clock of the backend's machine."
        )
    return fine(f"{address} answers, and agrees on the time.")


def _ahead(told: str) -> float | None:
    try:
        return time.time() - parsedate_to_datetime(told).timestamp()
    except ValueError:
        return None


@check("identity", "AWS credentials, and whose they are", needs=("clock",))
def identity(patient: Patient) -> Finding:
    """GetCallerIdentity needs no permission."""
    patient.clients.check_credentials()
    try:
        who = patient.clients.sts().get_caller_identity()["Arn"]
    except (ClientError, BotoCoreError) as error:
        told = translate(error, "tell who it is")
        if isinstance(error, ClientError) or isinstance(told, CredentialsError):
            raise told from error
        return note("AWS STS does not answer here; the next checks show whether the credentials work.")
    patient.arn = who
    return fine(f"{who}.")


# Permissions


@dataclass(frozen=True, slots=True)
class Probe:
    """A request that does nothing; where the action is permitted, AWS refuses it for another reason, or answers."""

    action: str
    send: Callable[[], Any]


@check(
    "permissions", "each action of deploy/iam-policy.json, tried with a request that does nothing", needs=("identity",)
)
def permissions(patient: Patient) -> Finding:
    """Reading audio in other buckets is seen when a task needs it; listing S3_BUCKET is seen by `bucket`."""
    probes = chain(_of_transcribe(patient), _of_bucket(patient) if patient.settings.s3_bucket else ())
    tried = [(probe.action, _is_denied(probe)) for probe in probes]
    if denied := [action for action, is_denied in tried if is_denied]:
        return wrong(
            f"AWS denies the backend {', '.join(denied)}.",
            "Attach deploy/iam-policy.json to its user or role (docs/aws-setup.md says what to put into it).",
        )
    return fine(f"All {len(tried)} actions that can be tried are allowed.")


def _is_denied(probe: Probe) -> bool:
    try:
        probe.send()
    except (ClientError, BotoCoreError) as error:
        told = translate(error, f"try {probe.action}")
        if isinstance(told, CredentialsError) or not isinstance(error, ClientError):
            raise told from error
        return isinstance(told, AccessDenied)
    return False


def _of_transcribe(patient: Patient) -> Iterator[Probe]:
    """What they name does not exist, or contradicts itself: nothing is made, changed or deleted."""
    client: Any = patient.clients.transcribe()
    job, vocabulary = {"TranscriptionJobName": _NOTHING}, {"VocabularyName": _NOTHING, "LanguageCode": "en-US"}
    both = {"LanguageCode": "en-US", "IdentifyLanguage": True, "Media": {"MediaFileUri": f"s3://{_NOTHING}/a.wav"}}
    tagged = {"ResourceArn": _arn(patient)}
    requests_ = {
        "StartTranscriptionJob": lambda: client.start_transcription_job(**job, **both),
        "GetTranscriptionJob": lambda: client.get_transcription_job(**job),
        "ListTranscriptionJobs": lambda: client.list_transcription_jobs(MaxResults=1),
        "DeleteTranscriptionJob": lambda: client.delete_transcription_job(**job),
        "CreateVocabulary": lambda: client.create_vocabulary(**vocabulary),
        "GetVocabulary": lambda: client.get_vocabulary(VocabularyName=_NOTHING),
        "GetVocabularyFilter": lambda: client.get_vocabulary_filter(VocabularyFilterName=_NOTHING),
        "DescribeLanguageModel": lambda: client.describe_language_model(ModelName=_NOTHING),
        "ListVocabularies": lambda: client.list_vocabularies(MaxResults=1),
        "UpdateVocabulary": lambda: client.update_vocabulary(**vocabulary),
        "DeleteVocabulary": lambda: client.delete_vocabulary(VocabularyName=_NOTHING),
        "ListTagsForResource": lambda: client.list_tags_for_resource(**tagged),
        "TagResource": lambda: client.tag_resource(**tagged, Tags=[{"Key": "doctor", "Value": ""}]),
    }
    return (Probe(f"transcribe:{action}", send) for action, send in requests_.items())


def _arn(patient: Patient) -> str:
    """Of a vocabulary that does not exist, in the account of the credentials."""
    parts = (patient.arn.split(":") + [""] * 5)[:5]
    return f"arn:{parts[1] or 'aws'}:transcribe:{patient.clients.region}:{parts[4]}:vocabulary/{_NOTHING}"


def _of_bucket(patient: Patient) -> Iterator[Probe]:
    settings = patient.settings
    home = Bucket(patient.clients, settings, "doctor")
    client: Any = patient.clients.s3(home.region)
    place = {"Bucket": settings.s3_bucket, "Key": home.key("nothing")}
    started: dict[str, str] = {}

    def begin() -> None:
        started["UploadId"] = client.create_multipart_upload(**place, **home.encryption())["UploadId"]

    yield Probe("s3:GetObject", lambda: head_object(client, **place))
    yield Probe("s3:PutObject", begin)
    if started:
        yield Probe("s3:AbortMultipartUpload", lambda: client.abort_multipart_upload(**place, **started))


# The bucket


@check("bucket", "S3_BUCKET: whether it exists, is ours, and in which region", needs=("identity",))
def bucket(patient: Patient) -> Finding:
    """As /setup sees it, and where jobs will run."""
    name = patient.settings.s3_bucket
    if not name:
        return note(_NO_BUCKET, _SET_BUCKET)
    check_bucket(patient.clients, name)
    home, default = Bucket(patient.clients, patient.settings, "").region, patient.clients.region
    if home not in patient.clients.regions():
        return wrong(
            f"S3_BUCKET {name} is in {home}, which does not have AWS Transcribe.", "Use a bucket in a region that does."
        )
    if home != default:
        return note(
            f"S3_BUCKET {name} is in {home}, and transcription jobs run there, not in AWS_DEFAULT_REGION {default}.",
            f"Set AWS_DEFAULT_REGION={home}, or use a bucket in {default}, to have everything in one region.",
        )
    return fine(f"{name} in {home}.")


@check("protection", "S3_BUCKET: encrypted, not public, and cleaned up", needs=("bucket",))
def protection(patient: Patient) -> Finding:
    """AWS tells this to those with permissions that the backend needs for nothing else."""
    name = patient.settings.s3_bucket
    if not name:
        return unseen(_NO_BUCKET)
    client: Any = patient.clients.s3(Bucket(patient.clients, patient.settings, "").region)
    open_, kept = _is_open(client, name), _is_kept(client, name)
    if open_:
        return wrong(
            f"Public access to S3_BUCKET {name} is not blocked.",
            "Block it: aws s3api put-public-access-block, as in docs/aws-setup.md.",
        )
    if kept:
        return note(
            f"S3_BUCKET {name} has no lifecycle rule: copied audio stays, and is billed, for ever.",
            "Add the rule of docs/aws-setup.md.",
        )
    if None in (open_, kept):
        return unseen(
            "The backend's user may not ask whether the bucket is public or cleaned up, and does not need to."
        )
    return fine("Public access is blocked, old audio is deleted; S3 encrypts all objects.")


def _is_open(client: Any, bucket: str) -> bool | None:
    told = _told(lambda: client.get_public_access_block(Bucket=bucket), "NoSuchPublicAccessBlockConfiguration")
    return None if told is None else not all(told.get("PublicAccessBlockConfiguration", {"": False}).values())


def _is_kept(client: Any, bucket: str) -> bool | None:
    told = _told(lambda: client.get_bucket_lifecycle_configuration(Bucket=bucket), "NoSuchLifecycleConfiguration")
    return None if told is None else not told.get("Rules")


def _told(ask: Callable[[], Any], nothing: str) -> dict[str, Any] | None:
    """The answer; {} where AWS says that there is `nothing`, None where it says nothing."""
    with suppress(BotoCoreError):
        try:
            return dict(ask())
        except ClientError as error:
            return {} if error.response["Error"].get("Code") == nothing else None
    return None


CHECKS = (region, clock, identity, permissions, bucket, protection)
