"""`python -m transcribe_backend connect`: makes this backend the model of a Label Studio project.

Label Studio refuses for many reasons and names the cure for few; every refusal becomes one sentence that does.
"""

import argparse
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from transcribe_backend.commands import guidance, refusals
from transcribe_backend.commands.connections import (
    TITLE,
    Connection,
    basic,
    connections,
    is_at,
    is_ours,
    remove,
    server_answers,
    webhook_of,
)
from transcribe_backend.errors import StudioDenied, StudioError, TranscribeBackendError
from transcribe_backend.labeling import interface as labeling
from transcribe_backend.labeling.templates import TEMPLATES
from transcribe_backend.prelabeling.live_projects import UNCERTAINTY
from transcribe_backend.settings import Settings, web_url
from transcribe_backend.speech.vocabulary import can_learn
from transcribe_backend.speech.wording import listed
from transcribe_backend.studio.client import Studio

_TEMPLATES = (
    "the whole text (asr), segments with their text, who speaks when (speakers), what each of two speakers says "
    "(dialogue), what is said on each of two channels (stereo)"
)
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
    def authorization(self) -> str:
        """The Authorization header that goes with `auth`."""
        return basic(*(self.auth or ("", "")))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command line of `connect`."""
    _add_studio(parser)
    project = parser.add_mutually_exclusive_group(required=True)
    project.add_argument("--project", type=int, metavar="ID", help="the project, by the number in its address")
    project.add_argument("--create", metavar="TITLE", help="create a project with this title (or use the existing one)")
    project.add_argument("--list", action="store_true", help="list the connected projects, and exit")
    parser.add_argument(
        "--template", choices=TEMPLATES, default="asr", help=f"labeling config of --create: {_TEMPLATES} [%(default)s]"
    )
    _add_backend(parser)
    parser.add_argument("--title", help=f"its name in Label Studio [{TITLE}, or unchanged]")
    parser.add_argument(
        "--order",
        choices=sorted(_ORDERS),
        default="",
        help="which task annotators get next: the least certain, or as imported [unchanged]",
    )
    parser.add_argument(
        "--interactive",
        action=argparse.BooleanOptionalAction,
        help="also fill segments that annotators draw and click (Auto-Annotation) [no, or unchanged]",
    )


def add_disconnecting(parser: argparse.ArgumentParser) -> None:
    """The command line of `disconnect`."""
    _add_studio(parser)
    parser.add_argument("--project", type=int, metavar="ID", required=True, help="the number in the project's address")
    _add_backend(parser)


def _add_studio(parser: argparse.ArgumentParser) -> None:
    """Address and token default to those of the backend's own environment."""
    environ = os.environ
    url = environ.get("LABEL_STUDIO_URL") or environ.get("LABEL_STUDIO_HOST")
    key = environ.get("LABEL_STUDIO_API_KEY")
    parser.add_argument(
        "--url", type=_address, default=url, required=not url, help="Label Studio's address [LABEL_STUDIO_URL]"
    )
    parser.add_argument(
        "--api-key", default=key, required=not key, help="personal access token or legacy token [LABEL_STUDIO_API_KEY]"
    )


def _add_backend(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--backend-url",
        type=_address,
        default="http://localhost:9090",
        help="this backend, as seen by Label Studio [%(default)s]",
    )


def run(args: argparse.Namespace) -> int:
    """Connect, or list, as `args` say; 0, or 1 after a sentence on stderr that says what to change."""
    return _told(_list if args.list else _connect, args)


def disconnect(args: argparse.Namespace) -> int:
    """Disconnect as `args` say; 0, or 1 after a sentence on stderr."""
    return _told(_disconnect, args)


def _told(act: Callable[[argparse.Namespace, Studio], Iterable[str]], args: argparse.Namespace) -> int:
    try:
        for line in act(args, Studio(args.url, args.api_key)):
            print(line)
    except TranscribeBackendError as error:
        print(_for_command_line(error.advice), file=sys.stderr)
        return 1
    return 0


