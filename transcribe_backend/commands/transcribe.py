"""COMPOSES: `python -m transcribe_backend transcribe`: s3:// audio -> a tasks.json for import into Label Studio."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tqdm import tqdm

from transcribe_backend.aws.listing import audio_uris
from transcribe_backend.backend import Backend
from transcribe_backend.errors import AudioError, RecognitionError, TranscribeBackendError
from transcribe_backend.labeling.dialogue import dialogue
from transcribe_backend.labeling.templates import SPEECH_RECOGNITION
from transcribe_backend.prelabeling.project import Project
from transcribe_backend.telemetry.redact import redact
from transcribe_backend.transcribing.owed import Owed

_DIALOGUE_SPEAKERS = 5

_Ended = tuple[str, TranscribeBackendError | None]
"""The name of a file's job, or why there is none."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument("audio", nargs="+", metavar="s3://…", help="an object, or a prefix whose audio files are meant")
    parser.add_argument("-o", "--output", type=_writable, default="tasks.json", help="file to write [tasks.json]")
    parser.add_argument(
        "--label-config",
        type=_content,
        metavar="FILE",
        help="labeling config (XML) of your project [the ASR template]",
    )
    parser.add_argument("--language", help="language code or `auto` [TRANSCRIBE_LANGUAGE]")
    parser.add_argument(
        "--dialogue", action="store_true", help="write the dialogue into the data, for Paragraphs templates"
    )
    parser.add_argument(
        "--speakers", type=int, help=f"tell up to N speakers apart [with --dialogue {_DIALOGUE_SPEAKERS}]"
    )


def run(arguments: argparse.Namespace, backend: Backend) -> int:
    """Transcribe all at once and write what is finished; 0 for everything, 1 when some failed, 130 when interrupted."""
    project = _project(arguments, backend)
    uris, missing = _find(arguments.audio, backend)
    backend.start()
    ended, interrupted = _wait([Owed(uri, project.recognition) for uri in uris], backend)
    tasks, failures = _collect(uris, ended, project, backend, with_dialogue=arguments.dialogue)
    _write(arguments.output, tasks)
    return _report(arguments.output, len(uris), len(tasks), {**missing, **failures}, interrupted)


def _find(given: Sequence[str], backend: Backend) -> tuple[list[str], dict[str, str]]:
    """The files that the arguments mean, each once, and why some mean none; raises when none means any."""
    uris: dict[str, None] = {}
    missing: dict[str, str] = {}
    for argument in given:
        try:
            uris |= dict.fromkeys(audio_uris(backend.clients, argument))
        except AudioError as error:
            if len(given) == 1:
                raise
            missing[argument] = redact(error.advice)
    return list(uris), missing


def _writable(name: str) -> Path:
    """The path, checked before anything is charged."""
    output = Path(name)
    if output.is_dir() or not os.access(output.parent, os.W_OK):
        raise argparse.ArgumentTypeError(f"{name} cannot be written")
    return output


def _content(name: str) -> str:
    try:
        return Path(name).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeError) as error:
        raise argparse.ArgumentTypeError(f"{name} cannot be read: {error}") from error


def _project(arguments: argparse.Namespace, backend: Backend) -> Project:
    project = backend.projects.read("", arguments.label_config or SPEECH_RECOGNITION)
    wish = project.recognition
    if arguments.language:
        wish = replace(wish, language=arguments.language)
    speakers = arguments.speakers or (_DIALOGUE_SPEAKERS if arguments.dialogue else None)
    if speakers and not wish.channels:
        wish = replace(wish, speakers=speakers)
    try:
        wish.validate()
    except RecognitionError as error:
        raise _for_command_line(error, arguments) from error
    return replace(project, recognition=wish)


def _for_command_line(error: RecognitionError, arguments: argparse.Namespace) -> RecognitionError:
    """The rules name attributes of the Audio tag; what stands on the command line is called otherwise."""
    problem, remedy = error.problem, error.remedy
    for flag in ("speakers", "language"):
        if getattr(arguments, flag):
            remedy = remedy.replace(f"model_{flag}", f"--{flag}")
    if arguments.language and repr(arguments.language) in problem:
        problem = f"--language: {problem}"
    return RecognitionError(problem, remedy=remedy)


def _wait(wanted: Sequence[Owed], backend: Backend) -> tuple[dict[str, _Ended], bool]:
    """How each file ended, and whether somebody pressed Ctrl-C before all had."""
    ended: dict[str, _Ended] = {}
    with tqdm(total=len(wanted), unit="file", desc="Transcribing", file=sys.stderr) as bar:
        try:
            for each, job, error in backend.batch.transcribe(wanted, lambda _: _show_running(bar, backend)):
                ended[each.audio] = (job, error)
                bar.update()
        except KeyboardInterrupt:
            return ended, True
    return ended, False


def _show_running(bar: Any, backend: Backend) -> None:
    """Until the first file has ended a bar tells nothing else."""
    count = backend.slots.count()
    bar.set_postfix_str(f"{count} job{' runs' if count == 1 else 's run'}")


def _collect(
    uris: Sequence[str], ended: dict[str, _Ended], project: Project, backend: Backend, *, with_dialogue: bool
) -> tuple[list[dict[str, Any]], dict[str, str]]:
    tasks, failures = [], {}
    for uri in uris:
        job, error = ended.get(uri, ("", None))
        try:
            if error:
                raise error
            if job:
                tasks.append(_task(uri, job, project, backend, with_dialogue=with_dialogue))
        except TranscribeBackendError as told:
            failures[uri] = redact(told.advice)
    return tasks, failures


def _task(uri: str, job: str, project: Project, backend: Backend, *, with_dialogue: bool) -> dict[str, Any]:
    data = project.interface.data(uri)
    backend.transcriber.bring(job)
    if with_dialogue:
        return {"data": {**data, "text": dialogue(backend.store.get(job))}}
    # The best one last: of several predictions Label Studio pre-fills the newest (docs/decisions/0004).
    return {"data": data, "predictions": backend.answers.predictions.of(job, project)[::-1]}


def _write(output: Path, tasks: list[dict[str, Any]]) -> None:
    temporary = output.with_name(output.name + ".part")
    temporary.write_text(json.dumps(tasks, ensure_ascii=False, indent=1), encoding="utf-8", errors="replace")
    os.replace(temporary, output)


def _report(output: Path, asked: int, written: int, failures: dict[str, str], interrupted: bool) -> int:
    print(f"{written} of {asked} files are in {output}.", file=sys.stderr)
    for uri, reason in failures.items():
        print(f"failed: {uri}: {reason}", file=sys.stderr)
    if interrupted:
        print(
            "Interrupted. Run the same command again for the rest; you do not pay again for what is finished.",
            file=sys.stderr,
        )
        return 130
    return 1 if failures else 0
