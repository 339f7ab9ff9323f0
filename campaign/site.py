"""What stands there: a real Label Studio, two machines with a server and a worker each, nginx, store, AWS."""

import json
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import psycopg

from harness import ROOT
from harness.aws import LocalAWS, local_aws
from harness.backend import Server, backend, worker
from harness.label_studio import ACCOUNT, LabelStudio, empty_database, label_studio
from harness.nginx import Proxy, nginx
from harness.postgres import cluster
from harness.processes import Program, Restartable, environment, free_port
from harness.protocol import SEGMENTS
from harness.waiting import wait_until

AUDIO, WEST_AUDIO, OUTPUT = "calls", "calls-west", "transcripts"
"""Buckets: of recordings here, of recordings in WEST, and S3_BUCKET."""
WEST = "us-west-2"
BROKEN = "broken"
"""How the names of recordings begin on which AWS Transcribe fails."""
_FLAGS = ("--nasty", "--latency", "5", "--fail-pattern", f"{BROKEN}-*")
_DISK = 48  # megabytes of a machine's disk


@dataclass
class Replica:
    """One process of the backend, which comes back after whatever ended it."""

    name: str
    runs: Restartable[Server] | Restartable[Program]
    lock: threading.RLock = field(default_factory=threading.RLock)

    @property
    def program(self) -> Program | None:
        """What runs now."""
        now = self.runs.runs
        return now.program if isinstance(now, Server) else now

    def up(self) -> None:
        """Start it, or restart it gracefully."""
        with self.lock:
            self.runs.up()

    def kill(self) -> bool:
        """kill -9, and start it again; whether it ran until then."""
        with self.lock:
            victim = self.program
            if victim is None or victim.process.poll() is not None:
                return False
            victim.kill()
            self.runs.up()
            return victim.process.returncode == -9

    def memory(self) -> tuple[int, float] | None:
        """Process id and resident megabytes of the process that works; None while it does not run."""
        program = self.program
        with suppress(psutil.Error):
            if program is not None:
                process = psutil.Process(program.process.pid)
                process = max(process.children() or [process], key=lambda each: int(each.memory_info().rss))
                return process.pid, process.memory_info().rss / 2**20
        return None


@dataclass
class Machine:
    """A server and a worker on one disk and by one clock."""

    name: str
    disk: Path
    clock: Path
    limited: bool
    """Whether its disk is a file system of its own, which can be filled."""
    replicas: list[Replica] = field(default_factory=list)


class Store:
    """The PostgreSQL of owed work."""

    def __init__(self, url: str, server: Restartable[Program]) -> None:
        self.url, self.server = url, server

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """What a query finds."""
        with psycopg.connect(self.url) as connection:
            return connection.execute(sql).fetchall()


class Diary:
    """What was wrong when: the Unix times between which each trouble lasted."""

    def __init__(self) -> None:
        self.entries: list[dict[str, Any]] = []
        self._lock = threading.Lock()

    def begins(self, what: str) -> Callable[[], None]:
        """It begins now, and ends when the answer is called."""
        entry = {"what": what, "from": time.time(), "to": float("inf")}
        with self._lock:
            self.entries.append(entry)
        return lambda: entry.update(to=time.time())

    def lasted(self, at: float, grace: float, *what: str) -> bool:
        """Whether one of these lasted at that time, or had ended less than `grace` seconds before."""
        with self._lock:
            return any(each["what"] in what and each["from"] - 1 <= at <= each["to"] + grace for each in self.entries)


@dataclass
class Site:
    """Everything that runs, and how it is looked at from outside."""

    folder: Path
    aws: LocalAWS
    store: Store
    studio: LabelStudio
    studio_server: Restartable[LabelStudio]
    project: int
    backend: int
    proxy: Proxy
    machines: list[Machine]
    settings: dict[str, str]
    diary: Diary

    @property
    def replicas(self) -> list[Replica]:
        """All processes of the backend."""
        return [replica for machine in self.machines for replica in machine.replicas]

    def told(self, words: str) -> int:
        """In how many lines of their logs the processes of the backend have said this."""
        logs = (self.folder / "logs").glob("*.log")
        return sum(words in line for log in logs for line in log.read_text(errors="replace").splitlines())

    def studio_rows(self, sql: str) -> list[tuple[Any, ...]]:
        """What a query finds in Label Studio's database; it works also while Label Studio is away."""
        path = self.folder / "label-studio" / "label_studio.sqlite3"
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as connection:
            return connection.execute(sql).fetchall()

    def tasks(self) -> dict[int, str]:
        """The audio of every task, by its id."""
        rows = self.studio_rows(f"select id, data from task where project_id = {self.project:d}")
        return {int(number): json.loads(data)["audio"] for number, data in rows}

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """`python -m transcribe_backend …`, as an operator calls it on the first machine."""
        settings = {**self.settings, "MODEL_DIR": str(self.machines[0].disk)}
        command = [sys.executable, "-m", "transcribe_backend", *arguments]
        return subprocess.run(
            command, cwd=ROOT, env=environment(settings), capture_output=True, text=True, timeout=120, check=False
        )


