"""Shows that something is going on while the user waits."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def step(what: str, detail: Callable[[], str] = str) -> Iterator[None]:
    """Print `what`, then the seconds it takes; on a terminal they are counted, with `detail`, while it goes on."""
    began = time.monotonic()
    done = threading.Event()
    live = sys.stdout.isatty()

    def line() -> str:
        return f"{what} … {time.monotonic() - began:.0f} s {detail()}".rstrip()

    def count() -> None:
        while not done.wait(0.5):
            print(f"\r\033[K{line()}", end="", flush=True)

    counter = threading.Thread(target=count, daemon=True)
    if live:
        counter.start()
    else:
        print(f"{what} …", flush=True)
    try:
        yield
    finally:
        done.set()
        if live:
            counter.join()
        print(("\r\033[K" if live else "") + line(), flush=True)
