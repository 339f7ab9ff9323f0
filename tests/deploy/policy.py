"""deploy/iam-policy.json with its placeholders filled in, and which of its lines allows what."""

import json
from collections.abc import Iterator
from typing import Any

from harness import ROOT
from local_aws.iam import Need, Policy

PATH = ROOT / "deploy" / "iam-policy.json"

Grant = tuple[str, str]
"""Sid of a statement, and one of its actions."""


class DeployedPolicy:
    """Names by placeholder, with `_` for `-`."""

    def __init__(self, **names: str) -> None:
        text = PATH.read_text()
        for placeholder, name in {"YOUR_PARTITION": "aws", **names}.items():
            text = text.replace(placeholder.replace("_", "-"), name)
        self.document: Any = json.loads(text)

    def grants(self) -> set[Grant]:
        """Every (statement, action)."""
        return {(each["Sid"], action) for each in self.document["Statement"] for action in _listed(each["Action"])}

    def allowing(self, need: Need) -> Iterator[Grant]:
        """Those that allow it."""
        for sid, action in self.grants():
            if Policy(self._of(lambda grant, wanted=(sid, action): grant == wanted)).allows(need):
                yield sid, action

    def without(self, dropped: Grant) -> Any:
        """The document without one action of one statement."""
        return self._of(lambda grant: grant != dropped)

    def _of(self, kept: Any) -> Any:
        statements = []
        for each in self.document["Statement"]:
            actions = [action for action in _listed(each["Action"]) if kept((each["Sid"], action))]
            statements += [{**each, "Action": actions}] if actions else []
        return {**self.document, "Statement": statements}


def _listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)
