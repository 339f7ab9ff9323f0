"""Memory that staging one large file takes: `python -m benchmarks.staging [--megabytes 2000]`.

Streams a WAV file that is made up on the way through Staging into S3 (a server of its own process, or --endpoint) and
prints by how many MB the resident memory of this process grew at its peak.
"""

import argparse
import os
import struct
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil

from harness import ROOT
from harness.processes import environment, free_port, listens, running
from transcribe_backend.aws.clients import AWSClients
from transcribe_backend.aws.staging import Staging
from transcribe_backend.settings import Settings

MB = 1024**2


def wav(megabytes: int) -> Iterator[bytes]:
    """A WAV file of that size: 48 kHz, 16 bit, as many channels as keep it under 4 hours."""
    size, channels, rate = megabytes * MB, 2, 48000
    head = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", size - 8, b"WAVE", b"fmt ", 16, 1, channels, rate,
                       rate * 2 * channels, 2 * channels, 16, b"data", size - 44)  # fmt: skip
    yield head + bytes(MB - len(head))
    for number in range(1, megabytes):
        yield struct.pack("<I", number) * (MB // 4)


class Drain(BaseHTTPRequestHandler):
    """As much of S3 as an upload needs; keeps nothing."""

    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        is_bucket = self.path.count("/") == 1
        self.answer(200 if is_bucket else 404)

    def do_POST(self) -> None:
        self.drain()
        tag = "CompleteMultipartUpload" if "uploadId" in self.path else "InitiateMultipartUpload"
        self.answer(200, f"<{tag}Result><UploadId>u</UploadId><ETag>e</ETag></{tag}Result>".encode())

    def do_PUT(self) -> None:
        self.drain()
        self.answer(200)

    def drain(self) -> None:
        left = int(self.headers.get("Content-Length") or 0)
        while left:
            left -= len(self.rfile.read(min(left, MB)))

    def answer(self, status: int, body: bytes = b"") -> None:
        self.send_response(status)
        self.send_header("ETag", '"e"')
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def endpoint() -> Iterator[str]:
    """A draining S3 in a process of its own, so that its memory is not counted."""
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.staging", "--serve", str(port)]
    with tempfile.TemporaryDirectory() as folder:
        log, env = Path(folder, "log"), environment({})
        with running("S3", command, lambda: listens(port), env=env, log=log, timeout=10, cwd=ROOT):
            yield f"http://127.0.0.1:{port}"


@contextmanager
def peak_memory() -> Iterator[list[float]]:
    """Growth of this process's resident memory in MB, at its highest, as the only item of a list."""
    process, done = psutil.Process(), threading.Event()
    before, peak = process.memory_info().rss, [0.0]

    def watch() -> None:
        while not done.wait(0.01):
            peak[0] = max(peak[0], (process.memory_info().rss - before) / MB)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield peak
    finally:
        done.set()
        watcher.join()


def measure(url: str, bucket: str, megabytes: int) -> None:
    """Stage and print."""
    os.environ |= {"AWS_ENDPOINT_URL": url, "AWS_DEFAULT_REGION": "us-east-1"}
    os.environ |= {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    with tempfile.TemporaryDirectory() as folder:
        staging = Staging(AWSClients(), Settings(s3_bucket=bucket, model_dir=Path(folder)))
        staging.require("warm-up")
        with peak_memory() as peak:
            started = time.monotonic()
            media = staging.stage(wav(megabytes), source="benchmark")
    seconds = time.monotonic() - started
    print(f"{megabytes} MB staged as {media.uri[-20:]} in {seconds:.1f} s; memory grew by {peak[0]:.1f} MB")


def main() -> None:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=2000)
    parser.add_argument("--endpoint", default="")
    parser.add_argument("--bucket", default="bench")
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        ThreadingHTTPServer(("127.0.0.1", options.serve), Drain).serve_forever()
    elif options.endpoint:
        measure(options.endpoint, options.bucket, options.megabytes)
    else:
        with endpoint() as url:
            measure(url, options.bucket, options.megabytes)


if __name__ == "__main__":
    main()
