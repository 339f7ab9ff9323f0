"""What was seen, as a page that can be sent to the maintainers: no account number, no address of an object."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import botocore

from contract.account import Account
from contract.assumption import Finding, Verdict
from transcribe_backend import __version__

_SECRET = re.compile(r"\b\d{12}\b|\?[^\s|]*(?:Signature|Credential)[^\s|]*")


def page(account: Account, findings: Sequence[Finding], where: str) -> str:
    """Markdown."""
    return "\n".join(_lines(account, findings, where)) + "\n"


def _lines(account: Account, findings: Sequence[Finding], where: str) -> Iterator[str]:
    counts = Counter(finding.verdict for finding in findings)
    yield "# What is assumed of AWS, and what was seen"
    yield ""
    yield f"{where}, {account.region}, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC; version {__version__}, " \
          f"botocore {botocore.__version__}."  # fmt: skip
    yield ", ".join(f"{counts[verdict]} {verdict.value}" for verdict in Verdict) + "."
    yield ""
    yield "Where reality differs, the module in the last column relies on what is not so."
    yield ""
    yield "| assumption | expected | seen | verdict | relied on by |"
    yield "|---|---|---|---|---|"
    for finding in sorted(findings, key=lambda each: each.verdict is not Verdict.DIFFERS):
        assumed = finding.assumption
        cells = (assumed.sentence, assumed.expected, finding.seen, finding.verdict.value, f"`{assumed.module}`")
        yield "| " + " | ".join(map(_cell, cells)) + " |"


def _cell(text: str) -> str:
    return _SECRET.sub("…", " ".join(text.split())).replace("|", "\\|")[:400]
