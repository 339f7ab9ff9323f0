"""Clients that send a byte now and then, or nothing, or never hang up: they cost the others nothing."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import pytest
import requests

from harness import protocol
from harness.backend import backend
from tests.api.conftest import BUCKET

MOST_SECONDS = 3.0
"""Of one /health on a busy machine; before there were receive timeouts it was 65 s."""
ROUNDS = 15
HEAD = b"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n"
AUTH = ("label-studio", "open sesame")


@pytest.fixture(scope="module")
def ports(aws_env: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[bool, int]]:
    """Ports of two backends as they are by default, 64 threads: with a password (True) and without."""
    password = {"BASIC_AUTH_USER": AUTH[0], "BASIC_AUTH_PASS": AUTH[1]}
    with ExitStack() as stack:
        servers = {}
        for guarded in (True, False):
            folder = tmp_path_factory.mktemp("backend")
            env = {**aws_env, "S3_BUCKET": BUCKET, "MODEL_DIR": str(folder), **(password if guarded else {})}
            servers[guarded] = stack.enter_context(backend(env, folder / "backend.log"))
        yield {guarded: int(server.url.rpartition(":")[2]) for guarded, server in servers.items()}
        assert [server.log.count("Booting worker") for server in servers.values()] == [1, 1]


@contextmanager
def connected(port: int, count: int, first: bytes, drip: bytes = b"") -> Iterator[list[socket.socket]]:
    """`count` clients that have sent `first` and then send `drip` again and again; they never hang up."""
    clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(count)]
    ended = threading.Event()

    def send() -> None:
        for client in clients:
            with suppress(OSError):
                client.sendall(first)
        while drip and not ended.wait(0.5):
            for client in clients:
                with suppress(OSError):
                    client.sendall(drip)

    sender = threading.Thread(target=send)
    sender.start()
    try:
        yield clients
    finally:
        ended.set()
        sender.join()
        for client in clients:
            client.close()


def slowest_health(port: int) -> float:
    """Seconds of the slowest of many /health, a new connection each."""
    times = []
    for _ in range(ROUNDS):
        begun = time.monotonic()
        assert requests.get(f"http://127.0.0.1:{port}/health", timeout=60).status_code == 200
        times.append(time.monotonic() - begun)
        time.sleep(0.1)
    return max(times)


@pytest.mark.parametrize(
    ("count", "first", "drip"),
    [
        (64, b"", b""),
        (64, b"P", b"O"),
        (500, b"P", b"O"),
        (64, b"GET /health HTTP/1.1\r\n", b"X-A: b\r\n"),
        (64, HEAD, b""),
        (64, HEAD + b"{", b" "),
        (64, HEAD.replace(b"/predict", b"/health"), b" "),
        (64, b"no HTTP at all\r\n\r\n", b""),
        (64, b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 50, b""),
    ],
    ids=("silent", "a byte", "500 of a byte", "headers", "no body", "body", "body of health", "garbage", "deaf"),
)
@pytest.mark.parametrize("guarded", [True, False], ids=("guarded", "open"))
def test_health_answers_under_slow_clients(
    ports: dict[bool, int], count: int, first: bytes, drip: bytes, guarded: bool
) -> None:
    with connected(ports[guarded], count, first, drip):
        assert slowest_health(ports[guarded]) < MOST_SECONDS


@pytest.mark.parametrize("first", [b"P", HEAD + b"{"], ids=("head", "body"))
def test_who_knows_the_password_is_served_while_others_drip(ports: dict[bool, int], first: bytes) -> None:
    port = ports[True]
    with connected(port, 64, first, b" "):
        for _ in range(10):
            begun = time.monotonic()
            answer = requests.post(f"http://127.0.0.1:{port}/setup", json=protocol.setup(), auth=AUTH, timeout=60)
            assert answer.status_code == 200
            assert time.monotonic() - begun < MOST_SECONDS


def test_a_slow_client_that_comes_to_an_end_is_answered(ports: dict[bool, int]) -> None:
    body = json.dumps(protocol.setup()).encode()
    head = HEAD.replace(b"/predict", b"/setup").replace(b"100000", str(len(body)).encode())
    with socket.create_connection(("127.0.0.1", ports[False]), timeout=30) as client:
        for piece in (head[:20], head[20:-1], head[-1:], body[:7], body[7:]):
            client.sendall(piece)
            time.sleep(0.3)
        assert client.recv(4096).startswith(b"HTTP/1.1 200 OK")
        client.sendall(head + body + head + body)  # kept alive, and the next two at once
        said = b""
        while said.count(b"HTTP/1.1 200 OK") < 2:
            said += client.recv(4096)


def test_requests_that_follow_each_other_closely_or_in_pieces_are_all_answered(ports: dict[bool, int]) -> None:
    body = json.dumps(protocol.setup()).encode()
    whole = HEAD.replace(b"/predict", b"/setup").replace(b"100000", str(len(body)).encode()) + body
    health = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    with socket.create_connection(("127.0.0.1", ports[False]), timeout=30) as client:
        for pieces in ([whole], [whole], [whole[:20], whole[20:]], [whole[:-5], whole[-5:]]):
            for piece in pieces:
                client.sendall(piece)
                time.sleep(0.2 if len(pieces) > 1 else 0)
            assert b'"model_version"' in client.recv(4096)
        client.sendall(whole + health)
        with client.makefile("rb") as answers:
            said = answers.read()  # a quick answer ends its connection
        assert said.index(b'"model_version"') < said.index(b'"UP"')


@pytest.mark.parametrize("first", [b"P", HEAD + b"{"], ids=("head", "body"))
def test_a_dripping_connection_is_ended(ports: dict[bool, int], first: bytes) -> None:
    with connected(ports[False], 1, first, b" ") as (client,):
        client.settimeout(30)
        with suppress(ConnectionResetError):
            while client.recv(4096):
                pass


def test_a_refused_request_is_told_why_however_large_it_is(ports: dict[bool, int]) -> None:
    port = ports[True]
    for _ in range(5):
        answer = requests.post(f"http://127.0.0.1:{port}/predict", data=b" " * 3_000_000, timeout=30)
        assert answer.status_code == 401
