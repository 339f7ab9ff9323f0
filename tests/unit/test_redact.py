"""Nothing secret survives in text; what is not secret stays readable."""

import logging
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transcribe_backend.telemetry.redact import RedactingFilter, redact

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJ0b2tlbl90eXBlIjoicmVmcmVzaCJ9.c2lnbmF0dXJlLXNpZ25hdHVyZQ"
KEY = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("GET https://b.s3.amazonaws.com/k.wav?X-Amz-Algorithm=A&X-Amz-Signature=deadbeef now", "deadbeef"),
        ("GET https://b.s3.amazonaws.com/k.wav?X-Amz-Credential=AKID%2F20250101&x=1", "AKID"),
        ("https://b.s3.amazonaws.com/k?AWSAccessKeyId=abc&Signature=s3cr3t%3D&Expires=1", "s3cr3t"),
        ("https://storage.googleapis.com/b/o?X-Goog-Signature=beef", "beef"),
        ("https://acc.blob.core.windows.net/c/b.wav?sv=2020&sig=abc%2Bdef%3D&se=2025", "abc%2Bdef"),
        ("https://host/a.wav?token=tok-en-1", "tok-en-1"),
        ("https://host/a.wav?t=Zm9vYmFyLXNlY3JldA%3D", "Zm9vYmFy"),
        ("https://host/a.wav?page=2&s=opensesame", "opensesame"),
        ("/k.wav?X-Amz-Signature=deadbeef HTTP/1.1", "deadbeef"),
        ("http://user:pa55@host/x", "pa55"),
        ("redis://:hunter22@queue:6379/0", "hunter22"),
        ("postgresql://me:hunter22@db/x", "hunter22"),
        (f"Authorization: Token {KEY}", KEY),
        (f"{{'Authorization': 'Token {KEY}', 'X': 'y'}}", KEY),
        ("{'Authorization': 'Basic dXNlcjpwYXNz'}", "dXNlcjpwYXNz"),
        ("authorization: AWS4-HMAC-SHA256 Credential=x, Signature=5f5f5f", "5f5f5f"),
        ("{'Authorization': b'AWS4-HMAC-SHA256 Credential=x, Signature=5f5f5f'}", "5f5f5f"),
        ("{'X-Amz-Security-Token': b'FwoGZXIvYXdzE//x=='}", "FwoGZXIvYXdzE"),
        ("CanonicalRequest:\nx-amz-date:2026\nx-amz-security-token:FwoGZXIvYXdzE//x==\n\nhost", "FwoGZXIvYXdzE"),
        (f"Signature:\n{KEY}", KEY),
        (f"sent Bearer {JWT}", "c2lnbmF0dXJl"),
        (f"refused {JWT}.", "c2lnbmF0dXJl"),
        (f"key-{JWT}-{JWT}", "c2lnbmF0dXJl"),
        ("key AKIAIOSFODNN7EXAMPLE was used", "AKIAIOSFODNN7EXAMPLE"),
        ("aws_secret_access_key=wJalrXUtnFEMI/K7MDENG", "wJalrXUtnFEMI"),
        ("AWS_SESSION_TOKEN: FwoGZXIvYXdzE", "FwoGZXIvYXdzE"),
        ('{"refresh": "abc.def"}', "abc.def"),
        ('{"password": "hunter22"}', "hunter22"),
    ],
)
def test_secrets_go(text: str, secret: str) -> None:
    cleaned = redact(text)
    assert secret not in cleaned
    assert "[redacted]" in cleaned


@pytest.mark.parametrize(
    "text",
    [
        "Task 12: s3://audio/calls/hello.wav: S3 answered 404 Not Found.",
        "GET https://example.com/some dir/hello.wav?x=1&page=2 200",
        "https://example.com/hello.wav?t=1795327464&d=calls/2026/hello.wav",
        "/data/local-files/?d=sub/second.wav",
        "Label Studio refuses the legacy token in LABEL_STUDIO_API_KEY.",
        "Job ls-3f2a9c (en-US) took 17.2 s: 84 words, mean confidence 0.97",
    ],
)
def test_the_rest_stays(text: str) -> None:
    assert redact(text) == text


@given(st.text(alphabet="abcdef0123456789", min_size=8, max_size=40), st.text(max_size=30), st.text(max_size=30))
def test_a_signature_never_survives(signature: str, before: str, after: str) -> None:
    text = f"{before} https://b.s3.eu-west-1.amazonaws.com/k?a=b&X-Amz-Signature={signature} {after}"
    assert f"Signature={signature}" not in redact(text)


@given(st.text())
def test_any_text_is_taken(text: str) -> None:
    assert redact(redact(text)) == redact(text)


def _filtered(record: logging.LogRecord) -> str:
    assert RedactingFilter(["hunter22", "hunter22-longer", ""]).filter(record)
    return logging.Formatter("%(levelname)s %(message)s").format(record)


def _record(message: object, *args: object, error: BaseException | None = None) -> logging.LogRecord:
    info = (type(error), error, error.__traceback__) if error else None
    return logging.LogRecord("x", logging.INFO, __file__, 1, message, args, info)


def test_filter_cleans_message_and_arguments() -> None:
    line = _filtered(_record("%s sent %r", "hunter22-longer", {"Authorization": f"Token {KEY}"}))
    assert line == "INFO [redacted] sent {'Authorization': '[redacted]'}"


def test_filter_cleans_tracebacks_and_stacks() -> None:
    try:
        raise ValueError("cannot open https://h/x?sig=abcdef with hunter22")
    except ValueError as error:
        record = _record("failed", error=error)
    record.stack_info = "Stack: hunter22"
    line = _filtered(record)
    assert "ValueError" in line and "Traceback" in line
    assert "hunter22" not in line and "abcdef" not in line


def test_filter_survives_arguments_that_do_not_fit() -> None:
    assert "hunter22" not in _filtered(_record("%d hunter22", "x"))


def test_short_secrets_do_not_shred_the_log() -> None:
    record = _record("a banana")
    RedactingFilter(["a"]).filter(record)
    assert record.getMessage() == "a banana"


def test_long_lines_are_read_in_linear_time() -> None:
    line = "https://h/?" + "a" * 200_000 + " " + "a-" * 50_000
    before = sys.getrecursionlimit()
    assert redact(line) == line
    assert sys.getrecursionlimit() == before


def test_a_record_is_bounded_and_half_a_secret_is_not_shown() -> None:
    line = _filtered(_record("x" * 7995 + "hunter22-longer" + "y" * 10**6))
    assert len(line) < 9000
    assert "hunt" not in line


def test_a_long_traceback_keeps_beginning_and_end() -> None:
    record = _record("failed")
    record.exc_text = "Traceback\n" + "line\n" * 5000 + "ValueError: " + "z" * 10**6
    line = _filtered(record)
    assert "Traceback" in line and "ValueError: zzz" in line
    assert len(line) < 5000
