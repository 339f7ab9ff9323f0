"""What Label Studio keeps of a backend: its connection to a project, and the webhook that brings the events."""

import base64
from typing import Any

import requests

from transcribe_backend.errors import StudioNotFound
from transcribe_backend.prelabeling.project import PREFIX
from transcribe_backend.studio.client import Studio

TITLE = "AWS Transcribe"
"""The backend's name in Label Studio, unless somebody gives it another."""

Connection = dict[str, Any]
Webhook = dict[str, Any]


def connections(studio: Studio, project: int) -> list[Connection]:
    """All models of a project; Label Studio asks each for its health meanwhile. Raises StudioNotFound, StudioError."""
    try:
        return list(studio.get("/api/ml", project=project))
    except StudioNotFound as error:
        raise StudioNotFound(
            f"Label Studio has no project {project} (or its user may not see it).",
            remedy=f"Take the number from the project's address, {studio.url}/projects/<number>/, or use --create.",
        ) from error


def is_ours(connected: Connection, url: str) -> bool:
    """Whether this is a backend of ours: at `url`, or by its title or the version that it has told Label Studio."""
    version = str(connected.get("model_version") or "")
    return is_at(connected, url) or connected.get("title") == TITLE or version.startswith(PREFIX)


def is_at(connected: Connection, url: str) -> bool:
    """Whether Label Studio finds it at `url`."""
    return bool(connected["url"].rstrip("/") == url.rstrip("/"))


def webhook_of(studio: Studio, project: int, url: str) -> Webhook | None:
    """The webhook by which the events of a project come to the backend at `url`."""
    wanted = webhook_url(url)
    return next((each for each in studio.get("/api/webhooks/", project=project) if each["url"] == wanted), None)


def webhook_url(url: str) -> str:
    """Where Label Studio sends the events of a backend at `url`."""
    return f"{url.rstrip('/')}/webhook"


def basic(user: str, password: str) -> str:
    """The Authorization header of Basic authentication."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def remove(studio: Studio, connected: Connection) -> None:
    """Remove a connection, and its webhook, which Label Studio would leave behind."""
    webhook = webhook_of(studio, connected["project"], connected["url"])
    studio.delete(f"/api/ml/{connected['id']}")
    if webhook:
        studio.delete(f"/api/webhooks/{webhook['id']}/")


def server_answers(url: str) -> bool:
    """Whether the backend at `url` is reached from here."""
    try:
        return requests.get(f"{url.rstrip('/')}/health", timeout=3).ok
    except requests.RequestException:
        return False
