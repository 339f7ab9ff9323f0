"""Label Studio's refusals in words that help; the real ones are in tests/e2e/test_connect.py."""

import json

import pytest

from transcribe_backend.commands.refusals import blocked, explained
from transcribe_backend.errors import StudioDenied, StudioError

URL = "http://localhost:9090"


def refusal(said: str) -> StudioError:
    error = StudioError("Label Studio answers 400.")
    error.detail = json.dumps({"detail": "Validation error", "validation_errors": {"non_field_errors": [said]}})
    return error


def advice(said: str, *, reachable: bool = True, url: str = URL) -> str:
    return explained(refusal(said), url, reachable_from=lambda _: reachable).advice


def test_the_reason_phrase_of_setup_is_passed_on() -> None:
    said = "… doesn't look like a valid ML backend. Reason: 422 Client Error: Add an Audio tag. for url: http://b/setup.\nCheck"
    assert advice(said) == f"The backend at {URL} refuses this project: Add an Audio tag."


def test_a_timeout_of_setup_is_passed_on() -> None:
    said = "… doesn't look like a valid ML backend. Reason: Read timed out. (read timeout=3.0).\nCheck the ML backend …"
    assert advice(said).endswith("refuses this project: Read timed out. (read timeout=3.0).")


@pytest.mark.parametrize(
    ("reachable", "url", "remedy"),
    [
        (False, URL, "Start the backend, or correct --backend-url."),
        (True, URL, "use --backend-url http://host.docker.internal:9090; without BASIC_AUTH_USER"),
        (True, "http://10.0.0.5:9090", "through the firewall; without BASIC_AUTH_USER"),
    ],
)
def test_who_does_not_reach_the_backend_decides_the_remedy(reachable: bool, url: str, remedy: str) -> None:
    said = f"Can't connect to ML backend {url}, health check failed. Make sure it is up …"
    assert remedy in advice(said, reachable=reachable, url=url)


def test_an_unknown_host() -> None:
    assert "that Label Studio's machine can resolve" in advice("Can't resolve hostname backend.example")


@pytest.mark.parametrize("detail", ["", "<html>", "[]", '{"detail": "Something new"}'])
def test_an_unknown_refusal_stays_as_it_is(detail: str) -> None:
    error = refusal("")
    error.detail = detail
    assert explained(error, URL, reachable_from=lambda _: True) is error


def test_a_missing_permission_is_no_blocked_address() -> None:
    error = StudioDenied("You may not.")
    error.detail = '{"detail": "You do not have permission to perform this action."}'
    assert blocked(error, URL, half_made=False) is error
