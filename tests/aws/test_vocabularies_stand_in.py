"""Custom vocabularies against the stand-in: the same requests, answered by something that keeps state."""

from collections.abc import Iterator

import pytest

from harness.aws import LocalAWS, local_aws
from transcribe_backend.aws.clients import AWSClients
from transcribe_backend.aws.vocabularies import Vocabularies
from transcribe_backend.settings import Settings
from transcribe_backend.speech.vocabulary import Row, table


@pytest.fixture(scope="module")
def stand_in() -> Iterator[LocalAWS]:
    with local_aws() as running:
        running.s3.create_bucket(Bucket="vocabularies")
        yield running


@pytest.fixture
def vocabularies(stand_in: LocalAWS, monkeypatch: pytest.MonkeyPatch) -> Vocabularies:
    for name, value in stand_in.env.items():
        monkeypatch.setenv(name, value)
    return Vocabularies(AWSClients(), Settings(s3_bucket="vocabularies"))


def rows(*phrases: str) -> tuple[Row, ...]:
    return table(phrases, "en-US").rows


def test_promote_train_again_roll_back_and_prune(vocabularies: Vocabularies) -> None:
    first = vocabularies.create("7.1", "en-US", rows("Xochitl", "AWS")).name
    assert vocabularies.promoted("7.1", "en-US") is None
    assert vocabularies.mark(first) == "candidate"
    vocabularies.promote(first)
    second = vocabularies.create("7.1", "en-US", rows("Xochitl", "Siobhan Gallagher")).name
    assert vocabularies.promoted("7.1", "en-US") == first == "ls-p7-en-US-v1"
    vocabularies.promote(second)
    assert vocabularies.promoted("7.1", "en-US") == second == "ls-p7-en-US-v2"
    assert vocabularies.rows(second) == rows("Xochitl", "Siobhan Gallagher")
    assert vocabularies.rollback("7.1", "en-US") == first
    assert vocabularies.create("7.1", "en-US", rows("Brecon")).name == "ls-p7-en-US-v3"
    assert vocabularies.create("7.1", "en-US", rows("Llanelli")).name == "ls-p7-en-US-v4"
    assert vocabularies.prune("7.1", "en-US") == [second]
    assert [version.number for version in vocabularies.versions("7.1", "en-US")] == [4, 3, 1]
    assert vocabularies.promoted("77.1", "en-US") is None


def test_rows_that_aws_refuses_are_dropped_whoever_let_them_in(vocabularies: Vocabularies, stand_in: LocalAWS) -> None:
    bad = (Row("room-7", "room 7"), Row("-Hawn", "Hawn"))
    created = vocabularies.create("8.1", "en-US", (*bad, *rows("Xochitl", "Brecon")))
    assert sorted(each.written for each in created.dropped) == ["Hawn", "room 7"]
    assert stand_in.transcribe.get_vocabulary(VocabularyName=created.name)["VocabularyState"] == "READY"
    assert vocabularies.rows(created.name) == rows("Xochitl", "Brecon")


@pytest.mark.usefixtures("vocabularies")
def test_without_a_bucket_the_rows_are_read_back_from_aws() -> None:
    without_bucket = Vocabularies(AWSClients(), Settings())
    name = without_bucket.create("9.1", "en-US", rows("Xochitl", "Siobhan Gallagher")).name
    assert [row.phrase for row in without_bucket.rows(name)] == ["Xochitl", "Siobhan-Gallagher"]
