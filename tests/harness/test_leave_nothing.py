"""CI's last line of defence against processes that outlive it."""

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "leave_nothing.py"
ORPHAN = "import time; print('orphan', __import__('os').getpid(), flush=True); time.sleep(600)"
LEAVES_AN_ORPHAN = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {ORPHAN!r}], stdout=subprocess.PIPE, text=True, start_new_session=True)
print(child.stdout.readline(), flush=True)
"""
WAITS = LEAVES_AN_ORPHAN + "child.wait()"

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="subreapers are Linux's")


def command(seconds: int, program: str) -> list[str]:
    return [sys.executable, str(SCRIPT), str(seconds), sys.executable, "-c", program]


def orphan_of(output: str) -> Path:
    return Path("/proc") / re.findall(r"orphan (\d+)", output)[0]


def test_passes_the_exit_code_on_and_ends_orphans() -> None:
    result = subprocess.run(
        command(60, LEAVES_AN_ORPHAN + "sys.exit(3)"), capture_output=True, text=True, timeout=60, check=False
    )
    assert result.returncode == 3
    assert not orphan_of(result.stdout).exists()


def test_interrupts_what_takes_too_long() -> None:
    result = subprocess.run(command(5, WAITS), capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 124
    assert "KeyboardInterrupt" in result.stderr  # so it could tidy up
    assert not orphan_of(result.stdout).exists()


def test_being_terminated_ends_everything() -> None:
    with subprocess.Popen(command(60, WAITS), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        orphan = orphan_of(process.stdout.readline())
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
        assert process.returncode == 130
    assert not orphan.exists()
