"""`python -m transcribe_backend connect` against real Label Studios, those included that refuse."""

import argparse
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests

from harness.label_studio import LabelStudio
from transcribe_backend.commands import connect
from transcribe_backend.commands import parser as cli
from transcribe_backend.labeling.templates import SEGMENTS, SPEECH_RECOGNITION

StartStudio = Callable[..., AbstractContextManager[LabelStudio]]


class Peer(ThreadingHTTPServer):
    """A backend that says what a test wants it to say, and remembers the webhooks it got."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.setup: tuple[int, str] = (200, "OK")
        self.wanted = ""
        self.webhooks: list[str | None] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Answers(BaseHTTPRequestHandler):
    server: Peer

    def do_GET(self) -> None:
        self._answer(200, "OK", {"status": "UP"})

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/webhook":
            self.server.webhooks.append(self.headers["Authorization"])
        if self.server.wanted and self.headers["Authorization"] != self.server.wanted:
            self._answer(401, "Unauthorized", {})
        elif self.path == "/setup":
            self._answer(*self.server.setup, {"model_version": "peer-1"})
        else:
            self._answer(200, "OK", {})

    def _answer(self, status: int, reason: str, body: dict[str, Any]) -> None:
        content = json.dumps(body).encode()
        self.send_response(status, reason)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def peer() -> Iterator[Peer]:
    with Peer() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LABEL_STUDIO_URL", "LABEL_STUDIO_HOST", "LABEL_STUDIO_API_KEY", "BASIC_AUTH_USER", "BASIC_AUTH_PASS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def project(studio: LabelStudio) -> int:
    return studio.create_project("Connect")


def run(studio: LabelStudio, project: int, backend_url: str, *more: str, token: str | None = None) -> int:
    parser = argparse.ArgumentParser()
    connect.add_arguments(parser)
    target = ["--url", studio.url, "--api-key", token or studio.account.token, "--project", str(project)]
    return connect.run(parser.parse_args([*target, "--backend-url", backend_url, *more]))


def test_registers_once_and_updates_after_that(studio: LabelStudio, project: int, peer: Peer) -> None:
    assert run(studio, project, peer.url) == 0
    assert run(studio, project, peer.url + "/", "--interactive", "--title", "Calls") == 0
    [connection] = studio.backends(project)
    assert (connection["url"], connection["title"], connection["is_interactive"]) == (peer.url, "Calls", True)
    assert [webhook["url"] for webhook in studio.webhooks(project)] == [f"{peer.url}/webhook"]


def test_what_is_not_asked_for_stays_as_it_is(studio: LabelStudio, project: int, peer: Peer) -> None:
    assert run(studio, project, peer.url, "--interactive", "--title", "Calls") == 0
    assert run(studio, project, peer.url, "--order", "imported") == 0
    [connection] = studio.backends(project)
    assert (connection["title"], connection["is_interactive"]) == ("Calls", True)
    assert run(studio, project, peer.url, "--no-interactive") == 0
    [connection] = studio.backends(project)
    assert (connection["title"], connection["is_interactive"]) == ("Calls", False)


def test_predictions_of_the_backend_are_shown_to_annotators(studio: LabelStudio, project: int, peer: Peer) -> None:
    assert run(studio, project, peer.url) == 0
    assert studio.call("GET", f"/api/projects/{project}")["model_version"] == "AWS Transcribe"


def test_says_when_another_model_comes_first(
    studio: LabelStudio, project: int, peer: Peer, capsys: pytest.CaptureFixture[str]
) -> None:
    other = peer.url.replace("127.0.0.1", "localhost")
    studio.connect_backend(project, other, title="Other")
    assert run(studio, project, peer.url) == 0
    said = capsys.readouterr().out
    assert f"first model only, which is {other}" in said
    assert 'Annotators see predictions of "Other"' in said


def test_creates_the_project_once(studio: LabelStudio, peer: Peer) -> None:
    parser = argparse.ArgumentParser()
    connect.add_arguments(parser)
    target = ["--url", studio.url, "--api-key", studio.account.token, "--backend-url", peer.url]
    for title, template in (("One", ()), ("One", ()), ("Two", ("--template", "segments"))):
        assert connect.run(parser.parse_args([*target, "--create", title, *template])) == 0
    for title, config in (("One", SPEECH_RECOGNITION), ("Two", SEGMENTS)):
        projects = studio.call("GET", "/api/projects", params={"title": title})["results"]
        assert [project["label_config"] for project in projects] == [config]


def test_says_what_comes_next(
    studio: LabelStudio, project: int, peer: Peer, capsys: pytest.CaptureFixture[str]
) -> None:
    studio.import_tasks(project, [{"audio": f"https://example.com/{number}.wav"} for number in range(3)])
    assert run(studio, project, peer.url, "--interactive") == 0
    said = capsys.readouterr().out
    assert f'Connected {peer.url} to project {project}, "Connect".' in said
    assert f"Tasks   {studio.page(project)}\n" in said
    assert "3 of its 3 tasks without annotations are transcribed at once" in said
    assert "switch on Auto-Annotation" in said


def test_lists_what_is_connected_and_disconnects_it(
    studio: LabelStudio, project: int, peer: Peer, capsys: pytest.CaptureFixture[str]
) -> None:
    target = ["--url", studio.url, "--api-key", studio.account.token, "--backend-url", peer.url]
    assert run(studio, project, peer.url) == 0
    assert cli.main(["connect", *target, "--list"]) == 0
    listed = [line for line in capsys.readouterr().out.splitlines() if line.split()[:1] == [str(project)]]
    assert len(listed) == 1 and peer.url in listed[0] and "Connected" in listed[0]
    assert cli.main(["disconnect", *target, "--project", str(project)]) == 0
    assert studio.backends(project) == [] == studio.webhooks(project)
    assert cli.main(["disconnect", *target, "--project", str(project)]) == 1
    assert f"Project {project} is not connected to {peer.url}" in capsys.readouterr().err


def test_basic_auth_reaches_predictions_and_webhooks(
    studio: LabelStudio, project: int, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BASIC_AUTH_USER", "bob")
    monkeypatch.setenv("BASIC_AUTH_PASS", "s3cr:et")
    peer.wanted = "Basic Ym9iOnMzY3I6ZXQ="
    assert run(studio, project, peer.url) == 0
    studio.import_tasks(project, [{"audio": "https://example.com/1.wav"}])
    assert peer.webhooks == [peer.wanted]


def test_missing_or_wrong_password(
    studio: LabelStudio, project: int, peer: Peer, capsys: pytest.CaptureFixture[str]
) -> None:
    peer.wanted = "Basic eDp5"
    assert run(studio, project, peer.url) == 1
    said = capsys.readouterr().err
    assert "BASIC_AUTH_USER and BASIC_AUTH_PASS" in said
    assert studio.backends(project) == []


def test_shows_why_the_backend_refuses_the_project(
    studio: LabelStudio, project: int, peer: Peer, capsys: pytest.CaptureFixture[str]
) -> None:
    peer.setup = (422, "Labeling config has no Audio tag: add one.")
    assert run(studio, project, peer.url) == 1
    said = capsys.readouterr().err
    assert said == f"The backend at {peer.url} refuses this project: Labeling config has no Audio tag: add one.\n"


def test_nothing_listens(studio: LabelStudio, project: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(studio, project, "http://127.0.0.1:9") == 1
    assert "Start the backend, or correct --backend-url." in capsys.readouterr().err


def test_project_is_missing(studio: LabelStudio, peer: Peer, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(studio, 999_999, peer.url) == 1
    assert "has no project 999999" in capsys.readouterr().err


def test_wrong_tokens(studio: LabelStudio, project: int, peer: Peer, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(studio, project, peer.url, token="0" * 40) == 1
    said = capsys.readouterr().err
    assert "legacy token" in said
    assert "--api-key" in said


def test_legacy_tokens_are_off_and_a_personal_one_works(
    start_label_studio: StartStudio, peer: Peer, capsys: pytest.CaptureFixture[str]
) -> None:
    with start_label_studio() as studio:
        project = studio.create_project("Tokens")
        personal = _personal_access_token(studio)
        studio.call("POST", "/api/jwt/settings", json={"api_tokens_enabled": True, "legacy_api_tokens_enabled": False})
        assert run(studio, project, peer.url) == 1
        assert "personal access token" in capsys.readouterr().err
        assert run(studio, project, peer.url, token=personal) == 0


def _personal_access_token(studio: LabelStudio) -> str:
    """Made as a user does in the browser."""
    with requests.Session() as session:
        session.get(studio.url + "/user/login/", timeout=30)
        form = {
            "email": studio.account.email,
            "password": studio.account.password,
            "csrfmiddlewaretoken": session.cookies["csrftoken"],
        }
        session.post(studio.url + "/user/login/", data=form, timeout=30).raise_for_status()
        headers = {"X-CSRFToken": session.cookies["csrftoken"]}
        answer = session.post(studio.url + "/api/token/", headers=headers, timeout=30)
        answer.raise_for_status()
        return str(answer.json()["token"])


def test_private_addresses_are_blocked(
    start_label_studio: StartStudio, peer: Peer, capsys: pytest.CaptureFixture[str]
) -> None:
    with start_label_studio(ML_BLOCK_LOCAL_IP="true", SSRF_PROTECTION_ENABLED="true") as studio:
        project = studio.create_project("Blocked")
        assert run(studio, project, peer.url) == 1
        said = capsys.readouterr().err
        assert "ML_BLOCK_LOCAL_IP=false and SSRF_PROTECTION_ENABLED=false" in said
        assert studio.backends(project) == []


def test_half_of_the_switches_leaves_no_half_made_connection(
    start_label_studio: StartStudio, peer: Peer, capsys: pytest.CaptureFixture[str]
) -> None:
    with start_label_studio(SSRF_PROTECTION_ENABLED="true") as studio:
        project = studio.create_project("Half")
        assert run(studio, project, peer.url) == 1
        said = capsys.readouterr().err
        assert "ML_BLOCK_LOCAL_IP=false alone is not enough" in said
        assert studio.backends(project) == []


def test_repairs_a_connection_without_webhook(studio: LabelStudio, project: int, peer: Peer) -> None:
    """As Label Studio leaves it when only ML_BLOCK_LOCAL_IP is off, before it is restarted with both."""
    studio.connect_backend(project, peer.url)
    [webhook] = studio.webhooks(project)
    studio.call("DELETE", f"/api/webhooks/{webhook['id']}/")
    assert run(studio, project, peer.url) == 0
    assert len(studio.backends(project)) == 1
    assert [webhook["url"] for webhook in studio.webhooks(project)] == [f"{peer.url}/webhook"]
