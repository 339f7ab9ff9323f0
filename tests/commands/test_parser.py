"""`python -m transcribe_backend …`: what it says when something is wrong, and that nothing is paid for nothing."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness import ROOT
from harness.aws import LocalAWS, local_aws
from tests.commands.conftest import Run
from transcribe_backend.commands import parser as cli
from transcribe_backend.errors import SettingsError
from transcribe_backend.settings import Settings

BUCKET = "command-line"
AUDIO = f"s3://{BUCKET}/hello.wav"


@pytest.fixture(scope="module")
def stand_in() -> Iterator[LocalAWS]:
    with local_aws() as running:
        running.s3.create_bucket(Bucket=BUCKET)
        yield running


@pytest.fixture
def command(stand_in: LocalAWS, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run) -> Run:
    """Runs a command against the stand-in; returns the exit status and what is printed."""
    for name in ("LABEL_STUDIO_URL", "LABEL_STUDIO_HOST", "LABEL_STUDIO_API_KEY", "QUEUE_URL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {**stand_in.env, "MODEL_DIR": str(tmp_path), "LOG_LEVEL": "ERROR"}.items():
        monkeypatch.setenv(name, value)

    return run


def jobs(stand_in: LocalAWS) -> list[str]:
    """The names of the jobs that the stand-in has."""
    summaries = stand_in.transcribe.list_transcription_jobs(MaxResults=100)["TranscriptionJobSummaries"]
    return [summary["TranscriptionJobName"] for summary in summaries]


def test_tasks_are_written_for_the_stock_template_or_a_given_config(
    command: Run, stand_in: LocalAWS, tmp_path: Path
) -> None:
    stand_in.s3.upload_file(str(ROOT / "samples" / "cards_001.wav"), BUCKET, "calls/one.wav")
    config, output = tmp_path / "config.xml", tmp_path / "tasks.json"
    config.write_text('<View><Audio name="a" value="$call"/><TextArea name="said" toName="a"/></View>')
    for flags, key, name in (((), "audio", "transcription"), (("--label-config", str(config)), "call", "said")):
        code, said = command("transcribe", f"s3://{BUCKET}/calls/", "--output", str(output), *flags)
        assert code == 0, said
        (task,) = json.loads(output.read_text())
        assert task["data"] == {key: f"s3://{BUCKET}/calls/one.wav"}
        assert task["predictions"][0]["result"][0]["from_name"] == name


def test_a_labeling_config_that_cannot_be_read_is_told(command: Run, tmp_path: Path) -> None:
    code, said = command("transcribe", AUDIO, "--label-config", str(tmp_path / "none.xml"))
    assert code == 2
    assert "argument --label-config: " in said and f"{tmp_path}/none.xml cannot be read" in said


def test_a_file_that_cannot_be_written_is_told_before_anything_is_paid(
    command: Run, stand_in: LocalAWS, tmp_path: Path
) -> None:
    stand_in.s3.put_object(Bucket=BUCKET, Key="hello.wav", Body=b"RIFF")
    before = jobs(stand_in)
    code, said = command("transcribe", AUDIO, "--output", str(tmp_path / "no" / "folder" / "tasks.json"))
    assert code == 2
    assert "argument -o/--output: " in said and "no/folder/tasks.json cannot be written" in said
    assert jobs(stand_in) == before


def test_a_mistyped_job_is_not_said_to_be_tried_again(command: Run) -> None:
    code, said = command("retry", "ls-mistyped")
    assert code == 1
    assert "ls-mistyped is not the name of a job of ours" in said and "AWS_DEFAULT_REGION" not in said
    elsewhere = f"ls-{'0' * 40}"
    code, said = command("retry", elsewhere)
    assert code == 1
    assert f"AWS Transcribe has no job {elsewhere} in us-east-1" in said and "AWS_DEFAULT_REGION" in said


@pytest.mark.parametrize(
    ("flags", "named"),
    [(("--speakers", "99"), "Change --speakers."), (("--language", "english"), "--language: AWS Transcribe has no")],
)
def test_what_aws_refuses_names_the_flag(command: Run, flags: tuple[str, ...], named: str) -> None:
    code, said = command("transcribe", AUDIO, *flags)
    assert code == 2
    assert named in said and "model_" not in said


def test_the_bar_tells_of_jobs_before_the_first_ends(
    command: Run, stand_in: LocalAWS, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with local_aws("--latency", "3") as slow:
        slow.s3.create_bucket(Bucket=BUCKET)
        slow.s3.put_object(Bucket=BUCKET, Key="slow.wav", Body=b"RIFF")
        monkeypatch.setenv("AWS_ENDPOINT_URL", slow.url)
        code, said = command("transcribe", f"s3://{BUCKET}/slow.wav", "-o", str(tmp_path / "tasks.json"))
    assert code == 0, said
    assert "0/1" in said.partition("1 job runs")[0] and "1 job runs" in said


def test_a_list_of_nothing_says_so(command: Run) -> None:
    assert command("vocabulary", "list") == (0, "Nothing has been learnt yet.\n")


@pytest.mark.parametrize("flag", ["--url", "--backend-url"])
def test_an_address_without_http_is_told(command: Run, flag: str) -> None:
    given = {"--url": "http://localhost:1", "--api-key": "x", "--project": "7", flag: "localhost:8080"}
    code, said = command("connect", *(word for pair in given.items() for word in pair))
    assert code == 2
    assert f"argument {flag}: 'localhost:8080' must be a URL such as http://" in said


def test_each_command_says_what_it_is_for(capsys: pytest.CaptureFixture[str]) -> None:
    commands = next(action.choices for action in cli.parser()._actions if action.dest == "command")
    for command in commands or ():
        with pytest.raises(SystemExit):
            cli.main([command, "--help"])
        assert len(capsys.readouterr().out.split("\n\n")[1]) > 30, command


def test_problems_and_remedy_of_the_settings_are_sentences() -> None:
    with pytest.raises(SettingsError) as refused:
        Settings.from_env({"PORT": "abc", "WORKERS": "0"})
    assert ". Correct the environment" in refused.value.advice
