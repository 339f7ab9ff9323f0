"""10,000 webhooks from somebody who means harm: nothing breaks, nothing is believed, no address is made of them."""

import json
import random
import re
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from harness import grammar
from harness.scene import Scene, scene
from harness.waiting import until

COUNT, THREADS = 10_000, 8
# What a backend has to ask of Label Studio, and no other path.
ASKED = re.compile(
    r"/health|/api/projects/(\d{1,19}/|\?page_size=\d+&include=id%2Ctitle)|/api/(tasks|predictions)/(\d{1,19}/)?(\?.*)?"
    r"|/api/token/refresh/"
)


@pytest.fixture(scope="module")
def hostile() -> Iterator[tuple[Scene, Counter[int], str]]:
    """A scene after all of them were sent, the answers by status, and the server's log."""
    with scene(WORKERS="2") as made, made.server() as server:
        made.tasks(3)
        with ThreadPoolExecutor(THREADS) as threads:
            statuses = sum(threads.map(lambda seed: sent(made.url, seed), range(THREADS)), Counter[int]())
        until(made.owed, lambda owed: owed == 0, 120)
        yield made, statuses, server.log


def sent(url: str, seed: int) -> Counter[int]:
    """The answers to one thread's part."""
    dice, statuses = random.Random(seed), Counter[int]()  # noqa: S311 - not for secrets
    with requests.Session() as session:
        for _ in range(COUNT // THREADS):
            data = json.dumps(grammar.hostile_webhook(dice)).encode()
            headers = {"Content-Type": "application/json"}
            statuses[session.post(f"{url}/webhook", data=data, headers=headers, timeout=60).status_code] += 1
    return statuses


@pytest.mark.slow
def test_every_one_is_answered_and_none_breaks_anything(hostile: tuple[Scene, Counter[int], str]) -> None:
    made, statuses, log = hostile
    assert statuses.total() == COUNT
    assert set(statuses) == {200, 400}
    assert min(statuses.values()) > COUNT / 10  # both kinds were among them
    assert "Traceback" not in log
    assert requests.get(f"{made.url}/status", timeout=30).status_code == 200


@pytest.mark.slow
def test_label_studio_is_asked_for_nothing_odd(hostile: tuple[Scene, Counter[int], str]) -> None:
    made, _, _ = hostile
    odd = {path for _, path in made.studio.asked if not ASKED.fullmatch(path)}
    assert odd == set()
    assert any(path.startswith("/api/projects/") for _, path in made.studio.asked)


@pytest.mark.slow
def test_only_what_label_studio_has_is_transcribed_and_predicted(hostile: tuple[Scene, Counter[int], str]) -> None:
    made, _, _ = hostile
    assert made.studio.stored.keys() <= {task["id"] for task in made.studio.tasks}
    assert made.aws.calls().get("transcribe", {}).get("StartTranscriptionJob", 0) <= len(made.studio.tasks)
