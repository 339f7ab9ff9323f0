"""deploy/iam-policy.json against every AWS request that the backend makes: allowed is exactly what is used."""

import io
import struct
import wave
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from harness import protocol
from harness.aws import LocalAWS
from local_aws.iam import Need
from tests.api.conftest import API_KEY, AUDIO, AUDIO_BUCKET, BUCKET
from tests.deploy.policy import DeployedPolicy
from tests.servers import Reply, Server, serve
from transcribe_backend.aws.clients import AWSClients
from transcribe_backend.aws.listing import audio_uris
from transcribe_backend.aws.vocabularies import Vocabularies
from transcribe_backend.backend import Backend
from transcribe_backend.settings import Settings
from transcribe_backend.speech.vocabulary import Row, table

FAR_BUCKET = "far-audio"
_BUCKET_ACTIONS = {"HeadBucket": "s3:ListBucket", "ListObjectsV2": "s3:ListBucket"}
_READS = {"HeadObject", "GetObject"}
_WRITES = {"PutObject", "CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload", "CopyObject"}
_ON_JOBS = {"GetTranscriptionJob", "DeleteTranscriptionJob"}
_ON_NAMES = {
    "GetVocabulary": ("vocabulary", "VocabularyName"),
    "UpdateVocabulary": ("vocabulary", "VocabularyName"),
    "DeleteVocabulary": ("vocabulary", "VocabularyName"),
    "GetVocabularyFilter": ("vocabulary-filter", "VocabularyFilterName"),
    "DescribeLanguageModel": ("language-model", "ModelName"),
}
_ON_ALL = {
    "StartTranscriptionJob", "ListTranscriptionJobs",
    "CreateVocabulary", "ListVocabularies", "ListTagsForResource", "TagResource",
}  # fmt: skip


def needs(service: str, operation: str, asked_for: Mapping[str, Any]) -> Iterator[Need]:
    """The permissions of a request (AWS: "Actions, resources, and condition keys", and the S3 API's reference)."""
    if service == "s3":
        yield from _s3_needs(operation, asked_for)
    elif service == "transcribe":
        yield from _transcribe_needs(operation, asked_for)
    elif operation != "GetCallerIdentity":  # which takes no permission
        raise AssertionError(f"What does {service} {operation} need?")


def _s3_needs(operation: str, asked_for: Mapping[str, Any]) -> Iterator[Need]:
    bucket = f"arn:aws:s3:::{asked_for['Bucket']}"
    if operation in _BUCKET_ACTIONS:
        yield Need(_BUCKET_ACTIONS[operation], bucket)
    elif operation in _READS:
        yield _reading(asked_for)
    elif operation in _WRITES:
        yield Need("s3:PutObject", f"{bucket}/{asked_for['Key']}")
        if operation == "UploadPart":  # when one fails, what came before is aborted
            yield Need("s3:AbortMultipartUpload", f"{bucket}/{asked_for['Key']}")
        if operation == "CopyObject":
            yield _reading(asked_for["CopySource"])
    else:
        raise AssertionError(f"What does s3 {operation} need?")


def _reading(what: Mapping[str, Any]) -> Need:
    action = "s3:GetObjectVersion" if "VersionId" in what else "s3:GetObject"
    return Need(action, f"arn:aws:s3:::{what['Bucket']}/{what['Key']}")


def _transcribe_needs(operation: str, asked_for: Mapping[str, Any]) -> Iterator[Need]:
    arn = "arn:aws:transcribe:us-east-1:123456789012:"
    if operation in _ON_JOBS:
        yield Need(f"transcribe:{operation}", f"{arn}transcription-job/{asked_for['TranscriptionJobName']}")
    elif operation in _ON_NAMES:
        kind, field = _ON_NAMES[operation]
        yield Need(f"transcribe:{operation}", f"{arn}{kind}/{asked_for[field]}")
    elif operation in _ON_ALL:
        yield Need(f"transcribe:{operation}", "*")
        if asked_for.get("Tags"):
            yield Need("transcribe:TagResource", "*")
    else:
        raise AssertionError(f"What does transcribe {operation} need?")


@pytest.fixture
def needed(monkeypatch: pytest.MonkeyPatch) -> set[Need]:
    """All permissions that requests of our clients have taken so far."""
    found: set[Need] = set()
    make = AWSClients._make

    def recording(self: AWSClients, service: str, *options: Any) -> Any:
        client = make(self, service, *options)

        def record(model: Any, params: dict[str, Any], **_: Any) -> None:
            found.update(needs(service, model.name, params))

        client.meta.events.register("provide-client-params", record)
        return client

    monkeypatch.setattr(AWSClients, "_make", recording)
    return found


