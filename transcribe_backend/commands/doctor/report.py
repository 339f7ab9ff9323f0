"""What the doctor says: a line or two for each check, and at the end a block to paste into an issue. No secrets."""

import os
import platform
import re
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any

import botocore

from transcribe_backend import __version__
from transcribe_backend.commands.doctor.check import Result, Verdict
from transcribe_backend.settings import Settings
from transcribe_backend.telemetry.redact import redact

_WIDTH = 120
_NUMBERS = re.compile(r"\b\d{12}\b")
_ADDRESS = re.compile(r"[\w.+-]+@[\w.-]+")
_LEGACY = re.compile(r"\b[0-9a-f]{40}\b")
_PLAIN = (int, float, bool)


def lines(result: Result) -> str:
    """A check as it is printed when it ends."""
    head = f"{result.finding.verdict.value:<5}  {result.check.name:<13}  "
    told = [redact(result.finding.found)]
    if result.finding.fix:
        told.append(f"-> {redact(result.finding.fix)}")
    indent = " " * len(head)
    return head + "\n".join(
        textwrap.fill(text, _WIDTH, initial_indent=indent, subsequent_indent=indent) for text in told
    ).removeprefix(indent)


def as_json(results: Sequence[Result], environ: Mapping[str, str]) -> dict[str, Any]:
    """The same for programs."""
    checks = [
        {
            "name": each.check.name,
            "verdict": each.finding.verdict.name.lower(),
            "found": redact(each.finding.found),
            "fix": redact(each.finding.fix),
            "seconds": round(each.seconds, 3),
        }
        for each in results
    ]
    return {"checks": checks, "about": dict(_about(environ))}


def block(results: Sequence[Result], environ: Mapping[str, str]) -> str:
    """Markdown without secrets, account numbers, names of people, buckets or hosts."""
    return "\n".join(["```", *_block(results, environ), "```"])


def _block(results: Sequence[Result], environ: Mapping[str, str]) -> Iterator[str]:
    yield from (f"{name}: {value}" for name, value in _about(environ))
    hidden = _private(environ)
    for each in results:
        fine = each.finding.verdict in (Verdict.FINE, Verdict.UNSEEN)
        yield f"{each.finding.verdict.value:<5} {each.check.name}" + ("" if fine else f": {_anonymous(each, hidden)}")


def _about(environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    yield "backend", __version__
    yield "python", f"{'.'.join(map(str, sys.version_info[:3]))} on {platform.system()} {platform.machine()}"
    yield "botocore", botocore.__version__
    yield "in a container", "yes" if os.path.exists("/.dockerenv") else "not seen"
    yield "settings", ", ".join(_settings(environ)) or "none"


def _settings(environ: Mapping[str, str]) -> Iterator[str]:
    """Numbers and switches as they are; of everything else only that it is set."""
    for spec in fields(Settings):
        name = spec.metadata["env"]
        if environ.get(name):
            plain = isinstance(spec.default, _PLAIN) and not spec.metadata.get("secret")
            yield f"{name}={environ[name]}" if plain else f"{name} (set)"
    yield from (f"{name} (set)" for name in sorted(environ) if name.startswith("AWS_") and environ[name])


def _private(environ: Mapping[str, str]) -> list[str]:
    """The values that identify an installation, the longest first."""
    names = {spec.metadata["env"] for spec in fields(Settings) if not isinstance(spec.default, _PLAIN)}
    names |= {name for name in environ if name.startswith("AWS_") and "REGION" not in name}
    values = {part for name in names for part in re.split(r"[,\s]", environ.get(name, "")) if len(part) > 3}
    values |= {url.rpartition("//")[2].partition("/")[0] for url in values if "//" in url}
    return sorted(values, key=len, reverse=True)


def _anonymous(result: Result, hidden: Sequence[str]) -> str:
    text = redact(result.finding.found)
    for value in hidden:
        text = text.replace(value, "…")
    for pattern in (_NUMBERS, _ADDRESS, _LEGACY):
        text = pattern.sub("…", text)
    return text
