"""Prediction requests against the stand-in: slots, deadlines, waiters, claims, and what is owed meanwhile."""

import gzip
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from harness.aws import LocalAWS, local_aws
from harness.postgres import postgres
from harness.studio_double import StudioDouble
from harness.waiting import until
from tests.backends import (
    OWED,
    SEGMENTS,
    UNHURRIED,
    Machine,
    as_tasks,
    calls,
    job_of,
    jobs_started,
    known,
    project,
    put_audio,
    queues,
    texts,
)
from tests.servers import Reply, Request, serve
from transcribe_backend.backend import Backend
from transcribe_backend.errors import QueueError
from transcribe_backend.labeling.interface import Interface
from transcribe_backend.prelabeling import answers, predictions
from transcribe_backend.prelabeling.answers import storing_seconds
from transcribe_backend.prelabeling.tally import CONFIDENCE, TASKS, WAIT
from transcribe_backend.speech.transcript import Transcript
from transcribe_backend.work.items import BULK, URGENT
from transcribe_backend.work.ledger import REUSED

LATENCY = 1.5


@pytest.fixture(scope="module")
def stand_in() -> Iterator[LocalAWS]:
    with local_aws("--latency", str(LATENCY), "--fail-pattern", "broken*", *UNHURRIED) as running:
        yield running


def answered(process: Backend, tasks: list[dict[str, Any]]) -> list[tuple[dict[str, Any], ...]]:
    return process.answers.answer(tasks, project(process))


def nothing_owed(process: Backend) -> None:
    until(lambda: process.work.count(*OWED), lambda owed: owed == 0)


def test_one_slot_per_task_in_order(aws: LocalAWS, machine: Machine) -> None:
    uris = put_audio(aws, "slots-zoe.wav", "slots-amy.wav", "slots-bob.wav")
    tasks = as_tasks([uris[0], "s3://calls/absent.wav", uris[1], uris[0], uris[2]])
    tasks += [{"id": 6, "data": {}, "project": 1}, {"id": 7, "data": {"audio": 8}}, {"id": 8}]
    before = calls(aws, "StartTranscriptionJob")
    one = machine.running()
    slots = answered(one, tasks)
    zoe = "slots zoe."
    assert texts(slots) == [zoe, None, "slots amy.", zoe, "slots bob.", None, None, None]
    assert calls(aws, "StartTranscriptionJob") - before == 3
    assert {made["model_version"] for slot in slots for made in slot} == {project(one).version}
    assert {failure["task"] for failure in one.work.failures()} == {2, 6, 7, 8}


def test_the_same_task_twice_in_one_request_has_one_prediction(aws: LocalAWS, machine: Machine) -> None:
    uris = put_audio(aws, "twice.wav")
    assert sorted(texts(answered(machine.running(), as_tasks(uris) * 2)), key=str) == [None, "twice."]
    assert len([name for name in jobs_started(aws) if name == job_of(aws, "twice.wav").name]) == 1


def test_the_deadline_is_kept_and_what_is_ready_by_then_is_answered(aws: LocalAWS, machine: Machine) -> None:
    one = machine.running(predict_wait=0.6)
    uris = put_audio(aws, "ready.wav", "pending.wav")
    answered(one, as_tasks(uris[:1], first=50))
    nothing_owed(one)
    begun = time.monotonic()
    assert texts(answered(one, as_tasks(uris))) == ["ready.", None]
    assert 0.6 <= time.monotonic() - begun < LATENCY
    assert texts(answered(machine.running(), as_tasks(uris, first=10))) == ["ready.", "pending."]


def test_of_a_bulk_with_one_that_never_ends_the_others_are_answered(
    monkeypatch: pytest.MonkeyPatch, machine: Machine, studio: StudioDouble
) -> None:
    names = [f"done-{letter}.wav" for letter in "abcdefghijklmnopqrst"]
    with local_aws("--latency", "600") as slow, local_aws("--latency", "0") as fast:
        uris = put_audio(known(fast, monkeypatch), *names)
        first = machine.running()
        assert all(answered(first, as_tasks(uris, first=100)))
        first.close()
        put_audio(known(slow, monkeypatch), *names, "endless.wav")
        one = machine.running(predict_wait=2.0)
        slots = texts(answered(one, as_tasks(["s3://calls/endless.wav", *uris])))
        assert slots == [None, *(f"{name[:-4].replace('-', ' ')}." for name in names)]


