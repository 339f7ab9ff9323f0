"""`python -m demo`: real speech, pre-labeled in a real Label Studio, without an AWS account."""

import argparse
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import Any

from demo.ports import Ports
from demo.progress import step
from demo.report import table
from harness import ROOT, SAMPLES
from harness.aws import CREDENTIALS, LocalAWS, local_aws
from harness.backend import backend
from harness.label_studio import Account, LabelStudio, label_studio, new_account
from harness.processes import Program, ProgramError
from harness.protocol import newest_prediction
from harness.transcripts import Row, row, word_error_rate
from harness.waiting import wait_until
from transcribe_backend.commands import connect

STATE = Path(os.environ.get("DEMO_DIR") or ROOT / ".demo").resolve()
LOGS = STATE / "logs"
BUCKET = "demo-audio"
PROJECT = "Speech samples"

_DATABASE = STATE / "label-studio" / "label_studio.sqlite3"
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_PATIENCE = 600.0  # seconds for all samples; two idle cores need ten


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo until Ctrl-C, or with --exit until the table is printed; 1 if something failed."""
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    parser.add_argument("--exit", action="store_true", help="end after the table (also: DEMO_EXIT=1)")
    options = parser.parse_args(arguments)
    for number in _ENDING:
        signal.signal(number, _interrupt)
    try:
        with ExitStack() as stack:
            programs = _demo(stack, Ports.from_env(os.environ))
            if not (options.exit or os.environ.get("DEMO_EXIT")):
                _watch(programs)
    except KeyboardInterrupt:
        return 130
    except ProgramError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    return 0


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Unwind, once: a second Ctrl-C must not disturb the stopping of the programs."""
    for ending in _ENDING:
        signal.signal(ending, signal.SIG_IGN)
    print("\nStopping …", flush=True)
    raise KeyboardInterrupt


def _demo(stack: ExitStack, ports: Ports) -> list[Program]:
    """Start everything, transcribe, print; the programs run until `stack` is left."""
    account = _account()
    with step("Starting the stand-in for AWS"):
        starting = local_aws("--recognizer", "whisper", port=ports.aws, log=LOGS / "stand-in.log")
        aws = stack.enter_context(starting)
    references = _put_samples(aws.s3)
    with step("Starting Label Studio" + _first_time()):
        studio = stack.enter_context(
            label_studio(_DATABASE.parent, account, LOGS / "label-studio.log", ports.label_studio)
        )
    with step("Starting the backend"):
        settings = _settings(aws, ports, account)
        server = stack.enter_context(backend(settings, LOGS / "backend.log", ports.backend))
    project = _project(studio, aws, ports, references)
    rows = _transcribe(studio, project, aws, references)
    _print_result(studio, project, aws, rows)
    return [aws.program, studio.program, server.program]


def _watch(programs: Sequence[Program]) -> None:
    """Until the user ends it; ProgramError if a program ends before."""
    with suppress(KeyboardInterrupt):
        print("\nCtrl-C stops everything.", flush=True)
        while True:
            time.sleep(1)
            for program in programs:
                program.check()


def _account() -> Account:
    """The login that Label Studio's database was made with by the first run."""
    file = STATE / "account.json"
    if not file.exists():
        STATE.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(asdict(new_account("demo@example.com", "transcribe-demo"))))
    return Account(**json.loads(file.read_text()))


def _first_time() -> str:
    return "" if _DATABASE.exists() else " (the first time it creates its database: about a minute)"


def _settings(aws: LocalAWS, ports: Ports, account: Account) -> dict[str, str]:
    """The backend's environment."""
    return {
        **aws.env,
        "S3_BUCKET": BUCKET,
        "LABEL_STUDIO_URL": ports.label_studio_url,
        "LABEL_STUDIO_API_KEY": account.token,
        "MODEL_DIR": str(STATE / "backend"),
    }


def _put_samples(s3: Any) -> dict[str, str]:
    """Upload the recordings; returns their reference texts by file name."""
    references: dict[str, str] = json.loads((SAMPLES / "refs.json").read_text())
    s3.create_bucket(Bucket=BUCKET)
    for name in references:
        s3.upload_file(str(SAMPLES / name), BUCKET, f"samples/{name}")
    return references


def _project(studio: LabelStudio, aws: LocalAWS, ports: Ports, references: Mapping[str, str]) -> int:
    """The demo's project, made by the first run: storage, connected backend, one task per recording."""
    project = studio.project_named(PROJECT) or studio.create_project(PROJECT)
    studio.set_storage(project, BUCKET, aws.url, CREDENTIALS)
    _connect(studio, project, ports.backend_url)
    imported = {task["data"].get("file") for task in studio.tasks(project)}
    missing = [{"audio": f"s3://{BUCKET}/samples/{name}", "file": name} for name in references if name not in imported]
    if missing:
        studio.import_tasks(project, missing)
    return project


def _connect(studio: LabelStudio, project: int, url: str) -> None:
    """As a user would, by the command line; a connection that an earlier run made on another port must go first."""
    for connected in studio.backends(project):
        if connected["url"] != url:
            studio.call("DELETE", f"/api/ml/{connected['id']}")
    parser = argparse.ArgumentParser()
    connect.add_arguments(parser)
    target = ["--url", studio.url, "--api-key", studio.account.token, "--project", str(project)]
    if connect.run(parser.parse_args([*target, "--backend-url", url])):
        raise ProgramError(f"The backend could not be connected. Its log: {LOGS / 'backend.log'}")


def _transcribe(studio: LabelStudio, project: int, aws: LocalAWS, references: Mapping[str, str]) -> list[Row]:
    """Retrieve predictions, again for what was not ready in time, until every recording has one."""

    def predicted() -> list[dict[str, Any]] | None:
        studio.retrieve_predictions(project)
        tasks = [task for task in studio.tasks(project) if task["data"].get("file") in references]
        return tasks if all(newest_prediction(task) for task in tasks) else None

    def progress() -> str:
        return f"({aws.count('StartTranscriptionJob')} of {len(references)} jobs started)"

    with step("Transcribing the samples", progress):
        try:
            tasks = wait_until(predicted, _PATIENCE, "all samples are transcribed", interval=2)
        except TimeoutError as error:
            raise ProgramError(f"{error}. The backend's log: {LOGS / 'backend.log'}") from None
    return [row(task, references[task["data"]["file"]]) for task in tasks]


def _print_result(studio: LabelStudio, project: int, aws: LocalAWS, rows: Sequence[Row]) -> None:
    print("\n" + table(rows, shutil.get_terminal_size((120, 40)).columns))
    started = aws.count("StartTranscriptionJob")
    print(f"\nWord error rate {word_error_rate(rows):.1%}; transcription jobs started now: {started}")
    print(f"\nLabel Studio  {studio.page(project)}")
    print(f"Login         {studio.account.email}  password {studio.account.password}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
