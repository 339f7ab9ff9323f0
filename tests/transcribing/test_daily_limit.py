"""MAX_AUDIO_HOURS_PER_DAY: what is beyond it waits for the next day, in all processes together, and nothing fails."""

import io
import wave
from collections.abc import Iterator

import pytest

from harness.aws import LocalAWS, local_aws
from harness.studio_double import StudioDouble
from tests.backends import CALLS, Machine, as_tasks, asked, calls, project, queues, texts
from transcribe_backend.backend import Backend
from transcribe_backend.transcribing.owed import TRANSCRIBE
from transcribe_backend.work.ledger import AUDIO, BILLED, DAY, JOBS

MINUTE = 60
HOURS = 2.5 / 60  # so that two minutes fit, and three do not


@pytest.fixture(scope="module")
def stand_in() -> Iterator[LocalAWS]:
    with local_aws("--latency", "0") as running:
        yield running


def recordings(aws: LocalAWS, *keys: str, seconds: int = MINUTE) -> list[str]:
    """Silence of so many seconds, each other silence than the next."""
    for key in keys:
        content = io.BytesIO()
        with wave.open(content, "wb") as sound:
            sound.setparams((1, 1, 1000, 0, "NONE", ""))
            sound.writeframes(key.encode().ljust(seconds * 1000, b"\x80"))
        aws.s3.put_object(Bucket=CALLS, Key=key, Body=content.getvalue())
    return [f"s3://{CALLS}/{key}" for key in keys]


def starts(aws: LocalAWS) -> int:
    return calls(aws, "StartTranscriptionJob")


def limited(machine: Machine, hours: float = HOURS) -> Backend:
    return machine.process(max_audio_hours=hours, predict_wait=0.0, predict_open=0.0)


def test_what_is_more_waits_for_the_next_day(
    aws: LocalAWS, machine: Machine, studio: StudioDouble, caplog: pytest.LogCaptureFixture
) -> None:
    one, two = limited(machine), limited(machine)
    machine.clock.ahead = DAY - machine.clock() % DAY + 60  # a day has just begun
    before = starts(aws)
    asked(one, recordings(aws, "day-1.wav", "day-2.wav"))
    asked(two, recordings(aws, "day-3.wav", "day-4.wav"), first=3)
    machine.settle(one, two, until=lambda: len(studio.counts()) == 2)
    (group,) = [group for group in one.work.waiting() if group.problem]
    assert (group.queue, group.count) == (TRANSCRIBE, 2)
    assert "MAX_AUDIO_HOURS_PER_DAY" in group.problem and "00:00 UTC" in group.remedy
    assert starts(aws) - before == 2
    assert one.ledger.sums(one.ledger.today()) == {"1.1767225600": {JOBS: 2, AUDIO: 120, BILLED: 120}}
    one.imports.connected(project(one))
    assert (
        "new audio waits, as 2 tasks do. Today's audio hours are used up (MAX_AUDIO_HOURS_PER_DAY=0.0416667)"
        in caplog.text
    )
    machine.clock.ahead += DAY
    machine.settle(one, two)
    assert studio.counts() == {1: 1, 2: 1, 3: 1, 4: 1}
    assert starts(aws) - before == 4


def test_a_task_that_somebody_opens_waits_as_well(aws: LocalAWS, machine: Machine, studio: StudioDouble) -> None:
    one = limited(machine, 0.5 / 60)
    before = starts(aws)
    asked(one, recordings(aws, "opened.wav"))
    one.crew.step()
    assert starts(aws) == before
    (group,) = [group for group in one.work.waiting() if group.problem]
    assert "more than MAX_AUDIO_HOURS_PER_DAY" in group.problem, "no day would ever have room for it"


def test_what_is_there_already_is_delivered_all_the_same(aws: LocalAWS, machine: Machine, studio: StudioDouble) -> None:
    (known,) = recordings(aws, "known.wav")
    one = limited(machine, 1.1 / 60)
    asked(one, [known])
    machine.settle(one)
    asked(one, recordings(aws, "unknown.wav"), first=2)
    one.crew.step()
    assert texts(one.answers.answer(as_tasks([known], 3), project(one))) == ["known."]


def test_a_higher_limit_lets_them_go_on_at_once(aws: LocalAWS, machine: Machine, studio: StudioDouble) -> None:
    one = limited(machine, 0.5 / 60)
    asked(one, recordings(aws, "raised.wav"))
    one.crew.step()
    assert list(queues(one).values()) == [TRANSCRIBE]
    more = limited(machine)
    more.resume()
    machine.settle(more, until=lambda: studio.counts() == {1: 1}, patience=20)
