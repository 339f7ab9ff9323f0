"""What people change in Label Studio while predictions are owed: the labeling config, the audio of a task."""

from collections.abc import Iterator

import pytest

from harness.aws import LocalAWS, local_aws
from harness.studio_double import StudioDouble
from tests.backends import (
    SEGMENTS,
    UNHURRIED,
    Machine,
    asked,
    delivered,
    job_of,
    jobs_started,
    project,
    put_audio,
    queues,
    texts,
)
from transcribe_backend.backend import Backend
from transcribe_backend.transcribing.owed import AWAITING, PUSH

GERMAN = SEGMENTS.replace("<Audio ", '<Audio model_language="de-DE" ')
NOTHING_TO_FILL = '<View><Audio name="audio" value="$audio"/></View>'


@pytest.fixture(scope="module")
def stand_in() -> Iterator[LocalAWS]:
    with local_aws("--latency", "0.3", *UNHURRIED) as running:
        yield running


@pytest.fixture
def one(aws: LocalAWS, machine: Machine) -> Backend:
    """A process whose requests wait for nothing, and which runs one job at a time."""
    return machine.process(predict_wait=0.0, predict_open=0.0, max_jobs=1)


def imported(one: Backend, studio: StudioDouble, uris: list[str]) -> None:
    one.notice("TASKS_CREATED", {"project": studio.described(), "tasks": studio.add_tasks(uris)})


def first_runs(machine: Machine, one: Backend) -> None:
    machine.settle(one, until=lambda: AWAITING in queues(one).values())


def stored_texts(studio: StudioDouble, task: int) -> list[list[str]]:
    return [each["result"][0]["value"]["text"] for each in studio.stored.get(task, [])]


def test_a_language_corrected_in_the_middle_of_an_import_is_not_billed_twice(
    aws: LocalAWS, machine: Machine, one: Backend, studio: StudioDouble
) -> None:
    imported(one, studio, put_audio(aws, *(f"language-{number}.wav" for number in range(6))))
    first_runs(machine, one)
    studio.config = GERMAN
    machine.clock.ahead += 11
    machine.settle(one)
    assert len(jobs_started(aws)) == 7, "six in the right language, and the one that ran already"
    assert studio.counts() == {task: 1 for task in range(1, 7)}


def test_nothing_is_billed_for_a_project_that_was_deleted(
    aws: LocalAWS, machine: Machine, one: Backend, studio: StudioDouble
) -> None:
    before = len(jobs_started(aws))
    imported(one, studio, put_audio(aws, *(f"deleted-{number}.wav" for number in range(4))))
    first_runs(machine, one)
    studio.projects.clear()
    machine.clock.ahead += 11
    machine.settle(one)
    assert len(jobs_started(aws)) == before + 1
    assert delivered(one) == {"gone": 4}


def test_what_is_imported_is_transcribed_while_label_studio_is_away(
    aws: LocalAWS, machine: Machine, one: Backend, studio: StudioDouble
) -> None:
    imported(one, studio, put_audio(aws, *(f"away-{number}.wav" for number in range(4))))
    first_runs(machine, one)
    studio.down()
    machine.clock.ahead += 11
    machine.settle(one, until=lambda: set(queues(one).values()) == {PUSH})
    studio.up()
    machine.settle(one)
    assert studio.counts() == {task: 1 for task in range(1, 5)}


def test_a_labeling_config_that_is_wrong_for_a_while_ends_nothing(
    aws: LocalAWS, machine: Machine, one: Backend, studio: StudioDouble
) -> None:
    imported(one, studio, put_audio(aws, "wrong-config.wav"))
    first_runs(machine, one)
    good, studio.config = studio.config, NOTHING_TO_FILL
    machine.clock.ahead += 11
    machine.settle(one, until=lambda: any(group.problem for group in one.work.waiting()))
    assert one.work.failures() == []
    studio.config = good
    machine.clock.ahead += 301
    machine.settle(one)
    assert stored_texts(studio, 1) == [["wrong config."]]


def test_the_text_of_an_audio_is_not_given_to_a_task_that_has_another_by_now(
    aws: LocalAWS, machine: Machine, one: Backend, studio: StudioDouble
) -> None:
    wrong, right = put_audio(aws, "wrong-audio.wav", "right-audio.wav")
    imported(one, studio, [wrong])
    first_runs(machine, one)
    studio.tasks[0]["data"] = {"audio": right}
    machine.settle(one)
    assert stored_texts(studio, 1) == [["right audio."]]


def test_who_opens_a_task_with_another_audio_does_not_get_the_text_of_the_first(
    aws: LocalAWS, machine: Machine, one: Backend, studio: StudioDouble
) -> None:
    wrong, right = put_audio(aws, "wrong-opened.wav", "right-opened.wav")
    (task,) = studio.add_tasks([wrong])
    asked(one, [wrong])
    studio.down()
    machine.settle(one, until=lambda: set(queues(one).values()) == {PUSH})
    task["data"] = {"audio": right}
    studio.up()
    assert texts(one.answers.answer([task], project(one))) == [None]
    machine.settle(one)
    assert stored_texts(studio, 1) == [["right opened."]]


def test_an_address_corrected_at_once_is_tried_at_once(
    aws: LocalAWS, machine: Machine, one: Backend, studio: StudioDouble
) -> None:
    (task,) = studio.add_tasks(["s3://calls/mistyped.wav"])
    asked(one, ["s3://calls/mistyped.wav"])
    machine.settle(one)
    assert len(one.work.failures()) == 1
    (right,) = put_audio(aws, "typed.wav")
    task["data"] = {"audio": right}
    asked(one, [right])
    machine.settle(one)
    assert stored_texts(studio, 1) == [["typed."]]


def test_an_audio_that_is_overwritten_while_its_task_waits_for_a_slot_is_named_by_what_is_there(
    aws: LocalAWS, machine: Machine, one: Backend, studio: StudioDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the same audio would be billed again under its own name."""
    monkeypatch.setattr("transcribe_backend.transcribing.audio.KNOWN", 0.0)  # as minutes later
    uris = put_audio(aws, "overwritten-first.wav", "overwritten.wav")
    before = len(jobs_started(aws))
    imported(one, studio, uris)
    first_runs(machine, one)
    one.crew.step()
    machine.clock.ahead += 2
    one.crew.step()  # it is found, and waits for a slot
    aws.s3.put_object(Bucket="calls", Key="overwritten.wav", Body=b"quite another recording")
    machine.settle(one)
    assert job_of(aws, "overwritten.wav").name in jobs_started(aws)
    assert len(jobs_started(aws)) - before == 2
