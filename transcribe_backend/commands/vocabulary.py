"""`python -m transcribe_backend vocabulary …`: what was learnt from annotators, and what people decide about it."""

import argparse
import os
import shlex
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from transcribe_backend.backend import Backend
from transcribe_backend.errors import TrainingError, VocabularyError
from transcribe_backend.learning.lessons import prospect, step
from transcribe_backend.learning.reports import Report
from transcribe_backend.learning.training import priced
from transcribe_backend.prelabeling.project import project_id
from transcribe_backend.speech.calibration import Calibration
from transcribe_backend.speech.vocabulary import table
from transcribe_backend.speech.wording import listed

_EXAMPLES = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The actions: look, train, decide."""
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    for action, about in (
        (_list, "the versions of a project, and which is in use; without --project, those of all projects"),
        (_show, "the rows in use, what each did, and the last training, or those of a --version"),
        (_history, "all trainings: word error rates with their intervals, and what became of them"),
        (_train, "learn from the project's annotations now"),
        (_approve, "use the version that waits for a decision (TRAIN_PROMOTE=ask), or a --version"),
        (_reject, "do not use the version that waits for a decision"),
        (_ban, "never learn this phrase; when it is in use, use a version without it"),
        (_pin, "always have this phrase in the vocabulary, from now on"),
        (_edit, "edit the rows in use with $EDITOR: what you add is pinned, what you delete is banned"),
        (_rollback, "stop using the version in use; the one before it is used again"),
    ):
        subparser = actions.add_parser(action.__name__.removeprefix("_"), help=about, description=about)
        subparser.add_argument(
            "--project", type=int, required=action is not _list, help="the number in the project's address"
        )
        subparser.add_argument("--language", help="such as en-US [the project's]")
        subparser.set_defaults(action=action)
    for name in ("show", "approve"):
        actions.choices[name].add_argument("--version", type=int, help="number of the version")
    for name in ("ban", "pin"):
        actions.choices[name].add_argument("phrase", help="as it should stand in transcripts")
    actions.choices["train"].add_argument("--yes", action="store_true", help="do not ask before AWS charges anything")


def run(arguments: argparse.Namespace, running: Backend) -> int:
    """Do it; 0, or raises TranscribeBackendError."""
    for line in _list_all(running) if arguments.project is None else _said(arguments, running):
        print(line)
    return 0


def _said(arguments: argparse.Namespace, running: Backend) -> Iterator[str]:
    project, languages = _project(arguments, running)
    if arguments.action is _train:
        yield from _train(arguments, running, project)
        return
    if len(languages) > 1 and arguments.action not in (_list, _show, _history):
        raise VocabularyError(
            f"Project {arguments.project} learns in {listed(languages)}.", remedy="Choose one with --language."
        )
    for language in languages:
        yield from arguments.action(arguments, running, project, language)


def _project(arguments: argparse.Namespace, running: Backend) -> tuple[str, Sequence[str]]:
    """`<id>.<created>` and languages as Label Studio has them, the mere number and the default language without one."""
    chosen = [arguments.language] if arguments.language else []
    if running.studio is None:
        return str(arguments.project), chosen or [running.settings.language]
    described = running.studio.project(arguments.project)
    identity = project_id(described)
    asked = running.projects.interface(described.get("label_config", "")).recognition
    return identity, chosen or asked.learning_languages or [asked.language]


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


def _history(arguments: argparse.Namespace, running: Backend, project: str, language: str) -> Iterator[str]:
    reports = [report for report in running.reports.all(project) if report["language"] in (language, "")]
    if not reports:
        yield f"Project {arguments.project} was never trained in {language}."
    for report in reversed(reports):
        yield _line(report)


def _line(report: Report) -> str:
    """A training in one line."""
    told = step(report)
    asked = time.strftime("%Y-%m-%d %H:%M", time.gmtime(told.asked))
    begin = f"{asked}  {told.version or '-':<5} {told.outcome:<12}"
    if told.champion is None or told.candidate is None or told.low is None or told.high is None:
        return f"{begin} {told.reason}"
    interval = f"change {told.low * 100:+.1f} to {told.high * 100:+.1f} points, p = {told.p:.2g}"
    cost = "" if told.dollars is None else f", about ${told.dollars:.2f}"
    return f"{begin} {told.champion:.1%} -> {told.candidate:.1%} ({interval}){cost}"


def _train(arguments: argparse.Namespace, running: Backend, project: str) -> Iterator[str]:
    if not arguments.yes:
        yield from asked(running, project)
    for report in running.learning.train(project, "the command line"):
        yield from _lines(report)


def asked(running: Backend, project: str) -> Iterator[str]:
    """What it will cost, and whether that is agreed to."""
    if running.trainer is None:
        return
    planned = False
    for language in running.trainer.languages(project):
        try:
            plan = running.trainer.plan(project, language)
        except TrainingError as error:
            yield f"{language}: {error.advice}"
            continue
        planned = True
        taught = ", ".join(each["phrase"] for each in plan.phrases)
        yield f"{plan.tasks['annotated']} annotated tasks in {language} teach: {taught}"
        yield f"Estimate: {priced(plan)}"
    if not planned:
        raise TrainingError("There is nothing to train.", remedy="Correct more tasks, then try again.")
    if not _agreed("Go on? [y/N] "):
        raise TrainingError("Nothing was made, and nothing charged.", remedy="Answer y, or give --yes.")


def _agreed(question: str) -> bool:
    """No where nobody can be asked."""
    try:
        return input(question).strip().lower() in ("y", "yes")
    except EOFError:
        return False


def _approve(arguments: argparse.Namespace, running: Backend, project: str, language: str) -> Iterator[str]:
    name = _version(running, project, language, arguments.version)
    _use(running, project, language, name)
    yield f"In use now: {running.vocabularies.promoted(project, language)}."


def _reject(arguments: argparse.Namespace, running: Backend, project: str, language: str) -> Iterator[str]:
    name = _version(running, project, language, None)
    running.vocabularies.reject(name)
    yield f"{name} is not used."


def _version(running: Backend, project: str, language: str, number: int | None) -> str:
    """The version of that number, else the one that waits; raises VocabularyError."""
    versions = {version.number: version.name for version in running.vocabularies.versions(project, language)}
    name = versions.get(number) if number else running.vocabularies.waiting(project, language)
    if not name:
        what = f"version {number}" if number else "version that waits for a decision"
        raise VocabularyError(f"There is no {what} in {language}.", remedy="See `vocabulary list`.")
    return name


def _ban(arguments: argparse.Namespace, running: Backend, project: str, language: str) -> Iterator[str]:
    running.wishes.write(project, language, running.wishes.read(project, language).ban(arguments.phrase))
    yield f"{arguments.phrase} will not be learnt."
    yield from _revised(running, project, language)


def _pin(arguments: argparse.Namespace, running: Backend, project: str, language: str) -> Iterator[str]:
    _check([arguments.phrase], language)
    running.wishes.write(project, language, running.wishes.read(project, language).pin(arguments.phrase))
    yield from _revised(running, project, language)


def _edit(arguments: argparse.Namespace, running: Backend, project: str, language: str) -> Iterator[str]:
    old = _in_use(running, project, language)
    new = _edited(old)
    _check(new, language)
    wishes = running.wishes.read(project, language)
    for phrase in [each for each in old if each not in new]:
        wishes = wishes.ban(phrase)
    for phrase in [each for each in new if each not in old]:
        wishes = wishes.pin(phrase)
    running.wishes.write(project, language, wishes)
    yield from _revised(running, project, language)


def _edited(phrases: Sequence[str]) -> list[str]:
    """The phrases, one a line, after an editor had them."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "vocabulary.txt"
        path.write_text("".join(f"{phrase}\n" for phrase in phrases), encoding="utf-8")
        editor = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi")
        subprocess.run([*editor, str(path)], check=True)  # noqa: S603 - the caller's own editor
        return list(
            dict.fromkeys(filter(None, (line.strip() for line in path.read_text(encoding="utf-8").splitlines())))
        )


