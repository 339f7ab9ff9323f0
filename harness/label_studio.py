"""A Label Studio of our own: started without a browser, and administrated through its REST API."""

import os
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import requests

from harness import ROOT
from harness.processes import NotInstalledError, Program, ProgramError, answers, environment, free_port, running
from harness.protocol import SPEECH_RECOGNITION

VERSION = "1.23.2"
VIRTUALENV = ROOT / ".venv-label-studio"

# Defaults of Label Studio 1.23.2 refuse backends and storages on private addresses, each with its own switch.
_SETTINGS = {
    "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true",
    "ML_BLOCK_LOCAL_IP": "false",
    "SSRF_PROTECTION_ENABLED": "false",
    "LATEST_VERSION_CHECK": "false",
    "COLLECT_ANALYTICS": "false",
    "SENTRY_DSN": "",
    "FRONTEND_SENTRY_DSN": "",
}

_FIRST_START = 300.0  # seconds; creating the database takes 40 s on two idle cores


@dataclass(frozen=True)
class Account:
    """Its first user; `token` is their legacy API token (40 hex digits)."""

    email: str
    password: str
    token: str = field(repr=False)


ACCOUNT = Account("admin@example.com", "adminpass1", "e2e0" * 10)
"""Of the databases that `fresh_label_studio` runs on."""


class LabelStudio:
    """A running Label Studio, as seen by its administrator."""

    def __init__(self, url: str, account: Account, program: Program) -> None:
        self.url = url
        self.account = account
        self.program = program
        self._session = requests.Session()
        self._session.headers["Authorization"] = f"Token {account.token}"

    def close(self) -> None:
        self._session.close()

    def rotate_token(self) -> None:
        """What Account & Settings > Legacy Token > Reset does: the old one is worth nothing any more."""
        token = self.call("POST", "/api/current-user/reset-token/")["token"]
        self.account = replace(self.account, token=token)
        self._session.headers["Authorization"] = f"Token {token}"

    def signed_in(self) -> requests.Session:
        """A browser's session of the administrator; it outlives the token."""
        session, page = requests.Session(), f"{self.url}/user/login/"
        session.get(page, timeout=60).raise_for_status()
        form = {"email": self.account.email, "password": self.account.password}
        session.post(page, {**form, "csrfmiddlewaretoken": session.cookies["csrftoken"]}, timeout=60).raise_for_status()
        session.headers["X-CSRFToken"] = session.cookies["csrftoken"]
        return session

    def call(self, method: str, path: str, *, timeout: float = 120, **request: Any) -> Any:
        """The JSON answer to `method path` (None when empty); ProgramError quotes what Label Studio refuses with."""
        response = self._session.request(method, self.url + path, timeout=timeout, **request)
        if not response.ok:
            answer = f"{response.status_code} to {method} {path}: {response.text[:500]}"
            raise ProgramError(f"Label Studio answered {answer}")
        return response.json() if response.content else None

    def project_named(self, title: str) -> int | None:
        """The id of the oldest project of that title."""
        projects = self.call("GET", "/api/projects", params={"title": title, "page_size": 1000})["results"]
        return min((project["id"] for project in projects if project["title"] == title), default=None)

    def create_project(self, title: str, label_config: str = SPEECH_RECOGNITION) -> int:
        project: int = self.call("POST", "/api/projects", json={"title": title, "label_config": label_config})["id"]
        return project

    def import_tasks(self, project: int, tasks: Sequence[Mapping[str, Any]]) -> None:
        """Import task data such as `{"audio": "s3://…"}`."""
        self.call("POST", f"/api/projects/{project}/import", json=[{"data": data} for data in tasks])

    def tasks(self, project: int) -> list[dict[str, Any]]:
        """All tasks with their predictions, oldest first; opening one by its own id would ask the backend."""
        query = {"project": project, "page_size": 10_000, "fields": "all", "resolve_uri": "false"}
        tasks: list[dict[str, Any]] = self.call("GET", "/api/tasks", params=query)["tasks"]
        return sorted(tasks, key=lambda task: int(task["id"]))

    def connect_backend(self, project: int, url: str, title: str = "AWS Transcribe", **options: Any) -> int:
        """What Settings > Model > Connect Model does; `python -m transcribe_backend connect` explains refusals."""
        answer = self.call("POST", "/api/ml", json={"project": project, "url": url, "title": title, **options})
        return int(answer["id"])

    def backends(self, project: int) -> list[dict[str, Any]]:
        backends: list[dict[str, Any]] = self.call("GET", "/api/ml", params={"project": project})
        return backends

    def webhooks(self, project: int) -> list[dict[str, Any]]:
        webhooks: list[dict[str, Any]] = self.call("GET", "/api/webhooks/", params={"project": project})
        return webhooks

    def retrieve_predictions(self, project: int) -> None:
        """What Data Manager > Retrieve Predictions does for all tasks: one request to the backend."""
        query = {"id": "retrieve_tasks_predictions", "project": project}
        selection = {"selectedItems": {"all": True, "excluded": []}}
        self.call("POST", "/api/dm/actions", params=query, json=selection)

    def set_storage(self, project: int, bucket: str, endpoint: str, credentials: tuple[str, str]) -> None:
        """Make `bucket` the project's only S3 storage, so that its s3:// audio plays in the editor."""
        for storage in self.call("GET", "/api/storages/s3", params={"project": project}):
            self.call("DELETE", f"/api/storages/s3/{storage['id']}")
        storage = {
            "project": project,
            "title": bucket,
            "bucket": bucket,
            "s3_endpoint": endpoint,
            "aws_access_key_id": credentials[0],
            "aws_secret_access_key": credentials[1],
            "region_name": "us-east-1",
            "use_blob_urls": True,
            "presign": True,
            "presign_ttl": 60,
        }
        self.call("POST", "/api/storages/s3", json=storage)

    def page(self, project: int, task: int | None = None) -> str:
        """The address of the Data Manager, or of a task open in it."""
        return f"{self.url}/projects/{project}/data" + (f"?task={task}" if task else "")


