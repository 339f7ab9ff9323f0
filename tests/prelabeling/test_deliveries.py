"""Late delivery and takeover: the whole backend over the stand-in, a double of Label Studio, a clock to move."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from harness.aws import LocalAWS, local_aws
from harness.studio_double import PROJECT, StudioDouble, own_words
from harness.waiting import until
from tests.backends import (
    OWED,
    SEGMENTS,
    UNHURRIED,
    Machine,
    as_tasks,
    asked,
    calls,
    delivered,
    job_of,
    jobs_started,
    project,
    put_audio,
    queues,
    rows,
)
from transcribe_backend.backend import Backend
from transcribe_backend.prelabeling import deliveries as rules
from transcribe_backend.prelabeling.tally import CONFIDENCE, TASKS, WAIT
from transcribe_backend.transcribing.owed import AWAITING, PUSH


@pytest.fixture(scope="module")
def stand_in() -> Iterator[LocalAWS]:
    with local_aws("--latency", "0.3", "--fail-pattern", "broken*", *UNHURRIED) as running:
        yield running


@pytest.fixture
def one(aws: LocalAWS, machine: Machine) -> Backend:
    """A process whose requests wait for nothing."""
    return machine.process(predict_wait=0.0, predict_open=0.0)


def pushable(machine: Machine, one: Backend) -> None:
    """Let all jobs end; nothing can be pushed yet."""
    machine.settle(one, until=lambda: set(queues(one).values()) == {PUSH})


def away(machine: Machine, studio: StudioDouble, one: Backend, uris: list[str]) -> None:
    """Tasks are asked for, and their jobs end, while Label Studio is away."""
    asked(one, uris, studio.config)
    studio.down()
    pushable(machine, one)
    studio.up()


def test_what_label_studio_repeats_by_itself_is_deleted(
    aws: LocalAWS, machine: Machine, one: Backend, studio: StudioDouble
) -> None:
    """Its database is locked while it stores a prediction, and it begins anew with what it has half done."""
    asked(one, put_audio(aws, "repeated.wav"))

    def locked() -> int:
        machine.clock.ahead += 7
        return 1

    studio.repeats = locked
    machine.settle(one)
    assert [each["id"] for each in studio.stored[1]] == [1], "the first"
    assert delivered(one) == {"pushed": 1}


def test_a_late_prediction_is_pushed_once(aws: LocalAWS, machine: Machine, one: Backend, studio: StudioDouble) -> None:
    asked(one, put_audio(aws, "late-a.wav", "late-b.wav"))
    machine.settle(one)
    assert studio.counts() == {1: 1, 2: 1}
    (made,) = studio.stored[1]
    assert made["result"][0]["value"]["text"] == ["late a."]
    assert made["model_version"] == project(one).version
    assert 0 < made["score"] < 1
    assert delivered(one) == {"pushed": 2}
    machine.clock.ahead += 200
    one.crew.step()
    assert studio.counts() == {1: 1, 2: 1}


def test_a_text_that_is_pushed_is_counted_with_the_time_since_its_task_was_owed(
    aws: LocalAWS, machine: Machine, one: Backend, studio: StudioDouble
) -> None:
    asked(one, put_audio(aws, "waited.wav"))
    studio.down()
    pushable(machine, one)
    machine.clock.ahead += 1000
    studio.up()
    machine.settle(one)
    one.ledger.flush()
    counted = one.ledger.sums(0)[project(one).id]
    assert (counted[TASKS], counted[f"{WAIT}3"]) == (1, 1), "between five minutes and half an hour"
    assert sum(tasks for name, tasks in counted.items() if name.startswith(CONFIDENCE)) == 1


def test_many_requests_and_processes_push_once(aws: LocalAWS, machine: Machine, studio: StudioDouble) -> None:
    processes = [machine.process(predict_wait=0.0, predict_open=0.0) for _ in range(3)]
    uris = put_audio(aws, "shared.wav")
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda process: asked(process, uris), processes * 2))
    machine.settle(*processes)
    assert studio.counts() == {1: 1}


def test_running_processes_push_once(aws: LocalAWS, machine: Machine, studio: StudioDouble) -> None:
    processes = [machine.running(predict_wait=0.0, predict_open=0.0) for _ in range(3)]
    uris = put_audio(aws, *(f"threads-{number}.wav" for number in range(8)))
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda process: process.answers.answer(as_tasks(uris), project(process)), processes * 2))
    until(lambda: processes[0].work.count(*OWED), lambda owed: owed == 0)
    assert studio.counts() == {task: 1 for task in range(1, 9)}
    assert len([name for name in jobs_started(aws) if name in {job_of(aws, uri[11:]).name for uri in uris}]) == 8


def test_what_label_studio_has_is_not_pushed(
    aws: LocalAWS, machine: Machine, one: Backend, studio: StudioDouble
) -> None:
    asked(one, put_audio(aws, "pulled.wav"))
    studio.store([{"id": 1}], [{"result": [], "model_version": project(one).version}])
    machine.settle(one)
    assert (studio.counts(), delivered(one)) == ({1: 1}, {"already there": 1})


def test_a_prediction_of_another_version_does_not_count(
    aws: LocalAWS, machine: Machine, one: Backend, studio: StudioDouble
) -> None:
    asked(one, put_audio(aws, "other-version.wav"))
    studio.store([{"id": 1}], [{"result": [], "model_version": "another"}])
    machine.settle(one)
    assert (studio.counts(), delivered(one)) == ({1: 2}, {"pushed": 1})


def test_while_label_studio_stores_an_answer_nothing_is_pushed(
    aws: LocalAWS, machine: Machine, one: Backend, studio: StudioDouble
) -> None:
    away(machine, studio, one, put_audio(aws, "storing.wav"))
    (slot,) = one.answers.answer(as_tasks(["s3://calls/storing.wav"]), project(one))
    assert slot
    one.crew.step()
    machine.clock.ahead += 3
    one.crew.step()
    assert studio.counts() == {}
    studio.store([{"id": 1}], [list(slot)])
    machine.settle(one)
    assert studio.counts() == {1: 1}


def test_an_answer_that_label_studio_never_stored_is_pushed(
    aws: LocalAWS, machine: Machine, one: Backend, studio: StudioDouble
) -> None:
    away(machine, studio, one, put_audio(aws, "lost-answer.wav"))
    (slot,) = one.answers.answer(as_tasks(["s3://calls/lost-answer.wav"]), project(one))
    assert slot
    machine.settle(one)
    assert (studio.counts(), delivered(one)) == ({1: 1}, {"pushed": 1})


def test_an_answer_that_label_studio_was_long_busy_with_is_not_kept_beside_what_was_pushed(
    aws: LocalAWS, machine: Machine, one: Backend, studio: StudioDouble
) -> None:
    away(machine, studio, one, put_audio(aws, "busy.wav"))
    (slot,) = one.answers.answer(as_tasks(["s3://calls/busy.wav"]), project(one))
    machine.settle(one)
    assert studio.counts() == {1: 1}, "pushed, for it seemed lost"
    studio.store([{"id": 1}], [list(slot)])
    machine.clock.ahead += 301
    one.crew.step()
    assert [each["id"] for each in studio.stored[1]] == [1]


def test_a_process_killed_between_its_claim_and_its_answer_costs_nothing(
    aws: LocalAWS, machine: Machine, studio: StudioDouble
) -> None:
    """Two requests for one task: the one that won dies before it has sent, the other was answered with nothing."""
    dying, other = (machine.process(predict_wait=0.0, predict_open=0.0) for _ in range(2))
    uris = put_audio(aws, "claimed-and-killed.wav")
    away(machine, studio, dying, uris)
    (sent,) = dying.answers.answer(as_tasks(uris), project(dying))
    assert sent, "and it never reached Label Studio"
    assert other.answers.answer(as_tasks(uris), project(other)) == [()]
    machine.settle(other)
    assert studio.counts() == {1: 1}


def test_a_push_worker_killed_after_its_claim_delays_only(
    aws: LocalAWS, machine: Machine, one: Backend, studio: StudioDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = machine.process()
    away(machine, studio, one, put_audio(aws, "claimed.wav"))

    class Killed(BaseException):
        pass

    def killed(*_: Any) -> None:
        raise Killed

    machine.clock.ahead += 100
    with monkeypatch.context() as patch:
        patch.setattr(one.studio, "create_prediction", killed)
        with pytest.raises(Killed):
            machine.settle(one, until=lambda: False)
    begun = machine.clock.ahead
    machine.settle(other)
    assert studio.counts() == {1: 1}
    assert machine.clock.ahead - begun < rules._SENDING_SECONDS + 20


# What Label Studio says, and what others say in its place


def test_a_deleted_task_is_dropped(aws: LocalAWS, machine: Machine, one: Backend, studio: StudioDouble) -> None:
    asked(one, put_audio(aws, "deleted.wav", "kept.wav"))
    studio.gone.add(1)
    machine.settle(one)
    assert (studio.counts(), delivered(one)) == ({2: 1}, {"gone": 1, "pushed": 1})
    assert one.work.failures() == []


@pytest.mark.parametrize("there", [set(), {2}])
def test_a_deleted_project_is_dropped(
    aws: LocalAWS, machine: Machine, one: Backend, studio: StudioDouble, there: set[int]
) -> None:
    asked(one, put_audio(aws, f"orphan-{len(there)}.wav"))
    studio.projects = there
    machine.settle(one)
    assert (studio.counts(), delivered(one), one.work.failures()) == ({}, {"gone": 1}, [])


def test_another_label_studio_is_not_written_to(
    aws: LocalAWS, machine: Machine, one: Backend, studio: StudioDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked(one, put_audio(aws, "foreign.wav"))
    monkeypatch.setattr("harness.studio_double.CREATED", "2020-01-01T00:00:00.000000Z")
    machine.settle(one)
    assert (studio.counts(), delivered(one)) == ({}, {"gone": 1})


AWAY: dict[str, Any] = {
    "unauthorized": (401, {"detail": "Invalid token."}),
    "forbidden": (403, {"detail": "You do not have permission."}),
    "broken": (500, {"detail": "Internal error"}),
    "bad gateway": (502, "<html>502</html>"),
    "too many": (429, "slow down"),
    "a proxy without its upstream": (404, "404 page not found"),
    "somebody else's JSON": (404, {"error": "no such route"}),
    "maintenance": (200, "<html>We will be back soon.</html>"),
    "login": (302, "moved"),
    "an empty answer": (200, []),
    "somebody else's words of success": (200, {"status": "ok"}),
}


@pytest.mark.parametrize("how", AWAY)
def test_label_studio_away_in_whatever_way_loses_nothing(
    aws: LocalAWS, machine: Machine, one: Backend, studio: StudioDouble, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    uris = put_audio(aws, *(f"away-{how.replace(' ', '-')}-{number}.wav" for number in range(3)))
    asked(one, uris)
    studio.instead = AWAY[how]
    pushable(machine, one)
    for _ in range(6):
        machine.clock.ahead += 400
        one.crew.step()
    assert (studio.counts(), set(queues(one).values()), one.work.failures()) == ({}, {PUSH}, [])
    assert any(group.problem for group in one.work.waiting()), "and /status says what it waits for"
    studio.instead = None
    machine.clock.ahead += 310
    machine.settle(one)
    assert studio.counts() == {1: 1, 2: 1, 3: 1}


def test_label_studio_may_be_down_for_days(aws: LocalAWS, machine: Machine, one: Backend, studio: StudioDouble) -> None:
    asked(one, put_audio(aws, "patient-a.wav", "patient-b.wav"))
    studio.down()
    pushable(machine, one)
    for _ in range(300):
        machine.clock.ahead += 900
        one.crew.step()
    assert set(queues(one).values()) == {PUSH}
    studio.up()
    machine.settle(one)
    assert studio.counts() == {1: 1, 2: 1}


def test_retries_back_off(aws: LocalAWS, machine: Machine, one: Backend, studio: StudioDouble) -> None:
    asked(one, put_audio(aws, "backoff.wav"))
    studio.down()
    pushable(machine, one)
    pauses = []
    for _ in range(7):
        one.crew.step()
        ((*_, due, _problem),) = rows(one)
        pauses.append(due)
        machine.clock.ahead += due + 0.01
    assert pauses[1:] == pytest.approx([4, 8, 16, 32, 60, 60], abs=0.5)


def test_what_label_studio_finds_invalid_is_told_and_ends(
    aws: LocalAWS, machine: Machine, one: Backend, studio: StudioDouble, caplog: pytest.LogCaptureFixture
) -> None:
    away(machine, studio, one, put_audio(aws, "invalid.wav"))
    studio.instead = own_words(400, "Validation error")
    machine.settle(one)
    (failure,) = one.work.failures()
    assert "400" in failure["problem"]
    assert failure["audio"] == "s3://calls/invalid.wav"
    assert caplog.text.count("No prediction for task 1") == 1


def test_one_project_that_is_denied_does_not_hold_up_the_others(
    aws: LocalAWS, machine: Machine, one: Backend, studio: StudioDouble
) -> None:
    """403 is said of one project; its owed predictions wait, and those of the others do not wait for them."""
    uris = put_audio(aws, *(f"denied-{number}.wav" for number in range(40)), "allowed.wav")
    denied = one.projects.read("2.1767225600", studio.config)
    studio.denied.add(2)
    one.answers.answer(as_tasks(uris[:-1], first=100), denied)
    pushable(machine, one)
    threaded = machine.running()
    one.answers.answer(as_tasks(uris[-1:]), project(one))
    until(studio.counts, lambda counts: counts == {1: 1}, patience=8)
    assert threaded.work.failures() == []


# Failures of jobs, and lost caches


def test_a_failed_job_is_told_once(
    aws: LocalAWS, machine: Machine, one: Backend, studio: StudioDouble, caplog: pytest.LogCaptureFixture
) -> None:
    tasks = asked(one, put_audio(aws, "broken-late.wav"))
    machine.settle(one)
    assert (studio.counts(), delivered(one)) == ({}, {})
    (failure,) = one.work.failures()
    assert "Unsupported media format" in failure["problem"]
    assert failure["audio"] == "s3://calls/broken-late.wav"
    for _ in range(3):
        machine.clock.ahead += 100
        assert one.answers.answer(tasks, project(one)) == [()]
        machine.settle(one)
    assert caplog.text.count("No prediction for task 1") == 1, "the same failure within an hour is no news"
    assert len(one.work.failures()) == 1


def test_a_lost_cache_is_fetched_again(
    aws: LocalAWS, machine: Machine, one: Backend, studio: StudioDouble, tmp_path: Path
) -> None:
    other = machine.process()
    away(machine, studio, one, put_audio(aws, "uncached.wav"))
    for file in (tmp_path / "model" / "transcripts").glob("*/*.gz"):
        file.unlink()
    before = aws.calls()["transcribe"]
    machine.settle(other)
    assert (studio.counts(), aws.calls()["transcribe"]) == ({1: 1}, before)


def test_a_transcript_that_vanished_everywhere_is_made_again(
    aws: LocalAWS, machine: Machine, one: Backend, studio: StudioDouble, tmp_path: Path
) -> None:
    other = machine.process()
    away(machine, studio, one, put_audio(aws, "vanished.wav"))
    job = job_of(aws, "vanished.wav").name
    for file in (tmp_path / "model" / "transcripts").glob("*/*.gz"):
        file.unlink()
    aws.s3.delete_object(Bucket="transcripts", Key=one.store.key(job))
    aws.transcribe.delete_transcription_job(TranscriptionJobName=job)
    machine.settle(other)
    assert studio.counts() == {1: 1}


# Versions


def test_a_changed_labeling_config_is_followed_in_the_new_version(
    aws: LocalAWS, machine: Machine, one: Backend, studio: StudioDouble
) -> None:
    asked(one, put_audio(aws, "superseded.wav"))
    studio.config = SEGMENTS
    machine.settle(one)
    assert delivered(one) == {"superseded": 1, "pushed": 1}
    (made,) = studio.stored[1]
    assert made["model_version"] == project(one, SEGMENTS).version != project(one).version


def test_a_vocabulary_promoted_in_mid_bulk_loses_nothing(
    aws: LocalAWS, machine: Machine, one: Backend, studio: StudioDouble
) -> None:
    """Tasks of every stage are owed the old version when the new one comes."""
    uris = put_audio(aws, *(f"bulk-{number}.wav" for number in range(6)))
    asked(one, uris)
    one.crew.step()
    assert AWAITING in queues(one).values()
    aws.transcribe.create_vocabulary(VocabularyName="ls-p1-en-US-v1", LanguageCode="en-US", Phrases=["Xochitl"])
    until(
        lambda: aws.transcribe.get_vocabulary(VocabularyName="ls-p1-en-US-v1")["VocabularyState"],
        lambda state: state == "READY",
    )
    one.learnt.remember(PROJECT, "en-US", "ls-p1-en-US-v1")
    new = project(one).version
    assert "+v1@" in new
    machine.settle(one)
    made = {task: [each["model_version"] for each in stored] for task, stored in studio.stored.items()}
    assert made == {task: [new] for task in range(1, 7)}
    assert delivered(one) == {"superseded": 6, "pushed": 6}


def test_alternatives_that_label_studio_took_half_of_are_completed(
    aws: LocalAWS, machine: Machine, one: Backend, studio: StudioDouble, monkeypatch: pytest.MonkeyPatch
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
        machine.settle(one, until=lambda: studio.counts() == {1: 1})
    studio.refusal = None
    machine.settle(one)
    assert studio.counts() == {1: 3}
    made = (
        one.answers.predictions.of(name, project(one, studio.config))
        for name in jobs_started(aws)
        if one.store.has(name)
    )
    best = next(each[0] for each in made if each[0]["result"][0]["value"]["text"] == ["three readings."])
    assert studio.stored[1][-1]["result"] == json.loads(json.dumps(best["result"])), "the best one comes last"


# Webhooks


def test_deleted_tasks_are_forgotten(aws: LocalAWS, machine: Machine, one: Backend, studio: StudioDouble) -> None:
    asked(one, put_audio(aws, "forget-a.wav", "forget-b.wav"))
    studio.add_tasks(["s3://calls/forget-a.wav", "s3://calls/forget-b.wav"])
    studio.gone.add(1)
    one.notice("TASKS_DELETED", {"project": studio.described(), "tasks": [{"id": 1}, {"id": 7}]})
    machine.settle(one)
    assert (set(studio.counts()), one.work.failures()) == ({2}, [])
    looked = {path for _, path in studio.asked if "predictions" in path}
    assert not any("task=1" in path for path in looked), "at once"


def test_a_webhook_alone_is_not_believed(aws: LocalAWS, machine: Machine, one: Backend, studio: StudioDouble) -> None:
    studio.add_tasks(["s3://calls/forged.wav"])
    asked(one, put_audio(aws, "forged.wav"))
    one.notice("TASKS_DELETED", {"project": studio.described(), "tasks": [{"id": 1}]})
    machine.settle(one)
    assert studio.counts() == {1: 1}


def test_tasks_deleted_with_their_project_are_forgotten(
    aws: LocalAWS, machine: Machine, one: Backend, studio: StudioDouble
) -> None:
    asked(one, put_audio(aws, "with-project.wav"))
    studio.projects.clear()
    one.notice("TASKS_DELETED", {"project": studio.described(), "tasks": [{"id": 1}]})
    machine.settle(one)
    assert (studio.counts(), one.work.failures()) == ({}, [])


def test_dropped_packets_leave_one_item_per_prediction(
    aws: LocalAWS, machine: Machine, one: Backend, studio: StudioDouble
) -> None:
    """What is owed does not multiply while it cannot be delivered, whoever asks again meanwhile."""
    uris = put_audio(aws, *(f"packets-{number}.wav" for number in range(5)))
    asked(one, uris)
    studio.down()
    pushable(machine, one)
    for _ in range(60):
        machine.clock.ahead += 90
        one.answers.answer(as_tasks(uris), project(one))
        one.crew.step()
        assert [len(rows(one)) - one.work.count(rules.DOUBLED), one.work.count(rules.DOUBLED) <= 5] == [5, True]
    studio.up()
    machine.settle(one)
    assert studio.counts() == {task: 1 for task in range(1, 6)}
    assert calls(aws, "StartTranscriptionJob") >= 5
