"""Prediction requests against the stand-in: slots, deadline, waiters, claims, and what is recorded meanwhile."""

import gzip
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tests.adapters.queue_servers import redis_server

from harness.aws import LocalAWS, local_aws
from harness.waiting import until
from tests.adapters.background import CALLS, OUTPUT, Machine, Process, as_tasks, put_audio
from transcribe_backend.errors import QueueError
from transcribe_backend.labeling.interface import Interface
from transcribe_backend.labeling.templates import SPEECH_RECOGNITION
from transcribe_backend.prelabeling import prelabel
from transcribe_backend.speech.transcript import Transcript

LATENCY = 1.5


@pytest.fixture(scope="module")
def stand_in() -> Iterator[LocalAWS]:
    with local_aws("--latency", str(LATENCY), "--fail-pattern", "broken*") as running:
        for bucket in (CALLS, OUTPUT):
            running.s3.create_bucket(Bucket=bucket)
        yield running


@pytest.fixture
def lonely(tmp_path: Path) -> Iterator[Machine]:
    """Without a Label Studio to push to."""
    made = Machine(tmp_path / "model", None)
    yield made
    made.close()


def texts(slots: list[list[dict[str, Any]]]) -> list[str | None]:
    return [slot[0]["result"][0]["value"]["text"][0] if slot else None for slot in slots]


