"""Finished transcripts in memory, on disk and in the bucket."""

import gzip
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.response import StreamingBody
from botocore.stub import Stubber

from transcribe_backend.aws.clients import AWSClients
from transcribe_backend.aws.transcripts import TranscriptStore
from transcribe_backend.errors import AccessDenied, TranscriptError
from transcribe_backend.settings import Settings

NAME, REDACTED = "ls-" + "0" * 40, "ls-redacted-" + "0" * 40


def document(*words: str) -> bytes:
    items = [
        {"type": "pronunciation", "start_time": str(n), "end_time": str(n + 1),
         "alternatives": [{"content": word, "confidence": "0.9"}]}
        for n, word in enumerate(words)
    ]  # fmt: skip
    return json.dumps({"results": {"transcripts": [{"transcript": " ".join(words)}], "items": items}}).encode()


@pytest.fixture
def s3(clients: AWSClients) -> Iterator[Stubber]:
    with Stubber(clients.s3("us-east-1")) as stub:
        yield stub
        stub.assert_no_pending_responses()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(s3_bucket="ours", s3_folder="folder", model_dir=tmp_path)


@pytest.fixture
def store(clients: AWSClients, settings: Settings) -> TranscriptStore:
    return TranscriptStore(clients, settings)


def body(content: bytes) -> dict[str, Any]:
    return {"Body": StreamingBody(io.BytesIO(content), len(content))}


def files(settings: Settings) -> list[Path]:
    return [file for file in settings.model_dir.rglob("*") if file.is_file()]


def test_the_bucket_is_asked_once_and_the_disk_outlives_the_process(
    store: TranscriptStore, s3: Stubber, clients: AWSClients, settings: Settings
) -> None:
    assert not store.has(NAME)
    s3.add_response("get_object", body(document("hello")), {"Bucket": "ours", "Key": f"folder/transcripts/{NAME}.json"})
    assert store.fetch(NAME, "us-east-1")
    assert store.has(NAME)
    other = TranscriptStore(clients, settings)
    assert other.has(NAME)
    assert other.get(NAME).text == store.get(NAME).text == "hello"


def test_without_a_folder_keys_begin_with_their_name(clients: AWSClients, tmp_path: Path) -> None:
    store = TranscriptStore(clients, Settings(s3_folder="", model_dir=tmp_path))
    assert store.key(NAME) == f"transcripts/{NAME}.json"
    assert not store.fetch(NAME)


@pytest.mark.parametrize("code", ["NoSuchKey", "404"])
def test_what_the_bucket_does_not_have(store: TranscriptStore, s3: Stubber, code: str) -> None:
    s3.add_client_error("get_object", code)
    assert not store.fetch(NAME, "us-east-1")


def test_a_denied_bucket_is_an_error(store: TranscriptStore, s3: Stubber) -> None:
    s3.add_client_error("get_object", "AccessDenied", http_status_code=403)
    with pytest.raises(AccessDenied):
        store.fetch(NAME, "us-east-1")


def test_redacted_output_is_looked_for_where_aws_puts_it(store: TranscriptStore, s3: Stubber) -> None:
    twin, plain = (f"folder/transcripts/{prefix}{REDACTED}.json" for prefix in ("redacted-", ""))
    s3.add_client_error("get_object", "NoSuchKey", expected_params={"Bucket": "ours", "Key": twin})
    s3.add_response("get_object", body(document("[PII]")), {"Bucket": "ours", "Key": plain})
    assert store.fetch(REDACTED, "us-east-1")


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[:-20],
        lambda content: content[:12] + b"\xff" * 12 + content[24:],
        lambda content: b"no gzip",
        lambda content: gzip.compress(b"{"),
        lambda content: gzip.compress(b"\xff\xfe"),
        lambda content: gzip.compress(b"[]"),
        lambda content: gzip.compress(b'{"results": 7}'),
    ],
)
def test_a_damaged_file_is_deleted_and_may_be_fetched_again(
    store: TranscriptStore, clients: AWSClients, settings: Settings, damage: Any
) -> None:
    store.put(NAME, document("one", "two"))
    (file,) = files(settings)
    file.write_bytes(damage(file.read_bytes()))
    other = TranscriptStore(clients, settings)
    with pytest.raises(TranscriptError) as failure:
        other.get(NAME)
    assert failure.value.retryable
    assert (other.has(NAME), files(settings)) == (False, [])


@pytest.mark.parametrize("content", [b"", b"<xml/>", b"[]", b'{"results": []}'])
def test_what_is_no_transcript_is_not_kept(store: TranscriptStore, settings: Settings, content: bytes) -> None:
    with pytest.raises(TranscriptError):
        store.put(NAME, content)
    assert files(settings) == []


def test_a_full_disk_is_told(clients: AWSClients, tmp_path: Path) -> None:
    (tmp_path / "model").write_text("no folder")
    store = TranscriptStore(clients, Settings(model_dir=tmp_path / "model"))
    with pytest.raises(TranscriptError, match="cannot be kept") as failure:
        store.put(NAME, document("one"))
    assert "MODEL_DIR" in failure.value.remedy


def test_memory_is_bounded_and_the_least_used_goes_first(
    clients: AWSClients, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    some, many = document(*"abcd"), document(*"abcdefghijklmnop")
    monkeypatch.setattr("transcribe_backend.aws.transcripts._IN_MEMORY", 5 * len(some))
    store = TranscriptStore(clients, settings)
    names = [f"ls-{number:040}" for number in range(3)]
    for name in names:
        store.put(name, some)
        store.get(names[0])
    store.put("ls-long", many)
    for file in files(settings):
        file.unlink()
    assert [name for name in (*names, "ls-long") if store.has(name)] == [names[0], names[2]]


def test_what_cannot_be_kept_leaves_nothing_behind(store: TranscriptStore, settings: Settings) -> None:
    store.put(NAME, document("one"))
    (file,) = files(settings)
    file.unlink()
    file.mkdir()  # in the way of the next one
    with pytest.raises(TranscriptError, match="cannot be kept"):
        store.put(NAME, document("two"))
    assert list(file.parent.iterdir()) == [file]


def test_what_cannot_even_be_deleted_is_an_error_of_this_transcript(store: TranscriptStore, settings: Settings) -> None:
    (settings.model_dir / "transcripts" / NAME[3:5] / f"{NAME}.json.gz").mkdir(parents=True)
    with pytest.raises(TranscriptError, match="damaged or gone"):
        store.get(NAME)
