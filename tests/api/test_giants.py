"""A megabyte in any one place of a request costs its sender time, and the others nothing."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from harness import giants
from harness.backend import Server, backend
from tests.api.conftest import BUCKET

MOST_SECONDS = 2.0
"""Of one /health, on a machine that may be busy with other tests; benchmarks/giants.py measures it strictly."""
GIANTS = giants.requests()


@pytest.fixture(scope="module")
def server(aws_env: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder: Path = tmp_path_factory.mktemp("giants")
    env = {**aws_env, "S3_BUCKET": BUCKET, "MODEL_DIR": str(folder), "PREDICT_WAIT_SECONDS": "1"}
    with backend({**env, "INTERACTIVE_WAIT_SECONDS": "1"}, folder / "backend.log") as running:
        yield running


@pytest.mark.parametrize("what", GIANTS)
def test_health_answers_meanwhile(server: Server, what: str) -> None:
    path, body = GIANTS[what]
    ended = threading.Event()

    def ask() -> int:
        return requests.post(f"{server.url}{path}", json=body, timeout=60).status_code

    def slowest() -> float:
        times = [0.0]
        while not ended.is_set():
            begun = time.monotonic()
            assert requests.get(f"{server.url}/health", timeout=60).status_code == 200
            times.append(time.monotonic() - begun)
        return max(times)

    with ThreadPoolExecutor(5) as threads:
        watching = threads.submit(slowest)
        try:
            statuses = set(threads.map(lambda _: ask(), range(4)))
        finally:
            ended.set()
    assert statuses <= {200, 400, 422, 503}
    assert watching.result() < MOST_SECONDS


def test_none_of_it_filled_the_log_or_broke_the_page(server: Server) -> None:
    assert "Traceback" not in server.log
    assert len(server.log) < 500_000
    page = requests.get(f"{server.url}/status", timeout=30)
    assert page.status_code == 200
    assert len(page.content) < 1_000_000
