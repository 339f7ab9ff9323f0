"""Who may call: with BASIC_AUTH_USER and BASIC_AUTH_PASS nobody else gets past `/` and `/health`."""

import hmac
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
