"""Programs are started, waited for, and stopped with all their children."""

import os
import re
import sys
from pathlib import Path

import pytest

from harness.processes import ProgramError, environment, free_port, require_free, running
from harness.waiting import wait_until

PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print("child", child.pid, flush=True)
time.sleep(600)
"""


def alive(pid: int) -> bool:
    """Is it there, and no zombie?"""
    try:
        return " Z " not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False


def test_stops_a_program_with_its_children(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "parent.log"

    def ready() -> bool:
        return "child" in log.read_text()

    with running("Parent", [sys.executable, "-c", PARENT], ready, env=environment({}), log=log, timeout=30) as program:
        child = int(re.findall(r"child (\d+)", log.read_text())[0])
        assert alive(child)
    assert wait_until(lambda: not alive(child), 10, "the child is gone")
    assert program.process.poll() is not None


def test_a_program_that_ends_early_is_quoted(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "print('no such database'); raise SystemExit(3)"]
    starting = running("Shop", command, lambda: False, env=environment({}), log=tmp_path / "log", timeout=30)
    with pytest.raises(ProgramError, match=r"(?s)Shop ended with code 3.*no such database"), starting:
        pytest.fail("it was not ready")


def test_a_program_that_is_never_ready_is_stopped(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import time; print('hello', flush=True); time.sleep(600)"]
    starting = running("Shop", command, lambda: False, env=environment({}), log=tmp_path / "log", timeout=0.2)
    with pytest.raises(ProgramError, match="until Shop is up"), starting:
        pytest.fail("it was not ready")


def test_programs_know_no_account_of_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", "mine")
    seen = environment({"S3_BUCKET": "demo"})
    assert seen["S3_BUCKET"] == "demo"
    assert seen["PATH"] == os.environ["PATH"]
    assert not {"AWS_PROFILE", "LABEL_STUDIO_API_KEY"} & set(seen)


def test_a_free_port_is_free() -> None:
    require_free(free_port(), "ANY", "anything")


def test_waiting_in_vain_says_for_what() -> None:
    with pytest.raises(TimeoutError, match="Waited 0 s in vain until pigs fly"):
        wait_until(lambda: None, 0, "pigs fly")
