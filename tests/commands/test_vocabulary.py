"""`python -m transcribe_backend vocabulary …` against the stand-in, without a Label Studio."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.aws import LocalAWS, local_aws
from transcribe_backend.aws.clients import AWSClients
from transcribe_backend.aws.vocabularies import Vocabularies
from transcribe_backend.commands import parser as cli
from transcribe_backend.learning.documents import Documents
from transcribe_backend.learning.reports import Reports
from transcribe_backend.learning.wishes import WishBook
from transcribe_backend.settings import Settings
from transcribe_backend.speech.vocabulary import table

BUCKET = "commands"
Run = Callable[..., list[str]]


@pytest.fixture(scope="module")
def stand_in() -> Iterator[LocalAWS]:
    with local_aws() as running:
        running.s3.create_bucket(Bucket=BUCKET)
        yield running


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(s3_bucket=BUCKET, model_dir=tmp_path)


@pytest.fixture
def command(
    stand_in: LocalAWS, settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """Runs an action and returns what it prints."""
    place = {"S3_BUCKET": BUCKET, "MODEL_DIR": str(settings.model_dir), "LOG_LEVEL": "ERROR"}
    for name in ("LABEL_STUDIO_URL", "LABEL_STUDIO_HOST", "LABEL_STUDIO_API_KEY", "QUEUE_URL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in (stand_in.env | place).items():
        monkeypatch.setenv(name, value)

    def run(action: str, *flags: str, code: int = 0) -> list[str]:
        made.cache_clear()
        assert cli.main(["vocabulary", action, *flags]) == code
        printed = capsys.readouterr()
        return (printed.out if code == 0 else printed.err).splitlines()

    made = cli.backend.__globals__["_made"]
    return run


@pytest.fixture
def versions(command: Run, settings: Settings) -> Vocabularies:
    """Project 7 has two promoted versions."""
    vocabularies = Vocabularies(AWSClients(), settings)
    for phrases in (["Xochitl"], ["Xochitl", "AWS"]):
        name = vocabularies.create("7.1", "en-US", table(phrases, "en-US").rows).name
        vocabularies.promote(name)
    return vocabularies


def test_nothing_learnt_yet(command: Run) -> None:
    assert command("list", "--project", "99") == ["Project 99 has learnt nothing in en-US yet."]
    assert command("show", "--project", "99") == ["Project 99 uses no learnt vocabulary in en-US."]
    assert command("show", "--project", "99", "--version", "3") == ["Project 99 has learnt no version 3 in en-US."]
    assert "no learnt vocabulary" in command("rollback", "--project", "99", code=2)[0]


def test_list_show_and_roll_back(command: Run, versions: Vocabularies, settings: Settings) -> None:
    record = {"spoken": 4, "right_before": 0, "right_after": 3, "false_before": 0, "false_after": 1, "broken": 2}
    report = {
        "outcome": "promoted",
        "reason": "Better.",
        "phrases": [{"phrase": "AWS", "record": {**record, "examples": [["a w us", "AWS"], ["", "AWS"]]}}],
        "vocabulary": "ls-p7-en-US-v2",
    }
    fitted = {"confidences": [0.6, 0.9], "rates": [0.4, 0.1], "points": [[0.6, 0.45, 12]], "tasks": 40}
    unseen = {"off_by": 0.05, "confidence_off_by": 0.2}
    audited = {"audited": 3, "audited_expected": 0.2, "audited_rate": 0.25}
    report["calibration"] = {**fitted, **unseen, **audited}
    rejected = [{"written": "7-Eleven", "reason": "digits"}]
    Reports(AWSClients(), settings).save(
        {**report, "project": "7.1", "language": "en-US", "asked": 0.0, "rejected": rejected}
    )
    assert command("list", "--project", "7") == [
        "ls-p7-en-US-v2  READY  in use",
        "ls-p7-en-US-v1  READY  promoted",
    ]
    assert "ls-p7-en-US-v2  READY  promoted" in command("list")
    shown = command("show", "--project", "7")
    assert shown[:4] == ["ls-p7-en-US-v2", "  Xochitl", "  AWS", "promoted: Better."]
    assert shown[4:] == [
        "expected word error rate: off by 5.0% on tasks it was not fitted to (1 - confidence: 20.0%)",
        "  confidence 0.60: 40.0% expected, 45.0% in 12 tasks",
        "3 audited tasks: word error rate 25.0%, expected 20.0%",
        "  + AWS: said 4 times, right 0 -> 3; wrongly inserted 0 -> 1, broke 2 words",
        "      a w us -> AWS",
        "      (nothing) -> AWS",
        "  - 7-Eleven: digits",
    ], "figures that there are not are not shown"
    assert command("show", "--project", "7", "--version", "1") == ["ls-p7-en-US-v1", "  Xochitl"]
    assert command("rollback", "--project", "7") == ["In use now: ls-p7-en-US-v1."]
    assert versions.promoted("7.1", "en-US") == "ls-p7-en-US-v1"
    assert command("rollback", "--project", "7") == ["In use now: no learnt vocabulary."]
    assert command("list", "--project", "7")[0] == "ls-p7-en-US-v2  READY  withdrawn"


def test_the_history_of_trainings(command: Run, settings: Settings) -> None:
    assert command("history", "--project", "6") == ["Project 6 was never trained in en-US."]
    reports = Reports(AWSClients(), settings)
    rates = {"champion": 0.5, "candidate": 0.3, "low": -0.25, "high": -0.1, "p": 0.002, "level": 0.05, "attempt": 1}
    known = {"project": "6.1", "language": "en-US", "reason": "Too few."}
    reports.save({**known, "asked": 0.0, "outcome": "not trained"})
    vocabulary, cost = "ls-p6-en-US-v3", {"estimated_dollars": 0.4}
    reports.save({**known, "asked": 60.0, "outcome": "promoted", "wer": rates, "vocabulary": vocabulary, "cost": cost})
    assert command("history", "--project", "6") == [
        "1970-01-01 00:00  -     not trained  Too few.",
        "1970-01-01 00:01  v3    promoted     50.0% -> 30.0% (change -25.0 to -10.0 points, p = 0.002), about $0.40",
    ]


def test_a_version_that_waits_is_approved_or_not(command: Run, settings: Settings) -> None:
    vocabularies = Vocabularies(AWSClients(), settings)
    assert "waits for a decision" in command("approve", "--project", "8", code=2)[0]
    for phrases, decision, in_use in ((["Xochitl"], "approve", "v1"), (["Xochitl", "AWS"], "reject", "v1")):
        name = vocabularies.create("8", "en-US", table(phrases, "en-US").rows).name
        vocabularies.offer(name)
        command(decision, "--project", "8")
        assert vocabularies.promoted("8", "en-US") == f"ls-p8-en-US-{in_use}"
    assert vocabularies.waiting("8", "en-US") is None
    assert command("approve", "--project", "8", "--version", "2") == ["In use now: ls-p8-en-US-v2."]


def test_people_ban_and_pin_words_at_once(command: Run, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    vocabularies = Vocabularies(AWSClients(), settings)

    def in_use() -> set[str]:
        name = vocabularies.promoted("9", "en-US")
        return {row.display or row.phrase for row in vocabularies.rows(name)} if name else set()

    assert command("ban", "Brecon", "--project", "9") == [
        "Brecon will not be learnt.",
        "In use now: no learnt vocabulary.",
    ]
    assert command("pin", "Xochitl", "--project", "9") == ["In use now: ls-p9-en-US-v1."]
    command("pin", "AWS", "--project", "9")
    assert in_use() == {"Xochitl", "AWS"}
    command("ban", "aws", "--project", "9")
    assert in_use() == {"Xochitl"}
    assert "digits" in command("pin", "7", "--project", "9", code=2)[0]
    assert "only row" in command("ban", "Xochitl", "--project", "9")[1]
    monkeypatch.setenv("EDITOR", "sed -i s/Xochitl/Siobhan/")
    monkeypatch.delenv("VISUAL", raising=False)
    command("pin", "Xochitl", "--project", "9")
    command("edit", "--project", "9")
    assert in_use() == {"Siobhan"}
    wishes = WishBook(Documents(AWSClients(), settings, "words")).read("9", "en-US")
    assert {"Xochitl", "aws", "Brecon"} == set(wishes.banned) and wishes.pinned == ("Siobhan",)


def test_training_needs_a_label_studio(command: Run) -> None:
    assert "LABEL_STUDIO_URL" in command("train", "--project", "7", code=2)[0]
