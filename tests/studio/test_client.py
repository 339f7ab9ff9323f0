"""Label Studio's REST API against a small server that behaves like Label Studio 1.23.2 (label-studio/protocol.md)."""

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.servers import Reply, Request, Server, serve
from transcribe_backend.download.bodies import BodyCut, Limits
from transcribe_backend.errors import (
    AudioForbidden,
    AudioUnsupported,
    StudioDenied,
    StudioError,
    StudioNotFound,
    StudioUnreachable,
)
from transcribe_backend.studio.client import Elsewhere, Studio

LEGACY = "0123456789abcdef0123456789abcdef01234567"
LIMITS = Limits(max_bytes=1_000_000, seconds=30)


def jwt(**claims: Any) -> str:
    """A token that looks like Label Studio's."""
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in ({}, claims)]
    return ".".join([*parts, "c2ln"])


PERSONAL = jwt(token_type="refresh", exp=2**40)


class Clock:
    """A clock that moves when told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class FakeStudio:
    """Tokens as Label Studio's, tasks as pages; anything else by `routes`."""

    def __init__(self) -> None:
        self.issued = 0
        self.valid: set[str] = set()
        self.revoked = False
        self.tasks: list[dict[str, Any]] = []
        self.routes: dict[str, Callable[[Request], Reply]] = {}

    def __call__(self, request: Request) -> Reply:
        path = request.path.partition("?")[0]
        if path == "/api/token/refresh/":
            return self.refresh(json.loads(request.body))
        if request.headers.get("Authorization") not in self.valid:
            return as_json({"detail": "Invalid token."}, 401)
        if path in self.routes:
            return self.routes[path](request)
        return own_words("Not found.", 404)

    def refresh(self, body: dict[str, Any]) -> Reply:
        if body != {"refresh": PERSONAL} or self.revoked:
            return as_json({"detail": "Token is blacklisted"}, 401)
        self.issued += 1
        self.valid = {f"Bearer access-{self.issued}"}
        return as_json({"access": f"access-{self.issued}"})


def as_json(body: Any, status: int = 200) -> Reply:
    """A JSON answer."""
    return Reply(status, json.dumps(body).encode(), {"Content-Type": "application/json"})


def own_words(detail: str, status: int) -> Reply:
    """An error as Label Studio words it (1.23 core/utils/common.py)."""
    return as_json({"id": "0", "status_code": status, "version": "1.23.2", "detail": detail}, status)


@pytest.fixture
def fake() -> FakeStudio:
    studio = FakeStudio()
    studio.valid = {f"Token {LEGACY}"}
    studio.routes["/api/current-user/whoami"] = lambda request: as_json({"email": "a@b.c"})
    return studio


@pytest.fixture
def server(fake: FakeStudio) -> Iterator[Server]:
    with serve(fake) as running:
        yield running


@pytest.fixture
def studio(server: Server) -> Studio:
    return Studio(server.url, LEGACY)


def test_legacy_token(studio: Studio, server: Server) -> None:
    assert studio.get("/api/current-user/whoami") == {"email": "a@b.c"}
    assert [request.path for request in server.requests] == ["/api/current-user/whoami"]


def test_personal_token_is_exchanged_once_and_renewed_before_its_end(fake: FakeStudio, server: Server) -> None:
    clock = Clock()
    studio = Studio(server.url, PERSONAL, clock=clock)
    studio.get("/api/current-user/whoami")
    clock.now += 200
    studio.get("/api/current-user/whoami")
    assert fake.issued == 1
    clock.now += 50  # 250 of 300 s: still valid, but not for long
    studio.get("/api/current-user/whoami")
    assert fake.issued == 2


def test_access_token_refused_early_is_renewed(fake: FakeStudio, server: Server) -> None:
    studio = Studio(server.url, PERSONAL)
    studio.get("/api/current-user/whoami")
    fake.valid = set()  # Label Studio was restarted with another secret
    assert studio.get("/api/current-user/whoami") == {"email": "a@b.c"}
    assert fake.issued == 2


