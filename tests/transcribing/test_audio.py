"""Every way audio gets in, and at least 60 ways it must not: real HTTP servers, S3 by moto."""

import base64
import dataclasses
import gzip
import io
import itertools
import json
import logging
import socket
import threading
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.s3 import fresh_buckets, moto_s3
from tests.servers import Reply, Request, Server, serve
from transcribe_backend.aws.clients import AWSClients
from transcribe_backend.aws.media import S3Media
from transcribe_backend.aws.staging import Staging
from transcribe_backend.download.bodies import Limits
from transcribe_backend.download.download import Downloader
from transcribe_backend.errors import (
    AudioError,
    AudioForbidden,
    AudioNotFound,
    AudioUnsupported,
    Mended,
    StudioDenied,
    StudioNotFound,
    TranscribeBackendError,
)
from transcribe_backend.settings import Settings
from transcribe_backend.studio.client import Studio
from transcribe_backend.telemetry.redact import RedactingFilter
from transcribe_backend.transcribing.audio import AudioLocator

TOKEN = "0123456789abcdef0123456789abcdef01234567"
SECRET = "5ecre7-s1gnature"


def wav(sample: int) -> bytes:
    """A second of WAV; another sample, another content."""
    file = io.BytesIO()
    with wave.open(file, "wb") as target:
        target.setnchannels(1)
        target.setsampwidth(2)
        target.setframerate(8000)
        target.writeframes(bytes([sample, 0]) * 8000)
    return file.getvalue()


UPLOAD, LOCAL, STORED, WEB, DATA = (wav(sample) for sample in range(1, 6))


@dataclass
class World:
    """Label Studio, the web, a forbidden server, and S3."""

    studio: Server
    web: Server
    forbidden: Server
    s3: Any
    model_dir: Path
    clients: AWSClients
    pages: dict[str, Reply]
    stored: dict[str, Reply]

    def locator(self, **settings: Any) -> AudioLocator:
        """A locator with `ours` as S3_BUCKET."""
        options = {"s3_bucket": "ours", "model_dir": self.model_dir, "allowed_audio_hosts": frozenset({self.web.host})}
        chosen = Settings(**{**options, "label_studio_url": self.studio.url, **settings})
        return AudioLocator(
            S3Media(self.clients, chosen),
            Staging(self.clients, chosen),
            Studio(chosen.label_studio_url, TOKEN) if chosen.label_studio_url else None,
            Downloader(chosen.allowed_audio_hosts, Limits(max_bytes=2 * 1024**2, seconds=20)),
            chosen,
        )

    def content(self, uri: str) -> bytes:
        """The bytes of an s3:// URI."""
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        body: bytes = self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        return body


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with moto_s3() as url:
        yield url


@pytest.fixture(scope="module")
def clients(endpoint: str) -> AWSClients:
    return AWSClients()


@pytest.fixture(scope="module")
def s3(endpoint: str) -> Any:
    client = fresh_buckets(endpoint)
    client.put_object(Bucket="calls", Key="a.wav", Body=STORED)
    return client


@pytest.fixture
def world(s3: Any, clients: AWSClients, tmp_path: Path) -> Iterator[World]:
    pages = {"/a.wav": Reply(200, WEB)}
    stored: dict[str, Reply] = {}

    def studio(request: Request) -> Reply:
        if request.headers.get("Authorization") != f"Token {TOKEN}":
            return Reply(401)
        if request.path == "/data/upload/1/a.wav":
            return Reply(200, UPLOAD)
        if request.path == "/data/local-files/?d=sub/a.wav":
            return Reply(200, LOCAL)
        coded = request.path.partition("/tasks/7/resolve/?fileuri=")[2]
        missing = {"status_code": 404, "version": "1.23.2", "detail": "Not found."}
        gone = Reply(404, json.dumps(missing).encode())
        return stored.get(base64.urlsafe_b64decode(coded).decode() if coded else "", gone)

    def web(request: Request) -> Reply:
        return pages.get(request.path.partition("?")[0], Reply(404))

    with serve(studio) as ls, serve(web) as www, serve(lambda request: Reply(200, WEB)) as forbidden:
        world = World(ls, www, forbidden, s3, tmp_path, clients, pages, stored)
        yield world
        assert forbidden.requests == []
    for staged in s3.list_objects_v2(Bucket="ours").get("Contents", []):
        s3.delete_object(Bucket="ours", Key=staged["Key"])


