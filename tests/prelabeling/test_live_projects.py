"""Projects as Label Studio has them, by `<id>.<created>` or by the bare number that SDK 2.x passes on."""

from collections.abc import Iterator

import pytest

from harness.aws import LocalAWS, local_aws
from harness.protocol import PLAIN
from harness.studio_double import PROJECT, StudioDouble
from tests.backends import Machine
from transcribe_backend.errors import StudioNotFound
from transcribe_backend.model import AWSTranscribe

pytestmark = pytest.mark.usefixtures("aws")


@pytest.fixture(scope="module")
def stand_in() -> Iterator[LocalAWS]:
    """AWS has nothing to say here, but is asked for learnt vocabularies."""
    with local_aws() as running:
        yield running


def test_a_bare_number_finds_the_project(machine: Machine) -> None:
    live = machine.process().live
    assert live.whole_id("1") == live.whole_id(PROJECT) == PROJECT
    assert live.get("1") == live.get(PROJECT)


def test_it_is_asked_for_once(machine: Machine, studio: StudioDouble) -> None:
    live = machine.process().live
    assert [live.whole_id("1") for _ in range(5)] == [PROJECT] * 5
    assert studio.asked.count(("GET", "/api/projects/1/")) == 1


def test_while_label_studio_is_away_the_number_has_to_do(machine: Machine, studio: StudioDouble) -> None:
    live = machine.process().live
    studio.down()
    assert live.whole_id("1") == "1"
    studio.up()
    assert live.whole_id("1") == PROJECT


def test_without_a_label_studio_nobody_is_asked(lonely: Machine) -> None:
    assert lonely.process().live.whole_id("1") == "1"


def test_a_project_of_another_label_studio_is_not_ours(machine: Machine) -> None:
    with pytest.raises(StudioNotFound):
        machine.process().live.get("1.5")


def test_the_model_takes_either_for_the_same_project(machine: Machine) -> None:
    one = machine.process()
    assert AWSTranscribe("1", PLAIN, running=one)._project() == AWSTranscribe(PROJECT, PLAIN, running=one)._project()
