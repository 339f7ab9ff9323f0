"""The doctor looks at a real Label Studio, which looks at a real backend."""

import json
from collections.abc import Callable

import pytest

from harness.aws import LocalAWS
from harness.backend import Server
from harness.label_studio import LabelStudio
from tests.e2e.projects import BUCKET
from transcribe_backend.commands import parser as cli

PASSWORD = {"BASIC_AUTH_USER": "somebody", "BASIC_AUTH_PASS": "open sesame"}
Found = dict[str, dict[str, str]]


@pytest.fixture
def examined(
    studio: LabelStudio, stand_in: LocalAWS, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Found]:
    """What the doctor finds at a project and a server."""
    neighbour = {"LABEL_STUDIO_URL": studio.url, "LABEL_STUDIO_API_KEY": studio.account.token}
    for name, value in {**stand_in.env, **neighbour, "S3_BUCKET": BUCKET}.items():
        monkeypatch.setenv(name, value)

    def examine(project: int, url: str) -> Found:
        capsys.readouterr()
        cli.main(["doctor", "--json", "--backend-url", url, "--project", str(project), "webhook", "server"])
        return {each["name"]: each for each in json.loads(capsys.readouterr().out)["checks"]}

    return examine


def wrong(found: Found) -> dict[str, str]:
    return {name: each["found"] for name, each in found.items() if each["verdict"] == "wrong"}


def test_a_connected_project(
    studio: LabelStudio,
    start_backend: Callable[..., Server],
    examined: Callable[..., Found],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    monkeypatch.setenv("MODEL_DIR", str(tmp_path_factory.mktemp("doctor")))
    for name, value in PASSWORD.items():
        monkeypatch.setenv(name, value)
    server = start_backend(**PASSWORD)
    project = studio.create_project("To be looked at")
    target = ["--url", studio.url, "--api-key", studio.account.token, "--project", str(project)]
    assert cli.main(["connect", *target, "--backend-url", server.url]) == 0
    found = examined(project, server.url)
    assert wrong(found) == {}
    assert f"Label Studio reaches the backend for project {project}." in found["connection"]["found"]

    (webhook,) = studio.webhooks(project)
    studio.call("PATCH", f"/api/webhooks/{webhook['id']}/", json={"url": webhook["url"], "headers": {}})
    assert "does not carry BASIC_AUTH_USER" in wrong(examined(project, server.url))["webhook"]
    studio.call("DELETE", f"/api/webhooks/{webhook['id']}/")
    assert "the webhook is missing" in wrong(examined(project, server.url))["webhook"]

    server.program.stop()
    told = wrong(examined(project, server.url))
    assert "nor do we from here" in told["connection"] and "No backend answers" in told["server"]