# The table of ways in


def test_s3_in_place(world: World) -> None:
    assert world.locator().locate("s3://calls/a.wav", 7).uri == "s3://calls/a.wav"
    assert world.studio.requests == []


def test_s3_scheme_in_capitals(world: World) -> None:
    assert world.locator().locate("S3://calls/a.wav", 7).uri == "s3://calls/a.wav"


@pytest.mark.parametrize("form", ["{endpoint}/calls/a.wav", "https://calls.s3.amazonaws.com/a.wav"])
def test_url_of_s3_is_the_same_media(world: World, endpoint: str, form: str) -> None:
    locator = world.locator()
    assert locator.locate(form.format(endpoint=endpoint), 7) == locator.locate("s3://calls/a.wav", 7)


def test_presigned_url_is_the_same_media(world: World) -> None:
    url = world.s3.generate_presigned_url("get_object", Params={"Bucket": "calls", "Key": "a.wav"})
    locator = world.locator()
    assert locator.locate(url, 7) == locator.locate("s3://calls/a.wav", 7)


def test_presigned_url_that_our_role_cannot_read_is_downloaded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    uploads = []

    def s3(request: Request) -> Reply:
        if request.method == "GET" and f"X-Amz-Signature={SECRET}" in request.path:
            return Reply(200, WEB)
        if request.method == "PUT":
            uploads.append(request.path.partition("?")[0])
        return Reply(200 if request.method == "PUT" else 403)

    with serve(s3) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        strangers = dataclasses.replace(world, clients=AWSClients())
        locator = strangers.locator(allowed_audio_hosts=frozenset({server.host}))
        media = locator.locate(f"{server.url}/private/b.wav?X-Amz-Signature={SECRET}", 7)
        assert uploads == ["/" + media.uri.removeprefix("s3://")]
        unsigned = locator.locate(f"{server.url}/private/b.wav", 7)
        assert unsigned.uri == unsigned.identity == "s3://private/b.wav"


def test_upload(world: World) -> None:
    media = world.locator().locate("/data/upload/1/a.wav", 7)
    assert world.content(media.uri) == UPLOAD and media.identity.startswith("sha256:")


def test_local_file(world: World) -> None:
    assert world.content(world.locator().locate("/data/local-files/?d=sub/a.wav", 7).uri) == LOCAL


def test_absolute_url_of_label_studio_gets_the_token(world: World) -> None:
    media = world.locator().locate(f"{world.studio.url}/data/upload/1/a.wav", 7)
    assert world.content(media.uri) == UPLOAD


@pytest.mark.parametrize("uri", ["gs://bucket/a b.wav", "azure-blob://box/ä.wav", "s3://only-theirs/a.wav"])
def test_cloud_storage_proxied_by_label_studio(world: World, uri: str) -> None:
    world.stored[uri] = Reply(200, STORED)
    assert world.content(world.locator().locate(uri, 7).uri) == STORED


def test_cloud_storage_presigned_by_label_studio_without_our_token(world: World) -> None:
    world.stored["gs://bucket/a.wav"] = Reply(303, headers={"Location": f"{world.web.url}/a.wav?sig={SECRET}"})
    assert world.content(world.locator().locate("gs://bucket/a.wav", 7).uri) == WEB
    assert "Authorization" not in world.web.requests[0].headers


def test_cloud_storage_presigned_to_an_object_we_can_read(world: World) -> None:
    url = world.s3.generate_presigned_url("get_object", Params={"Bucket": "calls", "Key": "a.wav"})
    world.stored["gs://bucket/a.wav"] = Reply(303, headers={"Location": url})
    assert world.locator().locate("gs://bucket/a.wav", 7).uri == "s3://calls/a.wav"


def test_a_sign_in_page_before_label_studio_is_told_as_one_and_waited_for(world: World) -> None:
    """A proxy with single sign-on redirects what bears a token only to its own page, which answers 200."""
    page = Reply(200, b"<!DOCTYPE html><title>Sign in", {"Content-Type": "text/html"})
    world.pages["/authorize"] = page
    world.stored["gs://bucket/a.wav"] = Reply(302, headers={"Location": f"{world.web.url}/authorize?state={SECRET}"})
    with pytest.raises(StudioDenied) as refused:
        world.locator().locate("gs://bucket/a.wav", 7)
    assert "sign-in page of 127.0.0.1" in refused.value.problem and SECRET not in refused.value.advice
    assert "without single sign-on" in refused.value.remedy
    assert refused.value.mended is Mended.OPERATOR


