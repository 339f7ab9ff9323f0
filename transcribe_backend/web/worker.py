"""gunicorn's threaded worker, made patient with slow clients.

The original (gunicorn 27, workers/gthread.py) gives a thread to each connection that it accepts, and that thread waits
for whatever the client sends, however slowly, before anybody has asked for a password: as many connections as there are
threads, one byte each, silence the server. It also waits up to two seconds for each client to hang up, in the one
thread that accepts connections.
"""

import selectors
import socket
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

from gunicorn.errors import ConfigError
from gunicorn.workers.gthread import TConn, ThreadWorker

GRACE = 10.0
"""Seconds for the head of a request, and for its body before a pace is asked of it."""
SLOWEST = 16 * 1024
"""Bytes per second of a body."""
_MOST_WAITING, _AT_ONCE = 256, 64
_LONGEST_HEAD = 64 * 1024
_LINGER, _LINGER_BYTES = 2.0, 16 * 1024**2
_HURRY = 0.1
_SOON = 0.05  # a thread waits so long for the next request on a connection
_SHORT = 64 * 1024
_TURN_SECONDS = 0.001  # a thread that computes makes those that answer wait a fifth of Python's usual time
_QUICK = (b"GET /health ", b"GET / ")
Next = Callable[["_Connection"], None]
_BODY = (b"\r\ncontent-length:", b"\r\ntransfer-encoding:")


class PatientWorker(ThreadWorker):  # type: ignore[misc]
    """A connection costs a thread when the head of its request is here; `/health` has threads of its own."""

    @classmethod
    def check_config(cls, cfg: Any, log: Any) -> None:
        """TLS would be negotiated before the head can be looked at. Raises gunicorn's ConfigError."""
        if cfg.is_ssl:
            raise ConfigError("TLS is not for this server: put a proxy in front of it")

    def init_process(self) -> None:
        """In the worker's process, before it serves."""
        sys.setswitchinterval(_TURN_SECONDS)
        self._heads = _Waiting(self, GRACE, _received, self._lost)
        self._lingering = _Waiting(self, _LINGER, _ignored, _Connection.close)
        self._quick = ThreadPoolExecutor(2, "health")
        self._busy = 0
        super().init_process()

    def accept(self, listener: socket.socket) -> None:
        """Take what connections there are and wait for what they ask."""
        for _ in range(_AT_ONCE):
            try:
                client, address = listener.accept()
            except OSError:  # no more, gone again, or no file left for it: then it stays in the listener's queue
                return
            self.nr_conns += 1
            self.enqueue_req(_Connection(self.cfg, client, address, listener.getsockname(), self._linger))

    def enqueue_req(self, conn: "_Connection") -> None:
        """Hand the connection over to a thread once the head of its next request has arrived."""
        if conn.parser:
            conn.head = conn.parser.unreader.take_buffered()
        if _is_head(conn.head):
            self._hand_over(conn)
            return
        if len(self._heads) >= _MOST_WAITING:
            self._heads.drop_oldest()
        self._heads.add(conn, self._hand_over)

    def murder_pending(self) -> None:
        """Called at least once a second."""
        super().murder_pending()
        for waiting in (self._heads, self._lingering):
            waiting.expire()

    def handle_request(self, req: Any, conn: "_Connection") -> Any:
        """A quick answer is the last on its connection: nobody can make its thread wait for room to write."""
        if conn.is_quick:
            req.force_close()
        with conn.whole_answers():
            return super().handle_request(req, conn)

    def finish_request(self, conn: "_Connection", future: Any) -> None:
        """In the thread that accepts connections: a thread is free again."""
        self._busy -= not conn.is_quick
        super().finish_request(conn, future)

    def _hand_over(self, conn: "_Connection") -> None:
        conn.is_quick = _is_quick(conn.head)
        conn.begin()
        self._busy += not conn.is_quick
        pool = self._quick if conn.is_quick else self.tpool
        done = pool.submit(self._serve, conn)
        done.add_done_callback(lambda future: self.method_queue.defer(self.finish_request, conn, future))

    def _serve(self, conn: "_Connection") -> Any:
        """A thread answers one request after the other while they follow each other closely and half of the threads
        are free: to be handed over costs more than a short answer does.
        """
        keeps = self.handle(conn)
        while keeps and self.alive and self._busy <= self.cfg.threads // 2 and conn.asks_again():
            keeps = self.handle(conn)
        return keeps

    def _keepalive_after(self, conn: "_Connection", keepalive: bool) -> bool:
        """A body that the application did not care to read is not waited for."""
        conn.pace.begin(_HURRY)
        return bool(super()._keepalive_after(conn, keepalive))

    def _lost(self, conn: "_Connection") -> None:
        self.nr_conns -= 1
        conn.close()

    def _linger(self, conn: "_Connection") -> None:
        """A client that is still sending would not read our answer if we closed at once (RFC 9112, 9.6)."""
        try:
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:
            conn.close()
            return
        self._lingering.add(conn, _Connection.close)


