"""New tasks are transcribed ahead: a cursor over Label Studio's own list, whatever happens on the way."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from harness.aws import LocalAWS, local_aws
from harness.studio_double import StudioDouble
from harness.waiting import until
from tests.backends import (
    OWED,
    UNHURRIED,
    Machine,
    asked,
    calls,
    delivered,
    jobs_started,
    project,
    put_audio,
    queues,
    rows,
)
from transcribe_backend.backend import Backend
from transcribe_backend.errors import QueueError, RequestError
from transcribe_backend.prelabeling import imports as rules
from transcribe_backend.prelabeling.imports import IMPORT
from transcribe_backend.work.items import BULK


@pytest.fixture(scope="module")
def stand_in() -> Iterator[LocalAWS]:
    with local_aws("--latency", "0", "--fail-pattern", "broken*", *UNHURRIED) as running:
        yield running


@pytest.fixture
def one(aws: LocalAWS, machine: Machine) -> Backend:
    return machine.process(predict_wait=0.0, predict_open=0.0)


SCAN = "page_size=100&"
"""In the requests by which an import lists tasks; a push looks at a single one."""


def scans(studio: StudioDouble) -> list[str]:
    return [path for _, path in studio.asked if SCAN in path]


def imported(process: Backend, studio: StudioDouble, uris: list[str]) -> list[dict[str, Any]]:
    """What Label Studio does at an import: it makes tasks, and sends a webhook."""
    tasks = studio.add_tasks(uris)
    process.notice("TASKS_CREATED", {"project": studio.described(), "tasks": tasks})
    return tasks


def starts(aws: LocalAWS) -> int:
    return calls(aws, "StartTranscriptionJob")


def test_imported_tasks_are_prelabeled_without_a_request(
    aws: LocalAWS, machine: Machine, one: Backend, studio: StudioDouble
) -> None:
    before = starts(aws)
    imported(one, studio, put_audio(aws, "new-a.wav", "new-b.wav"))
    assert (starts(aws), list(queues(one).values())) == (before, [IMPORT]), "the webhook itself owes one item"
    machine.settle(one)
    assert studio.counts() == {1: 1, 2: 1}
    assert rows(one) == []


def test_a_webhook_of_many_tasks_is_one_item_however_often_it_comes(
    aws: LocalAWS, one: Backend, studio: StudioDouble
) -> None:
    body = {"project": studio.described(), "tasks": [{"id": number} for number in range(1, 100_001)]}
    for _ in range(3):
        one.notice("TASKS_CREATED", body)
    ((key, queue, priority, *_),) = rows(one)
    assert (queue, priority) == (IMPORT, BULK)
    ((size,),) = one.engine.database.read("select length(body) from transcribe_work where key = ?", key)
    assert size < 500


@pytest.mark.parametrize(("limit", "transcribed"), [(3, 3), (0, 0), (150, 150)])
def test_what_is_transcribed_ahead_is_bounded(
    aws: LocalAWS, machine: Machine, studio: StudioDouble, limit: int, transcribed: int
) -> None:
    process = machine.process(prefetch_max_tasks=limit, start_rate=1000)
    uris = put_audio(aws, *(f"limit-{limit}-{number}.wav" for number in range(3)))
    before = starts(aws)
    imported(process, studio, [uris[number % 3] for number in range(210)])
    machine.settle(process, patience=120)
    assert len(studio.counts()) == transcribed
    assert starts(aws) - before == min(transcribed, 3)


def test_an_import_is_read_page_by_page_and_no_further_than_work_goes(
    aws: LocalAWS, machine: Machine, one: Backend, studio: StudioDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "_AHEAD", 150)
    uris = put_audio(aws, "page.wav")
    imported(one, studio, uris * 1000)
    # Nothing is transcribed: only the lane of imports goes on.
    for _ in range(20):
        for item in one.work.take(IMPORT, BULK, 1):
            one.imports.carry_on(item)
        machine.clock.ahead += 6
    assert 150 <= one.work.count("transcribe") <= 300


def test_connecting_a_project_prefetches_what_has_no_prediction_once(
    aws: LocalAWS, machine: Machine, one: Backend, studio: StudioDouble
) -> None:
    tasks = studio.add_tasks(put_audio(aws, "old-a.wav", "old-b.wav", "old-c.wav"))
    studio.stored[1] = [{"model_version": "another", "result": []}]
    tasks[1]["is_labeled"] = True
    for _ in range(3):
        one.imports.connected(project(one))
    machine.settle(one)
    assert studio.counts() == {1: 1, 3: 1}
    studio.add_tasks(["s3://calls/old-a.wav"])
    one.imports.connected(project(one))
    assert rows(one) == [], "once"


def test_connecting_while_the_store_is_away_is_made_up_for(
    aws: LocalAWS, machine: Machine, one: Backend, studio: StudioDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever of the two facts, the plan and that there was one, cannot be kept: the next /setup makes up for it."""
    studio.add_tasks(put_audio(aws, "half.wav"))

    def away(*_: object) -> None:
        raise QueueError("The store does not answer.")

    for place in ((one.work, "add"), (one.imports.announced, "add")):
        with monkeypatch.context() as patch:
            patch.setattr(*place, away)
            with pytest.raises(QueueError):
                one.imports.connected(project(one))
    one.imports.connected(project(one))
    machine.settle(one)
    assert studio.counts() == {1: 1}


