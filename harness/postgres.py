"""PostgreSQL of Debian on a free port."""

import os
import pwd
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg

from harness.processes import NotInstalledError, Program, Restartable, environment, free_port, running

_PATIENCE = 30  # seconds


@contextmanager
def cluster() -> Iterator[tuple[str, Restartable[Program]]]:
    """The postgresql:// URL of an empty cluster, and its server, which is not started yet."""
    programs = max(Path("/usr/lib/postgresql").glob("*/bin"), default=None)
    if not programs:
        raise NotInstalledError("No PostgreSQL here: apt-get install postgresql")
    port, user = free_port(), "postgres" if os.getuid() == 0 else None  # it refuses to run as root
    url = f"postgresql://tester@127.0.0.1:{port}/postgres"
    with TemporaryDirectory() as folder, TemporaryDirectory() as logs:
        data = _empty(programs, Path(folder), user)
        command: list[str | Path] = [programs / "postgres", "-D", data, "-p", str(port), "-k", folder]
        command += ["-c", "fsync=off"]
        server = Restartable(
            lambda: running(
                "PostgreSQL", command, lambda: _connects(url), env=environment({}), log=Path(logs, "log"),
                timeout=_PATIENCE, cwd=Path(folder), user=user, ending=signal.SIGINT,
            )
        )  # fmt: skip
        try:
            yield url, server
        finally:
            server.down()


@contextmanager
def postgres() -> Iterator[str]:
    """Run an empty PostgreSQL; its postgresql:// URL."""
    with cluster() as (url, server):
        server.up()
        yield url


def _empty(programs: Path, folder: Path, user: str | None) -> Path:
    """A new cluster of `user` in `folder`, without passwords."""
    data = folder / "data"
    data.mkdir()
    if user:
        for place in (folder, data):
            os.chown(place, pwd.getpwnam(user).pw_uid, -1)
    command: list[str | Path] = [programs / "initdb", "-D", data, "-U", "tester", "-A", "trust", "--no-sync"]
    subprocess.run(command, check=True, user=user, cwd=folder, stdout=subprocess.DEVNULL)
    return data


def _connects(url: str) -> bool:
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        return False
    return True