def test_web(world: World) -> None:
    assert world.content(world.locator().locate(f"{world.web.url}/a.wav?x=1", 7).uri) == WEB


@pytest.mark.parametrize("head", ["data:audio/wav;base64,", "DATA:audio/x-wav;a=b;base64,", "data:video/mp4;base64,"])
def test_data_uri(world: World, head: str) -> None:
    assert world.content(world.locator().locate(head + base64.b64encode(DATA).decode()).uri) == DATA


def test_the_same_bytes_by_many_ways_are_one_object(world: World) -> None:
    locator = world.locator()
    world.pages["/upload-copy.mp3"] = Reply(200, UPLOAD)
    values = ["/data/upload/1/a.wav", f"{world.web.url}/upload-copy.mp3"]
    values.append("data:audio/wav;base64," + base64.b64encode(UPLOAD).decode())
    assert len({locator.locate(value, 7) for value in values}) == 1
    assert len(world.s3.list_objects_v2(Bucket="ours")["Contents"]) == 1


def test_downloads_are_remembered_for_minutes(world: World) -> None:
    locator = world.locator()
    now = 0.0
    locator._clock = lambda: now
    for _ in range(3):
        locator.locate("/data/upload/1/a.wav", 7)
    assert len(world.studio.requests) == 1
    now = 601.0
    locator.locate("/data/upload/1/a.wav", 7)
    assert len(world.studio.requests) == 2


def test_the_same_value_at_once_is_fetched_once(world: World) -> None:
    arrived, go = threading.Event(), threading.Event()

    def slow() -> Iterator[bytes]:
        arrived.set()
        go.wait(10)
        yield WEB

    world.pages["/slow.wav"] = Reply(200, slow())
    locator, found = world.locator(), []
    value = f"{world.web.url}/slow.wav"
    threads = [threading.Thread(target=lambda: found.append(locator.locate(value, 7))) for _ in range(4)]
    threads[0].start()
    assert arrived.wait(10)
    for thread in threads[1:]:
        thread.start()
    go.set()
    for thread in threads:
        thread.join(20)
    assert len(found) == 4 and len(set(found)) == 1
    assert len(world.web.requests) == 1


def test_a_failure_is_not_remembered(world: World) -> None:
    locator = world.locator()
    with pytest.raises(AudioNotFound):
        locator.locate(f"{world.web.url}/later.wav", 7)
    world.pages["/later.wav"] = Reply(200, WEB)
    assert locator.locate(f"{world.web.url}/later.wav", 7)


def test_s3_that_nobody_has_says_so_in_aws_words(world: World) -> None:
    for uri in ("s3://calls/none.wav", "s3://no-such-bucket/a.wav"):
        with pytest.raises(AudioNotFound, match=f"{uri}: S3 answered 404 Not Found. The S3 URI that you provided"):
            world.locator().locate(uri, 7)


def test_a_missing_object_is_not_taken_for_a_forbidden_host(world: World, endpoint: str) -> None:
    """Label Studio presigns what it has not looked for, here at an S3 with a private address."""
    url = world.s3.generate_presigned_url("get_object", Params={"Bucket": "calls", "Key": "none.wav"})
    world.stored["s3://calls/none.wav"] = Reply(303, headers={"Location": url})
    with pytest.raises(AudioNotFound, match="S3 answered 404") as caught:
        world.locator().locate("s3://calls/none.wav", 7)
    assert caught.value.remedy.startswith("Check the bucket and the key")
    assert "ALLOWED_AUDIO_HOSTS" in caught.value.remedy


@pytest.mark.parametrize(
    ("value", "settings", "remedy"),
    [
        ("/data/upload/1/a.wav", {"label_studio_url": ""}, "Set LABEL_STUDIO_URL"),
        ("gs://bucket/a.wav", {"label_studio_url": ""}, "Set LABEL_STUDIO_URL"),
        ("/data/upload/1/a.wav", {"s3_bucket": ""}, "Set S3_BUCKET"),
        ("data:audio/wav;base64,UklGRg==", {"s3_bucket": ""}, "Set S3_BUCKET"),
    ],
)
def test_what_must_be_set(world: World, value: str, settings: dict[str, str], remedy: str) -> None:
    with pytest.raises(AudioForbidden) as caught:
        world.locator(**settings).locate(value, 7)
    assert remedy in caught.value.remedy


