"""Label Studio: reachable, whose token, which projects are connected, and whether it reaches us."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

import requests

from transcribe_backend.commands import refusals
from transcribe_backend.commands.connections import Connection, is_ours, server_answers, webhook_of
from transcribe_backend.commands.doctor.check import Finding, check, fine, note, wrong
from transcribe_backend.commands.doctor.patient import Patient
from transcribe_backend.errors import StudioDenied
from transcribe_backend.home import command
from transcribe_backend.studio.tokens import KINDS

TESTED = "1.23.2"
"""The Label Studio that everything here is tested with."""
_MOST_PROJECTS = 50
_AGAIN = f"Connect again: {command('connect --project')} {{}}"


@check("label-studio", "LABEL_STUDIO_URL: reachable, and a version that is tested", needs=("settings",))
def label_studio(patient: Patient) -> Finding:
    """Asked for its version, without a token."""
    if not patient.settings.label_studio_url:
        return wrong(
            "LABEL_STUDIO_URL is not set: nothing is delivered late or learnt, and uploads cannot be read.",
            "Set LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY.",
        )
    version = patient.studio.version()
    if version != TESTED:
        return note(
            f"Label Studio {version} answers; the tested version is {TESTED}.",
            "If something does not work, try that version.",
        )
    return fine(f"Label Studio {version} at {patient.studio.url}.")


@check("token", "LABEL_STUDIO_API_KEY: its kind, and whose it is", needs=("label-studio",))
def token(patient: Patient) -> Finding:
    """Label Studio's "who am I", and the projects that its user may see."""
    if not patient.settings.label_studio_api_key:
        return wrong(
            "LABEL_STUDIO_URL is set and LABEL_STUDIO_API_KEY is not: nothing is delivered late or learnt, and uploads "
            "cannot be read.",
            "Set it to a personal access token (Account & Settings > Personal Access Token).",
        )
    who = patient.studio.get("/api/current-user/whoami")
    seen = patient.studio.get("/api/projects/", page_size=1).get("count", 0)
    kind = KINDS[patient.studio.token_kind]
    if not seen:
        return note(
            f"The {kind} belongs to {who['email']}, who sees no projects.",
            "Create a project, or give the user access to one.",
        )
    return fine(f"The {kind} belongs to {who['email']}, who sees {seen} project{'s' if seen > 1 else ''}.")


@check("server", "whether a backend runs at --backend-url", needs=("settings",))
def server(patient: Patient) -> Finding:
    """Asked from here."""
    url = patient.backend_url
    try:
        told = requests.get(f"{url}/health", timeout=5).json()
    except (requests.RequestException, ValueError):
        return wrong(
            f"No backend answers at {url}.",
            "Start it (make run, or docker compose up), or give --backend-url its address.",
        )
    if not isinstance(told, dict) or told.get("model_class") != "AWSTranscribe":
        return wrong(f"Another program answers at {url}.", "Give the backend another PORT, or correct --backend-url.")
    return fine(f"It answers at {url}.")


@check("connection", "connected projects, and whether Label Studio reaches the backend", needs=("token",))
def connection(patient: Patient) -> Finding:
    """Label Studio asks a project's models for their health whenever somebody lists them."""
    looked_at = list(_projects(patient))
    patient.connections = [each for project in looked_at for each in _ours(patient, project)]
    if not patient.connections:
        return note(
            f"None of the {len(looked_at)} projects checked is connected to this backend.",
            f"{command('connect --project NUMBER')}; see `connect --help`.",
        )
    broken = [(each, told) for each in patient.connections if (told := _broken(each))]
    if broken:
        return wrong(*broken[0][1])
    return fine(f"Label Studio reaches the backend for {_named(patient.connections)}.")


def _projects(patient: Patient) -> Iterator[int]:
    """The newest first: who asks for help has mostly just made one."""
    if patient.projects:
        yield from patient.projects
        return
    yield from (int(project["id"]) for project in islice(patient.studio.projects(_MOST_PROJECTS), _MOST_PROJECTS))


def _ours(patient: Patient, project: int) -> list[Connection]:
    try:
        connected = patient.studio.get("/api/ml", project=project)
    except StudioDenied:
        return []
    return [each for each in connected if is_ours(each, patient.backend_url)]


def _broken(connected: Connection) -> tuple[str, str] | None:
    """What is wrong with a connection, and the fix."""
    state, url, project = connected.get("state"), connected["url"], connected["project"]
    if state == "DI":
        error = refusals.unreachable(url, server_answers(url))
        return f"Project {project}: {error.problem}", error.remedy
    if state == "ER":
        told = str(connected.get("error_message") or "it does not say why")
        if told.startswith("401"):
            fix = f"Set BASIC_AUTH_USER and BASIC_AUTH_PASS to the backend's. {_AGAIN.format(project)}"
            return f"The backend does not accept the password that Label Studio has for project {project}.", fix
        return (
            f"The backend refuses project {project}: {refusals.reason_phrase(told)}.",
            "Correct what it names, then connect again.",
        )
    return None


def _named(connections: list[Connection]) -> str:
    numbers = sorted({int(each["project"]) for each in connections})
    return f"project{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers[:10]))}"


@check("webhook", "Label Studio's events: registered, active, with the password", needs=("connection",))
def webhook(patient: Patient) -> Finding:
    """Without it nothing is transcribed ahead, and nothing is learnt."""
    if not patient.connections:
        return note("No project is connected.")
    for each in patient.connections:
        told = _silent(webhook_of(patient.studio, each["project"], each["url"]), patient)
        if told:
            return wrong(f"Project {each['project']}: {told}", _AGAIN.format(each["project"]))
    return fine(f"The webhooks of {_named(patient.connections)} are in order.")


def _silent(found: dict[str, Any] | None, patient: Patient) -> str:
    """Why no events arrive by this webhook; "" when they do."""
    if found is None:
        return (
            "the webhook is missing: new tasks are not transcribed ahead, nothing is learnt. For a private address "
            "Label Studio makes none unless it was started with SSRF_PROTECTION_ENABLED=false."
        )
    if not found.get("is_active", True):
        return "the webhook is switched off (Settings > Webhooks)."
    given = (found.get("headers") or {}).get("Authorization")
    if patient.settings.guarded and "@" not in found["url"] and given != patient.authorization:
        return "the webhook does not carry BASIC_AUTH_USER and BASIC_AUTH_PASS: its events are refused."
    return ""


CHECKS = (label_studio, token, server, connection, webhook)
