"""/status in a browser: wide and narrow, light and dark, with nothing, some and 100,000 items owed."""

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, Page, expect

from harness.aws import LocalAWS, local_aws
from harness.studio_double import PROJECT, StudioDouble, studio_double
from harness.waiting import until
from tests.backends import Machine, known
from tests.e2e.status_scene import owe, remember, served
from transcribe_backend.backend import Backend
from transcribe_backend.prelabeling.tally import TASKS

AUTH = ("operator", "open sesame")
AMOUNTS = (0, 50, 100_000)
MOST_MILLISECONDS, MOST_BYTES = 300, 300_000


@pytest.fixture(scope="module")
def stand_in() -> Iterator[LocalAWS]:
    with local_aws("--latency", "0") as running:
        yield running


@pytest.fixture(scope="module")
def double() -> Iterator[StudioDouble]:
    with studio_double() as studio:
        studio.projects |= {12}
        yield studio


@pytest.fixture(scope="module")
def pages(
    stand_in: LocalAWS, double: StudioDouble, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[int], tuple[str, Backend]]]:
    """The address of a page, and its backend, by the number of owed items."""
    made: dict[int, tuple[str, Backend]] = {}
    with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        known(stand_in, patch)

        def page(amount: int) -> tuple[str, Backend]:
            if amount not in made:
                hours = 60.0 if amount else 0.0
                machine = Machine(tmp_path_factory.mktemp("status"), double, max_audio_hours=hours,
                                  basic_auth_user=AUTH[0], basic_auth_pass=AUTH[1])  # fmt: skip
                stack.callback(machine.close)
                backend = machine.process()
                if amount:
                    owe(backend, amount)
                    remember(backend)
                made[amount] = stack.enter_context(served(backend)), backend
            return made[amount]

        yield page


@pytest.fixture
def look(browser: Browser, pages: Callable[[int], tuple[str, Backend]]) -> Iterator[Callable[..., Page]]:
    """Opens the page."""
    with ExitStack() as stack:

        def open_page(amount: int, width: int = 1400, scheme: Any = "light") -> Page:
            context = browser.new_context(
                viewport={"width": width, "height": 900}, color_scheme=scheme, bypass_csp=True,
                http_credentials={"username": AUTH[0], "password": AUTH[1]},
            )  # fmt: skip
            stack.callback(context.close)
            page = context.new_page()
            problems: list[str] = []
            page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
            page.on("pageerror", lambda error: problems.append(str(error)))
            page.goto(f"{pages(amount)[0]}/status")
            page.wait_for_function("!document.querySelector('.health .unknown')", timeout=20_000)
            assert problems == []
            return page

        yield open_page


@pytest.fixture(scope="session")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """axe-core (MPL-2.0) as npm has it; of it nothing is kept here."""
    if shutil.which("npm") is None:
        pytest.skip("No npm here: apt-get install npm")
    folder = tmp_path_factory.mktemp("axe")
    command = ["npm", "install", "--prefix", str(folder), "--no-audit", "--no-fund", "--ignore-scripts", "axe-core@4"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        pytest.skip(f"npm reaches no registry: {done.stderr[-200:]}")
    return (folder / "node_modules" / "axe-core" / "axe.min.js").read_text()


@pytest.mark.parametrize("amount", AMOUNTS)
@pytest.mark.parametrize("width", [390, 1400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_and_everybody_can_read_it(
    look: Callable[..., Page], axe: str, amount: int, width: int, scheme: str, tmp_path: Path
) -> None:
    page = look(amount, width, scheme)
    page.screenshot(path=tmp_path / f"status-{amount}-{width}-{scheme}.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.evaluate(axe)
    found = page.evaluate("axe.run(document)")["violations"]
    assert [(each["id"], each["nodes"][0]["html"]) for each in found if each["impact"] in ("serious", "critical")] == []


@pytest.mark.parametrize("amount", AMOUNTS)
def test_it_is_quick_and_small(pages: Callable[[int], tuple[str, Backend]], amount: int) -> None:
    url = f"{pages(amount)[0]}/status"
    begun = time.process_time()  # the server's and the client's, so that a machine that others keep busy judges as well
    answers = [requests.get(url, auth=AUTH, timeout=30) for _ in range(9)]
    took = (time.process_time() - begun) / len(answers) * 1000
    assert {answer.status_code for answer in answers} == {200}
    assert took < MOST_MILLISECONDS
    assert max(len(answer.content) for answer in answers) < MOST_BYTES
    assert len(requests.get(f"{url}.json", auth=AUTH, timeout=30).content) < MOST_BYTES


def test_it_renews_itself_and_what_is_open_stays_open(
    look: Callable[..., Page], pages: Callable[[int], tuple[str, Backend]]
) -> None:
    page, (_, backend) = look(50), pages(50)
    page.locator("#fills-1 summary").click()
    page.evaluate("document.querySelector('#fills-1').mark = 'the same element'")
    texts = page.locator("#project-1 .numbers div", has_text="texts delivered").locator("dd")
    before = int((texts.text_content() or "").replace(",", ""))
    backend.ledger.note(PROJECT, {TASKS: 7.0})
    expect(texts).to_have_text(f"{before + 7:,}", timeout=20_000)
    assert page.evaluate("[document.querySelector('#fills-1').open, document.querySelector('#fills-1').mark]") == [
        True, "the same element",
    ]  # fmt: skip


def test_the_buttons_do_what_they_say(look: Callable[..., Page], pages: Callable[[int], tuple[str, Backend]]) -> None:
    page, (_, backend) = look(50), pages(50)
    group = page.locator("article", has_text="sample rate too low")
    group.get_by_role("button", name="Forget").click()
    group.get_by_role("button", name="Really forget 1?").click()
    page.get_by_text("1 task is forgotten.").wait_for()
    until(lambda: [each.problem for each in backend.work.troubles()], lambda told: not any("rate" in p for p in told))
    page.locator("article", has_text="404 Not Found").get_by_role("button", name="Try again").click()
    page.get_by_text("tasks are tried again.").wait_for()
    assert backend.work.count("failed") == 0


def test_nothing_is_asked_of_another_server(look: Callable[..., Page], browser: Browser) -> None:
    page = look(50)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.reload()
    page.wait_for_load_state("networkidle")
    assert asked and all(url.startswith(page.url.rpartition("/")[0]) or url.startswith("data:") for url in asked)
