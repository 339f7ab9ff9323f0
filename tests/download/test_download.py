"""Downloads of URLs that somebody else chose: what is let through, and what is cut off."""

import gzip
import itertools
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from tests.servers import Reply, Request, Server, serve
from transcribe_backend.download.bodies import BodyCut, Limits
from transcribe_backend.download.download import Downloader, is_public
from transcribe_backend.errors import AudioError, AudioForbidden, AudioNotFound, AudioUnsupported

LIMITS = Limits(max_bytes=1_000_000, seconds=30)


@pytest.fixture
def replies() -> dict[str, Reply]:
    return {"/a.wav": Reply(200, b"audio")}


@pytest.fixture
def server(replies: dict[str, Reply]) -> Iterator[Server]:
    def answer(request: Request) -> Reply:
        return replies.get(request.path.partition("?")[0], Reply(404))

    with serve(answer) as running:
        yield running


@pytest.fixture
def downloader(server: Server) -> Downloader:
    return Downloader([server.host], LIMITS)


def body(downloader: Downloader, url: str) -> bytes:
    with downloader.open(url) as chunks:
        return b"".join(chunks)


def test_download(downloader: Downloader, server: Server) -> None:
    assert body(downloader, f"{server.url}/a.wav?q=a%2Bb+c") == b"audio"
    assert server.requests[0].path == "/a.wav?q=a%2Bb+c"
    headers = server.requests[0].headers
    assert headers["Accept-Encoding"] == "identity" and headers["Host"] == server.host
    assert "Authorization" not in headers and "Cookie" not in headers


def test_private_addresses_are_refused_unless_named(server: Server) -> None:
    with pytest.raises(AudioForbidden, match="not public") as caught:
        body(Downloader([], LIMITS), f"{server.url}/a.wav")
    assert f"add {server.host} to ALLOWED_AUDIO_HOSTS" in caught.value.remedy
    assert server.requests == []
    assert body(Downloader(["127.0.0.1"], LIMITS), f"{server.url}/a.wav") == b"audio"
    with pytest.raises(AudioForbidden, match="not public"):
        body(Downloader(["127.0.0.1:1", "example.com"], LIMITS), f"{server.url}/a.wav")


def test_proxies_and_netrc_of_the_environment_are_not_used(
    downloader: Downloader, server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login x password y\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with serve(lambda request: Reply(200, b"proxied")) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        assert body(downloader, f"{server.url}/a.wav") == b"audio"
        assert proxy.requests == []
    assert "Authorization" not in server.requests[0].headers


def test_redirects_are_followed_five_times(downloader: Downloader, server: Server, replies: dict[str, Reply]) -> None:
    for number in range(6):
        replies[f"/{number}"] = Reply(302, headers={"Location": f"/{number - 1}" if number else "/a.wav"})
    assert body(downloader, f"{server.url}/4") == b"audio"
    with pytest.raises(AudioForbidden, match="more than 5 times"):
        body(downloader, f"{server.url}/5")


@pytest.mark.parametrize(
    ("location", "problem"),
    [
        ("http://169.254.169.254/latest/meta-data/", "not public"),
        ("//169.254.169.254/latest/", "not public"),
        ("http://localhost/", "not public"),
        ("http://[::ffff:127.0.0.1]/", "not public"),
        ("file:///etc/passwd", "something else than http"),
        ("ftp://example.com/a.wav", "something else than http"),
        ("http://user:secret@127.0.0.1/", "user name or password"),
        ("http://x\\@127.0.0.1/", "control characters or backslashes"),
        ("http://[::1", "not a valid URL"),
    ],
)
def test_each_redirect_is_checked(
    downloader: Downloader, server: Server, replies: dict[str, Reply], location: str, problem: str
) -> None:
    replies["/r"] = Reply(302, headers={"Location": location})
    with pytest.raises(AudioForbidden, match=problem) as caught:
        body(downloader, f"{server.url}/r")
    assert "secret" not in caught.value.advice
    assert [request.path for request in server.requests] == ["/r"]


def test_the_body_of_a_redirect_is_not_read(downloader: Downloader, server: Server, replies: dict[str, Reply]) -> None:
    sent = itertools.count()
    replies["/r"] = Reply(302, (b"x" * 65536 for _ in sent), {"Location": "/a.wav"})
    assert body(downloader, f"{server.url}/r") == b"audio"
    assert next(sent) < 1000


def test_redirect_to_a_forbidden_server_reaches_nobody(
    downloader: Downloader, server: Server, replies: dict[str, Reply]
) -> None:
    with serve(lambda request: Reply(200, b"metadata")) as forbidden:
        replies["/r"] = Reply(302, headers={"Location": f"{forbidden.url}/x"})
        with pytest.raises(AudioForbidden):
            body(downloader, f"{server.url}/r")
        assert forbidden.requests == []


@pytest.mark.parametrize(
    ("status", "error", "retryable"),
    [
        (404, AudioNotFound, False),
        (410, AudioNotFound, False),
        (401, AudioForbidden, False),
        (403, AudioForbidden, False),
        (400, AudioError, False),
        (206, AudioError, False),
        (500, AudioError, True),
        (503, AudioError, True),
    ],
)
def test_statuses(
    downloader: Downloader, server: Server, replies: dict[str, Reply], status: int, error: type, retryable: bool
) -> None:
    replies["/s"] = Reply(status, b"details")
    with pytest.raises(error, match=f"answers {status}") as caught:
        body(downloader, f"{server.url}/s?X-Amz-Signature=secret")
    assert caught.value.retryable is retryable
    assert caught.value.remedy and "secret" not in caught.value.advice


def test_no_server() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(AudioError, match=f"{host} does not answer") as caught:
            body(Downloader([host], LIMITS), f"http://{host}/a.wav")
    assert caught.value.retryable


def test_announced_length_over_the_limit_is_not_read(
    downloader: Downloader, server: Server, replies: dict[str, Reply]
) -> None:
    replies["/big"] = Reply(200, b"x", length=10 * 1024**3)
    with pytest.raises(AudioUnsupported, match="larger than"):
        body(downloader, f"{server.url}/big")


def test_endless_body_is_cut_off(downloader: Downloader, server: Server, replies: dict[str, Reply]) -> None:
    replies["/endless"] = Reply(200, itertools.repeat(b"x" * 65536))
    read = 0
    with pytest.raises(AudioUnsupported, match="larger than"), downloader.open(f"{server.url}/endless") as chunks:
        for chunk in chunks:
            read += len(chunk)
    assert read <= LIMITS.max_bytes


def test_slow_body_meets_the_deadline(server: Server, replies: dict[str, Reply]) -> None:
    now = itertools.count()  # the clock moves one second whenever it is read
    limits = Limits(max_bytes=10**9, seconds=20, clock=lambda: float(next(now)))
    replies["/slow"] = Reply(200, itertools.repeat(b"x"))
    with pytest.raises(AudioError, match="not downloaded within 20 s"):
        body(Downloader([server.host], limits), f"{server.url}/slow")


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "gzip, gzip", "x-unknown"])
def test_compressed_bodies_are_refused(
    downloader: Downloader, server: Server, replies: dict[str, Reply], encoding: str
) -> None:
    replies["/bomb"] = Reply(200, gzip.compress(bytes(10_000_000)), {"Content-Encoding": encoding})
    with pytest.raises(AudioUnsupported, match="sent compressed"):
        body(downloader, f"{server.url}/bomb")


