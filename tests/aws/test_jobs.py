"""The requests to AWS Transcribe, word for word; and what its answers mean to us."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.stub import Stubber

from harness import ROOT
from tests.servers import Reply, serve
from transcribe_backend.aws.clients import AWSClients
from transcribe_backend.aws.jobs import Job, JobStatus, TranscribeJobs, failed
from transcribe_backend.aws.media import Media
from transcribe_backend.aws.transcripts import TranscriptStore
from transcribe_backend.errors import AccessDenied, AWSError, JobFailed, LimitExceeded
from transcribe_backend.settings import Settings
from transcribe_backend.speech.recognition import Recognition

MEDIA = Media("s3://calls/a.wav", "s3://calls/a.wav#0123", "us-east-1")
JOB = Job(MEDIA, Recognition())
SETTINGS = Settings(s3_bucket="ours", s3_folder="folder")
KEY = "arn:aws:kms:us-east-1:123456789012:key/k"
THEN = datetime(2026, 1, 1, tzinfo=UTC)
DOCUMENT = b'{"results": {"transcripts": [{"transcript": ""}], "items": []}}'


@pytest.fixture
def transcribe(clients: AWSClients) -> Iterator[Stubber]:
    with Stubber(clients.transcribe("us-east-1")) as stub:
        yield stub
        stub.assert_no_pending_responses()


@pytest.fixture
def starts(clients: AWSClients) -> Iterator[Stubber]:
    with Stubber(clients.starts("us-east-1")) as stub:
        yield stub
        stub.assert_no_pending_responses()


def made(clients: AWSClients, tmp_path: Path, settings: Settings = SETTINGS) -> TranscribeJobs:
    settings = replace(settings, model_dir=tmp_path)
    return TranscribeJobs(clients, TranscriptStore(clients, settings), settings)


def test_equal_jobs_have_equal_names_in_every_process() -> None:
    program = """
