"""`make contract`, or `python -m contract`: see whether AWS is as this project assumes.

Against the stand-in, which it starts. With CONTRACT_AWS=1 against the account and region of your AWS_* variables: it
says first what it will create and what that costs (at most $0.10), and deletes it afterwards, also after Ctrl-C.
"""

import argparse
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from contract import jobs, media, objects, options, price, report, vocabularies
from contract.account import PREFIX, Account, Stopped
from contract.assumption import ALL, Assumption, Finding, Verdict, find
from transcribe_backend.aws.price import Price
from transcribe_backend.settings import Settings

ROOMS = (jobs, objects, media, options, vocabularies, price)
_MOST_DOLLARS = 0.10
_AT_ONCE = 8


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when everything that was seen is as assumed, 1 when something differs, 130 after Ctrl-C."""
    parser = argparse.ArgumentParser("contract", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--report", type=Path, default=Path("contract-report.md"), help="[contract-report.md]")
    parser.add_argument("--only", metavar="WORD", default="", help="assumptions with this word in sentence or module")
    parser.add_argument("--clean", action="store_true", help=f"delete whatever {PREFIX}* earlier runs left behind")
    parser.add_argument("--nasty", action="store_true", help="the stand-in with its nasty sides")
    asked = parser.parse_args(arguments)
    with _account(asked.nasty) as (account, where):
        return _clean(account) if asked.clean else _look(account, where, asked.only, asked.report)


@contextmanager
def _account(nasty: bool) -> Iterator[tuple[Account, str]]:
    """AWS where it was asked for, else the stand-in."""
    if os.environ.get("CONTRACT_AWS") == "1":
        region = boto3.session.Session().region_name
        if not region:
            sys.exit("contract: set AWS_DEFAULT_REGION, and credentials, as for the backend.")
        yield Account(region), "AWS"
        return
    from harness.aws import CREDENTIALS, REGION, local_aws

    with local_aws("--recognizer", "whisper", *(["--nasty"] if nasty else [])) as aws:
        yield Account(REGION, aws.url, CREDENTIALS), f"The stand-in{', nasty' if nasty else ''}"


def _look(account: Account, where: str, only: str, path: Path) -> int:
    chosen = [each for each in ALL if only.lower() in f"{each.sentence} {each.module}".lower()]
    _announce(account, where, chosen)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    findings: list[Finding] = []
    try:
        findings = _find(account, chosen)
    except (KeyboardInterrupt, Stopped):
        print("\nInterrupted.", flush=True)
        return 130
    finally:
        _clean_up(account)
    path.write_text(report.page(account, findings, where), encoding="utf-8")
    differing = [finding for finding in findings if finding.verdict is Verdict.DIFFERS]
    print(f"{len(findings) - len(differing)} of {len(findings)} as assumed; the report is {path}.")
    return 1 if differing else 0


def _announce(account: Account, where: str, chosen: Sequence[Assumption]) -> None:
    """What it will create and cost; ends the program when that is more than allowed."""
    settings = Settings.from_env(os.environ)
    price = Price(settings.price_per_minute, settings.minimum_seconds)
    count, billed = sum(each.jobs for each in chosen), sum(_billed(price, each) for each in chosen)
    dollars = price.dollars(billed)
    print(
        f"{where}, {account.region}: {len(chosen)} assumptions. This creates a bucket, {count} transcription jobs "
        f"({billed} billed seconds, an estimated ${dollars:.3f}), some vocabularies and filters; all are named "
        f"{account.name('*')} and deleted at the end.",
        flush=True,
    )
    if dollars > _MOST_DOLLARS:
        sys.exit(f"contract: that is more than ${_MOST_DOLLARS:.2f}. Choose some of them with --only.")


def _billed(price: Price, assumption: Assumption) -> int:
    each = assumption.audio / assumption.jobs if assumption.jobs else 0.0
    return assumption.jobs * price.billed(each)


def _find(account: Account, chosen: Sequence[Assumption]) -> list[Finding]:
    pool = ThreadPoolExecutor(_AT_ONCE, "assumption")
    try:
        waiting = [pool.submit(_told, account, each) for each in chosen]
        return [future.result() for future in waiting]
    except BaseException:
        account.stop()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _told(account: Account, assumption: Assumption) -> Finding:
    finding = find(assumption, account)
    print(f"  {finding.verdict.value:<8}  {assumption.sentence}  [{' '.join(finding.seen.split())[:120]}]", flush=True)
    return finding


def _interrupt(*_: Any) -> None:
    _ignore_signals()
    raise KeyboardInterrupt


def _ignore_signals() -> None:
    """Nobody may interrupt the cleaning: what stays behind may cost something."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def _clean_up(account: Account) -> None:
    _ignore_signals()
    print("Cleaning up (this cannot be interrupted) ...", flush=True)
    left = account.clean(lambda line: print(f"  {line}", flush=True))
    if left:
        print(f"Left behind: {', '.join(left)}. Try later: python -m contract --clean", flush=True)


def _clean(account: Account) -> int:
    left = 0
    for kind, name in list(account.leftovers()):
        try:
            account.delete(kind, name)
            print(f"deleted the {kind} {name}")
        except (ClientError, BotoCoreError, TimeoutError) as error:
            left += 1
            print(f"could not delete the {kind} {name}: {error}")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
