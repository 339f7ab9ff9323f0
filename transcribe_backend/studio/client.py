"""Label Studio's REST API: the few calls we need, none of which makes Label Studio call us back."""

import contextlib
import json
import posixpath
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter

from transcribe_backend.download import bodies
from transcribe_backend.download.bodies import BodyCut, Limits
from transcribe_backend.errors import (
    AudioForbidden,
    Mended,
    StudioDenied,
    StudioError,
    StudioNotFound,
    StudioUnreachable,
)
from transcribe_backend.studio.tokens import Authorization

_TIMEOUT = (3.0, 20.0)
_REDIRECTS = 5
_FILES = re.compile(r"/(data|storage-data)/.+|/(tasks|projects)/\d+/(resolve|presign)/?\Z")
_ANNOTATED = {
    "conjunction": "and",
    "items": [{"filter": "filter:tasks:total_annotations", "operator": "greater", "type": "Number", "value": 0}],
}
_IS_GONE = ("object does not exist", "Select a valid choice.")  # of a deleted task, to a prediction; to a look at them
_DENIALS = {
    "none": (
        "Label Studio requires a token, and LABEL_STUDIO_API_KEY is not set.",
        "Set it to a personal access token (Account & Settings > Personal Access Token).",
    ),
    "legacy": (
        "Label Studio refuses the legacy token in LABEL_STUDIO_API_KEY.",
        "Create a personal access token (Account & Settings > Personal Access Token) and set that, or let an "
        "administrator enable legacy tokens (Organization > API Tokens Settings).",
    ),
    "personal": (
        "Label Studio refuses the personal access token in LABEL_STUDIO_API_KEY: it has expired, was revoked, or "
        "belongs to another Label Studio.",
        "Create a new one (Account & Settings > Personal Access Token) and set that.",
    ),
    "access": (
        "Label Studio refuses the access token in LABEL_STUDIO_API_KEY: such a token lives for five minutes only.",
        "Set LABEL_STUDIO_API_KEY to the personal access token itself.",
    ),
}


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Label Studio does not send the file itself but redirects to `url`, on another server."""

    url: str


class Studio:
    """A Label Studio at `url` (a path prefix is fine), seen by the user whose token is `api_key`; thread-safe.

    The token goes to the origin of `url` only. Every call raises StudioUnreachable, StudioDenied, StudioNotFound or
    another StudioError.
    """

    def __init__(
        self,
        url: str,
        api_key: str,
        *,
        session: requests.Session | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.url = url.rstrip("/")
        self._parts = urlsplit(self.url)
        self._session = session or _session()
        self._authorization = Authorization(api_key, self._exchange, clock)

    def get(self, path: str, **params: Any) -> Any:
        """GET as JSON; `path` starts with a slash and stands after `url`."""
        return self._call("GET", path, params=params)

    def post(self, path: str, body: Any) -> Any:
        """POST of JSON."""
        return self._call("POST", path, json=body)

    def patch(self, path: str, body: Any) -> Any:
        """PATCH of JSON."""
        return self._call("PATCH", path, json=body)

    def delete(self, path: str) -> None:
        """DELETE."""
        self._call("DELETE", path)

    def version(self) -> str:
        """Label Studio's version, which it tells everybody; no token is sent. Raises StudioUnreachable."""
        path = "/api/version/"
        response = self._request("GET", path, "")
        if not response.ok:
            raise _not_now(f"{self.url} answers {response.status_code} for {path}.")
        version = _object(self._json(response, path)).get("release")
        if not isinstance(version, str):
            raise _not_now(f"{self.url} does not tell Label Studio's version.")
        return version

    @property
    def token_kind(self) -> str:
        """`none`, `personal`, `access` or `legacy` (tokens.py)."""
        return self._authorization.kind

    def project(self, project_id: int) -> dict[str, Any]:
        """The project with its label_config, title, model_version."""
        return _object(self.get(f"/api/projects/{project_id}/"), "id", "created_at")

    def projects(self, page_size: int = 100) -> Iterator[dict[str, Any]]:
        """All projects that the user may see, the newest first."""
        page, more = 1, True
        while more:
            answer = _object(self.get("/api/projects/", page=page, page_size=page_size, ordering="-id"))
            yield from answer.get("results", [])
            page, more = page + 1, bool(answer.get("next"))

    def tasks(self, project_id: int, page_size: int = 100, **params: Any) -> Iterator[dict[str, Any]]:
        """All tasks, page by page in order of id, with annotations and predictions and with the data as imported.

        `review` keeps this list from calling `/predict` where the project evaluates predictions automatically
        (Label Studio 1.23.2, data_manager/api.py); `GET /api/tasks/<id>` always would.
        """
        query = json.dumps({"ordering": ["tasks:id"], **params.pop("query", {})})
        fixed = {
            "project": project_id,
            "page_size": page_size,
            "fields": "all",
            "review": "true",
            "resolve_uri": "false",
        }
        seen, page = 0, 1
        while True:
            answer = self._page(page, {**fixed, "query": query, **params})
            tasks = answer.get("tasks", [])
            yield from tasks
            seen, page = seen + len(tasks), page + 1
            if not tasks or seen >= answer.get("total", seen):
                return

    def tasks_after(self, project_id: int, after: int, upto: int | None, count: int) -> list[dict[str, Any]]:
        """The next `count` tasks with an id above `after`, and not above `upto`, in order of id."""
        filters = [("greater", after)] + ([("less", upto + 1)] if upto is not None else [])
        items = [{"filter": "filter:tasks:id", "operator": o, "type": "Number", "value": v} for o, v in filters]
        query = {"filters": {"conjunction": "and", "items": items}}
        return list(islice(self.tasks(project_id, count, query=query), count))

    def annotated_tasks(self, project_id: int, page_size: int = 100) -> Iterator[dict[str, Any]]:
        """Like `tasks`, only those with at least one annotation that was not skipped."""
        return self.tasks(project_id, page_size, query={"filters": _ANNOTATED})

    def predictions(self, task_id: int) -> list[dict[str, Any]]:
        """All predictions of a task."""
        answer = self.get("/api/predictions/", task=task_id)
        return answer if isinstance(answer, list) else list(_object(answer, "results")["results"])

    def create_prediction(
        self, task: int, result: list[dict[str, Any]], score: float | None, model_version: str
    ) -> dict[str, Any]:
        """Store a prediction; Label Studio does not notice doubles, so look at `predictions` first."""
        body = {"task": task, "result": result, "model_version": model_version}
        return _object(self.post("/api/predictions/", body if score is None else {**body, "score": score}), "id")

    def delete_prediction(self, prediction: int) -> None:
        """Delete a prediction."""
        self.delete(f"/api/predictions/{prediction}/")

    def file_path(self, value: str) -> str | None:
        """The path, below `url`, of a file that Label Studio serves; None when `value` is on another server.

        Raises AudioForbidden for paths of ours-to-be-token-bearing requests that are no file: the token must not be
        lent to a task's author.
        """
        parts = urlsplit(value)
        if parts.netloc and _origin(parts) != _origin(self._parts):
            return None
        path = parts.path
        if self._parts.path and path.startswith(self._parts.path + "/"):
            path = path[len(self._parts.path) :]
        plain = unquote(unquote(f"{path}?{parts.query}")).replace("\\", "/")
        if not _FILES.match(path) or ".." in re.split(r"[/?=&]", plain) or posixpath.normpath(path) != path.rstrip("/"):
            raise AudioForbidden(
                f"{path} is not the address of a file in Label Studio.",
                remedy="Use what Label Studio itself writes: /data/upload/…, /data/local-files/?d=….",
            )
        return f"{path}?{parts.query}" if parts.query else path

    @contextmanager
    def download(self, path: str, limits: Limits) -> Iterator[Iterator[bytes] | Elsewhere]:
        """The bytes of a file by its `file_path`, or Elsewhere; raises AudioError as well.

        A body that is cut (Label Studio stops a proxied one after 20 s, RESOLVER_PROXY_TIMEOUT) is continued.
        """
        deadline = limits.clock() + limits.seconds
        with self._open(path, 0) as response:
            if response.is_redirect:
                yield Elsewhere(urljoin(self.url + path, response.headers["Location"]))
            else:
                if response.headers.get("Content-Type", "").startswith("text/html") and not self._is_up():
                    raise _not_now(f"{self.url} answers a web page for {path.partition('?')[0]}.")
                bodies.check_head(response, limits, path)
                yield self._continued(response, path, limits, deadline)

    def _continued(self, response: requests.Response, path: str, limits: Limits, deadline: float) -> Iterator[bytes]:
        size, total = 0, _total(response)
        # Without a Content-Length we could not tell what is missing: then a cut is an error.
        reader = _until_cut if total else bodies.read
        for chunk in reader(response, limits, deadline, path):
            size += len(chunk)
            yield chunk
        while size < total:
            before = size
            with self._open(path, size) as rest:
                for chunk in _until_cut(rest, limits, deadline, path) if rest.status_code == 206 else ():
                    size += len(chunk)
                    yield chunk
            if size == before or size > limits.max_bytes:
                raise BodyCut(
                    f"{path}: Label Studio stopped sending after {size} of {total} bytes.",
                    remedy="Raise RESOLVER_PROXY_TIMEOUT of Label Studio, or let its cloud storage presign URLs.",
                )

    def _open(self, path: str, start: int) -> requests.Response:
        for _ in range(_REDIRECTS):
            headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
            response = self._send("GET", path, headers=headers, stream=True)
            target = urljoin(self.url + path, response.headers.get("Location", ""))
            if not response.is_redirect or _origin(urlsplit(target)) != _origin(self._parts):
                return response
            response.close()
            try:
                path = self.file_path(target) or path
            except AudioForbidden as error:
                raise self._redirected(response, path) from error
        raise StudioError(f"Label Studio redirects {path} more than {_REDIRECTS} times.", remedy="Check its proxy.")

    def _page(self, page: int, params: dict[str, Any]) -> dict[str, Any]:
        try:
            return _object(self.get("/api/tasks/", page=page, **params), "tasks")
        except StudioNotFound:
            if page == 1:
                raise
            return {}  # the last page, and tasks were deleted meanwhile

    def _call(self, method: str, path: str, **kwargs: Any) -> Any:
        return self._json(self._send(method, path, **kwargs), path)

    def _json(self, response: requests.Response, path: str) -> Any:
        if response.is_redirect:
            raise self._redirected(response, path)
        if not response.content:
            return None
        try:
            return response.json()
        except ValueError as error:
            raise _not_now(f"{self.url}{path.partition('?')[0]} does not answer JSON.") from error

    def _redirected(self, response: requests.Response, path: str) -> StudioUnreachable:
        return StudioUnreachable(
            f"{self.url} redirects {path.partition('?')[0]} to {response.headers['Location'].partition('?')[0]}.",
            remedy="Set LABEL_STUDIO_URL to the address that Label Studio has now.",
            mended=Mended.OPERATOR,
        )

    def _send(self, method: str, path: str, **kwargs: Any) -> requests.Response:
        response = self._request(method, path, self._authorization.header(), **kwargs)
        if response.status_code == 401 and self._authorization.forget():
            response = self._request(method, path, self._authorization.header(), **kwargs)
        if response.status_code >= 400:
            with response:
                failure = self._failure(response, path)
                failure.detail = response.text
            raise failure
        return response

    def _request(self, method: str, path: str, authorization: str, **kwargs: Any) -> requests.Response:
        try:
            return self._session.request(
                method,
                self.url + path,
                auth=_header(authorization),
                timeout=_TIMEOUT,
                allow_redirects=False,
                **kwargs,
            )
        except requests.RequestException as error:
            raise StudioUnreachable(
                f"Label Studio does not answer at {self.url} ({type(error).__name__}).",
                remedy="Check LABEL_STUDIO_URL, as seen from this backend (in a container, localhost is not the host).",
            ) from error

    def _exchange(self, personal: str) -> str:
        path = "/api/token/refresh/"
        response = self._request("POST", path, "", json={"refresh": personal})
        if response.status_code >= 400:
            raise self._failure(response, path)
        return str(_object(self._json(response, path)).get("access", ""))

    def _failure(self, response: requests.Response, path: str) -> StudioError:
        status, where = response.status_code, path.partition("?")[0]
        if status == 401:
            problem, remedy = _DENIALS[self._authorization.kind]
            return StudioDenied(problem, remedy=remedy)
        if status == 403:
            return StudioDenied(
                f"The user of LABEL_STUDIO_API_KEY may not do this in Label Studio ({where}).",
                remedy="Give the user access to the project, or use another user's token.",
            )
        if self._says_missing(response, where):
            return StudioNotFound(f"Label Studio has nothing at {where}.", remedy=_missing_remedy(where))
        if status >= 500 or status == 429:  # a proxy before Label Studio limits requests
            return StudioUnreachable(f"Label Studio answers {status} for {where}.", remedy=_missing_remedy(where))
        if not _is_own(response):
            return StudioUnreachable(
                f"Something that is not Label Studio answers {status} at {self.url}{where}.",
                remedy="Check LABEL_STUDIO_URL, and the proxy in front of Label Studio.",
            )
        return StudioError(f"Label Studio answers {status} for {where}: {_detail(response)}")

    def _says_missing(self, response: requests.Response, where: str) -> bool:
        """Whether Label Studio itself, and not a proxy without its upstream, says that something is gone."""
        if response.status_code == 400:
            return _is_own(response) and any(words in response.text for words in _IS_GONE)
        if response.status_code == 500:  # 1.23.2's way to miss an upload
            return "has_permission" in response.text
        # Files are not served by its API: their 404 has no words of its own.
        return response.status_code == 404 and (_is_own(response) or (bool(_FILES.match(where)) and self._is_up()))

    def _is_up(self) -> bool:
        try:
            told = self._request("GET", "/health", "").json()
        except (StudioError, ValueError):
            return False
        return isinstance(told, dict) and told.get("status") == "UP"


