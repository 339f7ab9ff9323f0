"""`python -m transcribe_backend connect`: makes this backend the model of a Label Studio project.

Label Studio refuses for many reasons and names the cure for few; every refusal becomes one sentence that does.
"""

import argparse
import base64
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import requests

from transcribe_backend.commands import refusals
from transcribe_backend.errors import StudioDenied, StudioError, StudioNotFound, TranscribeBackendError
from transcribe_backend.labeling import interface as labeling
from transcribe_backend.labeling.templates import SPEECH_RECOGNITION
from transcribe_backend.prelabeling.live_projects import UNCERTAINTY
from transcribe_backend.settings import Settings, web_url
from transcribe_backend.speech.vocabulary import can_learn
from transcribe_backend.speech.wording import listed
from transcribe_backend.studio.client import Studio

_ORDERS = {"least-certain": UNCERTAINTY, "imported": "Sequential sampling"}
"""Label Studio's names of the orders (1.23 projects/models.py)."""


@dataclass(frozen=True, slots=True)
class Backend:
    """What Label Studio is to know of us: `order` is a key of `_ORDERS`, "" to leave it; `auth` is what it must give us
    as user and password.
    """

    url: str
    title: str
    interactive: bool = False
    order: str = ""
    auth: tuple[str, str] | None = field(default=None, repr=False)

    def connection(self, project: int) -> dict[str, Any]:
        """The body that creates or updates the connection (an update needs url and project, too)."""
        auth = {"auth_method": "NONE"}
        if self.auth:
            auth = {"auth_method": "BASIC_AUTH", "basic_auth_user": self.auth[0], "basic_auth_pass": self.auth[1]}
        return {"url": self.url, "project": project, "title": self.title, "is_interactive": self.interactive, **auth}

    @property
    def webhook_url(self) -> str:
        """Where Label Studio will send events."""
        return f"{self.url}/webhook"

    @property
    def authorization(self) -> str:
        """The Authorization header that goes with `auth`."""
        return "Basic " + base64.b64encode(":".join(self.auth or ("", "")).encode()).decode()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command line of `connect`; addresses and token default to those of the backend's own environment."""
    environ = os.environ
    url = environ.get("LABEL_STUDIO_URL") or environ.get("LABEL_STUDIO_HOST")
    key = environ.get("LABEL_STUDIO_API_KEY")
    parser.add_argument(
        "--url", type=_address, default=url, required=not url, help="Label Studio's address [LABEL_STUDIO_URL]"
    )
    parser.add_argument(
        "--api-key", default=key, required=not key, help="personal access token or legacy token [LABEL_STUDIO_API_KEY]"
    )
    project = parser.add_mutually_exclusive_group(required=True)
    project.add_argument("--project", type=int, metavar="ID", help="the project, by the number in its address")
    project.add_argument(
        "--create", metavar="TITLE", help="make a speech recognition project (or use that of this title)"
    )
    parser.add_argument(
        "--backend-url",
        type=_address,
        default="http://localhost:9090",
        help="this backend, as seen by Label Studio [%(default)s]",
    )
    parser.add_argument("--title", default="AWS Transcribe", help="its name in Label Studio [%(default)s]")
    parser.add_argument(
        "--order",
        choices=sorted(_ORDERS),
        default="",
        help="which task annotators get next: the least certain, or as imported [as it is]",
    )
    parser.add_argument("--interactive", action="store_true", help="also transcribe segments as they are drawn")


def run(args: argparse.Namespace) -> int:
    """Connect as `args` say; 0, or 1 after a sentence on stderr that says what to change."""
    try:
        backend = Backend(args.backend_url, args.title, args.interactive, args.order, _auth(os.environ))
        studio = Studio(args.url, args.api_key)
        project = args.project if args.create is None else find_or_create_project(studio, args.create)
        notes = connect(studio, project, backend)
    except TranscribeBackendError as error:
        print(_for_command_line(error.advice), file=sys.stderr)
        return 1
    print(f"Connected {backend.url} to {studio.url}/projects/{project}/settings/ml")
    for note in notes:
        print(note)
    return 0


def connect(studio: Studio, project: int, backend: Backend) -> list[str]:
    """Register `backend` in the project, or update its registration; returns what the user should know of the result.

    Raises StudioError, whose remedy is what to change in Label Studio, in the backend or on the command line.
    """
    existing = _connections(studio, project, backend.url)
    if not _webhook(studio, project, backend):
        existing = []
    try:
        if existing:
            studio.patch(f"/api/ml/{existing[0]['id']}", backend.connection(project))
        else:
            _disconnect(studio, project, backend)
            studio.post("/api/ml", backend.connection(project))
    except StudioDenied as error:
        half_made = not existing and _disconnect(studio, project, backend)
        raise refusals.blocked(error, backend.url, half_made=half_made) from error
    except StudioError as error:
        raise refusals.explained(error, backend.url, reachable_from=_answers) from error
    if backend.auth:
        _authorize_webhook(studio, project, backend)
    if backend.order:
        _order(studio, project, backend)
    return list(_notes(studio, project, backend))