@pytest.mark.parametrize(
    "how",
    [(500, "broken"), (404, "404 page not found"), (403, "no"), (200, "<html>soon</html>"), (200, {"status": "ok"})],
)
def test_an_import_while_label_studio_is_away_is_made_up_for(
    aws: LocalAWS, machine: Machine, one: Backend, studio: StudioDouble, how: Any
) -> None:
    imported(one, studio, put_audio(aws, f"away-{how[0]}.wav"))
    studio.instead = how
    for _ in range(20):
        one.crew.step()
        machine.clock.ahead += 301
    assert list(queues(one).values()) == [IMPORT] and one.work.failures() == []
    studio.instead = None
    machine.clock.ahead += 301
    machine.settle(one)
    assert studio.counts() == {1: 1}


def test_an_import_while_aws_does_not_accept_us_is_made_up_for(
    aws: LocalAWS, machine: Machine, studio: StudioDouble
) -> None:
    """The vocabulary in use is not known either."""
    one = machine.process()
    imported(one, studio, put_audio(aws, "denied.wav"))
    aws.switch(expired_credentials=True)
    try:
        for _ in range(10):
            one.crew.step()
            machine.clock.ahead += 301
    finally:
        aws.switch(nasty=False)
    assert one.work.failures() == []
    machine.clock.ahead += 301
    machine.settle(one)
    assert studio.counts() == {1: 1}


