"""deploy/iam-policy.json in force: the backend works, and without any of its actions it says which one it lacks."""

import argparse
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.aws import LocalAWS, local_aws
from harness.protocol import NAMED, SPEECH_RECOGNITION
from harness.waiting import wait_until
from model import AWSTranscribe
from tests.deploy.policy import DeployedPolicy, Grant
from transcribe_backend.aws.listing import audio_uris
from transcribe_backend.backend import Backend
from transcribe_backend.commands import retry
from transcribe_backend.errors import AWSError, TranscribeBackendError
from transcribe_backend.settings import Settings
from transcribe_backend.speech.vocabulary import Row, table

AUDIO, OURS, FAR = "calls", "transcripts", "far-calls"
POLICY = DeployedPolicy(YOUR_AUDIO_BUCKET="*calls", YOUR_BUCKET=OURS)
OWNER = {"aws_access_key_id": "root"}
UNTOLD = ("KeepTranscriptsAudioAndVocabularies", "s3:AbortMultipartUpload")
"""boto3 aborts an upload that fails, and keeps it to itself when it may not: only the parts are left, for a while."""


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAWS]:
    with local_aws("--fail-pattern", "broken*") as running:
        owner, far = running.client("s3", **OWNER), running.client("s3", region_name="eu-west-1", **OWNER)
        for bucket in (AUDIO, OURS):
            owner.create_bucket(Bucket=bucket)
        owner.put_bucket_versioning(Bucket=AUDIO, VersioningConfiguration={"Status": "Enabled"})
        far.create_bucket(Bucket=FAR, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        put_names(running)
        running.switch(nasty=True)
        yield running


def put_names(aws: LocalAWS) -> None:
    """What the labeling config names."""
    owner = aws.client("transcribe", **OWNER)
    owner.create_vocabulary(VocabularyName="terms", LanguageCode="en-US", Phrases=["Xochitl"])
    owner.create_vocabulary_filter(VocabularyFilterName="swearing", LanguageCode="en-US", Words=["heck"])
    texts = {"S3Uri": f"s3://{AUDIO}/texts", "DataAccessRoleArn": "arn:aws:iam::123456789012:role/r"}
    owner.create_language_model(ModelName="law", LanguageCode="en-US", BaseModelName="WideBand", InputDataConfig=texts)
    wait_until(lambda: owner.get_vocabulary(VocabularyName="terms")["VocabularyState"] == "READY", 10, "it is READY")
    wait_until(
        lambda: owner.describe_language_model(ModelName="law")["LanguageModel"]["ModelStatus"] == "COMPLETED",
        10, "it is COMPLETED",
    )  # fmt: skip


class Operator:
    """Does everything that a backend is for, on audio that no other test has, and reads what it says."""

    def __init__(self, aws: LocalAWS, folder: Path, number: int) -> None:
        self._owner = aws.client("s3", **OWNER)
        self._far = aws.client("s3", region_name="eu-west-1", **OWNER)
        self._number = number
        settings = Settings(s3_bucket=OURS, model_dir=folder, predict_open=0.3, predict_wait=0.3)
        self.backend = Backend(settings)
        self._model = AWSTranscribe(f"{number}.1", SPEECH_RECOGNITION, running=self.backend)
        self._naming = AWSTranscribe(f"{number}.2", NAMED, running=self.backend)

    def told(self) -> str:
        """What errors, failures and waiting work say; each step is tried, whatever became of those before."""
        return "\n".join(line for step in self._steps() for line in self._tried(step))

    def _steps(self) -> list[Callable[[], Any]]:
        name = f"call-{self._number}"
        return [
            lambda: self._connect(self._model),
            lambda: self._connect(self._naming),
            lambda: self._predict(self._put(self._owner, AUDIO, f"{name}.wav")),
            lambda: self._predict(self._put(self._far, FAR, f"{name}.wav")),
            lambda: self._predict(self._old_version(f"{name}-old.wav")),
            lambda: self._predict("data:audio/wav;base64,UklGRgAAAABXQVZF" + "A" * 4 * self._number),
            lambda: audio_uris(self.backend.clients, f"s3://{AUDIO}/{name}"),
            lambda: self._retry(self._put(self._owner, AUDIO, f"broken-{self._number}.wav")),
            self._learn,
        ]

    def _tried(self, step: Callable[[], Any]) -> Iterator[str]:
        try:
            step()
        except TranscribeBackendError as error:
            yield error.advice
        except TimeoutError:
            pass
        yield from (f"{each.problem} {each.remedy}" for each in self.backend.work.waiting() if each.problem)
        yield from (f"{each['problem']} {each['remedy']}" for each in self.backend.work.failures())

    def _put(self, client: Any, bucket: str, key: str) -> str:
        client.put_object(Bucket=bucket, Key=key, Body=key.encode())
        return f"s3://{bucket}/{key}"

    def _old_version(self, key: str) -> str:
        old = self._owner.put_object(Bucket=AUDIO, Key=key, Body=b"old")["VersionId"]
        self._owner.put_object(Bucket=AUDIO, Key=key, Body=b"new")
        return f"https://{AUDIO}.s3.amazonaws.com/{key}?versionId={old}"

    def _connect(self, model: AWSTranscribe) -> None:
        """Ask until AWS answers in time: some of its answers are errors, which are waited out."""

        def answered() -> bool:
            try:
                model.connect()
            except AWSError as error:
                if not error.retryable:
                    raise
                return False
            return True

        wait_until(answered, 20, "AWS answers")

    def _predict(self, audio: str) -> None:
        """Ask until it is there, or something is wrong."""
        task = {"id": len(audio), "data": {"audio": audio}}

        def settled() -> bool:
            (slot,) = self._model.predict([task])
            return bool(slot) or self._troubled()

        wait_until(settled, 20, "a prediction, or a reason why there is none")

    def _troubled(self) -> bool:
        return any(each.problem for each in self.backend.work.waiting()) or bool(self.backend.work.failures())

    def _retry(self, audio: str) -> None:
        self._predict(audio)
        names = [failed.name for failed in self.backend.jobs.listing("", "FAILED", pages=1)]
        retry.run(argparse.Namespace(job=names), self.backend)

    def _learn(self) -> None:
        vocabularies, project = self.backend.vocabularies, f"{self._number}.1"
        for word in ("Xochitl", "Brecon", "Llanelli", "Siobhan"):
            rows = (Row("room-7", "room 7"), *table((word,), "en-US").rows)
            vocabularies.promote(vocabularies.create(project, "en-US", rows).name)
        vocabularies.prune(project, "en-US")


@pytest.fixture
def operator(aws: LocalAWS, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], Operator]]:
    for name, value in aws.env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(time, "sleep", _hurried(time.sleep))
    made: list[Operator] = []

    def make(number: int) -> Operator:
        made.append(Operator(aws, tmp_path, number))
        return made[-1]

    yield make
    for each in made:
        each.backend.close()
    aws.switch(iam_policy=None)


def _hurried(sleep: Callable[[float], None]) -> Callable[[float], None]:
    """Vocabularies are made at once here, and are looked at in seconds."""
    return lambda seconds: sleep(seconds if seconds < 1 else seconds / 50)


def test_the_policy_is_enough(aws: LocalAWS, operator: Callable[[int], Operator]) -> None:
    before = aws.fired("iam_policy")
    aws.switch(iam_policy=POLICY.document)
    assert [line for line in operator(1).told().splitlines() if "Unsupported media format" not in line] == []
    assert aws.fired("iam_policy") == before


@pytest.mark.parametrize(("number", "grant"), list(enumerate(sorted(POLICY.grants() - {UNTOLD}), 2)), ids=str)
def test_without_any_action_the_backend_names_it(
    aws: LocalAWS, operator: Callable[[int], Operator], number: int, grant: Grant
) -> None:
    aws.switch(iam_policy=POLICY.without(grant))
    assert grant[1] in operator(number).told()
    assert aws.fired("iam_policy") > 0