@contextmanager
def site(folder: Path, *, faked_clock: bool = False) -> Iterator[Site]:
    """Everything started, with an empty project that is connected. `faked_clock`: libfaketime rules the first machine.

    Raises NotInstalledError where a program is missing.
    """
    with ExitStack() as stack:
        aws = stack.enter_context(local_aws(*_FLAGS, log=folder / "aws.log"))
        aws.s3.create_bucket(Bucket=AUDIO)
        aws.s3.create_bucket(Bucket=OUTPUT)
        west = {"LocationConstraint": WEST}
        aws.client("s3", region_name=WEST).create_bucket(Bucket=WEST_AUDIO, CreateBucketConfiguration=west)
        url, server = stack.enter_context(cluster())
        server.up()
        studio_server = _studio(folder)
        stack.callback(studio_server.down)
        studio = studio_server.up()
        settings = {
            **aws.env, "S3_BUCKET": OUTPUT, "WORKERS": "1", "QUEUE_URL": url, "PREDICT_OPEN_SECONDS": "4",
            "LABEL_STUDIO_URL": studio.url, "LABEL_STUDIO_API_KEY": studio.account.token,
        }  # fmt: skip
        ports = [free_port(), free_port()]
        machines = [_machine(folder, name, stack, faked=faked_clock and name == "a") for name in ("a", "b")]
        for machine, port in zip(machines, ports, strict=True):
            machine.replicas += _replicas(folder, machine, settings, port)
            for replica in machine.replicas:
                stack.callback(replica.runs.down)
                replica.up()
        proxy = stack.enter_context(nginx(ports))
        project = studio.create_project("Calls", SEGMENTS)
        connected = studio.connect_backend(project, proxy.url, is_interactive=True)
        yield Site(folder, aws, Store(url, server), studio, studio_server, project, connected, proxy, machines,
                   settings, Diary())  # fmt: skip


def _studio(folder: Path) -> Restartable[LabelStudio]:
    data, port = folder / "label-studio", free_port()
    shutil.copytree(empty_database(), data)
    return Restartable(lambda: label_studio(data, ACCOUNT, folder / "label-studio.log", port))


def _machine(folder: Path, name: str, stack: ExitStack, *, faked: bool) -> Machine:
    disk, clock = folder / f"machine-{name}", folder / f"clock-{name}"
    disk.mkdir()
    clock.write_text("+0" if faked else "")
    mount = ["mount", "-t", "tmpfs", "-o", f"size={_DISK}m", "tmpfs", str(disk)]
    limited = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    if limited:
        stack.callback(subprocess.run, ["umount", "-l", str(disk)], check=False)
    return Machine(name, disk, clock, limited)


def _replicas(folder: Path, machine: Machine, settings: dict[str, str], port: int) -> list[Replica]:
    started = iter(range(1, 1_000_000))

    def prepared(kind: str) -> tuple[dict[str, str], Path]:
        log = folder / "logs" / f"{kind}-{machine.name}-{next(started)}.log"
        return {**settings, "MODEL_DIR": str(machine.disk), **_clock(machine.clock)}, log

    def server() -> AbstractContextManager[Server]:
        return backend(*prepared("server"), port)

    def separate() -> AbstractContextManager[Program]:
        return worker(*prepared("worker"))

    return [Replica(f"server {machine.name}", Restartable(server)),
            Replica(f"worker {machine.name}", Restartable(separate))]  # fmt: skip


def faketime() -> Path | None:
    """The library that gives a process another time."""
    return next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)


def _clock(file: Path) -> dict[str, str]:
    """What makes a process read its time from the clock's file, if that holds an offset."""
    library = faketime()
    if not library or not file.read_text():
        return {}
    return {
        "LD_PRELOAD": str(library),
        "FAKETIME_TIMESTAMP_FILE": str(file),
        "FAKETIME_CACHE_DURATION": "1",
        "DONT_FAKE_MONOTONIC": "1",
        "PYTHONPATH": str(Path(__file__).with_name("faked")),
    }


def settle(happened: Callable[[], bool], seconds: float, what: str) -> str:
    """Wait for it; "" or the sentence that it did not happen."""
    try:
        wait_until(happened, seconds, what, 1.0)
    except TimeoutError as error:
        return str(error)
    return ""
