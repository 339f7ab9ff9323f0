"""`estimate`: what a project would cost, and nothing is started or changed by asking."""

from collections.abc import Iterator

import pytest

from harness.aws import LocalAWS, local_aws
from harness.studio_double import StudioDouble
from tests.backends import Machine, aws, calls, delivered, machine, studio
from tests.transcribing.test_daily_limit import recordings
from transcribe_backend.aws.price import Price
from transcribe_backend.commands import estimate
from transcribe_backend.commands.parser import parser
from transcribe_backend.prelabeling.estimates import Estimate

__all__ = ["aws", "machine", "studio"]


@pytest.fixture(scope="module")
def stand_in() -> Iterator[LocalAWS]:
    with local_aws("--latency", "0") as running:
        yield running


def test_it_tells_what_is_new_and_starts_nothing(
    aws: LocalAWS, machine: Machine, studio: StudioDouble, capsys: pytest.CaptureFixture[str]
) -> None:
    process = machine.process(predict_wait=0.0, predict_open=0.0, price_per_minute=0.03)
    known = recordings(aws, "known-a.wav", "known-b.wav")
    process.notice("TASKS_CREATED", {"project": studio.described(), "tasks": studio.add_tasks(known)})
    machine.settle(process)
    assert delivered(process) == {"pushed": 2}
    new = recordings(aws, "new-a.wav", "new-b.wav", "new-c.wav", seconds=120)
    unmeasured = ["/data/upload/1/call.mp3"]
    studio.add_tasks([*new, new[0], *unmeasured, "s3://calls/gone-a.wav", "s3://calls/gone-b.wav"])
    before = aws.calls(), process.engine.database.read("select count(*) from transcribe_work")
    assert estimate.run(parser().parse_args(["estimate", "--project", "1"]), process) == 0
    told = capsys.readouterr().out
    assert "9 tasks with 6 different recordings" in told
    assert "2 have a transcript already" in told
    assert "4 are new: 6.0 minutes of audio in 3 of them; the length of 1 is not known" in told
    assert "Estimate: $0.24 ($0.03 a minute" in told
    assert "2 x s3://calls/…" in told and "404 Not Found" in told
    assert process.engine.database.read("select count(*) from transcribe_work") == before[1]
    started = calls(aws, "StartTranscriptionJob"), calls(aws, "PutObject", "s3")
    assert started == (before[0]["transcribe"]["StartTranscriptionJob"], before[0]["s3"].get("PutObject", 0))


def test_connecting_says_what_it_will_cost_before_it_starts(
    aws: LocalAWS, machine: Machine, studio: StudioDouble, caplog: pytest.LogCaptureFixture
) -> None:
    process = machine.process(prefetch_connect_tasks=2, price_per_minute=0.03)
    studio.add_tasks(recordings(aws, "first.wav", "second.wav", "third.wav"))
    before = calls(aws, "StartTranscriptionJob")
    caplog.set_level("INFO")
    process.imports.connected(process.projects.read("1.1767225600", studio.config))
    process.crew.step()
    assert "2 of its 3 tasks are transcribed ahead: about 2 minutes of audio, an estimated $0.06" in caplog.text
    assert calls(aws, "StartTranscriptionJob") == before
    machine.settle(process)
    assert studio.counts() == {1: 1, 2: 1}
    ((_, _, told),) = process.imports.announced.newest(1)
    assert (told.tasks, told.ahead, told.seconds, told.dollars) == (3, 2, 120.0, 0.06)


def test_a_limit_spreads_it_over_days() -> None:
    found = Estimate(tasks=10, measured=10, seconds=36_000.0, billed=36_000.0)
    lines = list(estimate.report(found, Price(), 2.0))
    assert "MAX_AUDIO_HOURS_PER_DAY=2 spreads them over 5 days or more." in lines
    assert not any("spreads" in line for line in estimate.report(found, Price(), 0.0))
    almost = list(estimate.report(found, Price(), 8.0))
    assert "MAX_AUDIO_HOURS_PER_DAY=8 spreads them over 2 days or more." in almost, "a day and a quarter is two"
