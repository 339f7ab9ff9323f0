"""`python -m benchmarks.small_studio PORT`: the part of Label Studio's API that deliveries use, without its weight.

On two cores a real Label Studio takes longer to store thousands of predictions than the backend to deliver them; what
must be shown with the real one is shown in tests/e2e.
"""

import json
import re
import sys
import threading
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from transcribe_backend.labeling.templates import SPEECH_RECOGNITION

CREATED = "2026-01-01T00:00:00.000000Z"
_stored: dict[int, list[dict[str, Any]]] = defaultdict(list)
_lock = threading.Lock()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if match := re.match(r"/api/projects/(\d+)/?$", parts.path):
            self._answer(200, {"id": int(match[1]), "created_at": CREATED, "label_config": SPEECH_RECOGNITION})
        elif parts.path.startswith("/api/predictions"):
            task = parse_qs(parts.query).get("task")
            with _lock:
                self._answer(200, _stored[int(task[0])] if task else {str(k): len(v) for k, v in _stored.items()})
        else:
            self._answer(200, {"status": "UP"})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with _lock:
            _stored[body["task"]].append(body)
        self._answer(201, {"id": 1})

    def _answer(self, status: int, body: Any) -> None:
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: Any) -> None:
        pass


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), _Handler).serve_forever()
