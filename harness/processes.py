"""Starts, watches and stops programs."""

import os
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

import psutil
import requests

from harness.waiting import wait_until

_GRACE = 10.0  # seconds between SIGTERM and SIGKILL

# What our programs may know of the caller's environment: no AWS account, no Label Studio, no database of theirs.
_INHERITED = (
    "PATH",
    "HOME",
    "USER",
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "LD_LIBRARY_PATH",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
)


class ProgramError(Exception):
    """A program did not start, or ended; the message is for the user."""


class NotInstalledError(ProgramError):
    """A program is not on this machine; the message says how to get it."""


@dataclass(frozen=True)
class Program:
    """A running program in a process group of its own; `log` holds all it prints."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    ending: signal.Signals = signal.SIGTERM

    @property
    def output(self) -> str:
        """All it has printed so far."""
        return self.log.read_text(errors="replace")

    def check(self) -> None:
        """Raise ProgramError if it has ended."""
        if self.process.poll() is not None:
            raise ProgramError(f"{self.name} ended with code {self.process.returncode}. Its last words:\n{self.tail()}")

    def tail(self, lines: int = 20) -> str:
        """The last lines of its log."""
        return "\n".join(self.output.splitlines()[-lines:])

    def children(self) -> list[psutil.Process]:
        """The processes that it has started, and theirs."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def memory_mb(self) -> float:
        """Resident memory of the largest of its children (of a gunicorn: its workers), in MB."""
        return max((child.memory_info().rss for child in self.children()), default=0) / 2**20

    def cpu_seconds(self) -> float:
        """Processor time that its children have had so far."""
        times = [child.cpu_times() for child in self.children()]
        return sum(each.user + each.system for each in times)

    def kill(self) -> None:
        """kill -9 of the program and all its processes at once."""
        with suppress(psutil.NoSuchProcess):
            victim = psutil.Process(self.process.pid)
            for process in (victim, *victim.children(recursive=True)):  # the parent first: it would replace a child
                with suppress(psutil.NoSuchProcess):
                    process.kill()
        self.process.wait(20)

    def stop(self) -> None:
        """End the whole process group, by force after 10 s; harmless when it has ended."""
        _signal_group(self.process.pid, self.ending)
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(_GRACE)
        _signal_group(self.process.pid, signal.SIGKILL)
        self.process.wait()


Running = TypeVar("Running")


@dataclass
class Restartable(Generic[Running]):
    """Something that runs, ends and is started again, always in the same way; `runs` is None while it does not."""

    start: Callable[[], AbstractContextManager[Running]]
    runs: Running | None = None
    _block: ExitStack = field(default_factory=ExitStack)

    def up(self) -> Running:
        """Start it, after whatever is left of the last one is gone."""
        self.down()
        self.runs = self._block.enter_context(self.start())
        return self.runs

    def down(self) -> None:
        """End it as its block does; harmless when it has ended."""
        self.runs = None
        with suppress(ProgramError):
            self._block.close()


def _signal_group(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(group, number)


def environment(extra: Mapping[str, str]) -> dict[str, str]:
    """`extra` on top of the few variables that a program needs of the caller's environment."""
    kept = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return {**kept, "NO_PROXY": "127.0.0.1,localhost", "PYTHONUNBUFFERED": "1", **extra}


@contextmanager
def running(
    name: str,
    command: Sequence[str | Path],
    ready: Callable[[], bool],
    *,
    env: Mapping[str, str],
    log: Path,
    timeout: float,
    cwd: Path | None = None,
    user: str | None = None,
    ending: signal.Signals = signal.SIGTERM,
) -> Iterator[Program]:
    """Start a program, wait (at most `timeout` seconds) until it is `ready`, stop it on leaving.

    `user` runs it (by default the caller), `ending` is the signal that asks it to stop.
    Raises ProgramError, with the end of its log, when it ends or is not ready in time.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(env),
            cwd=cwd,
            user=user,
            start_new_session=True,
        )
    program = Program(name, process, log, ending)
    try:
        _wait_until_ready(program, ready, timeout)
        yield program
    finally:
        program.stop()


def _wait_until_ready(program: Program, ready: Callable[[], bool], timeout: float) -> None:
    def answer() -> bool:
        program.check()
        return ready()

    try:
        wait_until(answer, timeout, f"{program.name} is up")
    except TimeoutError as error:
        raise ProgramError(f"{error}. The end of {program.log}:\n{program.tail()}") from None


def answers(url: str) -> bool:
    """Does `url` answer 200?"""
    try:
        return requests.get(url, timeout=5).ok
    except requests.RequestException:
        return False


def listens(port: int) -> bool:
    """Does anybody listen on `port` of 127.0.0.1?"""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def require_free(port: int, variable: str, name: str) -> None:
    """Raise ProgramError, naming the variable that changes it, when somebody listens on `port`."""
    if listens(port):
        raise ProgramError(f"Port {port}, wanted for {name}, is in use: choose another one with {variable}=…")