def test_without_a_bucket_nothing_is_downloaded_in_vain(world: World) -> None:
    with pytest.raises(AudioForbidden, match="no S3_BUCKET is set"):
        world.locator(s3_bucket="").locate(f"{world.web.url}/a.wav", 7)
    assert world.web.requests == []


# What must not get in. {forbidden} is the port of a server on loopback that must never be reached.

HOSTILE: list[tuple[Any, type[TranscribeBackendError], str]] = [
    # no address at all
    (None, AudioError, "no audio address"),
    (7, AudioError, "no audio address"),
    ([], AudioError, "no audio address"),
    ({"url": "s3://calls/a.wav"}, AudioError, "no audio address"),
    ("", AudioError, "no audio address"),
    (" \n", AudioError, "no audio address"),
    # private hosts, by name and by every notation of an address
    ("http://localhost:{forbidden}/a.wav", AudioForbidden, "not public"),
    ("http://LOCALHOST:{forbidden}/a.wav", AudioForbidden, "not public"),
    ("http://127.0.0.1:{forbidden}/a.wav", AudioForbidden, "not public"),
    ("http://127.1:{forbidden}/a.wav", AudioForbidden, "not public"),
    ("http://2130706433:{forbidden}/a.wav", AudioForbidden, "not public"),
    ("http://0x7f000001:{forbidden}/a.wav", AudioForbidden, "not public"),
    ("http://0x7f.0.0.1:{forbidden}/a.wav", AudioForbidden, "not public"),
    ("http://0177.0.0.1:{forbidden}/a.wav", AudioForbidden, "not public"),
    ("http://017700000001:{forbidden}/a.wav", AudioForbidden, "not public"),
    ("http://0:{forbidden}/a.wav", AudioForbidden, "not public"),
    ("http://0.0.0.0:{forbidden}/a.wav", AudioForbidden, "not public"),
    ("http://127.255.255.254:{forbidden}/a.wav", AudioForbidden, "not public"),
    ("http://10.0.0.1/a.wav", AudioForbidden, "not public"),
    ("http://172.16.0.1/a.wav", AudioForbidden, "not public"),
    ("http://192.168.1.1/a.wav", AudioForbidden, "not public"),
    ("http://100.64.0.1/a.wav", AudioForbidden, "not public"),
    ("http://169.254.169.254/latest/meta-data/iam/", AudioForbidden, "not public"),
    ("http://169.254.170.2/v2/credentials", AudioForbidden, "not public"),
    ("http://[::1]:{forbidden}/a.wav", AudioForbidden, "not public"),
    ("http://[::]:{forbidden}/a.wav", AudioForbidden, "not public"),
    ("http://[::ffff:127.0.0.1]:{forbidden}/a.wav", AudioForbidden, "not public"),
    ("http://[::ffff:7f00:1]:{forbidden}/a.wav", AudioForbidden, "not public"),
    ("http://[::127.0.0.1]:{forbidden}/a.wav", AudioForbidden, "not public"),
    ("http://[64:ff9b::7f00:1]:{forbidden}/a.wav", AudioForbidden, "not public"),
    ("http://[2002:7f00:1::]:{forbidden}/a.wav", AudioForbidden, "not public"),
    ("http://[2001:0:7f00:1::]:{forbidden}/a.wav", AudioForbidden, "not public"),
    ("http://[fd00:ec2::254]/latest/meta-data/", AudioForbidden, "not public"),
    ("http://[fe80::1]/a.wav", AudioForbidden, "not public"),
    ("http://[fec0::1]/a.wav", AudioForbidden, "not public"),
    ("http://255.255.255.255/a.wav", AudioForbidden, "not public"),
    ("http://224.0.0.1/a.wav", AudioForbidden, "not public"),
    ("http://①②⑦.⓪.⓪.①:{forbidden}/a.wav", AudioForbidden, "not a valid URL"),
    ("http://rebind.example:{forbidden}/a.wav", AudioForbidden, "not public"),
    # redirects
    ("{web}/to-metadata", AudioForbidden, "not public"),
    ("{web}/to-forbidden", AudioForbidden, "not public"),
    ("{web}/to-file", AudioForbidden, "something else than http"),
    ("{web}/to-itself", AudioForbidden, "more than 5 times"),
    ("gs://bucket/to-forbidden.wav", AudioForbidden, "not public"),
    # other schemes
    ("file:///etc/passwd", AudioForbidden, "not an address"),
    ("ftp://127.0.0.1:{forbidden}/a.wav", AudioForbidden, "not an address"),
    ("gopher://127.0.0.1:{forbidden}/_GET", AudioForbidden, "not an address"),
    ("dict://127.0.0.1:{forbidden}/info", AudioForbidden, "not an address"),
    ("javascript:alert(1)", AudioForbidden, "not an address"),
    ("C:\\Windows\\a.wav", AudioForbidden, "not an address"),
    ("a.wav", AudioForbidden, "not an address"),
    ("../../etc/passwd", AudioForbidden, "not an address"),
    # userinfo, header injection, malformed URLs
    ("http://user:5ecre7@127.0.0.1:{forbidden}/a.wav", AudioForbidden, "user name or password"),
    ("http://s3.amazonaws.com@127.0.0.1:{forbidden}/calls/a.wav", AudioForbidden, "user name or password"),
    ("http://{webhost}@127.0.0.1:{forbidden}/a.wav", AudioForbidden, "user name or password"),
    ("http://{webhost}\\@127.0.0.1:{forbidden}/a.wav", AudioForbidden, "control characters"),
    ("http://{webhost}/a.wav HTTP/1.1\r\nX-Evil: 1\r\n\r\nGET /", AudioForbidden, "control characters"),
    ("http://{webhost}\r\nHost: evil/a.wav", AudioForbidden, "control characters"),
    ("http://127.0.0.1\t:{forbidden}/a.wav", AudioForbidden, "control characters"),
    ("http:///a.wav", AudioForbidden, "names no host"),
    ("http://", AudioForbidden, "names no host"),
    ("http://[::1", AudioForbidden, "not a valid URL"),
    ("http://host:99999/a.wav", AudioForbidden, "not a valid URL"),
    ("http://host:port/a.wav", AudioForbidden, "not a valid URL"),
    ("http://.example./a.wav", AudioError, "valid URL|does not answer"),
    ("//127.0.0.1:{forbidden}/data/upload/1/a.wav", AudioForbidden, "through Label Studio|not an address"),
    # Label Studio with its token
    ("/api/tasks/1", AudioForbidden, "not the address of a file"),
    ("/data/../api/tasks/1", AudioForbidden, "not the address of a file"),
    ("/data/%2e%2e/api/tasks/1", AudioForbidden, "not the address of a file"),
    ("/data/local-files/?d=../../etc/passwd", AudioForbidden, "not the address of a file"),
    ("/data/local-files/?d=%2e%2e%2fetc/passwd", AudioForbidden, "not the address of a file"),
    ("/etc/passwd", AudioForbidden, "not the address of a file"),
    ("{studio}/api/projects/1", AudioForbidden, "not the address of a file"),
    ("/data/upload/1/missing.wav", StudioNotFound, "nothing at /data/upload/1/missing.wav"),
    # S3
    ("s3://foreign/a.wav", AudioForbidden, "may not read"),
    ("https://foreign.s3.amazonaws.com/a.wav?X-Amz-Signature=5ecre7", AudioForbidden, "may not read"),
    ("{endpoint}/foreign/a.wav", AudioForbidden, "may not read"),
    ("s3://calls/../foreign/a.wav", AudioError, "dot segments"),
    ("{endpoint}/calls/%2e%2e/foreign/a.wav", AudioError, "dot segments"),
    ("s3://calls/a.wav\r\nx-amz-copy-source: /foreign/a", AudioError, "control characters"),
    ("s3://user:5ecre7@calls/a.wav", AudioError, "no valid S3 bucket"),
    ("s3://169.254.169.254/", AudioError, "no S3 object"),
    ("s3://", AudioError, "no valid S3 bucket"),
    # bodies
    ("{web}/10-gb.wav", AudioUnsupported, "larger than"),
    ("{web}/endless.wav", AudioUnsupported, "larger than"),
    ("{web}/endless-chunks.wav", AudioUnsupported, "larger than"),
    ("{web}/bomb.wav", AudioUnsupported, "compressed"),
    ("{web}/half.wav", AudioError, "ended early"),
    ("{web}/empty.wav", AudioUnsupported, "empty"),
    ("{web}/login.wav", AudioUnsupported, "web page"),
    ("{web}/playlist.wav", AudioUnsupported, "format we do not know"),
    ("{web}/missing.wav?X-Amz-Signature=5ecre7", AudioNotFound, "answers 404"),
    # data: URIs
    ("data:text/html;base64,PGh0bWw+", AudioUnsupported, "no audio"),
    ("data:audio/wav;base64,%%%", AudioUnsupported, "not valid base64"),
    ("data:audio/wav;base64,AAAA", AudioUnsupported, "format we do not know"),
    ("data:audio/wav", AudioUnsupported, "no audio"),
    ("data:audio/wav;base64," + "A" * 36_000_000, AudioUnsupported, "larger than 25 MB"),
]  # fmt: skip


