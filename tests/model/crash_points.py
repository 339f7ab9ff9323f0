"""Processes that exit exactly before or after their n-th write or request, and prove that they did."""

import mmap
import os
import re
import struct
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import requests
from botocore.httpsession import URLLib3Session

from tests.model.processes import stepped
from transcribe_backend.aws import clients
from transcribe_backend.backend import Backend
from transcribe_backend.prelabeling import answers, imports
from transcribe_backend.settings import Settings
from transcribe_backend.speech.lexicon import lexicon
from transcribe_backend.work import bell
from transcribe_backend.work.database import Database, Execute

KINDS = ("store", "aws", "studio")
KILLED = 137
_RENEW = 3.0
_NAMES = re.compile(r"(?<=GET) .*|(?<=HEAD) .*|http://[^/]+|[0-9a-f]{40}|\d+")
"""What tells apart two writes or requests of one sort. A read leaves nothing behind: all of one method are a sort."""


class SharedClock:
    """A time that goes on in whichever process moves it."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, 8)
        self.sleep(1_800_000_000.0)

    def __call__(self) -> float:
        now: float = struct.unpack("d", self._memory[:8])[0]
        return now

    def sleep(self, seconds: float) -> None:
        """Time passes."""
        self._memory[:8] = struct.pack("d", self() + seconds)


@dataclass
class Point:
    """The n-th write to the store, request to AWS or to Label Studio, and whether the process exits before or after it.

    `kind` is one of KINDS, or a single sort of write or request as they stand in `seen`, in order, once they are
    reached. `mark` is a file that then says what it was.
    """

    kind: str
    count: int
    after: bool
    mark: Path
    seen: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _count: int = 0

    def __str__(self) -> str:
        return f"{'after' if self.after else 'before'} {self.kind} {self.count}"

    @contextmanager
    def around(self, kind: str, what: str) -> Iterator[None]:
        """One write or request."""
        sort = f"{kind} {_NAMES.sub('', what)}"
        mine = self.kind in (kind, sort)
        with self._lock:
            self.seen.append(sort)
            self._count += mine
            fires = mine and self._count == self.count
        if fires and not self.after:
            self._exit(what)
        yield
        if fires:
            self._exit(what)

    def _exit(self, what: str) -> None:
        self.mark.write_text(f"{self}: {what}")
        os._exit(KILLED)


def forked(settings: Settings, clock: SharedClock, do: Callable[[Backend], None], point: Point | None = None) -> int:
    """The exit status of a process that does something with a backend of its own: 0, or KILLED at the point."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # other threads here only serve Label Studio's double
        process = os.fork()
    if process:
        return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    status = 1
    try:
        _install(settings, point)
        backend = Backend(settings, clock=clock)
        backend.crew.start = lambda: None  # type: ignore[method-assign]
        backend.engine.turns.sleep = clock.sleep
        _take_turns(backend, clock)
        do(backend)
        status = 0
    except BaseException:
        (settings.model_dir / "traceback").write_text(traceback.format_exc())
    finally:
        os._exit(status)


def run_until(
    backend: Backend, clock: SharedClock, done: Callable[[], bool], *, seconds: float = 2 * 3600.0, tidy: bool = False
) -> None:
    """Work, and let time pass to what is due next, until something holds; `tidy`: and do the chores now and then."""
    begun = clock()
    while not done():
        assert clock() - begun < seconds, backend.engine.database.read("select * from transcribe_work")
        if not backend.crew.step():
            due = backend.engine.database.read("select min(due) from transcribe_work where queue <> 'failed'")[0][0]
            clock.sleep(max(0.2, (due or 0.0) - clock()))
            if tidy:
                backend.crew.tidy()


def _take_turns(backend: Backend, clock: SharedClock) -> None:
    """Who waits in this process lets it work meanwhile, and keeps its leases."""
    renewed = clock()

    class Waiting:
        """What `stepped` needs of a world."""

        def __init__(self) -> None:
            self.clock = clock

        def meanwhile(self) -> None:
            nonlocal renewed
            if clock() - renewed > _RENEW:
                backend.crew.renew()
                renewed = clock()
            backend.crew.step()

    waiting = Waiting()
    bell.threading, answers.time = stepped(lambda: waiting)  # type: ignore[assignment,arg-type,return-value]


_session: Any = None


def prepare(region: str) -> None:
    """What is slow is read before any fork: the services' descriptions, in one boto3 session, and common words."""
    global _session
    lexicon("en-US")
    _session = boto3.session.Session(region_name=region)
    for service in ("s3", "transcribe", "sts"):
        _session.client(service)


def _install(settings: Settings, point: Point | None) -> None:
    """In the child alone: `point` lies at the rim of the process."""
    clients.boto3.session.Session = lambda region_name=None: _session  # type: ignore[assignment,misc]
    imports._PAGE = 2
    if point is None:
        return
    transaction, to_aws, to_studio = Database.transaction, URLLib3Session.send, requests.Session.send

    @contextmanager
    def counted(self: Database) -> Iterator[Execute]:
        with point.around("store", _caller()), transaction(self) as execute:
            yield execute

    def sent_to_aws(self: Any, request: Any) -> Any:
        with point.around("aws", f"{request.method} {request.headers.get('X-Amz-Target') or request.url}"):
            return to_aws(self, request)

    def sent_to_studio(self: Any, request: Any, **kwargs: Any) -> Any:
        assert request.url.startswith(settings.label_studio_url), request.url
        with point.around("studio", f"{request.method} {request.url}"):
            return to_studio(self, request, **kwargs)

    Database.transaction = counted  # type: ignore[method-assign]
    URLLib3Session.send = sent_to_aws
    requests.Session.send = sent_to_studio  # type: ignore[method-assign]


def _caller() -> str:
    frames = [frame for frame in traceback.extract_stack() if "/transcribe_backend/" in frame.filename]
    return " > ".join(f"{Path(frame.filename).stem}.{frame.name}" for frame in frames[-3:])


def rows(settings: Settings, query: str) -> list[Any]:
    """What the store holds, seen from outside; nothing before its first use."""
    import sqlite3

    with closing(sqlite3.connect(settings.model_dir / "work.db")) as connection:
        try:
            return connection.execute(query).fetchall()
        except sqlite3.OperationalError as error:
            assert "no such table" in str(error)
            return []
