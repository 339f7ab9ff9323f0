"""Real HTTP servers on 127.0.0.1 for tests."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Reply:
    """What a server answers; `body` may be an endless iterator, `length` may lie."""

    status: int = 200
    body: bytes | Iterator[bytes] = b""
    headers: dict[str, str] = field(default_factory=dict)
    length: int | None = None


@dataclass
class Request:
    """What a server was asked."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Server:
    """A running server and what it was asked so far."""

    url: str
    requests: list[Request]

    @property
    def host(self) -> str:
        """host:port."""
        return self.url.removeprefix("http://")


@contextmanager
def serve(answer: Callable[[Request], Reply]) -> Iterator[Server]:
    """A server that answers as `answer` says, until the end of the block."""
    seen: list[Request] = []

    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            request = Request(self.command, self.path, dict(self.headers), body)
            seen.append(request)
            try:
                self.reply(answer(request))
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

        def reply(self, reply: Reply) -> None:
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            if isinstance(reply.body, bytes):
                self.send_header("Content-Length", str(len(reply.body) if reply.length is None else reply.length))
            self.end_headers()
            for chunk in [reply.body] if isinstance(reply.body, bytes) else reply.body:
                self.wfile.write(chunk)

        do_GET = do_POST = do_PATCH = do_DELETE = do_PUT = do_HEAD = handle_any

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield Server(f"http://127.0.0.1:{server.server_port}", seen)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
