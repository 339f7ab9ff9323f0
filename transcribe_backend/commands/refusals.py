"""Why Label Studio 1.23.2 refuses a backend, from its own words, and what to change. No I/O of its own."""

import json
from collections.abc import Callable
from urllib.parse import urlsplit

from transcribe_backend.errors import StudioDenied, StudioError

_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def blocked(error: StudioDenied, url: str, *, half_made: bool) -> StudioDenied:
    """A refusal with 403, explained where it is about the backend's address.

    There are two switches. With only the first off, Label Studio keeps the connection but cannot make its webhook: it
    was `half_made`.
    """
    if "reserved network address" not in error.detail:
        return error
    switches = "SSRF_PROTECTION_ENABLED=false in its environment (ML_BLOCK_LOCAL_IP=false alone is not enough)"
    if not half_made:
        switches = "ML_BLOCK_LOCAL_IP=false and SSRF_PROTECTION_ENABLED=false in its environment"
    return StudioDenied(
        f"Label Studio does not connect to private addresses such as {url}.",
        remedy=f"Start Label Studio with {switches}.",
        retryable=False,
    )


def explained(error: StudioError, url: str, *, reachable_from: Callable[[str], bool]) -> StudioError:
    """Any other refusal of a backend at `url`; `reachable_from` here tells whether we reach what it does not."""
    said = _said(error.detail)
    if "authentication parameters" in said or "Reason: 401 " in said:
        return StudioError(
            f"The backend at {url} requires a user and a password, and these are not the right ones.",
            remedy="Set BASIC_AUTH_USER and BASIC_AUTH_PASS for this command to what the backend has.",
        )
    if "health check failed" in said:
        return unreachable(url, reachable_from(url))
    if "look like a valid ML backend" in said:
        return StudioError(f"The backend at {url} refuses this project: {reason_phrase(said)}.")
    if "resolve hostname" in said:
        return StudioError(
            f"Label Studio does not know the host in {url}.",
            remedy="Give --backend-url an address that Label Studio's machine can resolve.",
        )
    return error


def unreachable(url: str, from_here: bool) -> StudioError:
    """Label Studio does not reach the backend; whose fault that is shows in whether we do, `from_here`."""
    problem = f"Label Studio does not reach the backend at {url}"
    if not from_here:
        return StudioError(f"{problem}, nor do we from here.", remedy="Start the backend, or correct --backend-url.")
    closed = "without BASIC_AUTH_USER and BASIC_AUTH_PASS the backend listens to its own machine only"
    remedy = f"Let Label Studio's machine through the firewall; {closed}."
    if urlsplit(url).hostname in _LOOPBACK:
        address = f"http://host.docker.internal:{urlsplit(url).port or 80}"
        remedy = f"In a container localhost is the container itself: use --backend-url {address}; {closed}."
    return StudioError(f"{problem}, but we do from here.", remedy=remedy)


def _said(detail: str) -> str:
    """The words in Label Studio's JSON error."""
    try:
        answer = json.loads(detail)
    except ValueError:
        return detail
    if not isinstance(answer, dict):
        return detail
    errors = answer.get("validation_errors") or {"": answer.get("detail", "")}
    return " ".join(str(text) for texts in errors.values() for text in (texts if isinstance(texts, list) else [texts]))


def reason_phrase(said: str) -> str:
    """Our /setup's phrase in `Reason: 422 Client Error: <phrase> for url: …`, or the whole reason."""
    reason = said.rpartition("Reason: ")[2].partition(".\nCheck the ML backend")[0].partition(" for url: ")[0]
    return (reason.partition(" Error: ")[2] or reason).rstrip(".")