_WAVE = b"RIFF\xff\xff\xff\xffWAVEfmt ".ljust(65536, b"x")


def hostile_pages(world: World) -> None:
    forbidden = {"Location": f"{world.forbidden.url}/latest/meta-data/"}
    world.stored["gs://bucket/to-forbidden.wav"] = Reply(303, headers=forbidden)
    world.pages |= {
        "/to-metadata": Reply(302, headers={"Location": "http://169.254.169.254/latest/meta-data/"}),
        "/to-forbidden": Reply(307, headers=forbidden),
        "/to-file": Reply(301, headers={"Location": "file:///etc/passwd"}),
        "/to-itself": Reply(308, headers={"Location": "/to-itself"}),
        "/10-gb.wav": Reply(200, b"RIFF", length=10 * 1024**3),
        "/endless.wav": Reply(200, itertools.chain([_WAVE], itertools.repeat(b"x" * 65536))),
        "/endless-chunks.wav": Reply(
            200,
            itertools.chain(
                [b"%X\r\n%b\r\n" % (len(_WAVE), _WAVE)], itertools.repeat(b"FFFF\r\n" + bytes(0xFFFF) + b"\r\n")
            ),
            {"Transfer-Encoding": "chunked"},
        ),
        "/bomb.wav": Reply(200, gzip.compress(bytes(10**7)), {"Content-Encoding": "gzip"}),
        "/half.wav": Reply(200, WEB, length=len(WEB) + 1),
        "/empty.wav": Reply(200, b""),
        "/login.wav": Reply(200, b"<!doctype html><title>Log in"),
        "/playlist.wav": Reply(200, b"#EXTM3U\n#EXTINF:1\nfile:///etc/passwd\n"),
    }


