"""COMPOSES: `python -m transcribe_backend export`: the annotators' corrected texts with times, a file for each task."""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from transcribe_backend.backend import Backend
from transcribe_backend.errors import SettingsError, TranscribeBackendError, TranscriptError
from transcribe_backend.labeling.formats import FORMATS, Format, Recording
from transcribe_backend.labeling.utterances import utterances
from transcribe_backend.learning.evidence import Evidence, at_once
from transcribe_backend.learning.learnt import made_with
from transcribe_backend.prelabeling.project import project_id
from transcribe_backend.studio.client import Studio
from transcribe_backend.telemetry.redact import redact

_WRITTEN = ""
_UNANNOTATED = "No annotation has a text."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument("--project", type=int, required=True, help="the number in the project's address")
    parser.add_argument("--format", choices=FORMATS, default="vtt", help="of the files [vtt]")
    parser.add_argument(
        "-o",
        "--output",
        type=_folder,
        required=True,
        metavar="FOLDER",
        help="folder to write to; it is made if there is none",
    )


def run(arguments: argparse.Namespace, backend: Backend) -> int:
    """Write what there is; 0 when that is all annotated tasks, 1 when some failed. Starts no job."""
    if backend.studio is None:
        raise SettingsError(
            "Without Label Studio there is nothing to export.",
            remedy="Set LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY.",
        )
    export = _Export(backend, backend.studio, arguments)
    tasks: dict[str, list[int]] = {}
    ended = at_once(export.task, backend.studio.tasks(arguments.project))
    for number, reason in tqdm(ended, unit="task", desc="Exporting", file=sys.stderr):
        tasks.setdefault(reason, []).append(number)
    return _report(arguments.output, tasks)


def _folder(name: str) -> Path:
    """The folder, made and checked before any task is read."""
    folder = Path(name)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{name} cannot be made: {error.strerror}") from None
    if not os.access(folder, os.W_OK):
        raise argparse.ArgumentTypeError(f"{name} cannot be written")
    return folder


class _Export:
    """The tasks of one project, each to its file."""

    def __init__(self, backend: Backend, studio: Studio, arguments: argparse.Namespace) -> None:
        described = studio.project(arguments.project)
        self._project = backend.projects.read(project_id(described), described.get("label_config", ""))
        self._options = made_with(self._project.recognition, self._project.id, backend.vocabularies)
        self._evidence = Evidence(studio, backend.audio, backend.jobs, backend.store)
        self._format: Format = FORMATS[arguments.format]
        self._folder: Path = arguments.output
        self._suffix = f".{arguments.format}"

    def task(self, task: Mapping[str, Any]) -> tuple[int, str]:
        """The task's number, and why it has no file; "" where it has one."""
        try:
            return int(task["id"]), self._write(task)
        except TranscribeBackendError as error:
            return int(task["id"]), redact(error.advice)
        except OSError as error:
            return int(task["id"]), f"Its file cannot be written: {error.strerror}."

    def _write(self, task: Mapping[str, Any]) -> str:
        sample = self._evidence.sample(task, self._project, self._options)
        if sample is None:
            return _UNANNOTATED
        if sample.transcript is None:
            raise TranscriptError(
                "Its audio has no transcript.", remedy="Retrieve predictions for it, then export again."
            )
        recording = Recording(sample.task, sample.media.uri)
        said = utterances(sample.passages, sample.transcript, self._project.interface)
        path = self._folder / f"{recording.name}{self._suffix}"
        path.write_text(self._format(recording, said), encoding="utf-8")
        return _WRITTEN


def _report(folder: Path, tasks: Mapping[str, Sequence[int]]) -> int:
    """`tasks` by the reason for which they have no file."""
    total = sum(map(len, tasks.values()))
    print(f"{len(tasks.get(_WRITTEN, ()))} of {total} tasks are in {folder}.", file=sys.stderr)
    failures = [reason for reason in tasks if reason not in (_WRITTEN, _UNANNOTATED)]
    for reason in (_UNANNOTATED, *failures):
        if reason in tasks:
            kind = "failed" if reason in failures else "left out"
            print(f"{kind}: {', '.join(map(str, tasks[reason]))}: {reason}", file=sys.stderr)
    return 1 if failures else 0
