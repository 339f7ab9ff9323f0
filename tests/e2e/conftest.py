"""Real parts: Label Studio 1.23.2, gunicorn, the stand-in with Whisper, Chromium. Started once, stopped always."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from harness import ROOT, SAMPLES
from harness.aws import LocalAWS, local_aws
from harness.backend import Server
from harness.backend import backend as run_backend
from harness.debian import chromium
from harness.label_studio import LabelStudio, fresh_label_studio
from tests.e2e.projects import BUCKET

ARTIFACTS = ROOT / "tests" / "artifacts"
_CHROMIUM_FLAGS = (
    "--no-sandbox",  # needed by root, as in CI
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_LOGS: list[Path] = []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder is end to end."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.e2e)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """A failure shows the end of every program's log."""
    outcome: Any = yield
    report = outcome.get_result()
    if report.failed and item.path.is_relative_to(Path(__file__).parent):
        for log in _LOGS:
            if log.exists():
                report.sections.append((str(log), "\n".join(log.read_text(errors="replace").splitlines()[-40:])))


@pytest.fixture(scope="session")
def log_file(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A new log file for a program of that name."""

    def make(name: str) -> Path:
        log = tmp_path_factory.mktemp("logs") / f"{name}.log"
        _LOGS.append(log)
        return log

    return make


@pytest.fixture(scope="session")
def start_label_studio(
    tmp_path_factory: pytest.TempPathFactory, log_file: Callable[[str], Path]
) -> Callable[..., AbstractContextManager[LabelStudio]]:
    """Starts a Label Studio with an empty database; `start(NAME="value")` changes its environment."""

    def start(**settings: str) -> AbstractContextManager[LabelStudio]:
        data = tmp_path_factory.mktemp("label-studio") / "data"
        return fresh_label_studio(data, log_file("label-studio"), settings=settings)

    return start


@pytest.fixture(scope="session")
def studio(start_label_studio: Callable[..., AbstractContextManager[LabelStudio]]) -> Iterator[LabelStudio]:
    """The Label Studio of most tests, which may talk to backends and storages on this machine."""
    with start_label_studio() as running:
        yield running


@pytest.fixture(scope="session")
def stand_in(log_file: Callable[[str], Path]) -> Iterator[LocalAWS]:
    """The stand-in for AWS on a bad day, with Whisper, and the samples in its bucket."""
    with local_aws("--nasty", "--recognizer", "whisper", log=log_file("stand-in")) as aws:
        aws.s3.create_bucket(Bucket=BUCKET)
        for sample in SAMPLES.glob("*.wav"):
            aws.s3.upload_file(str(sample), BUCKET, sample.name)
        yield aws


@pytest.fixture(scope="session")
def backend(
    stand_in: LocalAWS,
    studio: LabelStudio,
    tmp_path_factory: pytest.TempPathFactory,
    log_file: Callable[[str], Path],
) -> Iterator[Server]:
    """The backend of tests that need no environment of their own."""
    with run_backend(_environment(stand_in, studio, tmp_path_factory.mktemp("model")), log_file("backend")) as server:
        yield server


@pytest.fixture
def start_backend(
    stand_in: LocalAWS, studio: LabelStudio, tmp_path: Path, log_file: Callable[[str], Path]
) -> Iterator[Callable[..., Server]]:
    """Starts the backend under gunicorn with 2 workers; `start(NAME="value")` changes its environment."""
    with ExitStack() as stack:

        def start(**settings: str) -> Server:
            env = _environment(stand_in, studio, tmp_path / "model") | settings
            return stack.enter_context(run_backend(env, log_file("backend")))

        yield start


def _environment(stand_in: LocalAWS, studio: LabelStudio, model_dir: Path) -> dict[str, str]:
    """What a backend knows of its neighbours."""
    known = {"LABEL_STUDIO_URL": studio.url, "LABEL_STUDIO_API_KEY": studio.account.token}
    return {**stand_in.env, **known, "S3_BUCKET": BUCKET, "MODEL_DIR": str(model_dir), "WORKERS": "2"}


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, or a skip that says how to get it."""
    executable = chromium()
    if not executable:
        pytest.skip("No Chromium here: apt-get install chromium")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=executable, args=list(_CHROMIUM_FLAGS))
        yield running
        running.close()


@pytest.fixture
def page(browser: Browser, studio: LabelStudio, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A tab that is logged in to `studio`; its last view is kept in tests/artifacts/."""
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    tab = context.new_page()
    tab.goto(studio.url + "/user/login/")
    tab.fill("input[name=email]", studio.account.email)
    tab.fill("input[name=password]", studio.account.password)
    tab.click("button[type=submit]")
    tab.wait_for_url(lambda address: "/user/login" not in address)
    yield tab
    ARTIFACTS.mkdir(exist_ok=True)
    tab.screenshot(path=ARTIFACTS / f"{request.node.name}.png")
    context.close()
