"""Audio put into S3_BUCKET: once, checked, never half, with constant memory."""

import hashlib
import io
import math
import shutil
import struct
import subprocess
import sys
import time
import wave
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.s3 import REGION
from transcribe_backend.aws import staging
from transcribe_backend.aws.clients import AWSClients
from transcribe_backend.aws.staging import Staging
from transcribe_backend.errors import AudioForbidden, AudioUnsupported, AWSError, BucketError, DiskFull, Mended
from transcribe_backend.home import spare_bytes
from transcribe_backend.settings import Settings

ROOT = Path(__file__).parents[2]
Make = Callable[..., Staging]


def tone(seconds: float, rate: int = 8000) -> bytes:
    """A WAV file."""
    file = io.BytesIO()
    with wave.open(file, "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(rate)
        wav.writeframes(b"".join(struct.pack("<h", int(9000 * math.sin(n / 5))) for n in range(int(seconds * rate))))
    return file.getvalue()


TONE = tone(1)


@pytest.fixture
def make(s3: Any, tmp_path: Path) -> Make:
    def staging(**settings: Any) -> Staging:
        return Staging(AWSClients(), Settings(**{"s3_bucket": "ours", "model_dir": tmp_path, **settings}))

    return staging


def keys(s3: Any) -> list[str]:
    return [found["Key"] for found in s3.list_objects_v2(Bucket="ours").get("Contents", [])]


def test_content_is_the_name(make: Make, s3: Any) -> None:
    digest = hashlib.sha256(TONE).hexdigest()
    media = make(s3_folder="f").stage([TONE[:10], TONE[10:]], source="x")
    assert media.identity == f"sha256:{digest}"
    assert media.uri == f"s3://ours/f/media/{digest}.wav"
    assert media.region == REGION
    assert s3.get_object(Bucket="ours", Key=f"f/media/{digest}.wav")["Body"].read() == TONE


def test_the_same_bytes_are_uploaded_once(make: Make, s3: Any) -> None:
    first = make().stage([TONE], source="one")
    modified = s3.head_object(Bucket="ours", Key=keys(s3)[0])["LastModified"]
    assert make().stage([TONE], source="two") == first
    assert len(keys(s3)) == 1
    assert s3.head_object(Bucket="ours", Key=keys(s3)[0])["LastModified"] == modified


def test_encrypted_with_our_key(make: Make, s3: Any) -> None:
    make(s3_kms_key="alias/ours").stage([TONE], source="x")
    head = s3.head_object(Bucket="ours", Key=keys(s3)[0])
    assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", "alias/ours")


def test_nothing_stays_on_disk(make: Make, tmp_path: Path) -> None:
    make().stage([TONE], source="x")
    with pytest.raises(AudioUnsupported):
        make().stage([b"nothing"], source="x")
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_stream_that_breaks_leaves_nothing(make: Make, s3: Any, tmp_path: Path) -> None:
    def broken() -> Iterator[bytes]:
        yield TONE
        raise ConnectionError("cut")

    with pytest.raises(ConnectionError):
        make().stage(broken(), source="x")
    assert keys(s3) == [] and list((tmp_path / "tmp").iterdir()) == []


def test_leftovers_of_a_killed_process_are_swept(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tmp").mkdir()
    (tmp_path / "tmp" / "audio-old").write_bytes(b"x")
    make()
    assert (tmp_path / "tmp" / "audio-old").exists()
    monkeypatch.setattr(staging, "_LEFTOVER_SECONDS", -1.0)
    make()
    assert list((tmp_path / "tmp").iterdir()) == []


def test_no_bucket(make: Make) -> None:
    with pytest.raises(AudioForbidden, match="https://h/a.wav must be copied to S3") as caught:
        make(s3_bucket="").stage([TONE], source="https://h/a.wav")
    assert "S3_BUCKET" in caught.value.remedy


def test_missing_bucket(make: Make) -> None:
    with pytest.raises(BucketError, match="S3_BUCKET nowhere does not exist"):
        make(s3_bucket="nowhere").stage([TONE], source="x")


def test_failed_upload_is_an_aws_error(make: Make, s3: Any) -> None:
    staging = make()
    assert staging.stage([TONE], source="x")
    s3.delete_object(Bucket="ours", Key=keys(s3)[0])
    s3.delete_bucket(Bucket="ours")
    with pytest.raises(AWSError, match="upload x to S3_BUCKET ours.*NoSuchBucket"):
        staging.stage([TONE], source="x")


@pytest.mark.parametrize(
    ("body", "problem", "remedy"),
    [
        (b"", "is empty", "again"),
        (b"\x00" * 5000, "format we do not know", "Convert"),
        (b"<!DOCTYPE html><title>Log in", "a web page", "URL"),
        (b"#EXTM3U\nfile:///etc/passwd\n", "format we do not know", "Convert"),
        (tone(0.4), "lasts 0.40 s", "Skip"),
        (tone(4 * 3600 + 60, rate=10), "lasts 4.0 h", "Split"),
    ],
)
def test_refused(make: Make, s3: Any, body: bytes, problem: str, remedy: str) -> None:
    with pytest.raises(AudioUnsupported, match=problem) as caught:
        make().stage([body], source="the audio")
    assert "the audio" in caught.value.problem
    assert remedy in caught.value.remedy
    assert keys(s3) == []


def test_over_2_gb_is_cut_off(make: Make, s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staging, "MAX_BYTES", 10_000)
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        while True:
            sent += 1
            yield b"fLaC" + bytes(4092)

    with pytest.raises(AudioUnsupported, match="larger than 2 GB"):
        make().stage(endless(), source="x")
    assert sent == 3 and keys(s3) == []


def test_streamed_wav_without_a_size_is_taken(make: Make) -> None:
    body = bytearray(TONE)
    body[4:8] = body[40:44] = b"\xff\xff\xff\xff"
    assert make().stage([bytes(body)], source="x")


@pytest.mark.parametrize(
    "body",
    [
        b"RIFF\xff\xff\xff\xffWAVEfmt \xff\xff\xff\x7f" + bytes(40),
        b"\x00\x00\x00\x18ftypisom\x00\x00\x00\x00isommp42" + b"\x7f\xff\xff\xffmoov" + bytes(40),
        b"fLaC\x80\xff\xff\xff" + bytes(40),
        b"OggS" + b"\xff" * 60,
        b"ID3\x04\x00\x00\x7f\x7f\x7f\x7f" + bytes(40),
        b"\x1a\x45\xdf\xa3webm" + bytes(40),
        b"#!AMR\n" + bytes(40),
    ],
)
def test_hostile_or_silent_headers_are_left_to_aws(make: Make, body: bytes) -> None:
    assert make().stage([body], source="x").identity.startswith("sha256:")


needs_ffmpeg = pytest.mark.skipif(not shutil.which("ffmpeg"), reason="needs ffmpeg")


def encoded(tmp_path: Path, *arguments: str) -> bytes:
    """The tone as ffmpeg writes it."""
    source, target = tmp_path / "tone.wav", tmp_path / "encoded"
    source.write_bytes(TONE)
    subprocess.run(["ffmpeg", "-v", "error", "-y", "-i", source, *arguments, target], check=True)
    return target.read_bytes()


@needs_ffmpeg
@pytest.mark.parametrize(
    ("arguments", "format"),
    [
        (["-f", "mp3"], "mp3"),
        (["-f", "mp3", "-id3v2_version", "0", "-write_xing", "0"], "mp3"),
        (["-f", "flac"], "flac"),
        (["-f", "ogg"], "ogg"),
        (["-f", "opus"], "ogg"),
        (["-f", "ipod"], "m4a"),
        (["-f", "mp4"], "mp4"),
        (["-f", "webm"], "webm"),
    ],
)
def test_formats_that_transcribe_takes(make: Make, tmp_path: Path, arguments: list[str], format: str) -> None:
    body = encoded(tmp_path, *arguments)
    media = make().stage([body], source="x")
    assert media.uri.endswith(f"{hashlib.sha256(body).hexdigest()}.{format}")


@needs_ffmpeg
@pytest.mark.parametrize(
    "arguments",
    [
        ["-f", "aiff"],
        ["-f", "caf", "-c:a", "libopus"],
        ["-f", "asf"],
        ["-f", "au"],
        ["-f", "adts"],
        ["-f", "mov"],
        ["-f", "matroska"],
        ["-f", "wav", "-rf64", "always"],
    ],
)
def test_other_formats_are_converted_or_refused(
    make: Make, tmp_path: Path, s3: Any, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    body = encoded(tmp_path, *arguments)
    media = make().stage([body], source="x")
    assert media.uri.endswith(".flac")
    assert s3.get_object(Bucket="ours", Key=keys(s3)[0])["Body"].read(4) == b"fLaC"
    assert make().stage([body], source="x") == media  # the conversion is deterministic: one object, one job
    monkeypatch.setenv("PATH", "")
    with pytest.raises(AudioUnsupported, match="which AWS Transcribe does not accept") as caught:
        make().stage([body], source="x")
    assert "ffmpeg" in caught.value.remedy


@needs_ffmpeg
def test_a_broken_file_is_not_converted(make: Make, s3: Any) -> None:
    with pytest.raises(AudioUnsupported, match="cannot be converted"):
        make().stage([b"FORM\x00\x00\x00\x24AIFF" + bytes(300)], source="x")
    assert keys(s3) == []


@pytest.mark.slow
def test_memory_does_not_grow_with_the_audio(endpoint: str, s3: Any) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "benchmarks.staging", "--megabytes", "200", "--bucket", "ours", "--endpoint", endpoint],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    growth = float(run.stdout.split("grew by ")[1].split(" MB")[0])
    assert growth <= 60, run.stdout
    assert len(keys(s3)) == 1


def test_a_file_that_another_process_removes_meanwhile_stops_no_start(make: Make, tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir()
    (tmp_path / "tmp" / "audio-gone").symlink_to(tmp_path / "nowhere")  # listed, and not there
    make()


def test_what_is_no_audio_is_not_read_to_its_end(make: Make, s3: Any) -> None:
    given: list[int] = []

    def page() -> Iterator[bytes]:
        for number in range(1000):
            given.append(number)
            yield b"<html>" + b" " * 1018

    with pytest.raises(AudioUnsupported, match="is a web page"):
        make().stage(page(), source="x")
    assert len(given) <= 5
    assert keys(s3) == []


def test_on_a_full_disk_nothing_is_downloaded(s3: Any, tmp_path: Path) -> None:
    staging = Staging(AWSClients(), Settings(s3_bucket="ours", model_dir=tmp_path), spare=lambda folder: 0)
    with pytest.raises(DiskFull, match="MODEL_DIR is nearly full") as caught:
        staging.require("x")
    assert caught.value.mended is Mended.OPERATOR
    with pytest.raises(DiskFull):
        staging.stage([TONE], source="x")
    assert list((tmp_path / "tmp").iterdir()) == keys(s3) == []


def test_a_disk_that_fills_meanwhile_keeps_its_reserve(s3: Any, tmp_path: Path) -> None:
    megabyte, room = 1024**2, 40 * 1024**2

    def spare(folder: Path) -> int:
        return room - sum(path.stat().st_size for path in folder.iterdir())

    staging = Staging(AWSClients(), Settings(s3_bucket="ours", model_dir=tmp_path), spare=spare)
    given: list[int] = []

    def long() -> Iterator[bytes]:
        yield TONE
        for number in range(1000):
            given.append(number)
            yield bytes(megabyte)

    with pytest.raises(DiskFull):
        staging.stage(long(), source="x")
    assert 40 <= len(given) <= 40 + 16
    assert list((tmp_path / "tmp").iterdir()) == keys(s3) == []


def test_the_reserve_is_small_on_a_small_disk(tmp_path: Path) -> None:
    usage = shutil.disk_usage(tmp_path)
    assert spare_bytes(tmp_path) == pytest.approx(usage.free - min(512 * 1024**2, usage.total / 10), abs=64 * 1024**2)


def test_a_hostile_header_does_not_keep_the_parser_busy(make: Make, s3: Any) -> None:
    hostile = b"ID3\x03\x00\x00\x00\x00\x00\x00" + b"\x00\xff" * (2 * 1024**2)
    begun = time.thread_time()
    make().stage([hostile], source="x")  # its length is not known: AWS judges
    assert time.thread_time() - begun < 3
    assert len(keys(s3)) == 1
