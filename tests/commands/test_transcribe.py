"""The transcribe command as its user runs it: interrupted, repeated, with files that fail."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness import ROOT
from harness.aws import LocalAWS, local_aws
from harness.processes import environment
from harness.waiting import until

CALLS, OUTPUT = "calls", "transcripts"
FILES = [f"talk-{number}.wav" for number in range(6)]


@pytest.fixture
def aws() -> Iterator[LocalAWS]:
    """Two jobs at a time, a second each."""
    with local_aws("--latency", "1", "--slots", "2", "--fail-pattern", "*broken*") as running:
        for bucket in (CALLS, OUTPUT):
            running.s3.create_bucket(Bucket=bucket)
        for name in FILES:
            running.s3.put_object(Bucket=CALLS, Key=f"2026/{name}", Body=b"RIFF")
        yield running


def command(aws: LocalAWS, folder: Path, *arguments: str) -> "subprocess.Popen[str]":
    """`python -m transcribe_backend transcribe …` in an empty folder."""
    env = environment({**aws.env, "S3_BUCKET": OUTPUT, "PYTHONPATH": str(ROOT), "TRANSCRIBE_MAX_JOBS": "2"})
    line = [sys.executable, "-m", "transcribe_backend", "transcribe", *arguments]
    return subprocess.Popen(line, env=env, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def starts(aws: LocalAWS) -> int:
    return int(aws.calls()["transcribe"].get("StartTranscriptionJob", 0))


def test_interrupted_and_run_again_nothing_is_paid_twice(aws: LocalAWS, tmp_path: Path) -> None:
    first = command(aws, tmp_path, f"s3://{CALLS}/2026/")
    until(lambda: starts(aws), lambda started: started >= 5)
    os.kill(first.pid, signal.SIGINT)
    said, _ = first.communicate(timeout=30)
    assert first.returncode == 130, said
    assert "Run the same command again" in said
    finished = {task["data"]["audio"] for task in json.loads((tmp_path / "tasks.json").read_text())}
    assert 0 < len(finished) < len(FILES)

    again = command(aws, tmp_path, f"s3://{CALLS}/2026/")
    said, _ = again.communicate(timeout=60)
    assert again.returncode == 0, said
    tasks = json.loads((tmp_path / "tasks.json").read_text())
    assert [task["data"]["audio"] for task in tasks] == [f"s3://{CALLS}/2026/{name}" for name in FILES]
    assert all(task["predictions"][0]["model_version"] for task in tasks)
    assert starts(aws) == len(FILES)


def test_failed_files_are_listed_and_the_others_written(aws: LocalAWS, tmp_path: Path) -> None:
    aws.s3.put_object(Bucket=CALLS, Key="one/broken.wav", Body=b"RIFF")
    uris = [f"s3://{CALLS}/2026/{FILES[0]}", f"s3://{CALLS}/one/broken.wav"]
    run = command(aws, tmp_path, *uris, f"s3://{CALLS}/nothing-here/", "-o", "mine.json")
    said, _ = run.communicate(timeout=60)
    assert run.returncode == 1
    assert f"failed: s3://{CALLS}/nothing-here/: There is no audio below" in said
    assert f"failed: {uris[1]}: AWS Transcribe failed on {uris[1]}" in said
    assert [task["data"]["audio"] for task in json.loads((tmp_path / "mine.json").read_text())] == uris[:1]


@pytest.mark.parametrize(
    ("argument", "advice"),
    [
        (f"s3://{CALLS}/nothing-here/", "There is no audio below"),
        ("calls/2026", "Write s3://bucket/prefix"),
        ("s3://no-such-bucket/x.wav", "NoSuchBucket"),
    ],
)
def test_what_is_not_there_is_said_in_a_sentence(aws: LocalAWS, tmp_path: Path, argument: str, advice: str) -> None:
    run = command(aws, tmp_path, argument)
    said, _ = run.communicate(timeout=30)
    assert run.returncode == 2
    assert advice in said
    assert "Traceback" not in said
