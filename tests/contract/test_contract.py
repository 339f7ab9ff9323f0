"""The contract as a program: everything holds on the stand-in, the report says so, and nothing is left behind."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from contract.__main__ import ALL
from contract.account import Account
from contract.assumption import Assumption, NotToldError, Seen, Verdict, find
from contract.report import page
from harness import ROOT
from harness.aws import LocalAWS, local_aws
from harness.processes import environment
from harness.waiting import wait_until

CONTRACT = (sys.executable, "-m", "contract")
NOT_TOLD = "The price that estimates are made with is AWS's."


def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    env = environment(variables)
    return subprocess.run([*CONTRACT, *arguments], cwd=ROOT, env=env, text=True, capture_output=True, timeout=600)


def rows(report: Path) -> dict[str, str]:
    """The verdicts by assumption."""
    cells = [line.split(" | ") for line in report.read_text().splitlines() if line.startswith("| ")][1:]
    return {row[0].removeprefix("| "): row[3] for row in cells}


@pytest.mark.slow
@pytest.mark.parametrize("weather", [(), ("--nasty",)])
def test_all_holds_on_the_stand_in(tmp_path: Path, weather: tuple[str, ...]) -> None:
    ended = run("--report", str(tmp_path / "report.md"), *weather)
    verdicts = rows(tmp_path / "report.md")
    assert {sentence for sentence, verdict in verdicts.items() if verdict != "holds"} == {NOT_TOLD}, ended.stdout
    assert ended.returncode == 0 and len(verdicts) == len({each.sentence for each in ALL})


def test_it_says_first_what_it_creates_and_costs(tmp_path: Path) -> None:
    ended = run("--only", "HEAD tells", "--report", str(tmp_path / "r.md"))
    first = ended.stdout.splitlines()[0]
    assert re.search(
        r"1 assumptions\. This creates a bucket, 0 transcription jobs \(0 billed seconds.*\$0\.000\)", first
    )
    assert "ls-contract-" in first and ended.returncode == 0


def test_it_costs_ten_cents_at_most_whatever_a_minute_costs(tmp_path: Path) -> None:
    assert sum(each.audio for each in ALL) / 60 * 0.006 < 0.10
    ended = run("--report", str(tmp_path / "r.md"), TRANSCRIBE_PRICE_PER_MINUTE="0.1", TRANSCRIBE_MINIMUM_SECONDS="15")
    assert ended.returncode == 1 and "more than $0.10" in ended.stderr
    assert not (tmp_path / "r.md").exists()


# -- Ctrl-C


@pytest.fixture
def aws() -> Iterator[LocalAWS]:
    """Jobs last, so that some run when it is interrupted; lists and deletions lag."""
    with local_aws("--latency", "3", "--list-lag", "1", "--delete-lag", "0.5") as running:
        yield running


def left(aws: LocalAWS) -> list[tuple[str, str]]:
    return list(Account("us-east-1", aws.url, ("test", "test")).leftovers())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_cleans_up_after_ctrl_c_however_often(aws: LocalAWS, tmp_path: Path, number: signal.Signals) -> None:
    log = (tmp_path / "log").open("w")
    env = environment({**aws.env, "CONTRACT_AWS": "1"})
    with (
        log,
        subprocess.Popen([*CONTRACT, "--report", str(tmp_path / "r.md")], cwd=ROOT, env=env, stdout=log) as running,
    ):
        wait_until(lambda: {kind for kind, _ in left(aws)} == {"bucket", "job"}, 60, "a bucket and jobs are there")
        running.send_signal(number)
        wait_until(lambda: "Interrupted" in (tmp_path / "log").read_text(), 60, "it has noticed")
        running.send_signal(number)
        assert running.wait(90) == 130
    wait_until(lambda: not left(aws), 10, "nothing is left")
    assert "Left behind" not in (tmp_path / "log").read_text()
    assert not (tmp_path / "r.md").exists()


def test_what_a_killed_run_has_left_is_cleaned_up_when_asked_for(aws: LocalAWS) -> None:
    account = Account("us-east-1", aws.url, ("test", "test"))
    account.start("left", account.put("a_b.wav", b"x"))
    account.vocabulary("left", "en-US", Phrases=["Brecon"])
    account.filter("left", "en-US", "fine")
    aws.s3.create_bucket(Bucket="somebody-elses")
    wait_until(lambda: len(left(aws)) == 4, 10, "all is listed")
    ended = run("--clean", CONTRACT_AWS="1", **aws.env)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    wait_until(lambda: not left(aws), 10, "nothing is left")
    assert [bucket["Name"] for bucket in aws.s3.list_buckets()["Buckets"]] == ["somebody-elses"]
    with pytest.raises(ValueError, match="was not created by a contract run"):
        account.delete("bucket", "somebody-elses")


# -- verdicts


def assumed(test: object) -> Assumption:
    return Assumption("It is so.", "so", "aws/jobs.py", test)  # type: ignore[arg-type]


def broken(account: Account) -> Seen:
    raise KeyError("results")


def untold(account: Account) -> Seen:
    raise NotToldError("nobody tells")


@pytest.mark.parametrize(
    ("test", "verdict", "seen"),
    [
        (lambda account: Seen("so", True), Verdict.HOLDS, "so"),
        (lambda account: Seen("not so", False), Verdict.DIFFERS, "not so"),
        (broken, Verdict.DIFFERS, "KeyError: 'results'"),
        (untold, Verdict.NOT_SEEN, "nobody tells"),
    ],
)
def test_verdicts(test: object, verdict: Verdict, seen: str) -> None:
    finding = find(assumed(test), Account("us-east-1"))
    assert (finding.verdict, finding.seen) == (verdict, seen)


def test_a_report_tells_no_account_and_no_signature() -> None:
    told = "arn:aws:iam::123456789012:user/x https://b/k?X-Amz-Credential=AKIA&X-Amz-Signature=ab | end"
    finding = find(assumed(lambda account: Seen(told, False)), Account("us-east-1"))
    report = page(Account("us-east-1"), [finding], "AWS")
    assert "| It is so. | so | arn:aws:iam::…:user/x https://b/k… \\| end | DIFFERS | `aws/jobs.py` |" in report


def test_the_modules_that_rely_on_an_assumption_exist() -> None:
    for each in ALL:
        path = each.module.partition(" ")[0]
        assert (ROOT / "transcribe_backend" / path).exists() or (ROOT / path).exists(), each.module
