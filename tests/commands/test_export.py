"""`python -m transcribe_backend export` with the stand-in for AWS and the double of Label Studio."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness import ROOT
from harness.aws import LocalAWS, local_aws
from harness.studio_double import PROJECT, StudioDouble, studio_double
from tests.commands.conftest import Run
from transcribe_backend.aws.clients import AWSClients
from transcribe_backend.aws.vocabularies import Vocabularies
from transcribe_backend.settings import Settings
from transcribe_backend.speech.vocabulary import table

BUCKET = "export"
SAMPLE = "sense_and_sensibility_01_austen_64kb-0880"


@pytest.fixture(scope="module")
def stand_in() -> Iterator[LocalAWS]:
    with local_aws() as running:
        running.s3.create_bucket(Bucket=BUCKET)
        yield running


@pytest.fixture
def label_studio() -> Iterator[StudioDouble]:
    with studio_double() as double:
        yield double


@pytest.fixture
def command(
    stand_in: LocalAWS,
    label_studio: StudioDouble,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    run: Run,
) -> Run:
    """Runs a command; returns the exit status and what is printed."""
    place = {"S3_BUCKET": BUCKET, "MODEL_DIR": str(tmp_path / "model"), "LOG_LEVEL": "ERROR"}
    for name, value in (stand_in.env | label_studio.env | place).items():
        monkeypatch.setenv(name, value)

    return run


def upload(stand_in: LocalAWS, name: str) -> str:
    stand_in.s3.upload_file(str(ROOT / "samples" / f"{SAMPLE}.wav"), BUCKET, name)
    return f"s3://{BUCKET}/{name}"


def transcribe(command: Run, tmp_path: Path, audio: str, config: str = "") -> None:
    """The job that a prediction of project 1 has, or one with another config's options."""
    file = tmp_path / "config.xml"
    file.write_text(config or StudioDouble().config)
    code, said = command("transcribe", audio, "-o", str(tmp_path / "tasks.json"), "--label-config", str(file))
    assert code == 0, said


def heard(tmp_path: Path) -> str:
    """The text of what `transcribe` wrote last."""
    (task,) = json.loads((tmp_path / "tasks.json").read_text())
    return str(task["predictions"][0]["result"][0]["value"]["text"][0])


def annotated(text: str) -> list[dict[str, Any]]:
    result = {"from_name": "transcription", "to_name": "audio", "type": "textarea", "value": {"text": [text]}}
    return [{"id": 1, "result": [result]}]


def jobs(stand_in: LocalAWS) -> set[str]:
    listed = stand_in.transcribe.list_transcription_jobs(MaxResults=100)["TranscriptionJobSummaries"]
    return {job["TranscriptionJobName"] for job in listed}


def test_each_annotated_task_is_written_and_the_others_are_named(
    command: Run, stand_in: LocalAWS, label_studio: StudioDouble, tmp_path: Path
) -> None:
    known, unheard = upload(stand_in, "known.wav"), upload(stand_in, "unheard.wav")
    transcribe(command, tmp_path, known)
    tasks = label_studio.add_tasks([known, unheard, known, f"s3://{BUCKET}/gone.wav", known])
    corrected = " ".join(["Corrected", *heard(tmp_path).split()[1:]])
    for place in (0, 1, 3):
        tasks[place]["annotations"] = annotated(corrected)
    tasks[4]["annotations"] = [{**annotated("skipped")[0], "was_cancelled": True}]
    before = jobs(stand_in)

    code, said = command("export", "--project", "1", "--format", "jsonl", "-o", str(tmp_path / "new" / "texts"))
    assert code == 1
    assert "1 of 5 tasks are in " in said
    assert "left out: 3, 5: No annotation has a text." in said
    assert "failed: 2: Its audio has no transcript. Retrieve predictions for it, then export again." in said
    assert "failed: 4: " in said and "gone.wav" in said
    assert jobs(stand_in) == before, "nothing is paid"
    (file,) = (tmp_path / "new" / "texts").iterdir()
    assert file.name == "task-1.jsonl"
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert " ".join(line["text"] for line in lines) == corrected
    words = [word for line in lines for word in line["words"]]
    assert [word["text"] for word in words] == corrected.split()
    assert words == sorted(words, key=lambda word: word["start"])


