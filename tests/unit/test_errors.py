"""What others wrote does not make an error long, and cutting it hides no secret from the redaction."""

import pytest

from transcribe_backend.errors import AudioError, clipped
from transcribe_backend.telemetry.redact import redact

MEGABYTE = 1024 * 1024


def test_an_error_is_short_whatever_a_task_says() -> None:
    error = AudioError(f"{'s3://b/' + 'k' * MEGABYTE!r} is wrong.", remedy="Correct " + "x" * MEGABYTE)
    assert len(error.advice) < 5000
    assert len(str(error)) < 2500
    assert error.problem.startswith("'s3://b/kkk")


@pytest.mark.parametrize("cut", range(20, 60))
def test_a_password_that_is_cut_is_not_shown(cut: int) -> None:
    shown = redact(clipped("fetch http://caller:pa55word@host/call.wav" + " " * 100, cut))
    assert "pa5" not in shown
    assert shown.startswith("fetch http://")


def test_what_is_short_stays() -> None:
    assert clipped("as it is") == "as it is"
