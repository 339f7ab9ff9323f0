"""deploy/iam-policy.json, and what it allows: the part of IAM's rules that it uses."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from tests.stack import ROOT

PATH = ROOT / "deploy" / "iam-policy.json"


@dataclass(frozen=True)
class Need:
    """One permission that a request takes."""

    action: str
    resource: str


class Policy:
    """The policy with its placeholders filled in."""

    def __init__(self, **names: str) -> None:
        text = PATH.read_text()
        for placeholder, name in names.items():
            text = text.replace(placeholder.replace("_", "-"), name)
        self.statements: list[Any] = json.loads(text)["Statement"]

    def grants(self) -> set[tuple[str, str]]:
        """Every (statement, action)."""
        return {(each["Sid"], action) for each in self.statements for action in _listed(each["Action"])}

    def allowing(self, need: Need) -> Iterator[tuple[str, str]]:
        """The (statement, action) pairs that allow it."""
        for each in self.statements:
            matches = any(fnmatchcase(need.resource, pattern) for pattern in _listed(each["Resource"]))
            if matches and need.action in _listed(each["Action"]):
                yield each["Sid"], need.action


def _listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)