@contextmanager
def label_studio(
    data: Path, account: Account, log: Path, port: int = 0, settings: Mapping[str, str] | None = None
) -> Iterator[LabelStudio]:
    """Run Label Studio on `data`, a folder that is created and given `account` on its first use.

    Port 0 is any free one; `settings` are environment variables.
    """
    user = {
        "LABEL_STUDIO_USERNAME": account.email,
        "LABEL_STUDIO_PASSWORD": account.password,
        "LABEL_STUDIO_USER_TOKEN": account.token,
    }
    _require_installed()
    data.mkdir(parents=True, exist_ok=True)
    port = port or free_port()
    command: list[str | Path] = [VIRTUALENV / "bin" / "python", VIRTUALENV / "bin" / "label-studio", "start"]
    command += ["--no-browser", "--internal-host", "127.0.0.1", "-p", str(port), "--data-dir", data]
    env = environment({**_SETTINGS, **user, **(settings or {})})
    url = f"http://localhost:{port}"

    def up() -> bool:
        return answers(url + "/health")

    starting = running("Label Studio", command, up, env=env, log=log, timeout=_FIRST_START, cwd=data)
    with starting as program:
        studio = LabelStudio(url, account, program)
        try:
            yield studio
        finally:
            studio.close()


@contextmanager
def fresh_label_studio(
    data: Path, log: Path, port: int = 0, settings: Mapping[str, str] | None = None
) -> Iterator[LabelStudio]:
    """Run Label Studio on `data`, a folder that must not exist, with an empty database of `ACCOUNT`."""
    shutil.copytree(empty_database(), data)
    with label_studio(data, ACCOUNT, log, port, settings) as running:
        yield running


def empty_database() -> Path:
    """A Label Studio data folder of `ACCOUNT`, to be copied; kept in .cache/, as it takes 40 s to make."""
    _require_installed()
    data = ROOT / ".cache" / "label-studio" / VERSION
    if not data.exists():
        unfinished = data.with_name(f"unfinished-{secrets.token_hex(4)}")
        with label_studio(unfinished, ACCOUNT, unfinished / "first-start.log"):
            pass
        with suppress(OSError):  # another process was faster
            unfinished.rename(data)
    return data


def _require_installed() -> None:
    if not (VIRTUALENV / "bin" / "label-studio").exists():
        raise NotInstalledError("Label Studio is not installed: make install-label-studio")


def new_account(email: str, password: str) -> Account:
    """An account with a random token."""
    return Account(email, password, os.urandom(20).hex())