@pytest.mark.parametrize(("value", "error", "problem"), HOSTILE, ids=lambda item: str(item)[:60])
def test_hostile_values(
    world: World,
    endpoint: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    value: Any,
    error: type[TranscribeBackendError],
    problem: str,
) -> None:
    hostile_pages(world)
    real = socket.getaddrinfo
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda host, *a, **kw: real("127.0.0.1" if host == "rebind.example" else host, *a, **kw)
    )
    caplog.set_level(logging.DEBUG)
    caplog.handler.addFilter(RedactingFilter([TOKEN]))
    if isinstance(value, str):
        places = {"forbidden": world.forbidden.url.rpartition(":")[2], "web": world.web.url, "webhost": world.web.host}
        for name, place in {**places, "studio": world.studio.url, "endpoint": endpoint}.items():
            value = value.replace("{" + name + "}", place)
    locator = world.locator(allowed_s3_buckets=frozenset({"calls"}))
    with pytest.raises(error, match=problem) as caught:
        locator.locate(value, 7)
    assert caught.value.remedy
    assert "5ecre7" not in caught.value.advice
    assert "5ecre7" not in caplog.text and TOKEN not in caplog.text
    assert world.forbidden.requests == []
    assert locator.locate("s3://calls/a.wav", 8).uri == "s3://calls/a.wav", "the other tasks of the batch are served"


def test_the_table_is_long_enough() -> None:
    assert len(HOSTILE) >= 60
