"""`python -m transcribe_backend vocabulary …`: what has been learnt from annotators, and how to undo it."""

import argparse
import json
from collections.abc import Iterator
from typing import Any

from transcribe_backend.backend import Backend
from transcribe_backend.learning.reports import Report
from transcribe_backend.prelabeling.project import project_id


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The actions list, show, train and rollback."""
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    for action, about in (
        (_list, "the versions of a project, and which is in use; without --project those of all"),
        (_show, "the rows in use and the figures of the last training, or those of a --version"),
        (_train, "learn from the project's annotations now"),
        (_rollback, "stop using the version in use; the one before it is used again"),
    ):
        subparser = actions.add_parser(action.__name__.removeprefix("_"), help=about, description=about)
        subparser.add_argument(
            "--project", type=int, required=action is not _list, help="the number in the project's address"
        )
        subparser.add_argument("--language", help="such as en-US [the project's]")
        subparser.set_defaults(action=action)
    actions.choices["show"].add_argument("--version", type=int, help="number of the version [the one in use]")


def run(arguments: argparse.Namespace, running: Backend) -> int:
    """Do it; 0, or raises TranscribeBackendError."""
    if arguments.project is None:
        lines = _list_all(running)
    else:
        lines = arguments.action(arguments, running, *_project(arguments, running))
    for line in lines:
        print(line)
    return 0


def _project(arguments: argparse.Namespace, running: Backend) -> tuple[str, str]:
    """`<id>.<created>` and language as Label Studio has them, the mere number and the default language without one."""
    if running.studio is None:
        return str(arguments.project), arguments.language or running.settings.language
    described = running.studio.project(arguments.project)
    identity = project_id(described)
    if arguments.language:
        return identity, arguments.language
    return identity, running.projects.read(identity, described.get("label_config", "")).recognition.language


def _list(arguments: argparse.Namespace, running: Backend, project: str, language: str) -> Iterator[str]:
    in_use = running.vocabularies.promoted(project, language)
    found = False
    for version in running.vocabularies.versions(project, language):
        found = True
        use = "in use" if version.name == in_use else running.vocabularies.mark(version.name)
        yield f"{version.name}  {version.state}  {use}"
    if not found:
        yield f"Project {arguments.project} has learnt nothing in {language} yet."


def _list_all(running: Backend) -> Iterator[str]:
    found = False
    for version in running.vocabularies.everything():
        found = True
        yield f"{version.name}  {version.state}  {running.vocabularies.mark(version.name)}"
    if not found:
        yield "Nothing has been learnt yet."


def _show(arguments: argparse.Namespace, running: Backend, project: str, language: str) -> Iterator[str]:
    name = running.vocabularies.promoted(project, language)
    missing = f"Project {arguments.project} uses no learnt vocabulary in {language}."
    reports = [report for report in running.reports.all(project) if report["language"] in (language, "")]
    if arguments.version:
        versions = {version.number: version.name for version in running.vocabularies.versions(project, language)}
        name = versions.get(arguments.version)
        missing = f"Project {arguments.project} has learnt no version {arguments.version} in {language}."
        reports = [report for report in reports if name and report["vocabulary"] == name]
    yield name or missing
    for row in running.vocabularies.rows(name) if name else ():
        yield f"  {row.display or row.phrase}"
    for report in reports[:1]:
        yield from _lines(report)


def _train(arguments: argparse.Namespace, running: Backend, project: str, language: str) -> Iterator[str]:
    yield from _lines(running.learning.train(project, "the command line"))


def _rollback(arguments: argparse.Namespace, running: Backend, project: str, language: str) -> Iterator[str]:
    name = running.vocabularies.rollback(project, language)
    running.learnt.remember(project, language, name or "")
    yield f"In use now: {name or 'no learnt vocabulary'}."


def _lines(report: Report) -> Iterator[str]:
    yield f"{report['outcome']}: {report['reason']}"
    yield from (
        f"{name}: {_shown(report[name])}" for name in ("tasks", "wer", "key_phrases", "cost") if report.get(name)
    )
    for phrase in report["phrases"]:
        yield f"  + {phrase['phrase']}"
    for rejected in report["rejected"]:
        yield f"  - {rejected['written']}: {rejected['reason']}"


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