def test_an_import_whose_process_was_killed_goes_on_from_its_cursor(
    aws: LocalAWS, machine: Machine, one: Backend, studio: StudioDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    heir = machine.process(start_rate=1000)
    uris = put_audio(aws, "killed.wav")
    imported(one, studio, uris * 250)
    (item,) = one.work.take(IMPORT, BULK, 1)
    one.imports.carry_on(item)  # a page
    assert one.work.take(IMPORT, BULK, 1), "and it dies with the next"
    machine.clock.ahead += 13
    before = len(scans(studio))
    machine.settle(heir, patience=120)
    assert studio.counts() == {task: 1 for task in range(1, 251)}
    assert len(scans(studio)) - before <= 3


def test_projects_that_are_gone_or_not_ours_leave_nothing(
    aws: LocalAWS, machine: Machine, one: Backend, studio: StudioDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = len(jobs_started(aws))
    imported(one, studio, put_audio(aws, "gone.wav"))
    studio.projects.clear()
    machine.settle(one)
    studio.projects.add(1)
    one.notice("TASKS_CREATED", {"project": {"id": 1, "created_at": "2020-01-01T00:00:00Z"}, "tasks": [{"id": 1}]})
    machine.settle(one)
    assert (rows(one), one.work.failures(), len(jobs_started(aws))) == ([], [], before)


def test_an_import_into_a_project_that_cannot_be_filled_is_told_once_and_ends(
    aws: LocalAWS, machine: Machine, one: Backend, studio: StudioDouble
) -> None:
    studio.config = '<View><Image name="image" value="$image"/></View>'
    imported(one, studio, put_audio(aws, "image.wav"))
    machine.settle(one)
    assert one.work.count(*OWED, IMPORT) == 0 and len(one.work.failures()) == 1


def test_a_task_without_audio_costs_the_others_nothing(
    aws: LocalAWS, machine: Machine, one: Backend, studio: StudioDouble
) -> None:
    uris = put_audio(aws, "broken-import.wav", "fine.wav")
    tasks = studio.add_tasks(["", "data:audio/wav;base64,AAAA", "ftp://x/y", *uris, "s3://calls/missing.wav"])
    tasks[0]["data"] = {}
    one.notice("TASKS_CREATED", {"project": studio.described(), "tasks": tasks})
    machine.settle(one)
    assert studio.counts() == {5: 1}
    assert {failure["task"] for failure in one.work.failures()} == {1, 2, 3, 4, 6}


def test_slow_scans_are_made_once_each_and_hold_up_no_delivery(
    aws: LocalAWS, machine: Machine, studio: StudioDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Label Studio lists tasks for longer than any lease; predictions are pushed meanwhile, no list is asked twice."""
    monkeypatch.setattr("transcribe_backend.work.crew._RENEW_SECONDS", 0.2)
    gate, answer = threading.Event(), studio.answer

    def slow_lists(method: str, path: str, body: bytes) -> Any:
        if SCAN in path and not gate.is_set():
            studio.asked.append((method, path))
            gate.wait(60)
        return answer(method, path, body)

    processes = [machine.running(predict_open=0.0) for _ in range(2)]
    uris = put_audio(aws, "scanned.wav", "pushed-meanwhile.wav")
    with monkeypatch.context() as patch:
        patch.setattr(studio, "answer", slow_lists)
        for number in range(4):
            imported(processes[number % 2], studio, uris[:1])
        for process in processes:
            process.engine.wake()
        until(lambda: scans(studio), bool)
        asked(processes[0], uris[1:], first=50)
        until(lambda: studio.counts().get(50), lambda stored: stored == 1, patience=20)
        for _ in range(8):  # minutes pass, and leases are renewed
            threading.Event().wait(0.5)
            machine.clock.ahead += 8
        lists = scans(studio)
        gate.set()
    assert len(lists) == len(set(lists)) <= 2, "each process scans one import at a time"
    until(studio.counts, lambda counts: len(counts) == 5)
    assert set(studio.counts().values()) == {1}


def test_without_label_studio_nothing_is_transcribed_ahead(
    aws: LocalAWS, lonely: Machine, studio: StudioDouble, caplog: pytest.LogCaptureFixture
) -> None:
    one = lonely.process()
    with caplog.at_level("INFO"):
        imported(one, studio, put_audio(aws, "lonely.wav"))
    assert rows(one) == []
    assert "set LABEL_STUDIO_URL" in caplog.text


@pytest.mark.parametrize("data", [{}, {"project": 7, "tasks": []}, {"project": {"id": 1}, "tasks": [{"id": 1}]}])
def test_a_malformed_webhook_is_a_bad_request(one: Backend, data: dict[str, Any]) -> None:
    with pytest.raises(RequestError):
        one.notice("TASKS_CREATED", data)


def test_what_was_prefetched_is_answered_at_once_and_stored_once(
    aws: LocalAWS, machine: Machine, one: Backend, studio: StudioDouble
) -> None:
    tasks = imported(one, studio, put_audio(aws, "opened-later.wav"))
    machine.settle(one)
    assert delivered(one) == {"pushed": 1}
    machine.clock.ahead += 100
    one.answers.answer(tasks, project(one))
    machine.settle(one)
    assert studio.counts() == {1: 1}
