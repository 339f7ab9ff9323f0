"""The page for people: what is broken, what failed, why, and what to do; nothing of it can be forged or leaks."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient

from harness import protocol
from harness.aws import LocalAWS
from harness.studio_double import API_KEY, PROJECT, StudioDouble, studio_double
from harness.waiting import until
from model import AWSTranscribe
from tests.api.conftest import AUDIO_BUCKET
from transcribe_backend.backend import Backend
from transcribe_backend.errors import AWSError
from transcribe_backend.home import command
from transcribe_backend.speech.vocabulary import table
from transcribe_backend.web.app import create_app
from transcribe_backend.web.health import UNKNOWN, Finding, Health
from transcribe_backend.work.database import Database
from transcribe_backend.work.items import BULK, New

USER, PASSWORD = "operator", "open sesame"
AUTH = (USER, PASSWORD)


def predict(client: FlaskClient, *values: str) -> None:
    client.post(
        "/predict", json=protocol.predict([protocol.task(number, value) for number, value in enumerate(values, 1)])
    )


def findings(client: FlaskClient, auth: Any = None) -> dict[str, dict[str, str]]:
    """What the page says of everything's health, once it has been found out."""

    def asked() -> dict[str, dict[str, str]]:
        return {each["name"]: each for each in client.get("/status.json", auth=auth).json["health"]}

    return until(asked, lambda found: all(each["told"] != "is being checked …" for each in found.values()))


@pytest.fixture
def studio() -> Iterator[StudioDouble]:
    with studio_double() as double:
        yield double


@pytest.fixture
def guarded(make_backend: Callable[..., Backend], studio: StudioDouble) -> tuple[FlaskClient, Backend]:
    """A client of a backend with a password and a Label Studio."""
    backend = make_backend(
        basic_auth_user=USER, basic_auth_pass=PASSWORD, label_studio_url=studio.url, label_studio_api_key=API_KEY
    )
    backend.crew.step()  # from now on no request starts the threads
    return create_app(AWSTranscribe, backend).test_client(), backend


def test_a_fresh_backend_has_nothing_to_tell(client: FlaskClient) -> None:
    page = client.get("/status")
    assert page.status_code == 200
    assert page.mimetype == "text/html"
    assert "Nothing is waiting or running." in page.text
    assert f"No project has been connected yet: <code>{command('connect --project 7')}</code>" in page.text
    assert "LABEL_STUDIO_URL is not set: nothing is delivered late" in findings(client)["Label Studio"]["told"]


def test_an_address_without_a_token_delivers_nothing(make_client: Callable[..., FlaskClient]) -> None:
    client = make_client(label_studio_url="http://studio:8080")
    assert "LABEL_STUDIO_API_KEY is not set: nothing is delivered late" in findings(client)["Label Studio"]["told"]


# Health


def test_a_wrong_token_is_red_with_the_fix(make_client: Callable[..., FlaskClient], studio: StudioDouble) -> None:
    client = make_client(label_studio_url=studio.url, label_studio_api_key="f" * 40)
    found = findings(client)["Label Studio"]
    assert found["state"] == "bad" and "refuses the legacy token in LABEL_STUDIO_API_KEY" in found["told"]
    assert "personal access token" in found["fix"]
    assert 'class="card bad"' in client.get("/status").text


def test_a_label_studio_that_is_down_is_red_and_green_when_it_is_back(
    make_client: Callable[..., FlaskClient], studio: StudioDouble
) -> None:
    studio.down()
    client = make_client(label_studio_url=studio.url, label_studio_api_key=API_KEY)
    found = findings(client)["Label Studio"]
    assert found["state"] == "bad" and "does not answer" in found["told"] and "LABEL_STUDIO_URL" in found["fix"]
    studio.up()
    until(lambda: findings(client)["Label Studio"]["state"], lambda state: state == "good")