@pytest.mark.parametrize(
    ("token", "problem", "remedy"),
    [
        ("", "LABEL_STUDIO_API_KEY is not set", "personal access token"),
        ("f" * 40, "refuses the legacy token", "enable legacy tokens"),
        (jwt(token_type="access"), "five minutes only", "personal access token itself"),
        (jwt(token_type="refresh", other=1), "expired, was revoked", "Create a new one"),
        ("a.b.c", "refuses the legacy token", "personal access token"),
        ("a.e30.c", "five minutes", "personal access token itself"),
        ("a.MQ==.c", "refuses the legacy token", "personal access token"),
    ],
)
def test_denied_tokens_are_named(server: Server, token: str, problem: str, remedy: str) -> None:
    with pytest.raises(StudioDenied, match=problem) as caught:
        Studio(server.url, token).get("/api/current-user/whoami")
    assert remedy in caught.value.remedy
    assert not token or token not in caught.value.advice


def test_revoked_personal_token(fake: FakeStudio, server: Server) -> None:
    fake.revoked = True
    with pytest.raises(StudioDenied, match="revoked"):
        Studio(server.url, PERSONAL).get("/api/current-user/whoami")


def test_netrc_does_not_replace_the_token(
    studio: Studio, tmp_path: Any, monkeypatch: pytest.MonkeyPatch, server: Server
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login x password y\n")
    monkeypatch.setenv("NETRC", str(netrc))
    assert studio.get("/api/current-user/whoami")
    assert server.requests[0].headers["Authorization"] == f"Token {LEGACY}"


def test_base_url_with_a_path(fake: FakeStudio) -> None:
    def prefixed(request: Request) -> Reply:
        assert request.path.startswith("/label/studio/")
        request.path = request.path.removeprefix("/label/studio")
        return fake(request)

    with serve(prefixed) as server:
        assert Studio(f"{server.url}/label/studio/", PERSONAL).get("/api/current-user/whoami") == {"email": "a@b.c"}


@pytest.mark.parametrize(
    ("status", "error", "problem"),
    [
        (400, StudioError, "answers 400 for /x: .*no such field"),
        (403, StudioDenied, "may not do this"),
        (404, StudioNotFound, "has nothing at /x"),
        (429, StudioUnreachable, "answers 429"),
        (500, StudioUnreachable, "answers 500"),
        (502, StudioUnreachable, "answers 502"),
    ],
)
def test_error_statuses(fake: FakeStudio, studio: Studio, status: int, error: type[StudioError], problem: str) -> None:
    fake.routes["/x"] = lambda request: own_words("no such field", status)
    with pytest.raises(error, match=problem):
        studio.get("/x", secret="q")


@pytest.mark.parametrize(
    "reply", [Reply(404, b"no upstream"), Reply(404, b'{"detail": "Not found."}'), Reply(400), Reply(405)]
)
def test_what_is_not_in_label_studios_own_words_passes(fake: FakeStudio, studio: Studio, reply: Reply) -> None:
    fake.routes["/x"] = lambda request: reply
    with pytest.raises(StudioUnreachable, match="not Label Studio answers 40") as caught:
        studio.get("/x")
    assert not caught.value.permanent


def test_a_prediction_for_a_deleted_task_has_nowhere_to_go(fake: FakeStudio, studio: Studio) -> None:
    fake.routes["/api/predictions/"] = lambda request: own_words('Invalid pk "7" - object does not exist.', 400)
    with pytest.raises(StudioNotFound):
        studio.create_prediction(7, [], 0.5, "v1")


def test_a_deleted_task_has_no_predictions(fake: FakeStudio, studio: Studio) -> None:
    words = "Select a valid choice. That choice is not one of the available choices."
    fake.routes["/api/predictions/"] = lambda request: own_words(words, 400)
    with pytest.raises(StudioNotFound):
        studio.predictions(7)


def test_a_file_is_missing_only_where_label_studio_is_up(fake: FakeStudio, studio: Studio) -> None:
    path = "/data/upload/1/a.wav"
    fake.routes[path] = lambda request: Reply(404, b"no upstream")
    with pytest.raises(StudioUnreachable), studio.download(path, LIMITS):
        pass


def test_no_server() -> None:
    with pytest.raises(StudioUnreachable, match="does not answer at http://127.0.0.1:1 ") as caught:
        Studio("http://127.0.0.1:1", LEGACY).get("/api/current-user/whoami")
    assert caught.value.retryable


def test_not_a_label_studio(fake: FakeStudio, studio: Studio) -> None:
    fake.routes["/x"] = lambda request: Reply(200, b"<html>")
    with pytest.raises(StudioError, match="does not answer JSON") as caught:
        studio.get("/x")
    assert not caught.value.permanent


def test_api_redirect_is_an_error_that_says_where(fake: FakeStudio, studio: Studio) -> None:
    fake.routes["/x"] = lambda request: Reply(302, headers={"Location": "https://new.example/x?secret=1"})
    with pytest.raises(StudioError, match="redirects /x to https://new.example/x\\.$") as caught:
        studio.get("/x")
    assert "LABEL_STUDIO_URL" in caught.value.remedy
    assert not caught.value.permanent


def _pages(fake: FakeStudio, ids: range) -> None:
    def page(request: Request) -> Reply:
        query = dict(pair.split("=") for pair in request.path.partition("?")[2].split("&"))
        size, number = int(query["page_size"]), int(query["page"])
        ids_of_page = list(ids)[(number - 1) * size : number * size]
        if not ids_of_page and number > 1:
            return own_words("Invalid page.", 404)
        return as_json({"total": len(ids), "tasks": [{"id": id} for id in ids_of_page]})

    fake.routes["/api/tasks/"] = page


@pytest.mark.parametrize("count", [0, 1, 2, 3, 6, 7])
def test_tasks_are_read_page_by_page(fake: FakeStudio, studio: Studio, server: Server, count: int) -> None:
    _pages(fake, range(count))
    assert [task["id"] for task in studio.tasks(5, page_size=3)] == list(range(count))
    assert len(server.requests) == max(1, -(-count // 3))
    assert all("review=true" in request.path for request in server.requests)


def test_tasks_deleted_while_paging_end_the_list(fake: FakeStudio, studio: Studio) -> None:
    _pages(fake, range(6))
    tasks = studio.tasks(5, page_size=3)
    first = [next(tasks) for _ in range(3)]
    _pages(fake, range(3))
    assert len(first + list(tasks)) == 3


def test_missing_project(studio: Studio) -> None:
    with pytest.raises(StudioNotFound):
        list(studio.tasks(5))


def test_annotated_tasks_are_filtered_by_label_studio(fake: FakeStudio, studio: Studio, server: Server) -> None:
    _pages(fake, range(1))
    assert len(list(studio.annotated_tasks(5))) == 1
    assert "total_annotations" in server.requests[0].path


def test_predictions(fake: FakeStudio, studio: Studio, server: Server) -> None:
    stored: list[dict[str, Any]] = []

    def predictions(request: Request) -> Reply:
        if request.method == "POST":
            stored.append({"id": len(stored), **json.loads(request.body)})
            return as_json(stored[-1], 201)
        return as_json(stored)

    fake.routes["/api/predictions/"] = predictions
    fake.routes["/api/predictions/0/"] = lambda request: Reply(204)
    assert studio.create_prediction(7, [{"id": "a"}], 0.5, "v1")["id"] == 0
    studio.create_prediction(7, [], None, "v1")
    assert [prediction.get("score") for prediction in studio.predictions(7)] == [0.5, None]
    assert "score" not in stored[1]
    studio.delete("/api/predictions/0/")
    assert server.requests[-1].method == "DELETE"


# Files


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ("/data/upload/41/c23aa34e-hello.wav", "/data/upload/41/c23aa34e-hello.wav"),
        ("/data/local-files/?d=sub/second.wav", "/data/local-files/?d=sub/second.wav"),
        ("/tasks/7/resolve/?fileuri=czM6Ly9h", "/tasks/7/resolve/?fileuri=czM6Ly9h"),
        ("/tasks/7/presign/?fileuri=czM6Ly9h", "/tasks/7/presign/?fileuri=czM6Ly9h"),
        ("http://ls.example/label/data/upload/1/a.wav", "/data/upload/1/a.wav"),
        ("http://LS.example:80/label/data/upload/1/a.wav", "/data/upload/1/a.wav"),
        ("/label/data/upload/1/a.wav", "/data/upload/1/a.wav"),
        ("https://ls.example/label/data/upload/1/a.wav", None),
        ("http://ls.example:8080/data/upload/1/a.wav", None),
        ("http://ls.example.evil/data/upload/1/a.wav", None),
        ("//evil.example/data/upload/1/a.wav", None),
        ("https://evil.example/a.wav", None),
    ],
)
def test_file_paths(value: str, path: str | None) -> None:
    assert Studio("http://ls.example/label", "").file_path(value) == path


@pytest.mark.parametrize(
    "value",
    [
        "/api/tasks/1",
        "/api/tasks/1/",
        "/",
        "/data/",
        "/user/logout",
        "/data/../api/tasks/1",
        "/data/upload/..%2f..%2fapi/tasks/1",
        "/data/upload/%252e%252e/x",
        "/data/./../api/tasks/1",
        "/data//../api/x",
        "/data/local-files/?d=../../etc/passwd",
        "/data/local-files/?d=..%2f..%2fetc/passwd",
        "/data/local-files/?d=..\\..\\etc",
        "/tasks/1/resolve/../../../api/tasks/1",
        "/tasks/x/resolve/?fileuri=a",
        "http://ls.example/label/api/tasks/1",
        "http://ls.example/label/user/login",
    ],
)
def test_the_token_is_for_files_only(value: str) -> None:
    with pytest.raises(AudioForbidden, match="not the address of a file"):
        Studio("http://ls.example/label", "").file_path(value)


def test_download(fake: FakeStudio, studio: Studio, server: Server) -> None:
    fake.routes["/data/upload/1/a.wav"] = lambda request: Reply(200, b"x" * 600_000)
    with studio.download("/data/upload/1/a.wav", LIMITS) as body:
        assert not isinstance(body, Elsewhere)
        assert sum(map(len, body)) == 600_000
    assert server.requests[0].headers["Accept-Encoding"] == "identity"


def test_download_redirected_elsewhere_is_left_to_the_caller(fake: FakeStudio, studio: Studio) -> None:
    with serve(lambda request: Reply(200, b"never")) as other:
        fake.routes["/tasks/1/resolve/"] = lambda request: Reply(303, headers={"Location": f"{other.url}/k?sig=1"})
        with studio.download("/tasks/1/resolve/?fileuri=x", LIMITS) as body:
            assert body == Elsewhere(f"{other.url}/k?sig=1")
        assert other.requests == []


def test_download_follows_its_own_redirects_to_files(fake: FakeStudio, studio: Studio) -> None:
    fake.routes["/data/a"] = lambda request: Reply(302, headers={"Location": "/data/b"})
    fake.routes["/data/b"] = lambda request: Reply(200, b"audio")
    with studio.download("/data/a", LIMITS) as body:
        assert not isinstance(body, Elsewhere) and b"".join(body) == b"audio"


@pytest.mark.parametrize("location", ["/api/tasks/1", "/user/login?next=/data/a"])
def test_download_redirected_to_no_file(fake: FakeStudio, studio: Studio, server: Server, location: str) -> None:
    fake.routes["/data/a"] = lambda request: Reply(302, headers={"Location": location})
    with pytest.raises(StudioUnreachable, match=f"redirects /data/a to {location.partition('?')[0]}.$") as caught:
        studio.download("/data/a", LIMITS).__enter__()
    assert not caught.value.permanent
    assert len(server.requests) == 1


def test_a_page_of_maintenance_is_no_file(fake: FakeStudio, studio: Studio) -> None:
    page = Reply(200, b"<!doctype html>", {"Content-Type": "text/html"})
    fake.routes |= {"/data/a": lambda request: page, "/health": lambda request: page}
    with pytest.raises(StudioUnreachable, match="answers a web page for /data/a"):
        studio.download("/data/a", LIMITS).__enter__()


def test_endless_redirects_end(fake: FakeStudio, studio: Studio, server: Server) -> None:
    fake.routes["/data/a"] = lambda request: Reply(302, headers={"Location": "/data/a"})
    with pytest.raises(StudioError, match="redirects"), studio.download("/data/a", LIMITS):
        pass
    assert len(server.requests) == 5


def test_a_proxied_body_that_stops_is_continued(fake: FakeStudio, studio: Studio, server: Server) -> None:
    audio = bytes(range(256)) * 1000

    def proxied(request: Request) -> Reply:
        start = int(request.headers.get("Range", "bytes=0-")[6:-1])
        part = audio[start : start + 100_000]
        if start:
            return Reply(206, part)
        return Reply(200, part, length=len(audio))

    fake.routes["/tasks/1/resolve/"] = proxied
    with studio.download("/tasks/1/resolve/?fileuri=x", LIMITS) as body:
        assert not isinstance(body, Elsewhere) and b"".join(body) == audio
    assert len(server.requests) == 3


def test_a_body_that_stops_for_good_is_not_taken_for_whole(fake: FakeStudio, studio: Studio) -> None:
    fake.routes["/data/a"] = lambda request: Reply(200, b"half", length=8)
    with pytest.raises(BodyCut), studio.download("/data/a", LIMITS) as body:
        assert not isinstance(body, Elsewhere)
        list(body)


def test_a_chunked_body_that_stops_is_not_taken_for_whole(fake: FakeStudio, studio: Studio) -> None:
    fake.routes["/data/a"] = lambda request: Reply(200, iter([b"4\r\nhalf\r\n"]), {"Transfer-Encoding": "chunked"})
    with pytest.raises(BodyCut), studio.download("/data/a", LIMITS) as body:
        assert not isinstance(body, Elsewhere)
        list(body)


def test_download_over_the_limit(fake: FakeStudio, studio: Studio) -> None:
    fake.routes["/data/a"] = lambda request: Reply(200, b"x", length=2_000_000)
    with pytest.raises(AudioUnsupported, match="larger than"), studio.download("/data/a", LIMITS):
        pass


@pytest.mark.parametrize(
    ("path", "remedy"),
    [
        ("/data/upload/1/a.wav", "deleted"),
        ("/data/local-files/?d=a.wav", "local storage"),
        ("/tasks/1/resolve/?fileuri=eA==", "cloud storage"),
    ],
)
def test_missing_files_say_what_to_do(studio: Studio, path: str, remedy: str) -> None:
    with pytest.raises(StudioNotFound) as caught, studio.download(path, LIMITS):
        pass
    assert remedy in caught.value.remedy


def test_upload_that_is_gone_answers_500(fake: FakeStudio, studio: Studio) -> None:
    problem = {"detail": "'NoneType' object has no attribute 'has_permission'"}
    fake.routes["/data/upload/1/a.wav"] = lambda request: as_json(problem, 500)
    with pytest.raises(StudioNotFound), studio.download("/data/upload/1/a.wav", LIMITS):
        pass


@pytest.mark.parametrize(
    "reply", [Reply(body=b"<html>"), Reply(body=b"[]"), Reply(302, {"Location": "https://studio.example/login"})]
)
def test_an_exchange_that_is_none_is_an_error_of_label_studio(reply: Reply) -> None:
    with serve(lambda request: reply) as server, pytest.raises(StudioError, match="Label Studio|token"):
        Studio(server.url, PERSONAL).get("/api/current-user/whoami")


@pytest.mark.parametrize("status", [400, 403, 500, 502])
def test_an_error_without_end_is_not_read_to_its_end(fake: FakeStudio, studio: Studio, status: int) -> None:
    sent: list[int] = []

    def endless() -> Iterator[bytes]:
        while True:
            sent.append(1)
            yield b"x" * 65_536

    fake.routes["/x"] = lambda request: Reply(status, endless())
    with pytest.raises(StudioError) as caught:
        studio.get("/x")
    assert len(caught.value.detail) <= 65_536
    assert len(sent) < 1000  # what the sockets' buffers hold, and no more
