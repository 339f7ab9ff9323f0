"""Real redis-server and PostgreSQL of Debian on free ports, for those who test what QUEUE_URL decides."""

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest
import redis

from demo.processes import free_port, wait_until


@contextmanager
def redis_server() -> Iterator[str]:
    """Its redis:// URL; skips where it is not installed."""
    program = shutil.which("redis-server")
    if not program:
        pytest.skip("No redis-server here: apt-get install redis-server")
    port = free_port()
    with TemporaryDirectory() as folder:
        command = [program, "--port", str(port), "--bind", "127.0.0.1", "--dir", folder, "--save", ""]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process, redis.Redis(port=port) as client:
            try:
                wait_until(lambda: _pings(client), 30, "redis-server answers")
                yield f"redis://127.0.0.1:{port}/0"
            finally:
                process.terminate()


def _pings(client: "redis.Redis") -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False


@contextmanager
def postgres_server() -> Iterator[str]:
    """Its postgresql:// URL; skips where it is not installed."""
    programs = max(Path("/usr/lib/postgresql").glob("*/bin"), default=None)
    if not programs:
        pytest.skip("No PostgreSQL here: apt-get install postgresql")
    port, user = free_port(), "postgres" if os.getuid() == 0 else None  # it refuses to run as root
    with TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        data.mkdir()
        if user:
            for place in (folder, data):
                os.chown(place, pwd.getpwnam(user).pw_uid, -1)
        initdb = [programs / "initdb", "-D", data, "-U", "tester", "-A", "trust", "--no-sync"]
        subprocess.run(initdb, check=True, user=user, cwd=folder, stdout=subprocess.DEVNULL)
        command = [programs / "postgres", "-D", data, "-p", str(port), "-k", folder, "-c", "fsync=off"]
        url = f"postgresql://tester@127.0.0.1:{port}/postgres"
        with subprocess.Popen(command, user=user, cwd=folder, stderr=subprocess.DEVNULL) as process:
            try:
                wait_until(lambda: _connects(url), 30, "PostgreSQL answers")
                yield url
            finally:
                process.send_signal(2)
                process.wait(20)


def _connects(url: str) -> bool:
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        return False
    return True
