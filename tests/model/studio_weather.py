"""The double of Label Studio without a network, in all weathers; it stores every answer that it receives, some late."""

import io
import json
from collections import Counter
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import BaseAdapter
from urllib3 import HTTPResponse

from harness.studio_double import StudioDouble, own_words

FAIR = "fair"
WEATHER = (FAIR, "away", "maintained", "foreign", "redirects", "broken", "refuses", "lossy")
"""`maintained`: a web page with status 200; `foreign`: a proxy's 404; `lossy`: a stored prediction is not answered."""
URL = "http://studio.test"
_PAGE = b"<!doctype html><title>Maintenance</title>"
SENT_LATE = 40.0
"""So long after it was sent may a prediction still be stored that was not answered."""

Around = Callable[[Callable[[], Any]], Any]


class Studio(StudioDouble):
    """Its `weather` is what its requests meet; `files` are what was uploaded to it."""

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__()
        self.clock = clock
        self.weather = FAIR
        self.files: dict[str, bytes] = {}
        self.struck: Counter[str] = Counter()
        self.delay = 0.0
        self._late: list[tuple[float, int, dict[str, Any]]] = []

    def store_late(self, at: float, task: int, prediction: dict[str, Any]) -> None:
        """A prediction that it has received, but only stores at a time; nothing when the task is deleted by then."""
        self._late.append((at, task, prediction))

    def settle(self) -> None:
        """Store what is due."""
        due = [each for each in self._late if each[0] <= self.clock()]
        self._late = [each for each in self._late if each[0] > self.clock()]
        for _, task, prediction in due:
            self._create({**prediction, "task": task})

    def delete(self, task: int) -> None:
        """A task is deleted, with its predictions."""
        self.gone.add(task)
        self.stored.pop(task, None)

    def versions(self, task: int) -> list[str]:
        """The model_version of each prediction that a task has."""
        self.settle()
        return [str(each["model_version"]) for each in self.stored.get(task, [])]

    def send(self, request: requests.PreparedRequest) -> requests.Response:
        """One request, in the present weather."""
        self.settle()
        path = request.path_url
        if self.weather == "away":
            self.struck[self.weather] += 1
            raise requests.ConnectionError("Connection refused")
        if self.weather == "lossy" and request.method == "POST":
            self.struck[self.weather] += 1
            sent = json.loads(request.body or b"{}")
            if sent["task"] not in self.gone:
                self.store_late(self.clock() + self.delay, sent["task"], sent)
            raise requests.ReadTimeout("Read timed out")
        if self.weather not in (FAIR, "lossy"):
            self.struck[self.weather] += 1
            return self._foul(path)
        if (file := self.files.get(urlsplit(path).path)) is not None:
            return _response(200, file, "audio/wav")
        status, answer = self.answer(request.method or "", path, request.body or b"")  # type: ignore[arg-type]
        return _response(status, json.dumps(answer).encode(), "application/json")

    def _foul(self, path: str) -> requests.Response:
        if self.weather == "redirects":
            response = _response(302, b"", "text/html")
            response.headers["Location"] = f"/user/login/?next={path}"
            return response
        if self.weather == "refuses":
            return _response(401, json.dumps(own_words(401, "Invalid token.")[1]).encode(), "application/json")
        status = {"maintained": 200, "foreign": 404, "broken": 502}[self.weather]
        return _response(status, _PAGE if status == 200 else b"no such route", "text/html")


class Wire(BaseAdapter):
    """Where the sessions of one process meet Label Studio."""

    def __init__(self, studio: Studio, around: Around) -> None:
        super().__init__()
        self._studio = studio
        self._around = around

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """Answers a request of a session."""
        response: requests.Response = self._around(lambda: self._studio.send(request))
        response.request, response.url = request, request.url or ""
        return response

    def close(self) -> None:
        """Nothing is open."""


def _response(status: int, body: bytes, kind: str) -> requests.Response:
    made = requests.Response()
    made.status_code = status
    made.headers.update({"Content-Type": kind, "Content-Length": str(len(body))})
    made.raw = HTTPResponse(io.BytesIO(body), status=status, preload_content=False)
    return made
