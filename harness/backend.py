"""The backend as it runs in production: under gunicorn, and its separate worker."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from harness import ROOT
from harness.processes import Program, answers, environment, free_port, running

SERVER = (sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", "_wsgi:app")
"""The command that runs it, in ROOT."""
WORKER = (sys.executable, "-m", "transcribe_backend", "worker")
_PATIENCE = 120  # seconds


@dataclass(frozen=True)
class Server:
    """A running backend at `url`."""

    url: str
    program: Program

    @property
    def log(self) -> str:
        """All it has printed so far."""
        return self.program.output


@contextmanager
def backend(settings: Mapping[str, str], log: Path, port: int = 0) -> Iterator[Server]:
    """Run the server with these environment variables; port 0 is any free one."""
    port = port or free_port()
    url = f"http://127.0.0.1:{port}"
    env = environment({"PORT": str(port), **settings})
    with running(
        "The backend", SERVER, lambda: answers(f"{url}/health"), env=env, log=log, timeout=_PATIENCE, cwd=ROOT
    ) as program:
        yield Server(url, program)


def worker(settings: Mapping[str, str], log: Path) -> AbstractContextManager[Program]:
    """Run `python -m transcribe_backend worker` with these environment variables."""

    def runs() -> bool:
        return "Worker runs." in log.read_text()

    return running("The worker", WORKER, runs, env=environment(settings), log=log, timeout=_PATIENCE, cwd=ROOT)