@pytest.fixture(scope="module")
def long_file() -> Iterator[Server]:
    """Serves 20 MB of silence, which is uploaded in parts."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as sound:
        sound.setparams((1, 2, 16000, 0, "NONE", ""))
        sound.writeframes(struct.pack("<h", 0) * (10 * 1024**2))
    with serve(lambda request: Reply(200, buffer.getvalue())) as server:
        yield server


def test_allowed_is_exactly_what_is_used(
    needed: set[Need],
    make_backend: Callable[..., Backend],
    make_client: Callable[..., FlaskClient],
    put_audio: Callable[[str], str],
    studio_files: Server,
    long_file: Server,
    stand_in: LocalAWS,
    tmp_path: Path,
) -> None:
    label_studio = {"label_studio_url": studio_files.url, "label_studio_api_key": API_KEY}
    client = make_client(**label_studio, allowed_audio_hosts=frozenset({"127.0.0.1"}))
    assert client.post("/setup", json=protocol.setup()).status_code == 200
    assert client.post("/setup", json=protocol.setup(protocol.NAMED)).status_code == 422
    values = (
        put_audio("in-place.wav"),
        far_audio(stand_in),
        versioned(stand_in),
        "/data/upload/1/call.wav",
        f"{long_file.url}/long.wav",
    )
    tasks = [protocol.task(number, value) for number, value in enumerate(values)]
    results = client.post("/predict", json=protocol.predict(tasks)).json["results"]
    assert all(results)
    without_bucket = make_client(s3_bucket="", model_dir=tmp_path).post(
        "/predict", json=protocol.predict([protocol.task(1, put_audio("no-bucket.wav"))])
    )
    assert all(without_bucket.json["results"])
    retry(make_backend(), client, put_audio("broken-privilege.wav"))
    learn()
    assert audio_uris(AWSClients(), f"s3://{AUDIO_BUCKET}/in-")

    policy = DeployedPolicy(YOUR_AUDIO_BUCKET="*audio*", YOUR_BUCKET=BUCKET)
    used = {need: list(policy.allowing(need)) for need in needed}
    assert [need for need, grants in used.items() if not grants] == []
    assert policy.grants() - {grant for grants in used.values() for grant in grants} == set()


def far_audio(stand_in: LocalAWS) -> str:
    """The address of audio in another region, which is copied."""
    far = stand_in.client("s3", region_name="eu-west-1")
    far.create_bucket(Bucket=FAR_BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    far.put_object(Bucket=FAR_BUCKET, Key="call.wav", Body=AUDIO)
    return f"s3://{FAR_BUCKET}/call.wav"


def versioned(stand_in: LocalAWS) -> str:
    """The address of an old version of an object."""
    stand_in.s3.create_bucket(Bucket="versioned-audio")
    stand_in.s3.put_bucket_versioning(Bucket="versioned-audio", VersioningConfiguration={"Status": "Enabled"})
    old = stand_in.s3.put_object(Bucket="versioned-audio", Key="call.wav", Body=AUDIO)["VersionId"]
    stand_in.s3.put_object(Bucket="versioned-audio", Key="call.wav", Body=AUDIO + b"\0")
    return f"https://versioned-audio.s3.amazonaws.com/call.wav?versionId={old}"


def retry(running: Backend, client: FlaskClient, uri: str) -> None:
    """A FAILED job is looked at and deleted."""
    client.post("/predict", json=protocol.predict([protocol.task(9, uri)]))
    failed = next(iter(running.jobs.listing("", "FAILED", pages=1))).name
    found = running.jobs.get(failed, "")
    assert found and found.state == "FAILED"
    running.jobs.delete(failed, "")


def learn() -> None:
    """Vocabularies are made, with rows that AWS refuses, promoted, and pruned."""
    vocabularies = Vocabularies(AWSClients(), Settings(s3_bucket=BUCKET))
    for word in ("Xochitl", "Brecon", "Llanelli", "Siobhan"):
        rows = (Row("room-7", "room 7"), *table((word,), "en-US").rows)
        vocabularies.promote(vocabularies.create("1.1", "en-US", rows).name)
    assert vocabularies.rows(vocabularies.promoted("1.1", "en-US") or "")
    assert vocabularies.prune("1.1", "en-US")