def answered(process: Process, tasks: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    return process.prelabel.answer(tasks, process.project())


def test_one_slot_per_task_in_order(aws: LocalAWS, machine: Machine) -> None:
    uris = put_audio(aws, "slots-zoe.wav", "slots-amy.wav", "slots-bob.wav")
    tasks = as_tasks([uris[0], "s3://calls/absent.wav", uris[1], uris[0], uris[2]])
    tasks += [{"id": 6, "data": {}, "project": 1}, {"id": 7, "data": {"audio": 8}}, {"id": 8}]
    before = aws.calls()["transcribe"].get("StartTranscriptionJob", 0)
    one = machine.process()
    slots = answered(one, tasks)
    zoe = "slots zoe."
    assert texts(slots) == [zoe, None, "slots amy.", zoe, "slots bob.", None, None, None]
    assert aws.calls()["transcribe"]["StartTranscriptionJob"] - before == 3
    assert {made["model_version"] for slot in slots for made in slot} == {one.project().version}
    assert {failure["task"] for failure in one.failures.recent()} == {2, 6, 7, 8}


def test_the_deadline_is_kept_and_the_rest_is_empty(aws: LocalAWS, machine: Machine) -> None:
    one = machine.process(predict_wait=0.6)
    uris = put_audio(aws, "ready.wav", "pending.wav")
    until(lambda: texts(answered(one, as_tasks(uris[:1]))), lambda answer: answer != [None])
    begun = time.monotonic()
    assert texts(answered(one, as_tasks(uris))) == ["ready.", None]
    assert 0.6 <= time.monotonic() - begun < LATENCY
    assert texts(answered(machine.process(predict_wait=20), as_tasks(uris))) == ["ready.", "pending."]


def test_a_failed_job_is_an_empty_slot_whose_reason_is_told(aws: LocalAWS, machine: Machine) -> None:
    one = machine.process()
    assert answered(one, as_tasks(put_audio(aws, "broken-slot.wav"))) == [[]]
    (failure,) = one.failures.recent()
    assert (failure["task"], "Unsupported media format" in failure["problem"]) == (1, True)
    one.clock.ahead += 60
    one.deliveries.heartbeat()
    assert one.known() == {}


def test_records_are_written_before_the_wait_and_go_when_the_answer_is_sent(aws: LocalAWS, machine: Machine) -> None:
    one = machine.process()
    tasks = as_tasks(put_audio(aws, "recorded-a.wav", "recorded-b.wav"))
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(answered, one, tasks)
        records = until(one.known, lambda known: len(known) == 2)
        assert not answer.done()
        assert texts(answer.result()) == ["recorded a.", "recorded b."]
    assert {record["task"] for record in records.values()} == {1, 2}
    one.deliveries.heartbeat()
    assert len(one.known()) == 2, "a process killed while it sends the answer must not have forgotten"
    one.clock.ahead += 15
    one.deliveries.heartbeat()
    assert one.known() == {}
    assert one.work() == 0


def test_without_label_studio_nothing_is_recorded_and_the_next_request_finds_it(aws: LocalAWS, lonely: Machine) -> None:
    one = lonely.process(predict_wait=0.3)
    tasks = as_tasks(put_audio(aws, "unpushed.wav"))
    assert answered(one, tasks) == [[]]
    assert one.known() == {}
    until(one.under_way, lambda pending: pending == 0)
    assert texts(answered(one, tasks)) == ["unpushed."]


def test_without_a_project_nothing_is_recorded(aws: LocalAWS, machine: Machine) -> None:
    one = machine.process(predict_wait=0.3)
    project = one.projects.read("", SPEECH_RECOGNITION)
    assert one.prelabel.answer(as_tasks(put_audio(aws, "nowhere.wav")), project) == [[]]
    assert one.known() == {}


def test_of_concurrent_requests_for_a_fresh_task_one_is_answered(aws: LocalAWS, machine: Machine) -> None:
    processes = [machine.process(), machine.process()]
    tasks = as_tasks(put_audio(aws, "fresh.wav"))
    with ThreadPoolExecutor(3) as pool:
        slots = list(pool.map(lambda n: answered(processes[n % 2], tasks), range(3)))
    assert sorted(texts(slot)[0] or "" for slot in slots) == ["", "", "fresh."]
    naps = processes[0].naps + processes[1].naps
    assert len(naps) == 2, "those without the prediction come back when Label Studio has stored it"
    assert texts(answered(processes[0], tasks)) == ["fresh."], "a later request is answered again"


def test_a_request_that_overlaps_a_push_stays_empty(aws: LocalAWS, machine: Machine) -> None:
    one = machine.process(predict_wait=0.3)
    tasks = as_tasks(put_audio(aws, "pushed-first.wav"))
    assert answered(one, tasks) == [[]]
    until(one.under_way, lambda pending: pending == 0)
    until(one.work, bool)
    assert one.outcomes == {"pushed": 1}
    assert answered(one, tasks) == [[]], "Label Studio may have sent it before it had our push"
    one.clock.ahead += 15
    assert texts(answered(one, tasks)) == ["pushed first."]


def test_more_waiters_than_threads_are_answered_at_once(aws: LocalAWS, machine: Machine) -> None:
    one = machine.process(threads=11)
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
        answers = [future.result() for future in asked]
    waited = [seconds for text, seconds in answers if text]
    assert len(waited) == 3
    assert all(seconds < LATENCY for text, seconds in answers if not text)
    until(one.under_way, lambda pending: pending == 0)


def test_a_damaged_cache_is_an_empty_slot_and_a_push(aws: LocalAWS, machine: Machine, tmp_path: Path) -> None:
    tasks = as_tasks(put_audio(aws, "damaged.wav", "intact.wav"))
    answered(machine.process(), tasks)
    files = {file: file.read_bytes() for file in (tmp_path / "model" / "transcripts").glob("*/*.gz")}
    for file, content in files.items():
        if b"damaged" in gzip.decompress(content):
            file.write_bytes(content[:30] + b"\xff" * 20 + content[50:])
    one = machine.process()
    one.clock.ahead += 200
    assert texts(answered(one, tasks)) == [None, "intact."]
    until(one.work, bool)
    assert one.outcomes == {"pushed": 1}


def test_interactive_waits_no_longer_than_it_may(aws: LocalAWS, machine: Machine) -> None:
    one = machine.process(interactive_wait=0.2)
    region = {"value": {"start": 0, "end": 3, "labels": ["Speech"]}, "id": "r", "from_name": "labels",
              "to_name": "audio", "type": "labels"}  # fmt: skip
    config = (
        '<View><Labels name="labels" toName="audio"><Label value="Speech"/></Labels><Audio name="audio" '
        'value="$audio"/><TextArea name="text" toName="audio" perRegion="true"/></View>'
    )
    (task,) = as_tasks(put_audio(aws, "drawn.wav"))
    project = one.project(config)
    assert one.prelabel.interactive(task, project, {"result": [region]}) == {"result": []}
    filled = until(lambda: one.prelabel.interactive(task, project, {"result": [region]}), lambda made: made["result"])
    assert [part["value"]["text"] for part in filled["result"] if part["type"] == "textarea"] == [["drawn."]]
    assert one.prelabel.interactive(task, project, {"result": []}) == {"result": []}


def test_without_its_queue_it_answers_what_is_ready(
    aws: LocalAWS, machine: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    uris = put_audio(aws, "queueless.wav")
    with redis_server() as url:
        one = machine.process(queue_url=url)
    slots = answered(one, as_tasks([*uris, "s3://calls/absent.wav"]))
    assert texts(slots) == ["queueless.", None]
    assert "QUEUE_URL" in caplog.text
    with pytest.raises(QueueError):
        one.prefetch.imported({"id": 1, "created_at": "2026-01-01T00:00:00Z"}, as_tasks(uris))


def test_a_defect_on_one_transcript_costs_that_task_alone(
    aws: LocalAWS, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = machine.process()
    make = prelabel.predictions

    def defective(interface: Interface, transcript: Transcript) -> list[dict[str, Any]]:
        if transcript.text == "odd.":
            raise ZeroDivisionError
        return make(interface, transcript)

    monkeypatch.setattr(prelabel, "predictions", defective)
    slots = answered(one, as_tasks(put_audio(aws, "odd.wav", "even.wav")))
    assert texts(slots) == [None, "even."]
    (failure,) = one.failures.recent()
    assert failure["task"] == 1
    assert "cannot be made into predictions" in failure["problem"]
