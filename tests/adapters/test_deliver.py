"""Late delivery, prefetch and takeover: real queue, records, stand-in; a double of Label Studio; a clock to move."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from transcribe_backend.prelabeling.prelabel import claim_key

from harness.aws import LocalAWS, local_aws
from harness.studio_double import PROJECT, StudioDouble
from harness.waiting import until
from tests.adapters.background import CALLS, OUTPUT, Machine, Process, as_tasks, put_audio
from transcribe_backend.errors import AWSError
from transcribe_backend.prelabeling.project import Project

SEGMENTS = (
    '<View><Labels name="labels" toName="audio"><Label value="Speech"/></Labels><Audio name="audio" value="$audio"/>'
    '<TextArea name="text" toName="audio" perRegion="true"/></View>'
)


@pytest.fixture(scope="module")
def stand_in() -> Iterator[LocalAWS]:
    with local_aws("--latency", "0.8", "--fail-pattern", "broken*") as running:
        for bucket in (CALLS, OUTPUT):
            running.s3.create_bucket(Bucket=bucket)
        yield running


@pytest.fixture
def one(aws: LocalAWS, machine: Machine) -> Process:
    """A process whose requests wait for nothing."""
    return machine.process(predict_wait=0.0)


def asked(process: Process, uris: list[str], config: str | None = None) -> list[dict[str, Any]]:
    """A request whose tasks all stay pending."""
    tasks = as_tasks(uris)
    project = process.project(config) if config else process.project()
    assert process.prelabel.answer(tasks, project) == [[] for _ in tasks]
    return tasks


def all_ended(process: Process) -> None:
    until(process.under_way, lambda pending: pending == 0)


def queued(process: Process) -> None:
    """Wait until the jobs' ends have reached the queue."""
    all_ended(process)
    until(process.known, lambda known: all(record["pushed"] for record in known.values()))
    # The record is written first, so that a kill in between loses nothing: the queue follows a moment later.
    records = len(process.known())
    until(process.queue.storage.queue_size, lambda entries: entries >= records)


def test_a_late_prediction_is_pushed_once(aws: LocalAWS, one: Process, studio: StudioDouble) -> None:
    asked(one, put_audio(aws, "late-a.wav", "late-b.wav"))
    queued(one)
    one.work()
    assert studio.counts() == {1: 1, 2: 1}
    (made,) = studio.stored[1]
    assert made["result"][0]["value"]["text"] == ["late a."]
    assert made["model_version"] == one.project().version
    assert 0 < made["score"] < 1
    assert (one.known(), one.outcomes) == ({}, {"pushed": 2})
    one.deliveries.sweep()
    one.work_later(200)
    assert studio.counts() == {1: 1, 2: 1}


def test_many_requests_and_processes_push_once(aws: LocalAWS, machine: Machine, studio: StudioDouble) -> None:
    processes = [machine.process(predict_wait=0.0) for _ in range(3)]
    uris = put_audio(aws, "shared.wav")
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda process: asked(process, uris), processes * 2))
    for process in processes:
        all_ended(process)
    for process in processes:
        queued(process)
        process.work()
    for process in processes:
        process.work_later(100)
        process.deliveries.sweep()
        process.work()
    assert studio.counts() == {1: 1}


def test_what_label_studio_has_is_not_pushed(aws: LocalAWS, one: Process, studio: StudioDouble) -> None:
    asked(one, put_audio(aws, "pulled.wav"))
    queued(one)
    studio.store([{"id": 1}], [{"result": [], "model_version": one.project().version}])
    one.work()
    assert (studio.counts(), one.outcomes, one.known()) == ({1: 1}, {"already there": 1}, {})


def test_a_prediction_of_another_version_does_not_count(aws: LocalAWS, one: Process, studio: StudioDouble) -> None:
    asked(one, put_audio(aws, "other-version.wav"))
    queued(one)
    studio.store([{"id": 1}], [{"result": [], "model_version": "another"}])
    one.work()
    assert (studio.counts(), one.outcomes) == ({1: 2}, {"pushed": 1})


def test_while_label_studio_stores_an_answer_nothing_is_pushed(
    aws: LocalAWS, one: Process, studio: StudioDouble
) -> None:
    asked(one, put_audio(aws, "storing.wav"))
    queued(one)
    one.clock.ahead += 1
    (slot,) = one.prelabel.answer(as_tasks(["s3://calls/storing.wav"]), one.project())
    assert slot
    one.work()
    one.work_later(60)
    assert studio.counts() == {}
    studio.store([{"id": 1}], [slot])
    one.work_later(60)
    assert (studio.counts(), one.known()) == ({1: 1}, {})