def _connect(args: argparse.Namespace, studio: Studio) -> Iterator[str]:
    config = TEMPLATES[args.template]
    project = args.project if args.create is None else find_or_create_project(studio, args.create, config)
    existing = _at(studio, project, args.backend_url)
    backend = _asked(args, existing[0] if existing else {})
    notes = connect(studio, project, backend, existing)
    described = studio.project(project)
    yield f'Connected {backend.url} to project {project}, "{described["title"]}".'
    yield from notes
    yield from guidance.lines(studio.url, described, interactive=backend.interactive)


def _asked(args: argparse.Namespace, existing: Connection) -> Backend:
    """What `args` do not name stays as it is."""
    title = args.title or existing.get("title") or TITLE
    interactive = existing.get("is_interactive", False) if args.interactive is None else args.interactive
    return Backend(args.backend_url, title, bool(interactive), args.order, _auth(os.environ))


def _list(args: argparse.Namespace, studio: Studio) -> Iterator[str]:
    """Every project that a backend of ours is connected to."""
    count = 0
    for project in studio.projects():
        for each in connections(studio, project["id"]):
            if is_ours(each, args.backend_url):
                count += 1
                yield f'{project["id"]:>6}  {each["readable_state"]:<12}  {each["url"]}  "{project["title"]}"'
    if not count:
        yield "No project is connected to this backend."


def _disconnect(args: argparse.Namespace, studio: Studio) -> Iterator[str]:
    found = [each for each in connections(studio, args.project) if is_at(each, args.backend_url)]
    if not found:
        raise StudioError(
            f"Project {args.project} is not connected to {args.backend_url}.",
            remedy="`connect --list` says what is; give --backend-url as it is listed there.",
        )
    for each in found:
        remove(studio, each)
    yield f"Disconnected {args.backend_url} from project {args.project}. Existing predictions stay."


def connect(studio: Studio, project: int, backend: Backend, existing: list[Connection]) -> list[str]:
    """Register `backend` in the project, or update its `existing` connection; returns what the user should know of the
    result.

    Raises StudioError, whose remedy is what to change in Label Studio, in the backend or on the command line.
    """
    if not webhook_of(studio, project, backend.url):
        existing = []
    try:
        if existing:
            studio.patch(f"/api/ml/{existing[0]['id']}", backend.connection(project))
        else:
            _clear(studio, project, backend)
            studio.post("/api/ml", backend.connection(project))
    except StudioDenied as error:
        half_made = not existing and _clear(studio, project, backend)
        raise refusals.blocked(error, backend.url, half_made=half_made) from error
    except StudioError as error:
        raise refusals.explained(error, backend.url, reachable_from=server_answers) from error
    if backend.auth:
        _authorize_webhook(studio, project, backend)
    if backend.order:
        _order(studio, project, backend)
    return list(_notes(studio, project, backend))


def find_or_create_project(studio: Studio, title: str, label_config: str) -> int:
    """The id of the project of that title, made with this labeling config if there is none."""
    answer = studio.get("/api/projects/", title=title, page_size=1000)
    found = [int(project["id"]) for project in answer["results"] if project["title"] == title]
    if found:
        return min(found)
    return int(studio.post("/api/projects/", {"title": title, "label_config": label_config})["id"])


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


def _at(studio: Studio, project: int, url: str) -> list[Connection]:
    return [each for each in connections(studio, project) if is_at(each, url)]


def _clear(studio: Studio, project: int, backend: Backend) -> bool:
    """Remove what a refused attempt has left: a connection without a webhook. Was there any?"""
    left = _at(studio, project, backend.url)
    for connection in left:
        remove(studio, connection)
    return bool(left)


def _authorize_webhook(studio: Studio, project: int, backend: Backend) -> None:
    """Label Studio gives its own events no credentials: store them in the webhook's headers."""
    webhook = webhook_of(studio, project, backend.url)
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
    connected = connections(studio, project)
    if connected and not is_at(connected[0], backend.url):
        first = connected[0]["url"]
        yield f"Label Studio asks the project's first model only, which is {first}: remove it in Settings > Model."
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
        yield f"Corrections will not teach a vocabulary in {listed(unknown)}{only} (the README lists the languages)."
