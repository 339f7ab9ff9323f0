"""Questions whose answers may take long: asked in the background, each once at a time, however many want to know."""

import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

_Question = TypeVar("_Question", bound=Hashable)
_Answer = TypeVar("_Answer")


class Asking(Generic[_Question, _Answer]):
    """Asks in at most `threads` threads, which are called `name`. Thread-safe."""

    def __init__(self, ask: Callable[[_Question], _Answer], threads: int, name: str) -> None:
        self._ask = ask
        self._pool = ThreadPoolExecutor(threads, name)
        self._lock = threading.Lock()
        self._asked: dict[_Question, Future[_Answer]] = {}

    def begin(self, question: _Question) -> "Future[_Answer]":
        """The answer to come: of whoever has asked already, if that is still under way."""
        with self._lock:
            asked = self._asked.get(question)
            if asked is None or asked.done():
                asked = self._asked[question] = self._pool.submit(self._ask, question)
            return asked

    def forget(self, question: _Question) -> None:
        """What is under way comes too late: who asks from now on asks anew."""
        with self._lock:
            self._asked.pop(question, None)
