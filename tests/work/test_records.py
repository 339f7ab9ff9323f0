"""Small facts that all processes share."""

from dataclasses import dataclass

import pytest

from tests.work.conftest import Clock
from transcribe_backend.work.engine import Engine
from transcribe_backend.work.records import Records


@dataclass(frozen=True)
class Fact:
    text: str = ""
    numbers: list[float] | None = None


@pytest.fixture
def facts(one: Engine) -> Records[Fact]:
    return Records(one.database, "facts", Fact)


@pytest.fixture
def elsewhere(two: Engine) -> Records[Fact]:
    return Records(two.database, "facts", Fact)


def test_facts_are_kept_by_kind_and_key(facts: Records[Fact], elsewhere: Records[Fact], two: Engine) -> None:
    key, fact = "1.17|täsk 'x' %s|v@1", Fact("s3://ü/\u2028\x00"[:-1], [1.5, 0.1])
    assert facts.get(key) is None
    facts.put(key, Fact("first"))
    facts.put(key, fact)
    assert facts.get(key) == elsewhere.get(key) == fact
    assert Records(two.database, "others", Fact).get(key) is None
    facts.delete(key)
    facts.delete(key)
    assert elsewhere.get(key) is None


def test_what_is_there_is_not_added(facts: Records[Fact], elsewhere: Records[Fact]) -> None:
    facts.add({"a": Fact("mine"), "b": Fact("mine")})
    elsewhere.add({"b": Fact("theirs"), "c": Fact("theirs")})
    facts.add({})
    assert [facts.get(key) for key in "abc"] == [Fact("mine"), Fact("mine"), Fact("theirs")]


def test_they_are_counted_and_forgotten_by_how_their_keys_begin(facts: Records[Fact], clock: Clock) -> None:
    facts.add({"1.7|1": Fact(), "1.7|2": Fact(), "1.70|1": Fact(), "1%7|1": Fact()})
    clock.now += 10
    facts.add({"1.7|3": Fact()})
    assert (facts.count("1.7|"), facts.count("1.70|"), facts.count("2|")) == (3, 1, 0)
    facts.clear("1.7|", before=clock.now)
    assert (facts.count("1.7|"), facts.count("1.70|")) == (1, 1)


def test_the_newest_come_first_and_are_kept(facts: Records[Fact], clock: Clock) -> None:
    for number in [*range(6), 2]:
        clock.now += 1
        facts.put(f"v{number}", Fact(str(number)))
    assert [key for key, _, _ in facts.newest(3)] == ["v2", "v5", "v4"]
    assert next(iter(facts.newest(1))) == ("v2", clock.now, Fact("2"))
    facts.prune(2)
    assert [key for key, _, _ in facts.newest(10)] == ["v2", "v5"]
