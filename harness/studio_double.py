"""A double of Label Studio for what deliveries need of its API, without its weight; it can go down and come back.

On two cores a real Label Studio takes longer to store thousands of predictions than the backend to deliver them; what
must be shown with the real one is shown in tests/e2e.
"""

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from harness.protocol import SPEECH_RECOGNITION, project_id

CREATED = "2026-01-01T00:00:00.000000Z"
API_KEY = "0123456789abcdef0123456789abcdef01234567"
PROJECT = project_id({"id": 1, "created_at": CREATED})
"""The project 1, as it stands in Label Studio's requests."""

Answer = tuple[int, Any]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128


class StudioDouble:
    """Project 1 with tasks and predictions; `asked` holds (method, path) of every request.

    `refusal` is the status that answers everything, `instead` a status with a body (text or JSON) that does; the user
    of the token may not see the projects in `denied`. `connected` are the models of its projects and `webhooks`
    theirs, as Label Studio lists them. `repeats` is asked how often it stores a prediction once more.
    """

    def __init__(self) -> None:
        self.config = SPEECH_RECOGNITION
        self.shown: dict[str, Any] = {"sampling": "Sequential sampling", "model_version": "AWS Transcribe"}
        self.connected: list[dict[str, Any]] = [{"title": "AWS Transcribe", "model_version": "transcribe-en-US@0"}]
        self.projects = {1}
        self.tasks: list[dict[str, Any]] = []
        self.gone: set[int] = set()
        self.stored: dict[int, list[dict[str, Any]]] = {}
        self.asked: list[tuple[str, str]] = []
        self.refusal: int | None = None
        self.instead: Answer | None = None
        self.denied: set[int] = set()
        self.version = "1.23.2"
        self.webhooks: list[dict[str, Any]] = []
        self.repeats: Callable[[], int] = lambda: 0
        self._made = 0
        self._lock = threading.Lock()
        self._server: ThreadingHTTPServer | None = None
        self._port = 0

    @property
    def url(self) -> str:
        """Where it listens, also while it is down."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def env(self) -> dict[str, str]:
        """What leads a backend to it."""
        return {"LABEL_STUDIO_URL": self.url, "LABEL_STUDIO_API_KEY": API_KEY}

    def up(self) -> None:
        """Listen, always on the same port."""
        studio = self

        class Handler(_Handler):
            double = studio

        self._server = _Server(("127.0.0.1", self._port), Handler)
        self._port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def down(self) -> None:
        """Refuse connections."""
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def add_tasks(self, audio: list[str]) -> list[dict[str, Any]]:
        """Tasks as an import makes them; the ids go on from the last one."""
        first = len(self.tasks) + 1
        made = [
            {"id": number, "data": {"audio": uri}, "is_labeled": False, "total_predictions": 0}
            for number, uri in enumerate(audio, first)
        ]
        self.tasks += made
        return made

    def described(self) -> dict[str, Any]:
        """The project as its API and its webhooks give it."""
        return {"id": 1, "created_at": CREATED, "label_config": self.config, **self.shown}

    def counts(self) -> dict[int, int]:
        """Number of stored predictions by task."""
        with self._lock:
            return {task: len(stored) for task, stored in self.stored.items()}

    def store(self, tasks: list[dict[str, Any]], results: list[Any]) -> None:
        """What Label Studio does with the answer to its /predict."""
        with self._lock:
            for task, answered in zip(tasks, results, strict=True):
                made = answered if isinstance(answered, list) else [answered]
                self.stored.setdefault(task["id"], []).extend({"id": self._number(), **each} for each in made)

    def answer(self, method: str, path: str, body: bytes) -> Answer:
        """One request."""
        self.asked.append((method, path))
        parts = urlsplit(path)
        if self.refusal:
            return self.refusal, {"detail": "refused"}
        if self.instead:
            return self.instead
        if match := re.fullmatch(r"/api/projects/(\d+)/", parts.path):
            if int(match[1]) in self.denied:
                return own_words(403, "You do not have permission to perform this action.")
            return self._project(method, body) if int(match[1]) in self.projects else own_words(404, "Not found.")
        if listed := self._listed(parts.path, parse_qs(parts.query)):
            return 200, listed[0]
        if parts.path == "/api/tasks/":
            query = parse_qs(parts.query)
            return self._page(query) if int(query["project"][0]) in self.projects else own_words(404, "Not found.")
        if parts.path == "/api/predictions/" and method == "GET":
            return self._predictions(int(parse_qs(parts.query)["task"][0]))
        if parts.path == "/api/predictions/" and method == "POST":
            return self._create(json.loads(body))
        if match := re.fullmatch(r"/api/predictions/(\d+)/", parts.path):
            return self._delete(int(match[1]))
        return own_words(404, "Not found.")

    def _listed(self, path: str, query: dict[str, list[str]]) -> tuple[Any] | None:
        """What it tells of itself, its users and what its projects are connected to; of projects just what is asked to
        be included.
        """
        fields = query.get("include", ["id,title"])[0].split(",")
        known = [{"id": number, "title": f"Project {number}"} for number in sorted(self.projects - self.denied)]
        listed = [{name: each[name] for name in fields} for each in known]
        told = {
            "/health": {"status": "UP"},
            "/api/version/": {"release": self.version},
            "/api/current-user/whoami": {"id": 1, "email": "admin@example.com"},
            "/api/projects/": {"count": len(listed), "results": listed},
            "/api/ml": self.connected,
            "/api/webhooks/": self.webhooks,
        }
        return (told[path],) if path in told else None

    def _project(self, method: str, body: bytes) -> Answer:
        """A version is refused that is neither a connected model's title nor that of a prediction."""
        change = json.loads(body) if method == "PATCH" else {}
        stored = [each["model_version"] for made in list(self.stored.values()) for each in made]
        known = [*stored, *(each["title"] for each in self.connected)]
        if change.get("model_version", known[-1]) not in known:
            return own_words(400, "Model version doesn't exist either as live model or as static predictions.")
        self.shown |= change
        return 200, self.described()

    def _page(self, query: dict[str, list[str]]) -> Answer:
        """Label Studio's list of tasks: by page, filtered by id where the query says so."""
        wanted = json.loads(query["query"][0])
        items = wanted.get("filters", {}).get("items", [])
        bounds = {item["operator"]: item["value"] for item in items if item["filter"] == "filter:tasks:id"}
        found = [
            {**task, "total_predictions": len(stored), "predictions": list(stored)}
            for task in self.tasks
            for stored in [self.stored.get(task["id"], [])]
            if bounds.get("greater", 0) < task["id"] < bounds.get("less", 2**63) and task["id"] not in self.gone
        ]
        size, page = int(query["page_size"][0]), int(query["page"][0])
        shown = found[(page - 1) * size : page * size]
        return (200, {"tasks": shown, "total": len(found)}) if shown or page == 1 else own_words(404, "Invalid page.")

    def _predictions(self, task: int) -> Answer:
        if task in self.gone:
            words = "Select a valid choice. That choice is not one of the available choices."
            return own_words(400, "Validation error", {"task": [words]})
        with self._lock:
            return 200, list(self.stored.get(task, []))

    def _create(self, prediction: dict[str, Any]) -> Answer:
        task = prediction["task"]
        if task in self.gone:
            return own_words(400, "Validation error", {"task": [f'Invalid pk "{task}" - object does not exist.']})
        made: dict[str, Any] = {}
        for _ in range(1 + self.repeats()):
            with self._lock:
                made = {"id": self._number(), **prediction}
                self.stored.setdefault(task, []).append(made)
        return 201, made

    def _number(self) -> int:
        self._made += 1
        return self._made

    def _delete(self, prediction: int) -> Answer:
        with self._lock:
            for stored in self.stored.values():
                stored[:] = [each for each in stored if each.get("id") != prediction]
        return 204, None


def own_words(status: int, detail: str, errors: dict[str, Any] | None = None) -> Answer:
    """An error as Label Studio words it (1.23 core/utils/common.py)."""
    body = {"id": "0", "status_code": status, "version": "1.23.2", "detail": detail, "exc_info": None}
    return status, {**body, "validation_errors": errors} if errors else body


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.0"  # no kept connection outlives `down`
    double: StudioDouble

    def handle_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        open_to_all = self.path in ("/health", "/api/version/")
        known = open_to_all or self.headers.get("Authorization") == f"Token {API_KEY}"
        status, answer = self.double.answer(self.command, self.path, body) if known else (401, {"detail": "no"})
        text = (answer if isinstance(answer, str) else json.dumps(answer)).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html" if isinstance(answer, str) else "application/json")
        if status // 100 == 3:
            self.send_header("Location", "/login")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = do_PATCH = do_DELETE = handle_any

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def studio_double() -> Iterator[StudioDouble]:
    """A double that listens until the end of the block."""
    double = StudioDouble()
    double.up()
    try:
        yield double
    finally:
        double.down()
