"""Engines of several processes on one store, in SQLite and in a real PostgreSQL, on a clock that stands."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from harness.postgres import postgres
from tests.backends import aws, held, lonely, machine, studio
from transcribe_backend.settings import Settings
from transcribe_backend.work.engine import Engine, engine

__all__ = ["aws", "held", "lonely", "machine", "studio"]


class Clock:
    """Time that passes when a test says so."""

    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    with postgres() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """An empty store."""
    if request.param == "sqlite":
        return Settings(model_dir=tmp_path)
    return emptied(request.getfixturevalue("postgres_url"), tmp_path)


@pytest.fixture
def on_postgres(postgres_url: str, tmp_path: Path) -> Settings:
    """An empty store in PostgreSQL."""
    return emptied(postgres_url, tmp_path)


def emptied(url: str, folder: Path) -> Settings:
    with psycopg.connect(url) as connection:
        connection.execute("drop schema public cascade")
        connection.execute("create schema public")
    return Settings(queue_url=url, model_dir=folder)


@pytest.fixture
def process(settings: Settings, clock: Clock) -> Iterator[Callable[[], Engine]]:
    """Makes one more process on the store."""
    with ExitStack() as stack:

        def make() -> Engine:
            made = engine(settings, clock)
            stack.callback(made.database.close)
            return made

        yield make


@pytest.fixture
def one(process: Callable[[], Engine]) -> Engine:
    return process()


@pytest.fixture
def two(process: Callable[[], Engine]) -> Engine:
    return process()
