"""Caches are bounded by bytes: of long values they hold few."""

import json
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from transcribe_backend.aws.clients import AWSClients
from transcribe_backend.aws.media import Media
from transcribe_backend.aws.transcripts import TranscriptStore
from transcribe_backend.memory import Memory
from transcribe_backend.prelabeling.predictions import Predictions
from transcribe_backend.prelabeling.project import Projects
from transcribe_backend.settings import Settings
from transcribe_backend.transcribing.audio import AudioLocator

MB = 1024**2
PLAIN = '<View><Audio name="audio" value="$audio"/><TextArea name="words" toName="audio"/></View>'


def test_the_oldest_go_when_the_bytes_are_used_up() -> None:
    memory: Memory[str, int] = Memory(10)
    for number, key in enumerate("abc"):
        memory.keep(key, number, 4)
    assert (memory.get("a"), memory.get("b"), memory.get("c")) == (None, 1, 2)


def test_what_is_asked_for_stays() -> None:
    memory: Memory[str, int] = Memory(10)
    memory.keep("a", 1, 4)
    memory.keep("b", 2, 4)
    assert memory.get("a") == 1
    memory.keep("c", 3, 4)
    assert "a" in memory and "b" not in memory


def test_what_replaces_another_counts_once() -> None:
    memory: Memory[str, int] = Memory(10)
    for number in range(50):
        memory.keep("a", number, 6)
    memory.keep("b", 1, 4)
    assert memory.get("a") == 49 and memory.get("b") == 1


def test_what_is_larger_than_all_is_not_kept_and_leaves_the_others() -> None:
    memory: Memory[str, int] = Memory(10)
    memory.keep("a", 1, 10)
    memory.keep("b", 2, 11)
    assert memory.get("a") == 1 and memory.get("b") is None


def test_what_has_grown_too_large_does_not_stay_as_it_was() -> None:
    memory: Memory[str, int] = Memory(10)
    memory.keep("a", 1, 5)
    memory.keep("a", 2, 11)
    assert memory.get("a") is None
    memory.keep("b", 3, 10)
    assert memory.get("b") == 3


def test_threads_do_not_lose_count() -> None:
    memory: Memory[int, int] = Memory(1000)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=_fill, args=(memory, seed)) for seed in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert memory._bytes == sum(size for _, size in memory._kept.values()) <= 1000


def _fill(memory: Memory[int, int], seed: int) -> None:
    for number in range(2000):
        memory.keep((seed + number) % 37, number, number % 90)


# -- the caches themselves


def document(text: str, alternatives: int = 0) -> bytes:
    item = {"type": "pronunciation", "start_time": "0", "end_time": "1"}
    heard = {"content": "word", "confidence": "0.9"}
    reading = {"transcript": text, "items": [{**item, **heard}] * 200}
    results: dict[str, Any] = {"transcripts": [{"transcript": text}], "items": [{**item, "alternatives": [heard]}]}
    if alternatives:
        results["segments"] = [{"start_time": "0", "end_time": "1", "alternatives": [reading] * alternatives}]
    return json.dumps({"results": results}, ensure_ascii=False).encode()


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TranscriptStore:
    monkeypatch.setattr("transcribe_backend.aws.transcripts._IN_MEMORY", MB)
    return TranscriptStore(AWSClients(), Settings(model_dir=tmp_path))


def held(memory: Memory[Any, Any]) -> int:
    """How many values it holds."""
    return len(memory._kept)


def test_a_transcript_of_many_alternatives_counts_as_many(store: TranscriptStore) -> None:
    for number in range(20):
        store.put(name(number), document("x", alternatives=10))
    assert 0 < held(store._memory) < MB / (10 * 200 * 150)
    assert store.get(name(0)).text == "x"


def test_long_texts_in_one_result_count_by_their_length(
    store: TranscriptStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transcribe_backend.prelabeling.predictions._IN_MEMORY", MB)
    project = Projects("en-US", lambda *_: "").read("1.1", PLAIN)
    predictions = Predictions(store)
    for number in range(8):
        store.put(name(number), document("word " * 60_000))
        predictions.of(name(number), project)
    assert 0 < held(predictions._made) <= 3


def test_long_addresses_count_by_their_length(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("transcribe_backend.transcribing.audio._IN_MEMORY", MB)
    nobody: Any = None
    locator = AudioLocator(nobody, nobody, nobody, nobody, Settings(model_dir=tmp_path))
    for number in range(200):
        address = f"https://example.com/{number}" + "é" * 8000
        locator._remember(address, Media(f"s3://b/{number}", "sha256:" + "0" * 64, "us-east-1"))
    assert 100 < held(locator._memory) < 130
    assert locator.recent(address, 60) == Media("s3://b/199", "sha256:" + "0" * 64, "us-east-1")


def name(number: int) -> str:
    return f"ls-{number:040}"