def test_no_credentials_are_red_with_the_fix(
    make_client: Callable[..., FlaskClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    found = findings(make_client())["AWS"]
    assert found["state"] == "bad" and "credentials" in found["told"] and found["fix"]


@pytest.mark.parametrize(
    ("bucket", "state", "told"),
    [("", "warning", "S3_BUCKET is not set"), ("no-such-bucket", "bad", "does not exist")],
)
def test_no_bucket_is_told_with_the_fix(
    make_client: Callable[..., FlaskClient], bucket: str, state: str, told: str
) -> None:
    """Audio in S3 is transcribed without one: what works is not red."""
    client = make_client(s3_bucket=bucket)
    states = {"AWS": "good", "S3 bucket": state}
    found = until(lambda: findings(client), lambda found: {name: found[name]["state"] for name in states} == states)
    assert told in found["S3 bucket"]["told"] and "S3_BUCKET" in found["S3 bucket"]["fix"]
    assert "learnt" not in found["S3 bucket"]["told"], "a vocabulary needs no bucket"


def test_a_bucket_is_not_blamed_for_aws(
    make_client: Callable[..., FlaskClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    told = findings(make_client())["S3 bucket"]["told"]
    assert "does not answer" not in told and "cannot be checked" in told


def test_what_has_failed_is_not_said_to_be_tried_again(guarded: tuple[FlaskClient, Backend]) -> None:
    """Some refusals of AWS come without a remedy."""
    client, backend = guarded
    item = New("1|1|v", "transcribe", {"task": 1, "project": PROJECT})
    backend.work.add([item])
    backend.engine.failures.tell(backend.work.take("transcribe", BULK, 1)[0], AWSError("AWS says no."))
    page = client.get("/status", auth=AUTH).text
    assert "AWS says no." in page and "by itself" not in page.partition("<script")[0]


def test_without_its_store_the_page_says_so(make_client: Callable[..., FlaskClient]) -> None:
    client = make_client(queue_url="postgresql://nobody@127.0.0.1:1/nothing")
    page = client.get("/status")
    assert page.status_code == 200 and "The store of owed work does not answer" in page.text
    assert client.get("/status.json").json["verdict"]["state"] == "bad"


def test_what_hangs_keeps_nobody() -> None:
    """A page waits a moment for what was never asked, and asks once at a time."""
    import threading

    asked, answer = [], threading.Event()

    def hangs() -> Finding:
        asked.append(1)
        answer.wait(30)
        return Finding("", "good", "at last")

    health = Health({"slow": hangs, "quick": lambda: Finding("", "good", "well")})
    found = {each.name: each for each in health.findings()}
    assert (found["slow"].state, found["quick"].told) == (UNKNOWN, "well")
    assert [each.state for each in health.findings()] == [UNKNOWN, "good"]
    assert len(asked) == 1
    answer.set()
    until(lambda: health.findings()[0].told, lambda told: told == "at last")


# Failures


def test_failures_are_shown_with_their_remedies(client: FlaskClient) -> None:
    predict(client, f"s3://{AUDIO_BUCKET}/no-such-call.wav")
    page = client.get("/status").text
    assert f"s3://{AUDIO_BUCKET}/no-such-call.wav" in page
    assert "404 Not Found" in page
    assert "Check the bucket and the key" in page


def test_equal_failures_are_one_group_with_links_into_label_studio(
    guarded: tuple[FlaskClient, Backend], studio: StudioDouble
) -> None:
    client, backend = guarded
    values = [f"s3://{AUDIO_BUCKET}/gone-{number}.wav" for number in range(9)]
    studio.add_tasks(values)
    backend.notice("TASKS_CREATED", {"project": studio.described(), "tasks": studio.tasks})
    until(backend.crew.step, lambda done: backend.work.count("failed") == 9)
    (group,) = client.get("/status.json", auth=AUTH).json["failures"]
    assert group["count"] == 9 and group["problem"].startswith(f"s3://{AUDIO_BUCKET}/…: S3 answered 404")
    assert group["tasks"][0]["url"] == f"{studio.url}/projects/1/data?task=1"
    page = client.get("/status", auth=AUTH).text
    assert f'href="{studio.url}/projects/1/data?task=1"' in page and "and 3 more" in page


def test_what_a_task_says_is_text_and_signatures_stay_secret(client: FlaskClient) -> None:
    predict(client, "<script>alert(1)</script>")
    assert "<script>alert" not in client.get("/status").text
    predict(client, f"https://{AUDIO_BUCKET}.s3.amazonaws.com/gone.wav?X-Amz-Signature=sesame")
    for path in ("/status", "/status.json"):
        assert "sesame" not in client.get(path).text


def test_each_project_is_shown_with_its_version_even_where_two_share_a_config(client: FlaskClient) -> None:
    for number in (1, 2):
        body = {**protocol.setup(), "project": f"{number}.1795550000"}
        version = client.post("/setup", json=body).json["model_version"]
    shown = client.get("/status.json").json["projects"]
    assert {each["number"]: (each["version"], len(each["fills"])) for each in shown} == {
        "1": (version, 1), "2": (version, 1)
    }  # fmt: skip
    assert client.get("/versions").json["versions"].count(version) == 1


@pytest.mark.parametrize(
    "start", ["gs://", "s3://", "/data/", "https://", "data:audio/wav;base64,", "", "\ud800", "gs://\ud800"]
)
def test_no_value_makes_the_page_long_or_breaks_it(client: FlaskClient, start: str) -> None:
    before = len(client.get("/status").data)
    values = [start + "\ud800" * 3 + "x" * 1_000_000 for _ in range(3)]
    predict(client, *values)
    for path in ("/status", "/status.json"):
        assert client.get(path).status_code == 200
    assert len(client.get("/status").data) - before < 5000 * len(values)


# Buttons


def press(client: FlaskClient, action: str, body: Any, **more: Any) -> Any:
    return client.post(f"/status/{action}", json=body, **{"auth": AUTH, **more})


def test_without_a_password_there_are_no_buttons(client: FlaskClient) -> None:
    predict(client, f"s3://{AUDIO_BUCKET}/none.wav")
    assert "data-action=" not in client.get("/status").text.partition("<script")[0]
    answer = press(client, "forget", {"cause": "x"}, auth=None)
    assert answer.status_code == 403 and "BASIC_AUTH_USER" in answer.json["detail"]


def test_a_stranger_can_press_none(guarded: tuple[FlaskClient, Backend]) -> None:
    client, _ = guarded
    for action in ("retry", "forget", "approve", "reject"):
        assert press(client, action, {"cause": "x"}, auth=None).status_code == 401
        assert press(client, action, {"cause": "x"}, auth=(USER, "wrong")).status_code == 401
    assert client.get("/status.json").status_code == 401


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"},
     {"Sec-Fetch-Site": "same-site"}, {"Origin": "http://localhost:9999"}],
)  # fmt: skip
def test_no_other_site_can_press_them(guarded: tuple[FlaskClient, Backend], headers: dict[str, str]) -> None:
    client, _ = guarded
    assert press(client, "forget", {"cause": "x"}, headers=headers).status_code == 403
    form = client.post("/status/forget", data={"cause": "x"}, auth=AUTH, headers=headers)
    assert form.status_code == 415
    own = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}
    assert press(client, "forget", {"cause": "x"}, headers=own).status_code == 200


def test_the_page_lets_no_other_page_show_it_or_load_into_it(client: FlaskClient) -> None:
    page = client.get("/status")
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
    nonces = set(re.findall(r'nonce="([^"]+)"', page.text))
    assert len(nonces) == 1 and f"'nonce-{nonces.pop()}'" in policy
    assert client.get("/status").headers["Content-Security-Policy"] != policy
    assert not re.search(r'(?:src|href)="(?:https?:)?//', page.text)


@pytest.mark.parametrize(("action", "body"), [("nothing", {}), ("retry", {}), ("forget", {"cause": 7}), ("retry", [])])
def test_what_no_button_sends_is_refused(guarded: tuple[FlaskClient, Backend], action: str, body: Any) -> None:
    assert press(guarded[0], action, body).status_code == 400


def test_a_failed_job_is_tried_again(
    guarded: tuple[FlaskClient, Backend], studio: StudioDouble, stand_in: LocalAWS, put_audio: Callable[[str], str]
) -> None:
    client, backend = guarded
    uri = put_audio("broken-at-first.wav")
    studio.add_tasks([uri])
    backend.notice("TASKS_CREATED", {"project": studio.described(), "tasks": studio.tasks})
    until(backend.crew.step, lambda done: backend.work.count("failed") == 1)
    studio.tasks[0]["data"]["audio"] = put_audio("mended.wav")  # the task is read anew
    (group,) = client.get("/status.json", auth=AUTH).json["failures"]
    assert press(client, "retry", {"cause": group["cause"]}).json == {"detail": "1 task is tried again."}
    until(backend.crew.step, lambda done: studio.counts() == {1: 1})
    assert client.get("/status.json", auth=AUTH).json["failures"] == []


def test_a_group_is_forgotten(guarded: tuple[FlaskClient, Backend]) -> None:
    client, backend = guarded
    backend.answers.answer([{"id": 1, "data": {"audio": "nowhere"}}], backend.projects.read(PROJECT, protocol.PLAIN))
    until(backend.crew.step, lambda done: backend.work.count("failed") == 1)
    (group,) = client.get("/status.json", auth=AUTH).json["failures"]
    press(client, "forget", {"cause": group["cause"]})
    assert client.get("/status.json", auth=AUTH).json["failed"] == 0


def test_a_version_that_waits_is_approved_or_rejected(guarded: tuple[FlaskClient, Backend]) -> None:
    client, backend = guarded
    names = []
    for phrases in (["Xochitl"], ["Xochitl", "Brecon"]):
        name = backend.vocabularies.create(PROJECT, "en-US", table(phrases, "en-US").rows).name
        backend.vocabularies.offer(name)
        names.append(name)
    body = {"project": PROJECT, "language": "en-US"}
    stale = press(client, "approve", {**body, "vocabulary": names[0]})
    assert stale.status_code == 503 and "does not wait" in stale.json["detail"], "a newer one waits"
    assert press(client, "reject", {**body, "vocabulary": names[1]}).status_code == 200
    assert press(client, "approve", {**body, "vocabulary": names[0]}).status_code == 200
    assert backend.vocabularies.promoted(PROJECT, "en-US") == names[0]
    assert backend.learnt.name(PROJECT, "en-US") == names[0]


def test_what_was_learnt_is_shown_and_asks_for_a_decision(guarded: tuple[FlaskClient, Backend]) -> None:
    client, backend = guarded
    name = backend.vocabularies.create(PROJECT, "en-US", table(["Llanberis"], "en-US").rows).name
    backend.vocabularies.offer(name)
    backend.versions.add(backend.projects.read(PROJECT, protocol.PLAIN))
    backend.reports.save({
        "project": PROJECT, "language": "en-US", "asked": 60.0, "outcome": "waiting", "reason": "It may be better.",
        "vocabulary": name, "wer": {"champion": 0.5, "candidate": 0.3, "low": -0.3, "high": -0.1, "p": 0.002},
        "phrases": [{"phrase": "Llanberis", "record": {"spoken": 9, "right_before": 1, "right_after": 8,
                     "false_before": 0, "false_after": 0, "broken": 0, "examples": [["clan berries", "Llanberis"]]}}],
        "calibration": {"confidences": [0.6, 0.9], "rates": [0.5, 0.1]}, "cost": {"billed_seconds": 60},
    })  # fmt: skip
    page = until(lambda: client.get("/status", auth=AUTH).text, lambda text: name in text)
    for told in ("1 → 8 of 9", "clan berries → Llanberis", "50.0% → 30.0%", 'data-action="approve"', "Expected word"):
        assert told in page, told


def test_it_reads_indices_and_no_table_from_its_beginning_to_its_end(
    guarded: tuple[FlaskClient, Backend], monkeypatch: pytest.MonkeyPatch
) -> None:
    client, backend = guarded
    read, asked = Database.read, []

    def noted(self: Database, sql: str, *values: Any) -> Any:
        asked.append((sql, values))
        return read(self, sql, *values)

    backend.versions.add(backend.projects.read(PROJECT, protocol.PLAIN))
    monkeypatch.setattr(Database, "read", noted)
    assert client.get("/status", auth=AUTH).status_code == client.get("/metrics", auth=AUTH).status_code == 200
    monkeypatch.undo()
    plans = [
        row[3] for sql, values in asked for row in backend.engine.database.read(f"explain query plan {sql}", *values)
    ]
    assert len(plans) > 10
    large = [plan for plan in plans if re.match(r"SCAN transcribe_(work|ledger|records|claims)\b", plan)]
    assert [plan for plan in large if "COVERING INDEX" not in plan] == []
