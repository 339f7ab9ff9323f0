"""For tests of the background: their module's `stand_in` as boto3 finds it, Label Studio, a machine with processes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.aws import LocalAWS
from harness.studio_double import StudioDouble, studio_double
from tests.adapters.background import Machine


@pytest.fixture
def aws(stand_in: LocalAWS, monkeypatch: pytest.MonkeyPatch) -> LocalAWS:
    for name, value in stand_in.env.items():
        monkeypatch.setenv(name, value)
    return stand_in


@pytest.fixture
def studio() -> Iterator[StudioDouble]:
    with studio_double() as double:
        yield double


@pytest.fixture
def machine(tmp_path: Path, studio: StudioDouble) -> Iterator[Machine]:
    made = Machine(tmp_path / "model", studio)
    yield made
    made.close()
