"""What a task's audio value becomes, beside the job itself."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.adapters.background import CALLS
from tests.stack import LocalAWS, local_aws
from transcribe_backend.backend import Backend
from transcribe_backend.settings import Settings
from transcribe_backend.speech.recognition import Recognition

LEARNT = Recognition(vocabulary="ls-p7-en-US-v3")


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalAWS]:
    with local_aws("--latency", "0") as running:
        for name, value in running.env.items():
            monkeypatch.setenv(name, value)
        yield running


@pytest.fixture
def backend(aws: LocalAWS, tmp_path: Path) -> Iterator[Backend]:
    made = Backend(Settings(model_dir=tmp_path))
    yield made
    made.close()


def test_a_learnt_vocabulary_is_left_out_where_aws_does_not_have_it(aws: LocalAWS, backend: Backend) -> None:
    aws.s3.create_bucket(Bucket="abroad", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    aws.s3.put_object(Bucket="abroad", Key="hello-world.wav", Body=b"RIFF")
    name = backend.transcriber.transcribe("s3://abroad/hello-world.wav", 1, LEARNT).result(30)
    job = aws.client("transcribe", region_name="eu-west-1").get_transcription_job(TranscriptionJobName=name)
    assert "VocabularyName" not in job["TranscriptionJob"].get("Settings", {})


def test_long_values_are_not_kept_in_memory(aws: LocalAWS, backend: Backend) -> None:
    aws.s3.create_bucket(Bucket=CALLS)
    value = "data:audio/wav;base64," + "A" * 100_000
    assert backend.transcriber.transcribe(value, 1, Recognition()).exception(30)
    known = [*backend.transcriber._media, *(name for name, _ in backend.transcriber._under_way)]
    assert all(len(name) < 5_000 for name in known)