def find_or_create_project(studio: Studio, title: str) -> int:
    """The id of the project of that title, made from the stock template if there is none."""
    answer = studio.get("/api/projects/", title=title, page_size=1000)
    found = [int(project["id"]) for project in answer["results"] if project["title"] == title]
    if found:
        return min(found)
    return int(studio.post("/api/projects/", {"title": title, "label_config": SPEECH_RECOGNITION})["id"])


def _address(text: str) -> str:
    try:
        return web_url(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} {error}") from error


def _auth(environ: Mapping[str, str]) -> tuple[str, str] | None:
    settings = Settings.from_env(
        {name: environ[name] for name in ("BASIC_AUTH_USER", "BASIC_AUTH_PASS") if name in environ}
    )
    return (settings.basic_auth_user, settings.basic_auth_pass) if settings.basic_auth_user else None


def _for_command_line(text: str) -> str:
    """The client's errors name the backend's settings; here the same things are arguments."""
    return text.replace("LABEL_STUDIO_API_KEY", "--api-key").replace("LABEL_STUDIO_URL", "--url")


def _connections(studio: Studio, project: int, url: str) -> list[dict[str, Any]]:
    try:
        connected = studio.get("/api/ml", project=project)
    except StudioNotFound as error:
        raise StudioNotFound(
            f"Label Studio has no project {project} (or its user may not see it).",
            remedy=f"Take the number from the project's address, {studio.url}/projects/<number>/, or use --create.",
        ) from error
    return [connection for connection in connected if connection["url"].rstrip("/") == url]


def _disconnect(studio: Studio, project: int, backend: Backend) -> bool:
    """Remove what a refused attempt has left: a connection without a webhook. Was there any?"""
    left = _connections(studio, project, backend.url)
    for connection in left:
        studio.delete(f"/api/ml/{connection['id']}")
    return bool(left)


def _webhook(studio: Studio, project: int, backend: Backend) -> dict[str, Any] | None:
    webhooks = studio.get("/api/webhooks/", project=project)
    return next((webhook for webhook in webhooks if webhook["url"] == backend.webhook_url), None)


def _authorize_webhook(studio: Studio, project: int, backend: Backend) -> None:
    """Label Studio gives its own events no credentials: store them in the webhook's headers."""
    webhook = _webhook(studio, project, backend)
    if webhook:
        headers = {**(webhook.get("headers") or {}), "Authorization": backend.authorization}
        studio.patch(f"/api/webhooks/{webhook['id']}/", {"url": webhook["url"], "headers": headers})


def _order(studio: Studio, project: int, backend: Backend) -> None:
    """Label Studio tells the backend, which sets the version to order by as soon as there are predictions."""
    sampling = {"sampling": _ORDERS[backend.order]}
    if sampling["sampling"] != UNCERTAINTY:
        sampling["model_version"] = backend.title
    studio.patch(f"/api/projects/{project}/", sampling)


def _notes(studio: Studio, project: int, backend: Backend) -> Iterator[str]:
    connected = studio.get("/api/ml", project=project)
    if connected and connected[0]["url"].rstrip("/") != backend.url:
        first = connected[0]["url"]
        yield f"Label Studio asks the project's first model only, which is {first}: remove that in Settings > Model."
    described = studio.project(project)
    yield from languages_note(described.get("label_config", ""))
    version = described.get("model_version")
    if described.get("sampling") == UNCERTAINTY:
        yield (
            "The least certain tasks come first once they have predictions; those that are not transcribed ahead "
            "(PREFETCH_MAX_TASKS) come last, and without text."
        )
    elif version not in ("", None, backend.title):
        yield (
            f'Annotators see predictions of "{version}": choose "{backend.title}" in Settings > Annotation > '
            "Use predictions to prelabel tasks."
        )


def languages_note(label_config: str) -> Iterator[str]:
    """Whether corrections will teach anything, where that is known before the first one."""
    try:
        asked = labeling.read(label_config, os.environ.get("TRANSCRIBE_LANGUAGE") or "en-US").recognition
    except TranscribeBackendError:
        return  # /setup has said more about it
    if asked.vocabulary:
        return
    if asked.identifies and not asked.learning_languages:
        yield "Corrections will teach no vocabulary: AWS needs two to five languages in model_languages for that."
    unknown = [language for language in asked.learning_languages if not can_learn(language)]
    if unknown:
        known = [language for language in asked.learning_languages if can_learn(language)]
        only = f", only in {listed(known)}" if known else ""
        yield f"Corrections will not teach a vocabulary in {listed(unknown)}{only} (the README has the languages)."


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=3).ok
    except requests.RequestException:
        return False