def test_plain_encodings_are_read(downloader: Downloader, server: Server, replies: dict[str, Reply]) -> None:
    replies["/plain"] = Reply(200, b"audio", {"Content-Encoding": "identity"})
    assert body(downloader, f"{server.url}/plain") == b"audio"


def test_chunked_body(downloader: Downloader, server: Server, replies: dict[str, Reply]) -> None:
    frames = iter([b"3\r\naud\r\n", b"2\r\nio\r\n", b"0\r\n\r\n"])
    replies["/chunked"] = Reply(200, frames, {"Transfer-Encoding": "chunked"})
    assert body(downloader, f"{server.url}/chunked") == b"audio"


def test_body_cut_in_the_middle(downloader: Downloader, server: Server, replies: dict[str, Reply]) -> None:
    replies["/half"] = Reply(200, b"half", length=8)
    with pytest.raises(BodyCut, match="ended early"):
        body(downloader, f"{server.url}/half")


def test_unicode_and_blanks_in_paths(downloader: Downloader, server: Server, replies: dict[str, Reply]) -> None:
    replies["/some%20dir/h%C3%A9llo.wav"] = Reply(200, b"audio")
    assert body(downloader, f"{server.url}/some dir/héllo.wav") == b"audio"


class Resolver:
    """getaddrinfo that answers names from a script, one entry per question, and passes addresses on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *answers: str) -> None:
        self.answers = list(answers)
        self.real = socket.getaddrinfo
        monkeypatch.setattr(socket, "getaddrinfo", self)

    def __call__(self, host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        return self.real(self.answers.pop(0) if host == "rebind.example" else host, port, *args, **kwargs)


def test_rebinding_the_checked_address_is_the_connected_one(monkeypatch: pytest.MonkeyPatch) -> None:
    connected = []

    def connect(address: Any, *args: Any, **kwargs: Any) -> Any:
        connected.append(address)
        raise OSError("no network here")

    monkeypatch.setattr("urllib3.util.connection.create_connection", connect)
    resolver = Resolver(monkeypatch, "93.184.216.34", "127.0.0.1")
    with pytest.raises(AudioError, match="rebind.example:8080 does not answer"):
        body(Downloader([], LIMITS), "http://rebind.example:8080/a.wav")
    assert connected == [("93.184.216.34", 8080)]
    assert resolver.answers == ["127.0.0.1"], "resolved once: there is no second answer to be fooled by"


def test_rebinding_between_redirects(
    server: Server, replies: dict[str, Reply], monkeypatch: pytest.MonkeyPatch
) -> None:
    port = server.host.partition(":")[2]
    replies["/r"] = Reply(302, headers={"Location": f"http://rebind.example:{port}/a.wav"})
    Resolver(monkeypatch, "127.0.0.1")
    with pytest.raises(AudioForbidden, match="rebind.example:.* not public"):
        body(Downloader([server.host], LIMITS), f"{server.url}/r")
    assert [request.path for request in server.requests] == ["/r"]


@pytest.mark.parametrize(
    "address",
    [
        "0.1.2.3", "10.0.0.1", "100.64.0.1", "127.0.0.1", "127.255.255.254", "169.254.169.254", "172.16.0.1",
        "172.31.255.255", "192.0.0.1", "192.0.2.1", "192.168.1.1", "198.18.0.1", "198.51.100.1", "203.0.113.1",
        "224.0.0.1", "240.0.0.1", "255.255.255.255", "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1",
        "::ffff:169.254.169.254", "::ffff:0:127.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::7f00:1", "100::1", "2001::1",
        "2001:db8::1", "2002:7f00:1::", "fc00::1", "fd00:ec2::254", "fe80::1", "fec0::1", "ff02::1", "3fff::1",
        "5f00::1", "::ffff:0:0",
    ],
)  # fmt: skip
def test_addresses_that_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "93.184.216.34", "2606:2800:220:1::1", "::ffff:8.8.8.8"])
def test_public_addresses(address: str) -> None:
    assert is_public(address)
