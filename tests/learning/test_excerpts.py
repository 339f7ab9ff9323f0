"""Places of a long recording, cut out of real files in the stand-in's S3."""

import io
import shutil
import struct
import subprocess
import wave
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.aws import LocalAWS, local_aws
from transcribe_backend.aws.clients import AWSClients
from transcribe_backend.aws.media import Media
from transcribe_backend.aws.staging import Staging
from transcribe_backend.labeling.annotations import Passage
from transcribe_backend.learning.evidence import Sample
from transcribe_backend.learning.excerpts import Excerpts, Window, as_record, chosen, from_record
from transcribe_backend.settings import Settings
from transcribe_backend.speech.transcript import Transcript, Word

BUCKET, RATE = "long", 1000
SENTENCES = ["we went home by the river and nobody said a word to us"] * 60
NAMED = (20, 45)


@pytest.fixture(scope="module")
def stand_in() -> Iterator[LocalAWS]:
    with local_aws() as running:
        running.s3.create_bucket(Bucket=BUCKET)
        yield running


@pytest.fixture
def excerpts(stand_in: LocalAWS, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Excerpts:
    for name, value in stand_in.env.items():
        monkeypatch.setenv(name, value)
    clients, settings = AWSClients(), Settings(s3_bucket=BUCKET, model_dir=tmp_path)
    return Excerpts(clients, Staging(clients, settings), tmp_path / "tmp")


def counting(seconds: int) -> bytes:
    """A WAV whose samples are the number of their second."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        for second in range(seconds):
            file.writeframes(struct.pack("<h", second) * RATE)
    return buffer.getvalue()


def put(stand_in: LocalAWS, name: str, body: bytes) -> Media:
    stand_in.s3.put_object(Bucket=BUCKET, Key=name, Body=body)
    return Media(f"s3://{BUCKET}/{name}", f"s3://{BUCKET}/{name}#1", "us-east-1")


def sample(media: Media) -> Sample:
    """Sixty sentences of ten seconds; two of them with a name that was not recognised."""
    said = [f"{text} there." for text in SENTENCES]
    heard = list(said)
    for at in NAMED:
        said[at] = said[at].replace("river", "Xochitl")
        heard[at] = heard[at].replace("river", "cello")
    words = [
        Word(word.rstrip("."), start + at * 0.6, start + at * 0.6 + 0.6, 0.9)
        for start, sentence in zip(range(0, 600, 10), heard, strict=True)
        for at, word in enumerate(sentence.split())
    ]
    return Sample(7, media, (Passage(" ".join(said)),), Transcript(" ".join(heard), tuple(words)))


def heard(stand_in: LocalAWS, media: Media) -> list[int]:
    """The seconds that an excerpt is made of."""
    key = media.uri.removeprefix(f"s3://{BUCKET}/")
    body = stand_in.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    with wave.open(io.BytesIO(body)) as file:
        values = struct.unpack(f"<{file.getnframes()}h", file.readframes(file.getnframes()))
    return list(dict.fromkeys(values))


def test_the_places_of_a_name_and_as_many_others_are_cut_out(stand_in: LocalAWS, excerpts: Excerpts) -> None:
    whole = sample(put(stand_in, "call.wav", counting(600)))
    part = excerpts.of(whole, ["Xochitl"])
    assert part and part.media != whole.media
    assert " ".join(passage.text for passage in part.passages).count("Xochitl") == 2
    seconds = heard(stand_in, part.media)
    assert 36 <= len(seconds) <= 48 and {205, 455} <= set(seconds)
    assert len(part.passages) == 4
    again = excerpts.of(whole, ["Xochitl"])
    assert again == part, "the same again gives the same audio"
    assert from_record(as_record(part), whole) == part


def test_regions_are_not_cut_through(stand_in: LocalAWS, excerpts: Excerpts) -> None:
    regions = tuple(Passage(f"turn {at}", at * 5.0, at * 5.0 + 4.5) for at in range(40))
    whole = Sample(7, put(stand_in, "call.wav", counting(600)), regions, Transcript("", ()))
    part = excerpts.of(whole, ["turn 20"])
    assert part and all(passage.start is not None for passage in part.passages)
    assert part.passages[0].start == 0.0
    assert {passage.text for passage in part.passages} >= {"turn 20"}
    assert round(max(passage.end or 0 for passage in part.passages)) <= len(heard(stand_in, part.media))


def test_what_cannot_be_cut_gives_none(stand_in: LocalAWS, excerpts: Excerpts) -> None:
    assert excerpts.of(sample(put(stand_in, "no-audio.mp3", b"nothing")), ["Xochitl"]) is None
    assert excerpts.of(sample(Media(f"s3://{BUCKET}/gone.wav", "gone", "us-east-1")), ["Xochitl"]) is None
    unpaused = Sample(7, put(stand_in, "call.wav", counting(600)), (Passage("so it is"),), Transcript("", ()))
    assert excerpts.of(unpaused, ["Xochitl"]) is None


@pytest.mark.skipif(not shutil.which("ffmpeg"), reason="No ffmpeg here: apt-get install ffmpeg")
def test_other_formats_are_cut_by_ffmpeg(stand_in: LocalAWS, excerpts: Excerpts, tmp_path: Path) -> None:
    (tmp_path / "call.wav").write_bytes(counting(600))
    subprocess.run(["ffmpeg", "-v", "error", "-i", tmp_path / "call.wav", tmp_path / "call.mp3"], check=True)
    part = excerpts.of(sample(put(stand_in, "call.mp3", (tmp_path / "call.mp3").read_bytes())), ["Xochitl"])
    assert part and part.media.uri.endswith(".flac")


def test_at_most_four_of_each_kind() -> None:
    windows = [Window(at, at + 9, (Passage("Xochitl" if at % 2 else "else"),)) for at in range(40)]
    found = chosen(windows, {("xochitl",)}, "seed")
    assert len(found) == 8 and found == sorted(found, key=lambda window: window.start)
    assert sum(window.holds({("xochitl",)}) for window in found) == 4
