"""Processes of the backend over one MODEL_DIR in one thread, which die or are overtaken at any request or write."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from model import AWSTranscribe
from tests.model.aws_double import Aws
from tests.model.studio_weather import Studio, Wire
from transcribe_backend.backend import Backend
from transcribe_backend.settings import Settings
from transcribe_backend.work.database import Execute

KINDS = ("store", "aws", "studio")


@dataclass
class Clock:
    """The time of all processes, as their store tells it."""

    now: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        """Time passes."""
        self.now += seconds


class Killed(BaseException):
    """The process ends here; nothing of it runs any more."""


@dataclass
class Trap:
    """What happens to a process at its `count`-th write to the store, request to AWS or to Label Studio from now on."""

    kind: str
    count: int
    after: bool
    spring: Callable[["Process"], None]


@dataclass
class World:
    """What outlives processes. `meanwhile` is what happens while a request waits; `sprung` counts the traps."""

    settings: Settings
    clock: Clock
    aws: Aws
    studio: Studio
    sprung: Counter[str] = field(default_factory=Counter)
    meanwhile: Callable[[], None] = lambda: None


class Process:
    """One process: the production wiring over the doubles, without threads."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.dead = False
        self.trap: Trap | None = None
        self.trapped = self.asked = False
        backend = self.backend = Backend(world.settings, clock=world.clock)
        backend.crew.start = lambda: None  # type: ignore[method-assign]  # its work is done by `step`
        backend.engine.turns.sleep = world.clock.sleep
        aws = world.aws.client(lambda do: self._passing("aws", do))
        backend.clients._make = lambda *_: aws  # type: ignore[method-assign]
        assert backend.studio is not None
        backend.studio._session.mount("http://", Wire(world.studio, lambda do: self._passing("studio", do)))
        self._transaction, self._read = backend.engine.database.transaction, backend.engine.database.read
        backend.engine.database.transaction = self.transaction  # type: ignore[method-assign]
        backend.engine.database.read = self.read  # type: ignore[method-assign]

    def run(self, do: Callable[[], Any]) -> Any:
        """What `do` returns; None when the process is dead, stands still in a trap, or dies of it."""
        if self.dead or self.trapped:
            return None
        try:
            return do()
        except Killed:
            self.dead = True
            return None

    def step(self) -> None:
        """Do what is due."""
        self.run(self.backend.crew.step)

    def predict(self, tasks: list[dict[str, Any]], project: str, config: str) -> list[Any] | None:
        """Label Studio's request; None when the process dies."""
        model = AWSTranscribe(project_id=project, label_config=config, running=self.backend)
        self.asked = True
        try:
            answered: list[Any] | None = self.run(lambda: model.predict(tasks))
        finally:
            self.asked = False
        return answered

    @contextmanager
    def transaction(self) -> Iterator[Execute]:
        self._reach("store", after=False)
        with self._transaction() as execute:
            yield execute
        self._reach("store", after=True)

    def read(self, sql: str, *values: Any) -> Any:
        if self.dead:
            raise Killed
        return self._read(sql, *values)

    def _passing(self, kind: str, do: Callable[[], Any]) -> Any:
        self._reach(kind, after=False)
        try:
            return do()
        finally:
            self._reach(kind, after=True)

    def _reach(self, kind: str, *, after: bool) -> None:
        if self.trap and (self.trap.kind, self.trap.after) == (kind, after):
            self.trap.count -= 1
            if self.trap.count <= 0:
                trap, self.trap = self.trap, None
                self.trapped = True
                trap.spring(self)
                self.trapped = False
        if self.dead:
            raise Killed


def killed(process: Process) -> None:
    """A trap: the process dies, and what would clean up after it does not run either."""
    process.dead = True


class InTurn:
    """A ThreadPoolExecutor whose threads take turns, so that a failing sequence can be repeated."""

    def __init__(self, *_: Any) -> None:
        pass

    def __enter__(self) -> "InTurn":
        return self

    def __exit__(self, *_: Any) -> None:
        pass

    def submit(self, do: Callable[..., Any], *args: Any) -> "Future[Any]":
        future: Future[Any] = Future()
        try:
            future.set_result(do(*args))
        except Exception as error:
            future.set_exception(error)
        return future

    def map(self, do: Callable[[Any], Any], each: Any) -> Iterator[Any]:
        return iter([do(one) for one in each])


def stepped(world: Callable[[], World]) -> tuple[Any, Any]:
    """The modules `threading` and `time` for those who wait: time passes, and others work, meanwhile."""

    def sleep(seconds: float) -> None:
        world().clock.sleep(seconds)
        world().meanwhile()

    class Stepped(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            if not self.is_set():
                sleep(timeout or 0.0)
            return self.is_set()

    events = SimpleNamespace(Lock=threading.Lock, BoundedSemaphore=threading.BoundedSemaphore, Event=Stepped)
    return events, SimpleNamespace(monotonic=time.monotonic, sleep=sleep)