def test_a_single_task_is_answered_within_its_own_patience(aws: LocalAWS, machine: Machine) -> None:
    one = machine.running(predict_open=0.3)
    uris = put_audio(aws, "opened.wav")
    begun = time.monotonic()
    assert answered(one, as_tasks(uris)) == [()]
    assert 0.3 <= time.monotonic() - begun < LATENCY
    assert queues(one), "the text is pushed when it is there"


def test_building_ends_in_time_whatever_the_size_and_the_rest_is_pushed(
    aws: LocalAWS, machine: Machine, studio: StudioDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything is transcribed, but making predictions of it takes longer than there is time."""
    uris = put_audio(aws, *(f"long-{number}.wav" for number in range(12)))
    answered(machine.running(), as_tasks(uris, first=100))
    make = predictions.predictions

    def slowly(interface: Interface, transcript: Transcript, *known: Any) -> list[dict[str, Any]]:
        time.sleep(0.2)
        return make(interface, transcript, *known)

    monkeypatch.setattr(predictions, "predictions", slowly)
    monkeypatch.setattr(answers, "_BUILDING_SECONDS", 1.0)
    one = machine.running(predict_wait=0.0)
    answered(one, as_tasks(uris, first=200))  # where the audio is, is known from now on
    tasks = as_tasks(uris)
    begun = time.monotonic()
    slots = answered(one, tasks)
    assert time.monotonic() - begun < 2.0
    studio.store(tasks, [list(slot) for slot in slots])
    until(lambda: [studio.counts().get(task["id"]) for task in tasks], lambda counts: counts == [1] * 12)


def test_an_answer_that_is_large_enough_is_not_made_larger_and_the_rest_is_pushed(
    aws: LocalAWS, machine: Machine, studio: StudioDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    uris = put_audio(aws, *(f"large-{letter}.wav" for letter in "abcde"))
    answered(machine.running(), as_tasks(uris, first=100))
    monkeypatch.setattr(answers, "_MOST_RESULTS", 2)
    one = machine.running()
    answered(one, as_tasks(uris, first=200))
    slots = answered(one, as_tasks(uris))
    assert texts(slots) == ["large a.", "large b.", "large c.", None, None], "each has one result"
    until(lambda: {studio.counts().get(4), studio.counts().get(5)}, lambda counts: counts == {1})


def test_a_failed_job_is_an_empty_slot_whose_reason_is_told(aws: LocalAWS, machine: Machine) -> None:
    one = machine.running()
    assert answered(one, as_tasks(put_audio(aws, "broken-slot.wav"))) == [()]
    (failure,) = one.work.failures()
    assert (failure["task"], "Unsupported media format" in failure["problem"]) == (1, True)
    assert one.work.count(*OWED) == 0


def test_a_failure_ends_the_wait_at_once(aws: LocalAWS, machine: Machine) -> None:
    one = machine.running()
    begun = time.monotonic()
    assert answered(one, as_tasks(["s3://calls/nowhere.wav"])) == [()]
    assert time.monotonic() - begun < 3


def test_tasks_are_owed_before_the_wait_and_until_label_studio_holds_their_predictions(
    aws: LocalAWS, machine: Machine, studio: StudioDouble
) -> None:
    one = machine.running()
    tasks = as_tasks(put_audio(aws, "recorded-a.wav", "recorded-b.wav"))
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(answered, one, tasks)
        until(lambda: queues(one), lambda keys: len([key for key in keys if key.startswith("1.")]) == 2)
        assert not answer.done()
        slots = answer.result()
    assert texts(slots) == ["recorded a.", "recorded b."]
    assert one.work.count(*OWED) == 2, "a process killed while it sends the answer must not have forgotten"
    studio.store(tasks, [list(slot) for slot in slots])
    machine.clock.ahead += storing_seconds(2) + 1
    nothing_owed(one)
    assert studio.counts() == {1: 1, 2: 1}


def test_without_label_studio_nothing_is_pushed_and_the_next_request_finds_it(aws: LocalAWS, lonely: Machine) -> None:
    one = lonely.running(predict_wait=0.3, predict_open=0.3)
    tasks = as_tasks(put_audio(aws, "unpushed.wav"))
    assert answered(one, tasks) == [()]
    until(lambda: texts(answered(one, tasks)), lambda slots: slots == ["unpushed."])


def test_without_a_project_nothing_is_pushed(aws: LocalAWS, machine: Machine, studio: StudioDouble) -> None:
    one = machine.running(predict_open=0.3)
    nameless = one.projects.read("", studio.config)
    tasks = as_tasks(put_audio(aws, "nowhere.wav"))
    assert one.answers.answer(tasks, nameless) == [()]
    until(lambda: texts(one.answers.answer(tasks, nameless)), lambda slots: slots == ["nowhere."])
    assert not [path for method, path in studio.asked if method == "POST"]


# Once


def test_of_concurrent_requests_for_a_fresh_task_one_is_answered(
    aws: LocalAWS, machine: Machine, studio: StudioDouble
) -> None:
    """Three people open a task. Label Studio stores what it is given, as soon as it has it."""
    processes = [machine.running(), machine.running()]
    tasks = as_tasks(put_audio(aws, "fresh.wav"))

    def open_it(number: int) -> str | None:
        slots = answered(processes[number % 2], tasks)
        studio.store(tasks, [list(slot) for slot in slots])
        return texts(slots)[0]

    with ThreadPoolExecutor(3) as pool:
        said = list(pool.map(open_it, range(3)))
    assert sorted(said, key=str) == [None, None, "fresh."]
    assert studio.counts() == {1: 1}


@pytest.mark.parametrize("later", [0.0, 0.5, 2.0, 4.0])
def test_a_request_that_arrives_before_the_other_s_answer_is_stored_waits_for_it(
    aws: LocalAWS, machine: Machine, studio: StudioDouble, later: float
) -> None:
    first, second = machine.running(), machine.running()
    tasks = as_tasks(put_audio(aws, f"storing-{later}.wav"))
    (slot,) = answered(first, tasks)
    assert slot
    machine.clock.ahead += later
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(answered, second, tasks)
        studio.store(tasks, [list(slot)])
        assert other.result() == [()]
    machine.clock.ahead += 100
    nothing_owed(first)
    assert studio.counts() == {1: 1}


def test_while_label_studio_stores_a_bulk_answer_of_a_minute_nothing_is_answered_twice(
    aws: LocalAWS, machine: Machine, studio: StudioDouble
) -> None:
    first, second = machine.running(), machine.running()
    uris = put_audio(aws, *(f"minute-{number}.wav" for number in range(10)))
    tasks = [{**task, "id": 100 * repeat + task["id"]} for repeat in range(60) for task in as_tasks(uris)]
    slots = answered(first, tasks)
    assert all(slots)
    machine.clock.ahead += 50
    assert answered(second, tasks[:10]) == [()] * 10
    studio.store(tasks, [list(slot) for slot in slots])
    machine.clock.ahead += 300
    nothing_owed(first)
    assert set(studio.counts().values()) == {1} and len(studio.counts()) == 600


def test_when_the_other_s_answer_is_lost_whoever_waits_has_the_text_all_the_same(
    aws: LocalAWS, machine: Machine, studio: StudioDouble
) -> None:
    """In its answer, or pushed into Label Studio before it is answered."""
    first, second = machine.running(), machine.running()
    tasks = as_tasks(put_audio(aws, "lost.wav"))
    assert texts(answered(first, tasks)) == ["lost."]  # and it dies before this is sent
    slots = answered(second, tasks)
    studio.store(tasks, [list(slot) for slot in slots])
    assert studio.counts() == {1: 1}
    machine.clock.ahead += 100
    nothing_owed(second)
    assert studio.counts() == {1: 1}


def test_an_answer_that_seemed_lost_is_not_kept_beside_the_one_that_took_over(
    aws: LocalAWS, machine: Machine, studio: StudioDouble
) -> None:
    first, second = machine.running(), machine.running()
    tasks = as_tasks(put_audio(aws, "not-lost.wav"))
    answers = [answered(first, tasks), answered(second, tasks)]
    for slots in reversed(answers):
        studio.store(tasks, [list(slot) for slot in slots])
    assert studio.counts() == {1: 2}
    machine.clock.ahead += 301
    second.crew.wake()
    until(studio.counts, lambda counts: counts == {1: 1})


def test_without_label_studio_of_two_requests_one_is_answered(aws: LocalAWS, lonely: Machine) -> None:
    """It cannot be asked what it has stored: then nothing is answered twice at least."""
    first, second = lonely.running(), lonely.running()
    tasks = as_tasks(put_audio(aws, "unseen.wav"))
    assert texts(answered(first, tasks)) == ["unseen."]
    begun = time.monotonic()
    assert answered(second, tasks) == [()]
    assert time.monotonic() - begun < storing_seconds(1) + 2
    lonely.clock.ahead += 30
    assert texts(answered(second, tasks)) == ["unseen."], "a later request is answered again"


def test_a_request_that_overlaps_a_push_stays_empty(aws: LocalAWS, machine: Machine, studio: StudioDouble) -> None:
    one = machine.running(predict_open=0.3)
    tasks = as_tasks(put_audio(aws, "pushed-first.wav"))
    assert answered(one, tasks) == [()]
    until(studio.counts, lambda counts: counts == {1: 1})
    assert answered(one, tasks) == [()], "Label Studio may have sent it before it had our push"
    machine.clock.ahead += 100
    assert texts(answered(one, tasks)) == ["pushed first."]


@pytest.mark.parametrize(("tasks", "seconds"), [(0, 5), (50, 10), (2000, 205), (2950, 300), (100_000, 300)])
def test_label_studio_is_given_time_to_store_an_answer_by_the_number_of_its_tasks(tasks: int, seconds: float) -> None:
    assert storing_seconds(tasks) == pytest.approx(seconds)


# Counted


def test_texts_are_counted_when_they_are_answered_and_known_ones_as_reused(aws: LocalAWS, lonely: Machine) -> None:
    one = lonely.process(predict_wait=0.0)
    uris = put_audio(aws, *(f"counted-{letter}.wav" for letter in "abcd"))
    answered(one, as_tasks(uris))
    assert sums(one).get(TASKS) is None, "nothing was answered yet"
    lonely.settle(one, until=lambda: set(queues(one).values()) == {"ready"})
    assert all(answered(one, as_tasks(uris, first=10)))
    counted = sums(one)
    assert {name: counted[name] for name in (TASKS, f"{WAIT}0", REUSED)} == {TASKS: 4, f"{WAIT}0": 4, REUSED: 4}
    assert sum(tasks for name, tasks in counted.items() if name.startswith(CONFIDENCE)) == 4


def sums(process: Backend) -> dict[str, float]:
    """The ledger of the project, of all days."""
    process.ledger.flush()
    return dict(process.ledger.sums(0).get(project(process).id, {}))


# Urgent and bulk


@pytest.mark.parametrize(("tasks", "priority"), [(1, URGENT), (3, URGENT), (4, BULK)])
def test_few_tasks_are_opened_by_somebody_and_many_are_bulk(
    aws: LocalAWS, machine: Machine, tasks: int, priority: int
) -> None:
    one = machine.process(predict_wait=0.0, predict_open=0.0)
    answered(one, as_tasks(put_audio(aws, *(f"few-{tasks}-{number}.wav" for number in range(tasks)))))
    assert {row[2] for row in rows_of(one)} == {priority}


def test_an_opened_task_overtakes_its_own_bulk(
    monkeypatch: pytest.MonkeyPatch, machine: Machine, studio: StudioDouble
) -> None:
    """It is queued behind two hundred others of its import when somebody opens it."""
    with local_aws("--latency", "0.2", "--start-tps", "10") as running:
        aws = known(running, monkeypatch)
        uris = put_audio(aws, *(f"bulk-{number}.wav" for number in range(200)))
        one = machine.running(predict_wait=0.1, start_rate=10.0)
        tasks = as_tasks(uris)
        answered(one, tasks)
        begun = time.monotonic()
        assert texts(answered(one, tasks[-1:])) == ["bulk."]
        assert time.monotonic() - begun < 4
        assert one.work.count(*OWED) > 100, "the others are still owed"


@pytest.mark.parametrize("stage", ["to be looked at", "full slots", "refused by AWS"])
def test_an_opened_task_is_promoted_wherever_it_stands(
    aws: LocalAWS, machine: Machine, stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = stage.replace(" ", "-")
    one = machine.process(predict_wait=0.0, predict_open=0.0, max_jobs=1)
    uris = put_audio(aws, f"holds-{name}.wav", *(f"stands-{name}-{number}.wav" for number in range(4)))
    tasks = as_tasks(uris)
    answered(one, tasks[:1])
    one.crew.step()
    answered(one, tasks[1:])
    if stage == "full slots":
        one.crew.step()
    if stage == "refused by AWS":
        with expired(aws):
            one.crew.step()
    answered(one, tasks[-1:])
    ((key, queue, priority, due, _),) = [row for row in rows_of(one) if "|4|" in row[0] or "|5|" in row[0]][-1:]
    assert (priority, queue) == (URGENT, "transcribe"), key
    assert due <= 0.5
    machine.settle(one)


@contextmanager
def expired(aws: LocalAWS) -> Iterator[None]:
    """AWS accepts no credentials meanwhile."""
    aws.switch(expired_credentials=True)
    try:
        yield
    finally:
        aws.switch(expired_credentials=False)


def rows_of(process: Backend) -> list[tuple[Any, ...]]:
    return process.engine.database.read(
        "select key, queue, priority, due - ?, problem from transcribe_work where key like '1.%' order by key",
        process.work.now(),
    )


def test_slow_downloads_do_not_hold_up_what_is_known(aws: LocalAWS, machine: Machine, studio: StudioDouble) -> None:
    """Six and more URLs that drip for ever: a task whose audio lies in S3 is opened meanwhile."""
    ended = threading.Event()

    def drip(request: Request) -> Reply:
        def drops() -> Iterator[bytes]:
            while not ended.wait(0.2):
                yield b"\0" * 100

        return Reply(200, drops(), {"Content-Type": "audio/wav"})

    with serve(drip) as server:
        one = machine.running(predict_open=5.0, allowed_audio_hosts=frozenset({"127.0.0.1"}))
        uris = put_audio(aws, "beside-slow.wav")
        with ThreadPoolExecutor(20) as pool:
            opened = [
                pool.submit(answered, one, as_tasks([f"{server.url}/drip-{number}.wav"], first=10 + number))
                for number in range(14)
            ]
            until(lambda: len(server.requests), lambda asked: asked >= 6)
            begun = time.monotonic()
            assert texts(answered(one, as_tasks(uris))) == ["beside slow."]
            assert time.monotonic() - begun < 5
            assert all(one.result() == [()] for one in opened)
        begun = time.monotonic()
        one.close()
        assert time.monotonic() - begun < 2, "a process does not wait for downloads"
        ended.set()


def test_more_waiters_than_threads_are_answered_at_once(aws: LocalAWS, machine: Machine) -> None:
    one = machine.running(threads=11)
    uris = put_audio(aws, *(f"waiter-{number}.wav" for number in range(8)))
    gate = threading.Barrier(9)

    def ask(number: int) -> tuple[str | None, float]:
        gate.wait()
        begun = time.monotonic()
        (text,) = texts(answered(one, [{"id": number, "data": {"audio": uris[number]}}]))
        return text, time.monotonic() - begun

    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(ask, number) for number in range(8)]
        gate.wait()
        said = [future.result() for future in asked]
    assert len([text for text, _ in said if text]) == 3
    assert all(seconds < LATENCY for text, seconds in said if not text)


# What is broken


def test_a_damaged_cache_is_fetched_again(aws: LocalAWS, machine: Machine, tmp_path: Path) -> None:
    tasks = as_tasks(put_audio(aws, "damaged.wav", "intact.wav"))
    answered(machine.running(), tasks)
    for file in (tmp_path / "model" / "transcripts").glob("*/*.gz"):
        content = file.read_bytes()
        if b"damaged" in gzip.decompress(content):
            file.write_bytes(content[:30] + b"\xff" * 20 + content[50:])
    one = machine.running()
    machine.clock.ahead += 200
    uris = [task["data"]["audio"] for task in tasks]
    answered(one, as_tasks(uris, first=10))
    until(lambda: texts(answered(one, as_tasks(uris, first=20))), lambda slots: slots == ["damaged.", "intact."])


def test_a_defect_on_one_transcript_costs_that_task_alone(
    aws: LocalAWS, machine: Machine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    one = machine.running()
    make = predictions.predictions

    def defective(interface: Interface, transcript: Transcript, *known: Any) -> list[dict[str, Any]]:
        if transcript.text == "odd.":
            raise ZeroDivisionError
        return make(interface, transcript, *known)

    monkeypatch.setattr(predictions, "predictions", defective)
    tasks = as_tasks(put_audio(aws, "odd.wav", "even.wav"))
    assert texts(answered(one, tasks)) == [None, "even."]
    assert "The prediction of task 1 comes later: " in caplog.text
    machine.clock.ahead += 100
    (failure,) = until(one.work.failures, bool)
    assert failure["task"] == 1
    assert "cannot be made into predictions" in failure["problem"]


def test_without_its_store_it_answers_what_is_transcribed(
    aws: LocalAWS, machine: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    uris = put_audio(aws, "storeless.wav", "unheard.wav")
    assert all(answered(machine.running(), as_tasks(uris[:1])))
    with postgres() as url:
        one = machine.process(queue_url=url)
    slots = answered(one, as_tasks([uris[0], "s3://calls/absent.wav", uris[1]]))
    assert texts(slots) == ["storeless.", None, None]
    assert "QUEUE_URL" in caplog.text
    with pytest.raises(QueueError):
        one.notice("TASKS_CREATED", {"project": {"id": 1, "created_at": "2026-01-01T00:00:00Z"}, "tasks": [{"id": 1}]})


def test_a_bulk_is_not_answered_while_nobody_can_know_who_answers_it_too(aws: LocalAWS, machine: Machine) -> None:
    uris = put_audio(aws, *(f"unclaimed-{name}.wav" for name in ("zoe", "amy", "bob", "eve")))
    answered(machine.running(), as_tasks(uris))
    with postgres() as url:
        one = machine.process(queue_url=url)
    assert texts(answered(one, as_tasks(uris))) == [None] * 4
    assert texts(answered(one, as_tasks(uris[:1]))) == ["unclaimed zoe."], "somebody looks at that one"


def test_a_bulk_that_label_studio_stores_too_slowly_is_there_once_in_the_end(
    aws: LocalAWS, machine: Machine, studio: StudioDouble
) -> None:
    """It asks again for what it is still storing."""
    one = machine.running()
    uris = put_audio(aws, *(f"slowly-{name}.wav" for name in ("zoe", "amy", "bob", "eve")))
    answered(one, as_tasks(uris, first=100))
    tasks = as_tasks(uris)
    first = answered(one, tasks)
    machine.clock.ahead += storing_seconds(len(tasks)) + 10
    second = answered(one, tasks)
    assert texts(second) == texts(first) == [f"slowly {name}." for name in ("zoe", "amy", "bob", "eve")]
    for slots in (first, second):
        studio.store(tasks, [list(slot) for slot in slots])
    assert [studio.counts()[task["id"]] for task in tasks] == [2] * 4
    machine.clock.ahead += 600
    until(lambda: [studio.counts()[task["id"]] for task in tasks], lambda counts: counts == [1] * 4)


def test_a_store_that_goes_away_during_the_wait_costs_nothing_that_is_ready(
    aws: LocalAWS, machine: Machine, studio: StudioDouble
) -> None:
    uris = put_audio(aws, "goes-away.wav", "goes-away-too.wav")
    with postgres() as url:
        one = machine.running(queue_url=url, predict_wait=30.0)
        answered(one, as_tasks(uris[:1], first=9))
        pool = ThreadPoolExecutor(1)
        answer = pool.submit(answered, one, as_tasks([uris[0], "s3://calls/goes-away.wav", *uris[1:]]))
        until(lambda: queues(one), lambda keys: any("|3|" in key for key in keys))
    begun = time.monotonic()
    assert texts(answer.result(40))[:2] == ["goes away.", "goes away."]
    assert time.monotonic() - begun < 30
    pool.shutdown()


# Interactive


def region(**more: Any) -> dict[str, Any]:
    value = {"start": 0, "end": 3, "labels": ["Speech"]}
    return {"value": value, "id": "r", "from_name": "labels", "to_name": "audio", "type": "labels", **more}


def test_interactive_waits_no_longer_than_it_may(aws: LocalAWS, machine: Machine) -> None:
    one = machine.running(interactive_wait=0.2)
    (task,) = as_tasks(put_audio(aws, "drawn.wav"))
    segments = project(one, SEGMENTS)
    begun = time.monotonic()
    assert one.answers.interactive(task, segments, {"result": [region()]}) == {"result": []}
    assert time.monotonic() - begun < LATENCY
    filled = until(lambda: one.answers.interactive(task, segments, {"result": [region()]}), lambda made: made["result"])
    assert [part["value"]["text"] for part in filled["result"] if part["type"] == "textarea"] == [["drawn."]]
    assert one.answers.interactive(task, segments, {"result": []}) == {"result": []}


def test_what_is_asked_for_interactively_is_not_pushed(aws: LocalAWS, machine: Machine, studio: StudioDouble) -> None:
    one = machine.process(interactive_wait=0.0)
    (task,) = as_tasks(put_audio(aws, "not-pushed.wav"))
    one.answers.interactive(task, project(one, SEGMENTS), {"result": [region()]})
    machine.settle(one, until=lambda: set(queues(one).values()) <= {"ready"} and queues(one))
    machine.clock.ahead += 3600
    one.work.expire()
    assert (studio.counts(), queues(one)) == ({}, {})


def test_drawn_regions_are_urgent(aws: LocalAWS, machine: Machine) -> None:
    one = machine.process(interactive_wait=0.0)
    (task,) = as_tasks(put_audio(aws, "drawn-now.wav"))
    one.answers.interactive(task, project(one, SEGMENTS), {"result": [region()]})
    assert one.work.standing() == {("transcribe", URGENT): 1}


def test_drawn_regions_stay_empty_while_the_store_is_away(
    aws: LocalAWS, machine: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    (task,) = as_tasks(put_audio(aws, "drawn-without-store.wav"))
    with postgres() as url:
        one = machine.process(queue_url=url)
    assert one.answers.interactive(task, project(one, SEGMENTS), {"result": [region()]}) == {"result": []}
    assert "No words for the regions of task 1: " in caplog.text


AUDITED = SEGMENTS.replace('value="$audio"', 'value="$audio" model_audit="0.3"')


def test_a_share_of_tasks_comes_without_text_also_where_somebody_draws(
    aws: LocalAWS, machine: Machine, studio: StudioDouble
) -> None:
    studio.config = AUDITED
    one = machine.running(predict_wait=30.0)
    tasks = as_tasks(put_audio(aws, "audited.wav") * 60)
    audited = project(one, AUDITED)
    made = [prediction for (prediction,) in one.answers.answer(tasks, audited)]
    blank = [at for at, each in enumerate(made) if not any(part["type"] == "textarea" for part in each["result"])]
    assert 8 <= len(blank) <= 28, "about three in ten"
    assert [at for at, task in enumerate(tasks) if audited.audits(task["id"])] == blank, "always the same"
    assert all(each["score"] for each in made)
    drawn = [one.answers.interactive(tasks[at], audited, {"result": [region()]}) for at in (blank[0], blank[0] + 1)]
    assert not drawn[0]["result"] and (drawn[1]["result"] or blank[1] == blank[0] + 1)


def test_a_transcript_that_is_nobodys_is_worked_on_for_a_day(aws: LocalAWS, lonely: Machine) -> None:
    one = lonely.process(predict_open=0.0)
    answered(one, as_tasks(put_audio(aws, "nobodys.wav")))
    lonely.clock.ahead += 24 * 3600 - 60
    one.work.expire()
    assert len(queues(one)) == 1
    lonely.clock.ahead += 120
    one.work.expire()
    assert queues(one) == {}


def test_audio_in_the_task_itself_is_not_owed_when_there_is_no_time_to_copy_it(
    aws: LocalAWS, machine: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    one = machine.process(predict_open=-1.0)
    assert answered(one, as_tasks(["data:audio/wav;base64,UklGRg=="])) == [()]
    assert queues(one) == {}
    assert "Task 1 must be asked for again: There was no time left" in caplog.text


# What is asked for again


def test_audio_that_was_replaced_is_transcribed_anew_when_its_task_is_opened(aws: LocalAWS, lonely: Machine) -> None:
    one = lonely.running()
    uri = "s3://calls/replaced.wav"
    put_audio(aws, "replaced.wav")
    assert texts(answered(one, as_tasks([uri]))) == ["replaced."]
    aws.s3.put_object(Bucket="calls", Key="replaced.wav", Body=b"another recording")
    aws.s3.put_object(
        Bucket="calls",
        Key="replaced.wav.transcript.json",
        Body=b'{"results": {"transcripts": [{"transcript": "Anew."}], "items": [{"type": "pronunciation", '
        b'"start_time": "0", "end_time": "1", "alternatives": [{"content": "Anew", "confidence": "0.9"}]}]}}',
    )
    lonely.clock.ahead += 10
    until(lambda: set(queues(one).values()), lambda stages: stages == {"ready"})
    lonely.clock.ahead += 31
    assert texts(answered(one, as_tasks([uri]))) == ["Anew."]


def test_an_address_that_was_corrected_in_the_task_is_used(aws: LocalAWS, machine: Machine) -> None:
    """The task failed, or waits for an operator; its data is mended in Label Studio, and it is opened again."""
    one = machine.running(predict_open=3.0)
    assert answered(one, as_tasks(["s3://calls/mistyped.wav"])) == [()]
    assert one.work.failures()
    uris = put_audio(aws, "corrected.wav")
    machine.clock.ahead += 61
    assert texts(answered(one, as_tasks(uris))) == ["corrected."]


def test_an_address_that_was_corrected_is_used_also_while_the_old_one_waits(aws: LocalAWS, machine: Machine) -> None:
    one = machine.process(predict_open=0.0)
    known_project = project(one)
    with expired(aws):
        one.answers.answer(as_tasks(["s3://calls/still-wrong.wav"]), known_project)
        for _ in range(5):
            one.crew.step()
            machine.clock.ahead += 300
        one.crew.step()
    assert one.work.waiting()[0].problem
    one.answers.answer(as_tasks(put_audio(aws, "right-now.wav")), known_project)
    ((*_, due, _problem),) = rows_of(one)
    assert due <= 0.5, "somebody looks at the task: it is tried at once"
    machine.settle(one)
    assert one.work.failures() == []
    assert one.store.get(job_of(aws, "right-now.wav").name).text == "right now."


def test_bulk_that_is_asked_for_again_stays_bulk(aws: LocalAWS, machine: Machine) -> None:
    one = machine.process(predict_wait=0.0)
    tasks = as_tasks(put_audio(aws, *(f"again-{number}.wav" for number in range(5))))
    for _ in range(3):
        answered(one, tasks)
    assert {row[2] for row in rows_of(one)} == {BULK} and len(rows_of(one)) == 5
    machine.settle(one)
