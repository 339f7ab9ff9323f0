"""`leave_nothing.py SECONDS COMMAND…`: runs a command, then ends every process that it has left behind.

A command that takes longer is interrupted as by Ctrl-C (exit code 124). Linux only: as a "subreaper" it becomes the
parent of all orphans among its descendants, whatever session or group they are in.
"""

import ctypes
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from types import FrameType

_PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
_GRACE = 60  # seconds to tidy up after an interrupt


def main() -> int:
    seconds, command = float(sys.argv[1]), sys.argv[2:]
    if ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        print("Cannot become a subreaper: orphans will stay.", file=sys.stderr)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)  # noqa: S603 (that is its job)
    try:
        return child.wait(seconds)
    except subprocess.TimeoutExpired:
        print(f"Interrupted: not finished after {seconds:g} s.", file=sys.stderr)
        return 124
    except KeyboardInterrupt:
        return 130
    finally:
        _end(child)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _end(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is None:
        os.killpg(child.pid, signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            child.wait(_GRACE)
    while pids := _children():
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            with suppress(ChildProcessError):
                os.waitpid(pid, 0)


def _children() -> list[int]:
    """Orphans of the ended ones have become ours by now."""
    return [
        int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal() and _parent(entry) == os.getpid()
    ]


def _parent(entry: Path) -> int:
    with suppress(FileNotFoundError, ProcessLookupError):
        return int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    return 0


if __name__ == "__main__":
    sys.exit(main())