def test_what_one_annotation_holds_does_not_keep_others_from_their_files(
    command: Run, stand_in: LocalAWS, label_studio: StudioDouble, tmp_path: Path
) -> None:
    """Half of an emoji is valid JSON, and no file can hold it; an import may hold anything."""
    audio = upload(stand_in, "imported.wav")
    transcribe(command, tmp_path, audio)
    broken, halved, whole = label_studio.add_tasks([audio] * 3)
    broken["annotations"] = annotated("Hello.")
    broken["annotations"][0]["result"][0]["value"] = {"text": [None], "start": "soon"}
    halved["annotations"] = annotated("Hello \ud83d there.")
    whole["annotations"] = annotated("Hello \U0001f600 there.")
    code, said = command("export", "--project", "1", "--format", "srt", "-o", str(tmp_path / "out"))
    assert code == 0, said
    assert "2 of 3 tasks are in " in said
    assert "left out: 1: No annotation has a text." in said
    assert "Hello ? there." in (tmp_path / "out" / "task-2.srt").read_text(encoding="utf-8")
    assert "Hello \U0001f600 there." in (tmp_path / "out" / "task-3.srt").read_text(encoding="utf-8")


@pytest.mark.parametrize("form", ["vtt", "srt", "ctm"])
def test_formats(form: str, command: Run, stand_in: LocalAWS, label_studio: StudioDouble, tmp_path: Path) -> None:
    audio = upload(stand_in, f"{form}.wav")
    transcribe(command, tmp_path, audio)
    (task,) = label_studio.add_tasks([audio])
    task["annotations"] = annotated(heard(tmp_path))
    code, said = command("export", "--project", "1", "--format", form, "-o", str(tmp_path / "out"))
    assert code == 0, said
    written = (tmp_path / "out" / f"task-1.{form}").read_text()
    assert written.startswith({"vtt": "WEBVTT\n\n00:00:", "srt": "1\n00:00:", "ctm": "task-1 1 "}[form])
    assert heard(tmp_path).split()[-1].strip(".") in written


def test_a_transcript_of_an_earlier_vocabulary_counts(
    command: Run, stand_in: LocalAWS, label_studio: StudioDouble, tmp_path: Path
) -> None:
    vocabularies = Vocabularies(AWSClients(), Settings(s3_bucket=BUCKET, model_dir=tmp_path))
    name = vocabularies.create(PROJECT, "en-US", table(["Dashwood"], "en-US").rows).name
    audio = upload(stand_in, "earlier.wav")
    named = label_studio.config.replace("<Audio", f'<Audio model_vocabulary="{name}"', 1)
    transcribe(command, tmp_path, audio, named)
    (task,) = label_studio.add_tasks([audio])
    task["annotations"] = annotated(heard(tmp_path))
    assert command("export", "--project", "1", "-o", str(tmp_path / "out"))[0] == 0


def test_without_a_label_studio_it_says_what_to_set(
    command: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("LABEL_STUDIO_URL", "LABEL_STUDIO_API_KEY"):
        monkeypatch.delenv(name)
    code, said = command("export", "--project", "1", "-o", str(tmp_path))
    assert code == 2
    assert "Set LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY." in said


def test_a_folder_that_cannot_be_made_is_told_before_anything_is_read(
    command: Run, label_studio: StudioDouble, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    code, said = command("export", "--project", "1", "-o", str(tmp_path / "file"))
    assert code == 2
    assert "argument -o/--output: " in said and "cannot be made" in said
    assert label_studio.asked == []