def _check(phrases: Sequence[str], language: str) -> None:
    for refused in table(phrases, language).rejected:
        raise VocabularyError(f"{refused.written} cannot be in a vocabulary: {refused.reason}.")


def _revised(running: Backend, project: str, language: str) -> Iterator[str]:
    """Use a version that is as people want it, at once; they need no proof."""
    old = _in_use(running, project, language)
    wanted = running.wishes.read(project, language).applied(old)
    if wanted and set(wanted) != set(old):
        rows = sorted(table(wanted, language).rows, key=lambda row: row.phrase.casefold())
        name = running.vocabularies.create(project, language, rows).name
        _use(running, project, language, name)
    elif not wanted and old:
        yield "It was the only row in use: `vocabulary rollback` stops using it."
    yield f"In use now: {running.vocabularies.promoted(project, language) or 'no learnt vocabulary'}."


def _use(running: Backend, project: str, language: str, name: str) -> None:
    running.vocabularies.promote(name)
    running.learnt.remember(project, language, running.vocabularies.promoted(project, language) or "")


def _in_use(running: Backend, project: str, language: str) -> list[str]:
    name = running.vocabularies.promoted(project, language)
    return [row.display or row.phrase for row in running.vocabularies.rows(name)] if name else []


def _rollback(arguments: argparse.Namespace, running: Backend, project: str, language: str) -> Iterator[str]:
    name = running.vocabularies.rollback(project, language)
    running.learnt.remember(project, language, name or "")
    yield f"In use now: {name or 'no learnt vocabulary'}."


def _lines(report: Report) -> Iterator[str]:
    yield f"{report['outcome']}: {report['reason']}"
    if more := prospect(report):
        yield more
    yield from (f"{name}: {_figures(report[name])}" for name in ("tasks", "wer", "changed", "cost") if report.get(name))
    if known := report.get("calibration"):
        yield (
            f"expected word error rate: off by {known['off_by']:.1%} on tasks it was not fitted to "
            f"(1 - confidence: {known['confidence_off_by']:.1%})"
        )
        curve = Calibration(tuple(known["confidences"]), tuple(known["rates"]))
        for confidence, rate, tasks in known.get("points", ()):
            expected = f"{curve.expected(confidence):.1%} expected"
            yield f"  confidence {confidence:.2f}: {expected}, {rate:.1%} in {tasks} tasks"
        if known.get("audited"):
            yield (
                f"{known['audited']} audited tasks: word error rate {known['audited_rate']:.1%}, "
                f"expected {known['audited_expected']:.1%}"
            )
    for phrase in report["phrases"]:
        yield from _record(phrase)
    for rejected in report["rejected"]:
        yield f"  - {rejected['written']}: {rejected['reason']}"


def _record(phrase: dict[str, Any]) -> Iterator[str]:
    """What a row did in the evaluation, with examples."""
    record = phrase.get("record")
    if not record:
        yield f"  + {phrase['phrase']}"
        return
    yield (
        f"  + {phrase['phrase']}: said {record['spoken']} times, right {record['right_before']} -> "
        f"{record['right_after']}; wrongly inserted {record['false_before']} -> {record['false_after']}, "
        f"broke {record['broken']} words"
    )
    yield from (f"      {before or '(nothing)'} -> {after or '(nothing)'}" for before, after in record["examples"])


def _figures(value: dict[str, Any]) -> str:
    return ", ".join(f"{name} {number:.4g}" for name, number in value.items())