def test_a_changed_labeling_config_supersedes(aws: LocalAWS, one: Process, studio: StudioDouble) -> None:
    asked(one, put_audio(aws, "superseded.wav"))
    studio.config = SEGMENTS
    queued(one)
    one.work()
    assert (studio.counts(), one.outcomes, one.known()) == ({}, {"superseded": 1}, {})


def test_a_deleted_task_is_dropped(aws: LocalAWS, one: Process, studio: StudioDouble) -> None:
    asked(one, put_audio(aws, "deleted.wav", "kept.wav"))
    studio.gone.add(1)
    queued(one)
    one.work()
    assert (studio.counts(), one.outcomes, one.known()) == ({2: 1}, {"gone": 1, "pushed": 1}, {})
    assert one.failures.recent() == []


@pytest.mark.parametrize("there", [set(), {2}])
def test_a_deleted_project_is_dropped(aws: LocalAWS, one: Process, studio: StudioDouble, there: set[int]) -> None:
    asked(one, put_audio(aws, f"orphan-{len(there)}.wav"))
    studio.projects = there
    queued(one)
    one.work()
    assert (studio.counts(), one.outcomes, one.known()) == ({}, {"gone": 1}, {})


def test_another_label_studio_is_not_written_to(
    aws: LocalAWS, one: Process, studio: StudioDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked(one, put_audio(aws, "foreign.wav"))
    monkeypatch.setattr("tests.studio_double.CREATED", "2020-01-01T00:00:00.000000Z")
    queued(one)
    one.work()
    assert (studio.counts(), one.outcomes) == ({}, {"gone": 1})


@pytest.mark.parametrize("refusal", [401, 403, 500, 502])
def test_refusals_that_pass_are_waited_out(aws: LocalAWS, one: Process, studio: StudioDouble, refusal: int) -> None:
    asked(one, put_audio(aws, f"refused-{refusal}.wav"))
    queued(one)
    studio.refusal = refusal
    one.work()
    for _ in range(4):
        assert one.work_later(40) == 1
    assert (studio.counts(), len(one.known())) == ({}, 1)
    studio.refusal = None
    one.work_later(40)
    assert (studio.counts(), one.known()) == ({1: 1}, {})


def test_what_label_studio_finds_invalid_is_told_and_dropped(aws: LocalAWS, one: Process, studio: StudioDouble) -> None:
    asked(one, put_audio(aws, "invalid.wav"))
    queued(one)
    studio.refusal = 400
    one.work()
    assert (one.outcomes, one.known()) == ({"refused": 1}, {})
    (failure,) = one.failures.recent()
    assert "400" in failure["problem"]
    assert failure["audio"].startswith("s3://")


def test_label_studio_may_be_down_for_days(aws: LocalAWS, one: Process, studio: StudioDouble) -> None:
    asked(one, put_audio(aws, "patient-a.wav", "patient-b.wav"))
    queued(one)
    studio.down()
    one.work()
    (record, _) = one.known().values()
    assert record["tries"] == 1
    key = claim_key(one.project(), 1)
    one.records.put(key, {**one.known()[key], "tries": 5000})
    for _ in range(3):
        assert one.work_later(40) == 2
    one.deliveries.sweep()
    assert one.work() == 0, "what is scheduled is not lost"
    studio.up()
    one.work_later(40)
    assert (studio.counts(), one.known()) == ({1: 1, 2: 1}, {})


def test_retries_back_off(aws: LocalAWS, one: Process, studio: StudioDouble) -> None:
    asked(one, put_audio(aws, "backoff.wav"))
    queued(one)
    studio.down()
    one.work()
    pauses = []
    for _ in range(6):
        (record,) = one.known().values()
        pauses.append(round(record["pushed"] - one.clock()))
        one.work_later(pauses[-1])
    assert pauses == [4, 8, 16, 30, 30, 30]


def test_a_failed_job_is_told_and_forgotten(aws: LocalAWS, one: Process, studio: StudioDouble) -> None:
    asked(one, put_audio(aws, "broken-late.wav"))
    until(one.known, lambda known: known == {})
    assert (studio.counts(), one.outcomes) == ({}, {"failed": 1})
    (failure,) = one.failures.recent()
    assert "Unsupported media format" in failure["problem"]
    assert failure["audio"].startswith("s3://")


def test_a_lost_cache_is_fetched_again(
    aws: LocalAWS, one: Process, machine: Machine, studio: StudioDouble, tmp_path: Path
) -> None:
    asked(one, put_audio(aws, "uncached.wav"))
    queued(one)
    for file in (tmp_path / "model" / "transcripts").glob("*/*.gz"):
        file.unlink()
    before = aws.calls()["transcribe"]
    machine.process().work()
    assert (studio.counts(), aws.calls()["transcribe"]) == ({1: 1}, before)


# Takeover


def test_a_crashed_process_is_taken_over(aws: LocalAWS, machine: Machine, studio: StudioDouble) -> None:
    dead, heir = machine.process(predict_wait=0.0), machine.process(predict_wait=0.0)
    for process in (dead, heir):
        process.deliveries.heartbeat()
    uris = put_audio(aws, "taken-a.wav", "taken-b.wav")
    records = {}
    dead.close()  # it starts and follows nothing any more
    tasks = as_tasks(uris)
    dead.deliveries.follow(dead.project(), [])
    for task in tasks:
        key = claim_key(dead.project(), task["id"])
        records[key] = {"project": PROJECT, "task": task["id"], "data": task["data"], "owner": dead.deliveries._me}
        later = {"version": dead.project().version, "until": machine.clock(), "pushed": 0.0, "tries": 0}
        dead.records.put(key, {**records[key], **later})
    heir.deliveries.sweep()
    assert len(heir.transcriber) == 0, "its owner lives"
    machine.clock.ahead += 20
    heir.deliveries.heartbeat()
    heir.deliveries.sweep()
    queued(heir)
    heir.work()
    assert (studio.counts(), heir.known()) == ({1: 1, 2: 1}, {})


def test_a_push_lost_with_its_worker_is_made_again(aws: LocalAWS, one: Process, studio: StudioDouble) -> None:
    asked(one, put_audio(aws, "lost-push.wav"))
    queued(one)
    assert one.queue.dequeue() is not None  # a worker took it and was killed
    one.deliveries.sweep()
    assert one.work() == 0
    one.clock.ahead += 120
    one.deliveries.sweep()
    one.work()
    assert (studio.counts(), one.known()) == ({1: 1}, {})


def test_a_worker_killed_after_its_claim_delays_only(aws: LocalAWS, one: Process, studio: StudioDouble) -> None:
    asked(one, put_audio(aws, "claimed.wav"))
    queued(one)
    assert one.claims.claim(claim_key(one.project(), 1), 0.0)
    one.work()
    assert studio.counts() == {}
    one.work_later(120)
    assert studio.counts() == {1: 1}


def test_a_job_end_that_could_not_be_queued_is_noticed(
    aws: LocalAWS, one: Process, studio: StudioDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(key: str) -> None:
        raise ConnectionError("the queue is away")

    with monkeypatch.context() as patch:
        patch.setattr(one.records, "get", broken)
        asked(one, put_audio(aws, "unqueued.wav"))
        all_ended(one)
    one.deliveries.sweep()
    assert one.work() == 0
    one.clock.ahead += 90
    one.deliveries.sweep()
    queued(one)
    one.work()
    assert (studio.counts(), one.known()) == ({1: 1}, {})


# What Label Studio tells


def webhook(uris: list[str], studio: StudioDouble) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    return studio.described(), studio.add_tasks(uris)


def test_imported_tasks_are_prelabeled_without_a_request(aws: LocalAWS, one: Process, studio: StudioDouble) -> None:
    before = dict(aws.calls()["transcribe"])
    one.prefetch.imported(*webhook(put_audio(aws, "new-a.wav", "new-b.wav"), studio))
    assert aws.calls()["transcribe"] == before, "the webhook itself only queues"
    assert one.work() == 1
    queued(one)
    one.work()
    assert studio.counts() == {1: 1, 2: 1}
    assert [key for key, _ in one.plans.items()] == []


@pytest.mark.parametrize(("limit", "transcribed"), [(3, 3), (0, 0)])
def test_prefetch_is_bounded(
    aws: LocalAWS, machine: Machine, studio: StudioDouble, limit: int, transcribed: int
) -> None:
    process = machine.process(prefetch_max_tasks=limit)
    before = aws.calls()["transcribe"].get("StartTranscriptionJob", 0)
    process.prefetch.imported(*webhook(put_audio(aws, *(f"limit-{limit}-{n}.wav" for n in range(6))), studio))
    process.prefetch.connected(process.project())
    process.work()
    all_ended(process)
    assert aws.calls()["transcribe"].get("StartTranscriptionJob", 0) - before == transcribed


def test_connecting_a_project_prefetches_what_has_no_prediction_once(
    aws: LocalAWS, one: Process, studio: StudioDouble
) -> None:
    tasks = studio.add_tasks(put_audio(aws, "old-a.wav", "old-b.wav", "old-c.wav"))
    tasks[0]["total_predictions"], tasks[1]["is_labeled"] = 1, True
    for _ in range(3):
        one.prefetch.connected(one.project())
    assert one.work() == 1
    queued(one)
    one.work()
    assert studio.counts() == {3: 1}


def test_connecting_while_label_studio_is_away_is_made_up_for(
    aws: LocalAWS, one: Process, studio: StudioDouble
) -> None:
    studio.add_tasks(put_audio(aws, "away.wav"))
    studio.refusal = 500
    one.prefetch.connected(one.project())
    one.work()
    studio.refusal = None
    one.clock.ahead += 100
    one.prefetch.sweep()
    one.work()
    queued(one)
    one.work()
    assert studio.counts() == {1: 1}


def test_an_import_lost_with_its_worker_is_prefetched_again(aws: LocalAWS, one: Process, studio: StudioDouble) -> None:
    one.prefetch.imported(*webhook(put_audio(aws, "lost-import.wav"), studio))
    assert one.queue.dequeue() is not None
    one.clock.ahead += 100
    one.prefetch.sweep()
    one.work()
    queued(one)
    one.work()
    assert studio.counts() == {1: 1}


def test_an_import_while_aws_is_away_is_made_up_for(
    aws: LocalAWS, one: Process, studio: StudioDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(project_id: str, label_config: str) -> Project:
        raise AWSError("AWS does not tell in time which vocabulary is in use.", retryable=True)

    one.prefetch.imported(*webhook(put_audio(aws, "aws-away.wav"), studio))
    with monkeypatch.context() as patch:
        patch.setattr(one.projects, "read", refused)
        one.work()
    one.clock.ahead += 100
    one.prefetch.sweep()
    one.work()
    queued(one)
    one.work()
    assert studio.counts() == {1: 1}


def test_an_import_into_a_project_we_cannot_fill_is_dropped(aws: LocalAWS, one: Process, studio: StudioDouble) -> None:
    studio.config = '<View><Image name="image" value="$image"/></View>'
    one.prefetch.imported(*webhook(put_audio(aws, "image.wav"), studio))
    one.work()
    assert ([key for key, _ in one.plans.items()], one.known()) == ([], {})


def test_deleted_tasks_are_forgotten(aws: LocalAWS, one: Process, studio: StudioDouble) -> None:
    asked(one, put_audio(aws, "forget-a.wav", "forget-b.wav"))
    one.deliveries.deleted(studio.described(), [1])
    queued(one)
    one.work()
    one.work_later(10)
    assert (set(studio.counts()), one.known()) == ({2}, {})


def test_without_label_studio_imports_are_transcribed_and_failures_told(aws: LocalAWS, tmp_path: Path) -> None:
    lonely = Machine(tmp_path / "lonely", None)
    process = lonely.process()
    double = StudioDouble()
    tasks = double.add_tasks(put_audio(aws, "lonely.wav", "broken-lonely.wav"))
    process.prefetch.imported(double.described(), tasks)
    process.work()
    failures = until(process.failures.recent, bool)
    all_ended(process)
    assert [failure["task"] for failure in failures] == [2]
    assert process.known() == {}
    assert process.prelabel.answer(tasks[:1], process.project())[0]
    lonely.close()


def test_tidying_keeps_what_still_means_something(one: Process) -> None:
    one.deliveries.heartbeat()
    assert one.claims.claim("old", 0.0)
    one.clock.ahead += 1000
    assert one.claims.claim("young", 0.0)
    one.deliveries.tidy()
    assert [key for key, _ in one.claims.items()] == ["young"]
    assert list(one.beats.items()) == []


def test_alternatives_that_label_studio_took_half_of_are_completed(
    aws: LocalAWS, one: Process, studio: StudioDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    studio.config = studio.config.replace('value="$audio"', 'value="$audio" model_alternatives="3"')
    answer, posted = studio.answer, iter([True])

    def down_after_one(method: str, path: str, body: bytes) -> Any:
        if method == "POST" and "/predictions" in path and not next(posted, False):
            studio.refusal = 503
        return answer(method, path, body)

    with monkeypatch.context() as patch:
        patch.setattr(studio, "answer", down_after_one)
        asked(one, put_audio(aws, "three-readings.wav"), studio.config)
        queued(one)
        one.work()
    assert studio.counts() == {1: 1}
    studio.refusal = None
    one.work_later(120)
    assert studio.counts() == {1: 3}
    best = one.prelabel.answer(as_tasks(["s3://calls/three-readings.wav"]), one.project(studio.config))
    assert best == [[]] or studio.stored[1][-1]["result"] == best[0][0]["result"]
