"""Who may call: with BASIC_AUTH_USER and BASIC_AUTH_PASS nobody else gets past `/` and `/health`."""

import hmac
import json
from collections.abc import Callable
from unittest import mock

import pytest
from flask.testing import FlaskClient

from harness import protocol

USER, PASSWORD = "label-studio", "pässword:with a colon"
OPEN = {"/", "/health"}


@pytest.fixture
def guarded(make_client: Callable[..., FlaskClient]) -> FlaskClient:
    """A client that gives no credentials unless told."""
    return make_client(basic_auth_user=USER, basic_auth_pass=PASSWORD)


def routes(client: FlaskClient) -> list[tuple[str, str]]:
    """Every (method, path) that the app serves."""
    rules = client.application.url_map.iter_rules()
    return sorted((method, rule.rule) for rule in rules for method in (rule.methods or ()) if "<" not in rule.rule)


def test_every_route_but_health_is_guarded(guarded: FlaskClient) -> None:
    seen = {path for method, path in routes(guarded) if guarded.open(path, method=method).status_code != 401}
    assert seen == OPEN
    for path in ("/nothing", "/predict/", "/health//predict", "/health/", "/static/x"):
        assert guarded.get(path).status_code == 401


def test_right_credentials_open_the_door(guarded: FlaskClient) -> None:
    assert guarded.post("/setup", json=protocol.setup(), auth=(USER, PASSWORD)).status_code == 200
    assert guarded.get("/versions", auth=(USER, PASSWORD)).status_code == 200
    assert guarded.post("/webhook", json={"action": "PROJECT_UPDATED"}, auth=(USER, PASSWORD)).status_code == 200


@pytest.mark.parametrize(
    "auth",
    [
        (USER, "wrong"),
        ("wrong", PASSWORD),
        ("", ""),
        (USER, ""),
        (USER, PASSWORD + " "),
        (USER.upper(), PASSWORD),
    ],
)
def test_wrong_credentials_do_not(guarded: FlaskClient, auth: tuple[str, str]) -> None:
    answer = guarded.get("/versions", auth=auth)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Basic ")
    assert "BASIC_AUTH_USER" in answer.json["detail"]
    assert PASSWORD not in answer.text


@pytest.mark.parametrize(
    "header",
    ["Bearer abcdef", "Token abcdef", "Basic", "Basic !!!", "Basic bm9jb2xvbg==", "Basic //8=", "Digest x=y", ""],
)
def test_other_authorization_headers_do_not(guarded: FlaskClient, header: str) -> None:
    assert guarded.get("/versions", headers={"Authorization": header}).status_code == 401


def test_user_and_password_are_both_compared_in_constant_time(guarded: FlaskClient) -> None:
    with mock.patch("hmac.compare_digest", autospec=True, side_effect=hmac.compare_digest) as compare:
        guarded.get("/versions", auth=("wrong", "wrong"))
    assert [call.args[1] for call in compare.call_args_list] == [USER.encode(), PASSWORD.encode()]


def test_without_settings_everything_is_open(client: FlaskClient) -> None:
    assert client.get("/versions").status_code == 200


@pytest.mark.parametrize("path", ["/setup", "/predict", "/webhook"])
@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", None])
def test_what_a_foreign_web_page_can_send_is_refused(client: FlaskClient, path: str, kind: str | None) -> None:
    body = json.dumps(protocol.predict([]) | protocol.setup() | {"action": "START_TRAINING"})
    answer = client.post(path, data=body, content_type=kind, headers={"Origin": "https://evil.example"})
    assert answer.status_code == 415
    assert "application/json" in answer.status


OURS = (
    "localhost", "localhost:9090", "127.0.0.1:9090", "[::1]:9090", "10.0.0.5", "[fd00::1]", "transcribe-backend:9090",
    "host.docker.internal:9090", "transcribe-backend.default.svc", "backend.ns.svc.cluster.local:9090", "backend.lan",
    "",
)  # fmt: skip
OTHERS = (
    "evil.example", "127.0.0.1.evil.example:9090", "localhost.evil.example", "local.evil.com", "evil.com:9090", "1.2.3",
    "[::1", "evil.com@localhost.evil.com", "a." * 200 + "local",
)  # fmt: skip


@pytest.mark.parametrize("host", OURS)
def test_without_a_password_it_answers_to_addresses_and_private_names(client: FlaskClient, host: str) -> None:
    assert client.get("/versions", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("host", OTHERS)
def test_a_name_that_others_can_own_is_not_answered(client: FlaskClient, host: str) -> None:
    for answer in (
        client.get("/status", headers={"Host": host}),
        client.post("/setup", json=protocol.setup(), headers={"Host": host}),
    ):
        assert answer.status_code == 403
        assert "BASIC_AUTH_USER" in answer.status
    assert client.get("/health", headers={"Host": host}).status_code == 200


def test_with_a_password_any_name_will_do(guarded: FlaskClient) -> None:
    headers = {"Host": "backend.example.com"}
    assert guarded.get("/versions", auth=(USER, PASSWORD), headers=headers).status_code == 200