def _session() -> requests.Session:
    session = bodies.OneHopSession()
    session.hooks["response"].append(bodies.shorten_error)
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(pool_maxsize=32))
    return session


def _header(authorization: str) -> Callable[[requests.PreparedRequest], requests.PreparedRequest]:
    """As `auth` and not among the headers, because requests would prefer a ~/.netrc to a header."""

    def apply(request: requests.PreparedRequest) -> requests.PreparedRequest:
        if authorization:
            request.headers["Authorization"] = authorization
        return request

    return apply


def _origin(parts: Any) -> tuple[str, str, int]:
    return parts.scheme, parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


def _object(answer: Any, *names: str) -> dict[str, Any]:
    """A JSON object with these names: what stands before Label Studio may say `{"status": "ok"}` to everything."""
    if not isinstance(answer, dict) or not answer.keys() >= set(names):
        raise _not_now("What answers at LABEL_STUDIO_URL does not answer as Label Studio does.")
    return answer


def _not_now(problem: str) -> StudioUnreachable:
    return StudioUnreachable(
        problem, remedy="Check that LABEL_STUDIO_URL is a Label Studio, and that it is not being maintained."
    )


def _is_own(response: requests.Response) -> bool:
    """Whether an error is in Label Studio's own words (1.23 core/utils/common.py, custom_exception_handler)."""
    try:
        told = response.json()
    except ValueError:
        return False
    return isinstance(told, dict) and {"status_code", "version", "detail"} <= told.keys()


def _until_cut(response: requests.Response, limits: Limits, deadline: float, path: str) -> Iterator[bytes]:
    with contextlib.suppress(BodyCut):
        yield from bodies.read(response, limits, deadline, path)


def _total(response: requests.Response) -> int:
    length = response.headers.get("Content-Length", "")
    return int(length) if length.isdecimal() else 0


def _detail(response: requests.Response) -> str:
    return " ".join(response.text[:300].split())


def _missing_remedy(path: str) -> str:
    if path.startswith("/data/local-files"):
        return "Add a local storage to the project (Settings > Cloud Storage) that covers the file's folder."
    if path.startswith(("/tasks/", "/projects/")):
        return "Add the cloud storage that holds the file to the project (Settings > Cloud Storage)."
    if path.startswith("/data/"):
        return "Check that the upload has not been deleted in Label Studio."
    if path.startswith("/api/token/"):
        return "Check LABEL_STUDIO_URL; a Label Studio older than personal access tokens requires a legacy token."
    return "Check that the project or task has not been deleted."
