"""Backends that are killed and started again, over the stand-in and a double of Label Studio."""

import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import psutil
import requests

from demo import programs
from demo.processes import Program, environment, free_port, running, wait_until
from tests.studio_double import PROJECT, StudioDouble, studio_double
from transcribe_backend.labeling.templates import SPEECH_RECOGNITION

AUDIO, OUTPUT = "calls", "transcripts"


@dataclass
class Stage:
    """A stand-in, a double of Label Studio, and backends that can be started and killed."""

    folder: Path
    aws_url: str
    studio: StudioDouble
    settings: dict[str, str]
    port: int = field(default_factory=free_port)
    _servers: int = 0

    @property
    def url(self) -> str:
        """The server's address, the same after each start."""
        return f"http://127.0.0.1:{self.port}"

    def tasks(self, count: int) -> list[dict[str, Any]]:
        """Tasks whose audio lies in S3, made in the double."""
        s3 = programs.s3_client(self.aws_url)
        first = len(self.studio.tasks)
        keys = [f"call-{number:05}.wav" for number in range(first, first + count)]
        for key in keys:
            s3.put_object(Bucket=AUDIO, Key=key, Body=key.encode())
        return self.studio.add_tasks([f"s3://{AUDIO}/{key}" for key in keys])

    def server(self, **settings: str) -> Any:
        """The server under gunicorn; a context manager."""
        self._servers += 1
        return programs.backend(self.port, self.folder / f"server-{self._servers}.log", {**self.settings, **settings})

    def worker(self) -> Any:
        """`python -m transcribe_backend worker`; a context manager."""
        self._servers += 1
        log = self.folder / f"worker-{self._servers}.log"
        command = [sys.executable, "-m", "transcribe_backend", "worker"]

        def runs() -> bool:
            return "Worker runs." in log.read_text()

        env = environment({**self.settings, "PYTHONUNBUFFERED": "1"})
        return running("The worker", command, runs, env=env, log=log, timeout=60, cwd=programs.ROOT)

    def predict(self, tasks: list[dict[str, Any]]) -> list[Any] | None:
        """One request, stored as Label Studio does; None when the backend dies meanwhile."""
        body = {"tasks": tasks, "project": PROJECT, "label_config": SPEECH_RECOGNITION, "params": {}}
        try:
            answer = requests.post(f"{self.url}/predict", json=body, timeout=110)
        except requests.RequestException:
            return None
        results: list[Any] = answer.json()["results"]
        self.studio.store(tasks, results)
        return results

    def asked(self, tasks: list[dict[str, Any]]) -> threading.Thread:
        """`predict` in the background."""
        thread = threading.Thread(target=self.predict, args=(tasks,), daemon=True)
        thread.start()
        return thread

    def calls(self, operation: str) -> int:
        """How often an operation of Transcribe was called."""
        counted = requests.get(f"{self.aws_url}/_local_aws/calls", timeout=30).json()
        return int(counted["transcribe"].get(operation, 0))

    def jobs(self, **filters: str) -> list[str]:
        """Names of all jobs that were ever started (paid), or of those that `filters` (as Status="COMPLETED") leave."""
        credentials = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        client = boto3.client("transcribe", endpoint_url=self.aws_url, region_name=programs.REGION, **credentials)
        names: list[str] = []
        token: dict[str, str] = {}
        while True:
            page = client.list_transcription_jobs(MaxResults=100, **filters, **token)
            names += [job["TranscriptionJobName"] for job in page["TranscriptionJobSummaries"]]
            if "NextToken" not in page:
                return names
            token = {"NextToken": page["NextToken"]}

    def records(self) -> int:
        """Deliveries that wait."""
        return int(self.metric("transcribe_undelivered"))

    def status(self) -> str:
        """The status page."""
        return requests.get(f"{self.url}/status", timeout=30).text

    def metric(self, name: str) -> float:
        """A metric of the server; 0 as long as there is none."""
        lines = requests.get(f"{self.url}/metrics", timeout=30).text.splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))

    def delivered(self, tasks: list[dict[str, Any]]) -> bool:
        """Whether every task has a prediction."""
        counts = self.studio.counts()
        return all(counts.get(task["id"]) for task in tasks)

    def wait(self, tasks: list[dict[str, Any]], seconds: float) -> None:
        """Until every task has a prediction."""
        wait_until(lambda: self.delivered(tasks), seconds, "every task has a prediction")


def kill(program: Program) -> None:
    """kill -9 of the program and all its processes at once."""
    with suppress(psutil.NoSuchProcess):
        victim = psutil.Process(program.process.pid)
        for process in (victim, *victim.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGKILL)
    program.process.wait(20)


def killed_at_random(
    start: Callable[[], Any], kills: int, between: tuple[float, float], dice: random.Random, begin: Callable[[], None]
) -> Iterator[None]:
    """Start, wait a random while, kill, start again; yields with the last one running. `begin` is called once."""
    for number in range(kills + 1):
        with start() as program:
            if number == 0:
                begin()
            if number == kills:
                yield
                return
            time.sleep(dice.uniform(*between))
            kill(program)


@contextmanager
def stage(folder: Path, *options: str, settings: Mapping[str, str] | None = None) -> Iterator[Stage]:
    """Start stand-in and double; `options` are the stand-in's."""
    with ExitStack() as stack:
        port = free_port()
        options = ("--recognizer", "scripted", *options)
        stack.enter_context(programs.stand_in(port, folder / "aws.log", *options))
        url = f"http://127.0.0.1:{port}"
        for bucket in (AUDIO, OUTPUT):
            programs.s3_client(url).create_bucket(Bucket=bucket)
        studio = stack.enter_context(studio_double())
        known = {"S3_BUCKET": OUTPUT, "MODEL_DIR": str(folder / "model"), "PATH": os.environ["PATH"]}
        yield Stage(folder, url, studio, {**programs.aws_settings(url), **studio.env, **known, **(settings or {})})
