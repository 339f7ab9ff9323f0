"""Commands as the command line runs them."""

from collections.abc import Callable, Iterator

import pytest

from transcribe_backend import backend
from transcribe_backend.commands import parser as cli

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """Runs a command in the present environment; returns the exit status and what is printed."""

    def ran(*arguments: str) -> tuple[int, str]:
        backend._made.cache_clear()
        try:
            code = cli.main(arguments)
        except SystemExit as wrong:
            code = int(str(wrong.code))
        printed = capsys.readouterr()
        return code, printed.out + printed.err

    yield ran
    backend._made.cache_clear()