from transcribe_backend.aws.jobs import Job
from transcribe_backend.aws.media import Media
from transcribe_backend.speech.recognition import Recognition
print(Job(Media("s3://elsewhere/b.wav", "s3://calls/a.wav#0123", "eu-west-1"), Recognition()).name)
"""
    env = {"PYTHONHASHSEED": "7", "PATH": ""}
    told = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=env, capture_output=True, text=True, check=True
    )
    assert told.stdout.strip() == JOB.name
    assert JOB.name == "ls-6834d0552f1e86eb5d93d1050f97aeee1e2588d6", "a changed name pays every known audio again"


@pytest.mark.parametrize(
    "other",
    [
        replace(JOB, media=replace(MEDIA, identity="s3://calls/a.wav#4567")),
        replace(JOB, recognition=Recognition("de-DE")),
        replace(JOB, recognition=Recognition(vocabulary="ls-p1-v2")),
        replace(JOB, recognition=Recognition(redact=True)),
    ],
)
def test_another_object_or_setting_is_another_job(other: Job) -> None:
    assert other.name != JOB.name
    assert other.name.startswith("ls-") and len(other.name) <= 200


def test_a_start_names_audio_output_and_options(clients: AWSClients, starts: Stubber, tmp_path: Path) -> None:
    expected = {
        "TranscriptionJobName": JOB.name,
        "Media": {"MediaFileUri": "s3://calls/a.wav"},
        "LanguageCode": "en-US",
        "OutputBucketName": "ours",
        "OutputKey": f"folder/transcripts/{JOB.name}.json",
    }
    starts.add_response("start_transcription_job", {}, expected)
    starts.add_response("start_transcription_job", {}, {**expected, "OutputEncryptionKMSKeyId": KEY})
    plain = {name: value for name, value in expected.items() if not name.startswith("Output")}
    starts.add_response("start_transcription_job", {}, plain)
    assert made(clients, tmp_path).start(JOB)
    assert made(clients, tmp_path, replace(SETTINGS, s3_kms_key=KEY)).start(JOB)
    assert made(clients, tmp_path, Settings(s3_kms_key=KEY)).start(JOB)


def test_a_name_that_is_taken_is_to_be_adopted(clients: AWSClients, starts: Stubber, tmp_path: Path) -> None:
    starts.add_client_error("start_transcription_job", "ConflictException", http_status_code=409)
    assert not made(clients, tmp_path).start(JOB)


@pytest.mark.parametrize(
    ("code", "status", "expected", "retryable"),
    [
        ("LimitExceededException", 429, LimitExceeded, True),
        ("ThrottlingException", 400, LimitExceeded, True),
        ("InternalFailureException", 500, AWSError, True),
        ("BadRequestException", 400, AWSError, False),
        ("AccessDeniedException", 400, AccessDenied, False),
    ],
)
def test_refused_starts(
    clients: AWSClients, starts: Stubber, tmp_path: Path, code: str, status: int, expected: Any, retryable: bool
) -> None:
    starts.add_client_error("start_transcription_job", code, "AWS's words", http_status_code=status)
    with pytest.raises(expected, match="AWS's words") as refusal:
        made(clients, tmp_path).start(JOB)
    assert refusal.value.retryable is retryable


def summary(name: str, state: str = "IN_PROGRESS", **more: Any) -> dict[str, Any]:
    return {"TranscriptionJobName": name, "TranscriptionJobStatus": state, "CreationTime": THEN, **more}


def test_lists_are_read_to_their_end(clients: AWSClients, transcribe: Stubber, tmp_path: Path) -> None:
    asked = {"JobNameContains": "ls-", "MaxResults": 100, "Status": "FAILED"}
    first = {"TranscriptionJobSummaries": [summary("ls-1", "FAILED", FailureReason="why")], "NextToken": "more"}
    transcribe.add_response("list_transcription_jobs", first, asked)
    last = {"TranscriptionJobSummaries": [summary("ls-2", "FAILED")]}
    transcribe.add_response("list_transcription_jobs", last, {**asked, "NextToken": "more"})
    paces: list[str] = []
    listed = list(made(clients, tmp_path).listing("us-east-1", "FAILED", 9, lambda: paces.append("waited")))
    assert listed == [JobStatus("ls-1", "FAILED", "why"), JobStatus("ls-2", "FAILED")]
    assert paces == ["waited"], "before each page but the first"


def test_a_list_may_be_cut(clients: AWSClients, transcribe: Stubber, tmp_path: Path) -> None:
    page = {"TranscriptionJobSummaries": [summary("ls-1")], "NextToken": "more"}
    asked = {"JobNameContains": "ls-", "Status": "IN_PROGRESS", "MaxResults": 100}
    transcribe.add_response("list_transcription_jobs", page, asked)
    assert [each.name for each in made(clients, tmp_path).listing("us-east-1", "IN_PROGRESS", 1)] == ["ls-1"]


def test_an_empty_page_is_not_the_last(clients: AWSClients, transcribe: Stubber, tmp_path: Path) -> None:
    asked = {"JobNameContains": "ls-", "Status": "IN_PROGRESS", "MaxResults": 100}
    transcribe.add_response("list_transcription_jobs", {"TranscriptionJobSummaries": [], "NextToken": "more"}, asked)
    last = {"TranscriptionJobSummaries": [summary("ls-1")]}
    transcribe.add_response("list_transcription_jobs", last, {**asked, "NextToken": "more"})
    assert [each.name for each in made(clients, tmp_path).listing("us-east-1", "IN_PROGRESS", 9)] == ["ls-1"]


@pytest.mark.parametrize("code", ["NotFoundException", "BadRequestException"])
def test_a_job_that_aws_does_not_know(clients: AWSClients, transcribe: Stubber, tmp_path: Path, code: str) -> None:
    transcribe.add_client_error("get_transcription_job", code)
    assert made(clients, tmp_path).get(JOB.name, "us-east-1") is None


def ended(uri: str, field: str = "TranscriptFileUri") -> dict[str, Any]:
    return {"TranscriptionJob": {**summary(JOB.name, "COMPLETED"), "Transcript": {field: uri}}}


@pytest.mark.parametrize("field", ["TranscriptFileUri", "RedactedTranscriptFileUri"])
def test_a_transcript_of_the_service_bucket_is_fetched_by_its_signed_address(
    clients: AWSClients, transcribe: Stubber, tmp_path: Path, field: str
) -> None:
    with serve(lambda request: Reply(200, DOCUMENT)) as server:
        transcribe.add_response("get_transcription_job", ended(f"{server.url}/there?X-Amz-Signature=s", field))
        assert made(clients, tmp_path, Settings()).fetch(JOB)


@pytest.mark.parametrize("query", ["?X-Amz-Signature=stale", ""])
def test_an_address_that_is_refused_or_unsigned_is_no_transcript_yet(
    clients: AWSClients, transcribe: Stubber, tmp_path: Path, query: str
) -> None:
    with serve(lambda request: Reply(403)) as server:
        transcribe.add_response("get_transcription_job", ended(f"{server.url}/there{query}"))
        assert not made(clients, tmp_path, Settings()).fetch(JOB)
        assert len(server.requests) == (1 if query else 0), "a bucket's own address is read with credentials only"


def test_a_failed_job_tells_aws_s_reason(clients: AWSClients, transcribe: Stubber, tmp_path: Path) -> None:
    job = summary(JOB.name, "FAILED", FailureReason="Unsupported media format.")
    transcribe.add_response("get_transcription_job", {"TranscriptionJob": job})
    with pytest.raises(JobFailed, match="Unsupported media format") as failure:
        made(clients, tmp_path, Settings()).fetch(JOB)
    assert f"retry {JOB.name}" in failure.value.remedy


def test_a_job_that_could_not_read_its_audio_is_to_be_tried_again_afterwards() -> None:
    """The permission alone does not mend it: the job stays failed."""
    reason = "The S3 URI that you provided can't be accessed. Make sure that you have read permission."
    remedy = failed(JobStatus("ls-" + "0" * 40, "FAILED", reason)).remedy
    assert remedy.startswith("Allow s3:GetObject on its bucket, then run `") and "retry ls-" in remedy
