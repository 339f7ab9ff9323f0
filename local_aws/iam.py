"""A policy document, evaluated as IAM does: what is not allowed is denied, and a Deny wins.

Of IAM's language it has Effect, Action and Resource with wildcards; a document that uses more is refused, since to
ignore a Condition would be to allow too much.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

_KNOWN = {"Sid", "Effect", "Action", "Resource"}
USER = "label-studio-transcribe"
OWNER = "root"
"""The access key of the account's owner, whom no policy binds."""


@dataclass(frozen=True, slots=True)
class Need:
    """One permission that a request needs."""

    action: str
    resource: str

    def told(self, user: str, quote: str = "") -> str:
        """AWS's words for its absence; `user` is an ARN, `quote` what S3 puts round the resource."""
        where = "" if self.resource == "*" else f" on resource: {quote}{self.resource}{quote}"
        return (
            f"User: {user} is not authorized to perform: {self.action}{where} "
            f"because no identity-based policy allows the {self.action} action"
        )


@dataclass(frozen=True, slots=True)
class _Statement:
    allows: bool
    actions: tuple[re.Pattern[str], ...]
    resources: tuple[re.Pattern[str], ...]

    def applies(self, need: Need) -> bool:
        return _any(self.actions, need.action) and _any(self.resources, need.resource)


@dataclass(frozen=True)
class Policy:
    """Raises ValueError for a document that cannot be evaluated."""

    document: Mapping[str, Any]
    _statements: tuple[_Statement, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        placeholders = sorted(set(re.findall(r"YOUR-[A-Z-]*[A-Z]", json.dumps(self.document))))
        if placeholders:
            raise ValueError(f"the policy has placeholders: put your names for {', '.join(placeholders)}")
        try:
            statements = tuple(_statement(each) for each in _listed(self.document["Statement"]))
        except (AttributeError, KeyError, TypeError) as error:
            raise ValueError(f"it is no policy document ({error!r})") from error
        object.__setattr__(self, "_statements", statements)

    def allows(self, need: Need) -> bool:
        """Whether some statement allows it and none denies it."""
        effects = {statement.allows for statement in self._statements if statement.applies(need)}
        return effects == {True}


def _statement(given: Mapping[str, Any]) -> _Statement:
    unknown = sorted(given.keys() - _KNOWN)
    if unknown:
        raise ValueError(f"local_aws does not evaluate {', '.join(unknown)} in a policy")
    return _Statement(
        given["Effect"] == "Allow",
        tuple(_pattern(action, re.IGNORECASE) for action in _listed(given["Action"])),
        tuple(_pattern(resource) for resource in _listed(given["Resource"])),
    )


def _pattern(text: str, flags: int = 0) -> re.Pattern[str]:
    """`*` is any text and `?` any character; actions are the same in any case, resources are not."""
    return re.compile(re.escape(text).replace(r"\*", ".*").replace(r"\?", "."), flags | re.DOTALL)


def _any(patterns: Iterable[re.Pattern[str]], text: str) -> bool:
    return any(pattern.fullmatch(text) for pattern in patterns)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
