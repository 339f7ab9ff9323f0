"""`python -m demo`: real speech, pre-labeled in a real Label Studio, without an AWS account."""

import argparse
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import Any

from demo.ports import Ports
from demo.progress import step
from demo.projects import BUCKET, Plan, Projects, plans
from demo.report import table, things_to_try
from harness import ROOT, SAMPLES
from harness.aws import LocalAWS, local_aws
from harness.backend import backend
from harness.label_studio import Account, LabelStudio, label_studio, new_account
from harness.processes import Program, ProgramError
from harness.transcripts import Row, row, word_error_rate

STATE = Path(os.environ.get("DEMO_DIR") or ROOT / ".demo").resolve()
LOGS = STATE / "logs"

_DATABASE = STATE / "label-studio" / "label_studio.sqlite3"
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_BLOCKED = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")


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
    _make_bucket(aws.s3)
    samples, names = _put(aws.s3, "samples", SAMPLES), _put(aws.s3, "names", SAMPLES / "names")
    with step("Starting Label Studio" + _first_time()):
        studio = stack.enter_context(
            label_studio(_DATABASE.parent, account, LOGS / "label-studio.log", ports.label_studio)
        )
    with step("Starting the backend"):
        settings = _settings(aws, ports, account)
        server = stack.enter_context(backend(settings, LOGS / "backend.log", ports.backend))
    projects = Projects(studio, aws, ports.backend_url)
    made = [(plan, *_transcribe(projects, plan, aws)) for plan in plans(samples, names)]
    projects.correct(made[-1][2], made[-1][0])
    rows = [row(task, samples[task["data"]["file"]]) for task in made[0][2]]
    _print_result(studio, aws, ports, [number for _, number, _ in made], rows)
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


def _put(s3: Any, folder: str, place: Path) -> dict[str, str]:
    """Upload the recordings of a folder; returns their reference texts by file name."""
    references: dict[str, str] = json.loads((place / "refs.json").read_text())
    for name in references:
        s3.upload_file(str(place / name), BUCKET, f"{folder}/{name}")
    return references


def _make_bucket(s3: Any) -> None:
    """As AWS makes them since 2023: nothing in it can be made public."""
    s3.create_bucket(Bucket=BUCKET)
    s3.put_public_access_block(Bucket=BUCKET, PublicAccessBlockConfiguration=dict.fromkeys(_BLOCKED, True))


def _transcribe(projects: Projects, plan: Plan, aws: LocalAWS) -> tuple[int, list[dict[str, Any]]]:
    """A project, and its tasks once every recording is transcribed."""
    before = aws.count("StartTranscriptionJob")

    def progress() -> str:
        return f"({aws.count('StartTranscriptionJob') - before} jobs started for {len(plan.texts)} recordings)"

    with step(f'Transcribing the project "{plan.title}"', progress):
        project = projects.make(plan)
        try:
            return project, projects.transcribed(project, plan)
        except TimeoutError as error:
            raise ProgramError(f"{error}. The backend's log: {LOGS / 'backend.log'}") from None


def _print_result(
    studio: LabelStudio, aws: LocalAWS, ports: Ports, numbers: Sequence[int], rows: Sequence[Row]
) -> None:
    print("\n" + table(rows, shutil.get_terminal_size((120, 40)).columns))
    started = aws.count("StartTranscriptionJob")
    print(f"\nWord error rate {word_error_rate(rows):.1%}; transcription jobs started now: {started}")
    pages = [studio.page(number) for number in numbers]
    training = f"{studio.url}/projects/{numbers[-1]}/settings/ml"
    print("\n" + things_to_try(pages, training, f"{ports.backend_url}/status"))
    print(f"\nLogin   {studio.account.email}  password {studio.account.password}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
