"""The real thing: gunicorn with two workers, its command line, and the SDK's."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from harness import ROOT, protocol
from harness.aws import LocalAWS, local_aws
from harness.backend import SERVER, backend
from harness.processes import answers, environment, free_port, running
from harness.waiting import wait_until
from tests.api.conftest import AUDIO, BUCKET

Start = Callable[..., str]


@pytest.fixture
def settings(aws_env: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """The environment of a backend of two workers."""
    return {**aws_env, "S3_BUCKET": BUCKET, "MODEL_DIR": str(tmp_path / "model"), "WORKERS": "2"}


@pytest.fixture
def start(settings: dict[str, str], tmp_path: Path) -> Iterator[Start]:
    """Starts gunicorn and returns its URL; keywords are environment variables."""
    with ExitStack() as stack:

        def begin(**changes: str) -> str:
            port = free_port()
            return stack.enter_context(backend({**settings, **changes}, tmp_path / f"{port}.log", port)).url

        yield begin


def post(url: str, body: Any) -> Any:
    """The JSON that a POST is answered with."""
    answer = requests.post(url, json=body, timeout=60)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_two_projects_and_two_workers_never_mix_names(start: Start, put_audio: Callable[[str], str]) -> None:
    url = start()
    uris = [put_audio(f"mixed/{word}.wav") for word in ("alpha", "bravo", "charlie", "delta")]
    projects = (
        (protocol.PLAIN, "1.100", "audio", "transcription", "audio"),
        (protocol.OTHER, "2.200", "recording", "words", "call"),
    )

    def ask(number: int) -> None:
        config, project, key, control, media = projects[number % 2]
        version = post(f"{url}/setup", protocol.setup(config, project))["model_version"]
        tasks = [protocol.task(number, uris[number // 2 % 4], key)]
        (made,) = post(f"{url}/predict", protocol.predict(tasks, config, project))["results"]
        (result,) = made["result"]
        assert (result["from_name"], result["to_name"]) == (control, media)
        assert protocol.texts(made) == [f"{('alpha', 'bravo', 'charlie', 'delta')[number // 2 % 4]}."]
        assert made["model_version"] == version

    with ThreadPoolExecutor(16) as threads:
        for done in [threads.submit(ask, number) for number in range(100)]:
            done.result()
    counted = metric(url, "transcribe_request_seconds_count")
    assert counted["/predict"] == counted["/setup"] == 100
    assert metric(url, "transcribe_jobs_total", "state")["started"] == 4


def metric(url: str, name: str, label: str = "route") -> dict[str, float]:
    """Values of one metric, of all workers together."""
    families = text_string_to_metric_families(requests.get(f"{url}/metrics", timeout=10).text)
    return {s.labels[label]: s.value for family in families for s in family.samples if s.name == name}


def test_a_finished_transcript_survives_a_restart(
    start: Start, put_audio: Callable[[str], str], stand_in: LocalAWS, settings: dict[str, str], tmp_path: Path
) -> None:
    body = protocol.predict([protocol.task(None, put_audio("restart.wav"))])
    with backend(settings, tmp_path / "first.log") as server:
        first = post(f"{server.url}/predict", body)
    before = stand_in.calls()["transcribe"]["StartTranscriptionJob"]
    assert post(f"{start()}/predict", body) == first
    assert protocol.texts(first["results"][0]) == ["restart."]
    assert stand_in.calls()["transcribe"]["StartTranscriptionJob"] == before


def test_health_and_setup_answer_while_requests_wait_for_jobs(start: Start) -> None:
    with local_aws("--latency", "600") as slow, ThreadPoolExecutor(30) as threads:
        for bucket in ("calls", BUCKET):
            slow.s3.create_bucket(Bucket=bucket)
        slow.s3.put_object(Bucket="calls", Key="long.wav", Body=AUDIO)
        url = start(AWS_ENDPOINT_URL=slow.url, THREADS="9", WORKERS="1", PREDICT_WAIT_SECONDS="8")
        body = protocol.predict([protocol.task(None, "s3://calls/long.wav")])
        asking = [threads.submit(post, f"{url}/predict", body) for _ in range(30)]
        turned_away = wait(asking, return_when=FIRST_COMPLETED).done
        assert requests.get(f"{url}/health", timeout=5).status_code == 200
        assert post(f"{url}/setup", protocol.setup())["model_version"]
        assert any(not one.done() for one in asking)
        assert turned_away
        assert [one.result() for one in asking] == [{"results": [[]]}] * 30


def test_a_failed_job_is_tried_again_after_retry(
    start: Start, put_audio: Callable[[str], str], stand_in: LocalAWS, settings: dict[str, str]
) -> None:
    url = start()
    body = protocol.predict([protocol.task(1, put_audio("broken-once.wav"))])
    assert post(f"{url}/predict", body) == {"results": [[]]}
    failed = stand_in.transcribe.list_transcription_jobs(Status="FAILED", MaxResults=100)["TranscriptionJobSummaries"]
    job = max(failed, key=lambda each: each["CreationTime"])["TranscriptionJobName"]
    before = stand_in.calls()["transcribe"]["StartTranscriptionJob"]
    assert retry(settings, job) == f"{job}: the next request tries its audio again.\n"
    assert post(f"{start()}/predict", body) == {"results": [[]]}
    assert stand_in.calls()["transcribe"]["StartTranscriptionJob"] == before + 1


def retry(settings: dict[str, str], job: str) -> str:
    """What `python -m transcribe_backend retry` prints."""
    command = [sys.executable, "-m", "transcribe_backend", "retry", job]
    ended = subprocess.run(
        command, cwd=ROOT, env=environment(settings), capture_output=True, text=True, timeout=60, check=True
    )
    return ended.stdout


def test_label_studio_ml_start_with_the_flags_of_the_sdk(aws_env: dict[str, str], tmp_path: Path) -> None:
    port = free_port()
    scripts = Path(sys.executable).parent
    flags = ["-p", str(port), "--host", "127.0.0.1", "--with", f"S3_BUCKET={BUCKET}", "--model-dir", str(tmp_path)]
    flags += ["--log-level", "DEBUG", "--basic-auth-user", "me", "--basic-auth-pass", "pass-word"]
    command = [str(scripts / "label-studio-ml"), "start", ".", *flags]
    env = environment({**aws_env, "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}"})
    url = f"http://127.0.0.1:{port}"
    log = tmp_path / "sdk.log"
    with running("label-studio-ml", command, lambda: answers(f"{url}/health"), env=env, log=log, timeout=60, cwd=ROOT):
        assert requests.get(f"{url}/health", timeout=5).json()["model_class"] == "AWSTranscribe"
        assert requests.get(f"{url}/versions", timeout=5).status_code == 401
        answer = requests.post(f"{url}/setup", json=protocol.setup(), auth=("me", "pass-word"), timeout=10)
        assert answer.json()["model_version"].startswith("transcribe-en-US@")
    assert "pass-word" not in log.read_text()


def test_impossible_settings_end_the_start_with_one_sentence(settings: dict[str, str]) -> None:
    env = environment({**settings, "THREADS": "many", "LABEL_STUDIO_URL": "label-studio"})
    ended = subprocess.run(SERVER, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60, check=False)
    said = ended.stdout + ended.stderr
    assert ended.returncode != 0
    assert "Traceback" not in said
    assert "THREADS" in said
    assert "LABEL_STUDIO_URL: 'label-studio' must be a URL" in said


def test_a_model_dir_that_cannot_be_made_ends_the_start_with_one_sentence(settings: dict[str, str]) -> None:
    env = environment({**settings, "MODEL_DIR": "/dev/null/model", "PORT": str(free_port())})
    ended = subprocess.run(SERVER, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60, check=False)
    said = ended.stdout + ended.stderr
    assert ended.returncode != 0
    assert "Traceback" not in said
    assert "MODEL_DIR /dev/null/model cannot be made" in said


def test_a_port_that_is_taken_ends_the_start_with_the_name_of_the_setting(settings: dict[str, str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        env = environment({**settings, "PORT": str(port)})
        ended = subprocess.run(SERVER, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60, check=False)
    said = ended.stdout + ended.stderr
    assert ended.returncode != 0
    assert f"Port {port} cannot be used" in said and "set PORT to another one" in said
    assert "Traceback" not in said


def test_what_is_missing_is_told_at_the_start(settings: dict[str, str], tmp_path: Path) -> None:
    without = {name: value for name, value in settings.items() if name != "AWS_ACCESS_KEY_ID"}
    with backend(without, tmp_path / "start.log") as server:
        wait_until(lambda: "No AWS credentials found." in server.log, 30, "it says that it has no credentials")
        wait_until(lambda: "LABEL_STUDIO_URL is not set" in server.log, 30, "and no Label Studio")
        assert server.log.count("No AWS credentials found.") == 1


def checked(settings: dict[str, str]) -> tuple[int, str]:
    """Exit status and words of `_wsgi.py --check`."""
    command = [sys.executable, "_wsgi.py", "--check"]
    ended = subprocess.run(
        command, cwd=ROOT, env=environment(settings), capture_output=True, text=True, timeout=60, check=False
    )
    return ended.returncode, ended.stdout


def test_check_says_what_is_fine_and_what_it_has_not_looked_at(settings: dict[str, str]) -> None:
    status, said = checked(settings)
    assert status == 0, said
    assert "ok     permissions" in said
    assert "Not checked here: protection, label-studio, token, server, connection, webhook" in said


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"LABEL_STUDIO_URL": "http://127.0.0.1:9", "LABEL_STUDIO_API_KEY": "f" * 40}, "does not answer at"),
        ({"LABEL_STUDIO_URL": "http://127.0.0.1:9"}, "WRONG  label-studio"),
        ({"QUEUE_URL": "postgresql://127.0.0.1:9/work"}, "WRONG  store"),
        ({"TRANSCRIBE_LANGUAGE": "english"}, "TRANSCRIBE_LANGUAGE: AWS Transcribe has no language"),
        ({"S3_BUCKET": ""}, "S3_BUCKET is not set"),
    ],
)
def test_check_finds_what_it_was_silent_about(settings: dict[str, str], wrong: dict[str, str], named: str) -> None:
    status, said = checked({**settings, **wrong})
    assert named in said
    assert status == ("WRONG" in said)