class _Connection(TConn):  # type: ignore[misc]
    """`head` is what has arrived of the next request."""

    sock: Any

    def __init__(self, cfg: Any, sock: socket.socket, client: Any, server: Any, linger: Callable[..., None]) -> None:
        super().__init__(cfg, sock, client, server)
        self.head, self.is_quick, self.ignored = b"", False, 0
        self._linger = linger

    def begin(self) -> None:
        """Let a thread parse the head, and read the body at its pace."""
        self.data_ready = True
        if not self.parser:
            self.init()
            self.pace = self.parser.unreader.sock = _Paced(self.sock)
        self.parser.unreader.unread(self.head)
        self.head = b""
        self.pace.begin(GRACE)

    def asks_again(self) -> bool:
        """Whether the next request follows at once, its head whole; what else arrives is left to be waited for."""
        self.head = self.parser.unreader.take_buffered()
        if not _is_head(self.head):
            self.sock.settimeout(_SOON)
            with suppress(OSError):
                self.head += self.sock.recv(_LONGEST_HEAD)
            self.sock.settimeout(None)
        asks = _is_head(self.head) and not _is_quick(self.head)
        if asks:
            self.begin()
        else:
            self.parser.unreader.unread(self.head)
        return asks

    @contextmanager
    def whole_answers(self) -> Iterator[None]:
        """Head and body of an answer are sent together."""
        plain, self.sock = self.sock, _Joining(self.sock)
        try:
            yield
            self.sock.flush()
        finally:
            self.sock = plain

    def close(self, graceful: bool = False) -> None:
        """At once, or when the client has read the answer."""
        if graceful:
            self._linger(self)
        else:
            super().close()


class _Paced:
    """The receiving side of a socket, for peers that keep a pace."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self.begin(GRACE)

    def begin(self, grace: float) -> None:
        """From now on."""
        self._deadline = time.monotonic() + grace

    def recv(self, size: int) -> bytes:
        """Like socket.recv; raises TimeoutError when the peer is too slow."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("The client sends too slowly.")
        self._sock.settimeout(left)
        try:
            data = self._sock.recv(size)
        finally:
            self._sock.settimeout(None)
        self._deadline += len(data) / SLOWEST
        return data


class _Joining:
    """The sending side of a socket: what is short is sent with what follows."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._held = b""

    def sendall(self, data: bytes) -> None:
        """Like socket.sendall, but for what is held until `flush`."""
        self._held += data
        if len(self._held) > _SHORT:
            self.flush()

    def flush(self) -> None:
        """Send what is held."""
        held, self._held = self._held, b""
        if held:
            self._sock.sendall(held)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


class _Waiting:
    """Connections that are waited for by the worker's event loop, `seconds` at most each.

    Each piece that arrives is given to `enough`, which says whether the wait is over; `lost` ends a connection that
    says nothing more, or not in time.
    """

    def __init__(
        self, worker: PatientWorker, seconds: float, enough: Callable[["_Connection", bytes], bool], lost: Next
    ) -> None:
        self._worker = worker
        self._seconds = seconds
        self._enough = enough
        self._lost = lost
        self._until: dict[_Connection, float] = {}

    def __len__(self) -> int:
        return len(self._until)

    def add(self, conn: "_Connection", then: Next) -> None:
        """Wait for it; `then` is what follows."""
        conn.sock.setblocking(False)
        self._until[conn] = time.monotonic() + self._seconds
        self._worker.poller.register(conn.sock, selectors.EVENT_READ, partial(self._readable, conn, then))

    def expire(self) -> None:
        """End those whose time is over; the first to come are the first to go."""
        now = time.monotonic()
        while self._until and next(iter(self._until.values())) <= now:
            self.drop_oldest()

    def drop_oldest(self) -> None:
        """End the one that has been waited for longest."""
        self._leave(next(iter(self._until)), self._lost)

    def _readable(self, conn: "_Connection", then: Next, sock: socket.socket) -> None:
        if conn not in self._until:  # this turn of the loop has just ended it
            return
        try:
            data = sock.recv(_LONGEST_HEAD)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._leave(conn, self._lost)
        elif self._enough(conn, data):
            self._leave(conn, then)

    def _leave(self, conn: "_Connection", then: Next) -> None:
        del self._until[conn]
        self._worker.poller.unregister(conn.sock)
        then(conn)


def _received(conn: _Connection, data: bytes) -> bool:
    conn.head += data
    return _is_head(conn.head)


def _ignored(conn: _Connection, data: bytes) -> bool:
    conn.ignored += len(data)
    return conn.ignored > _LINGER_BYTES


def _is_head(data: bytes) -> bool:
    """Is it complete, or so long that the parser will refuse it?"""
    return b"\r\n\r\n" in data or len(data) > _LONGEST_HEAD


def _is_quick(head: bytes) -> bool:
    """Can it be answered without waiting for anything, not even for a body?"""
    return head.startswith(_QUICK) and not any(name in head.lower() for name in _BODY)
