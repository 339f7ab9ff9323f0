"""ADAPTER: what each training did and why."""

import json
import time
from collections.abc import Iterator
from typing import Any

from transcribe_backend.aws.clients import AWSClients
from transcribe_backend.learning.documents import Documents
from transcribe_backend.settings import Settings

Report = dict[str, Any]


class Reports:
    """One file per training, `reports/p<project>-<time>-<language>.json`; writing it again overwrites it."""

    def __init__(self, clients: AWSClients, settings: Settings) -> None:
        self._documents = Documents(clients, settings, "reports")

    def save(self, report: Report) -> None:
        """Keep a report by its `project` (`<id>.<created>`) and `asked` (Unix time). Raises TrainingError, AWSError."""
        asked = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(report["asked"]))
        name = "-".join(filter(None, (f"p{report['project']}", asked, report.get("language"))))
        self._documents.write(f"{name}.json", json.dumps(report, ensure_ascii=False, indent=1).encode())

    def all(self, project: str) -> list[Report]:
        """A project's reports, the newest first. Raises AWSError."""
        reports = [json.loads(body) for body in self._documents.beginning(_stem(project))]
        return sorted(reports, key=lambda report: -float(report["asked"]))

    def verdicts(self, project: str, language: str, champion: str) -> int:
        """How many trainings were judged since the vocabulary in use was promoted."""
        return sum(1 for _ in self._since(project, language, champion))

    def _since(self, project: str, language: str, champion: str) -> Iterator[Report]:
        for report in self.all(project):
            if champion and report.get("vocabulary") == champion:
                return
            if report.get("language") == language and report.get("wer"):
                yield report


def _stem(project: str) -> str:
    return f"p{project}-" if "." in project else f"p{project}."
