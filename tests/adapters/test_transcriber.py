"""What a task's audio value becomes, beside the job itself."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.adapters.background import CALLS

from harness.aws import LocalAWS, local_aws
from transcribe_backend.backend import Backend
from transcribe_backend.settings import Settings
from transcribe_backend.speech.recognition import Recognition
from transcribe_backend.transcribing.transcriber import Transcriber

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


def test_a_look_at_the_audio_counts_for_ten_minutes_however_often_it_is_used(aws: LocalAWS, backend: Backend) -> None:
    aws.s3.create_bucket(Bucket=CALLS)
    aws.s3.put_object(Bucket=CALLS, Key="hello-world.wav", Body=b"RIFF")
    clock = {"now": 0.0}
    transcriber = Transcriber(backend.audio, backend.transcriptions, lambda: "eu-west-1", lambda: clock["now"])
    looks = []
    for seconds in (0.0, 400.0, 700.0):
        clock["now"] = seconds
        assert transcriber.transcribe(f"s3://{CALLS}/hello-world.wav", 1, LEARNT).result(30)
        looks.append(aws.calls()["s3"]["HeadObject"])
    assert looks == [1, 1, 2]
