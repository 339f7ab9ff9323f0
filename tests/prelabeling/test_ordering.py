"""The least certain tasks come first: the version that Label Studio orders by, whatever changes it."""

from collections.abc import Iterator

import pytest

from harness.aws import LocalAWS, local_aws
from harness.studio_double import PROJECT, StudioDouble
from tests.backends import Machine, project, put_audio
from transcribe_backend.backend import Backend
from transcribe_backend.prelabeling.ordering import ORDER

NAME = "ls-p1-en-US-v1"


@pytest.fixture(scope="module")
def stand_in() -> Iterator[LocalAWS]:
    with local_aws("--latency", "0", "--fail-pattern", "broken*") as running:
        yield running


@pytest.fixture
def one(aws: LocalAWS, machine: Machine) -> Backend:
    return machine.process(predict_wait=0.0, predict_open=0.0)


def chosen(machine: Machine, one: Backend, studio: StudioDouble) -> None:
    """What `connect --order least-certain` does, and all that follows."""
    studio.shown["sampling"] = "Uncertainty sampling"
    one.notice("PROJECT_UPDATED", {"project": studio.described()})
    settle(machine, one)


def vocabulary(aws: LocalAWS) -> None:
    """NAME, unless an earlier test has made it."""
    known = aws.transcribe.list_vocabularies(NameContains=NAME)["Vocabularies"]
    if not known:
        table = b"Phrase\tSoundsLike\tIPA\tDisplayAs\nXochitl\t\t\t\n"
        aws.s3.put_object(Bucket="calls", Key="table.txt", Body=table)
        aws.transcribe.create_vocabulary(
            VocabularyName=NAME, LanguageCode="en-US", VocabularyFileUri="s3://calls/table.txt"
        )


def settle(machine: Machine, one: Backend) -> None:
    machine.settle(one, until=lambda: one.work.count(ORDER, "import", "transcribe", "awaiting", "push", "watch") == 0)


def test_tasks_are_ordered_by_the_version_of_their_predictions(
    aws: LocalAWS, machine: Machine, one: Backend, studio: StudioDouble
) -> None:
    studio.add_tasks(put_audio(aws, "order-a.wav", "order-b.wav"))
    chosen(machine, one, studio)
    assert studio.shown["model_version"] == project(one).version
    assert studio.counts() == {1: 1, 2: 1}


def test_after_a_promotion_they_are_ordered_anew_once_all_have_new_predictions(
    aws: LocalAWS, machine: Machine, one: Backend, studio: StudioDouble
) -> None:
    studio.add_tasks(put_audio(aws, "again-a.wav", "again-b.wav", "broken.wav", "done.wav"))
    chosen(machine, one, studio)
    studio.tasks[3]["is_labeled"] = True
    before = project(one).version
    vocabulary(aws)
    one.learnt.remember(PROJECT, "en-US", NAME)
    machine.settle(one, until=lambda: one.work.count("import") > 0)
    assert studio.shown["model_version"] == before, "until then the old order holds"
    settle(machine, one)
    after = project(one).version
    assert "+v1@" in after and studio.shown["model_version"] == after
    assert studio.counts() == {1: 2, 2: 2, 4: 1}, (
        "what is labeled is not transcribed again, what failed holds up nothing"
    )


def test_the_page_shows_the_version_after_a_promotion(
    aws: LocalAWS, machine: Machine, one: Backend, studio: StudioDouble
) -> None:
    one.versions.add(project(one))
    vocabulary(aws)
    one.learnt.remember(PROJECT, "en-US", NAME)
    settle(machine, one)
    assert "+v1@" in project(one).version == one.versions.recent()[PROJECT].version
    assert studio.shown["model_version"] != project(one).version, "nobody has asked for an order"


def test_new_tasks_of_an_empty_project_bring_the_order(
    aws: LocalAWS, machine: Machine, one: Backend, studio: StudioDouble
) -> None:
    chosen(machine, one, studio)
    assert studio.shown["model_version"] == "AWS Transcribe", "there is nothing to order"
    tasks = studio.add_tasks(put_audio(aws, "late.wav"))
    one.notice("TASKS_CREATED", {"project": studio.described(), "tasks": tasks})
    settle(machine, one)
    assert studio.shown["model_version"] == project(one).version


@pytest.mark.parametrize(
    "shown",
    [
        {"sampling": "Sequential sampling"},
        {"sampling": "Uncertainty sampling", "model_version": "another-model"},
        {"sampling": "Uncertainty sampling", "model_version": "somebody's"},
    ],
)
def test_what_people_have_chosen_otherwise_stays(
    aws: LocalAWS, machine: Machine, one: Backend, studio: StudioDouble, shown: dict[str, str]
) -> None:
    studio.connected.insert(0, {"title": "somebody's", "model_version": "7"})
    studio.add_tasks(put_audio(aws, "left.wav"))
    studio.shown |= shown
    before = dict(studio.shown)
    one.ordering.check(PROJECT)
    settle(machine, one)
    assert (studio.shown, studio.counts()) == (before, {})
