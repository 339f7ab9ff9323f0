"""boto3's settings that cannot be used."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from harness.aws import local_aws
from transcribe_backend.aws.clients import AWSClients, aws_errors
from transcribe_backend.errors import AWSError


@pytest.mark.parametrize(
    "use", [lambda clients: clients.region, lambda clients: clients.s3(), lambda clients: clients.check_credentials()]
)
def test_a_profile_that_does_not_exist_is_told(
    use: Callable[[AWSClients], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "absent")
    with pytest.raises(AWSError, match="absent"):
        use(AWSClients())


@pytest.mark.parametrize(
    ("variable", "value"),
    [("AWS_PROFILE", "absent"), ("AWS_DEFAULT_REGION", "bad region!"), ("S3_BUCKET", "Bad Bucket")],
)
def test_the_remedy_names_the_setting_that_is_wrong(variable: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(AWSError) as refused, aws_errors("look at a bucket"):
        AWSClients().s3().head_bucket(Bucket=value if variable == "S3_BUCKET" else "fine")
    assert variable in refused.value.remedy and "network" not in refused.value.remedy
    assert "\n" not in refused.value.advice and ".." not in refused.value.advice
    assert not refused.value.retryable


@pytest.mark.parametrize("ahead", [600, -600])
def test_a_wrong_clock_is_told_as_such_also_by_transcribe(ahead: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS Transcribe has no code for it: it calls the signature wrong, and says why in words."""
    with local_aws("--clock-skew", str(ahead)) as aws:
        for name, value in aws.env.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(AWSError) as refused, aws_errors("list jobs"):
            AWSClients().transcribe().list_transcription_jobs()
    assert "clock" in refused.value.remedy


def test_a_clock_that_is_set_back_holds_up_no_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a throttle boto3's adaptive retries would wait until the old time has come again."""
    with local_aws("--list-tps", "1") as aws:
        for name, value in aws.env.items():
            monkeypatch.setenv(name, value)
        client, real = AWSClients().transcribe(), time.time
        for _ in range(3):
            client.list_transcription_jobs()
        assert aws.calls()["faults"]["list_tps"], "it was throttled"
        monkeypatch.setattr(time, "time", lambda: real() - 3600)
        answers: list[Any] = []
        asking = threading.Thread(target=lambda: answers.append(client.list_transcription_jobs()), daemon=True)
        asking.start()
        asking.join(20)
        assert answers
