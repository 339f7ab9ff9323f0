"""The servers that can host the model class: our own, and those of Label Studio's SDK as its own tools set them up."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from harness import ROOT
from harness.backend import Server, backend
from harness.processes import NotInstalledError, answers, environment, free_port, running

OURS, FIRST, SECOND = "our own", "SDK 1.0.9", "SDK 2.x"
HOSTS = (OURS, FIRST, SECOND)
SECOND_ENVIRONMENT = os.environ.get("LABEL_STUDIO_ML_2X", "")
"""A virtual environment with SDK 2.x, which is on GitHub only."""
_GUNICORN = ("gunicorn", "--preload", "--workers", "2", "--threads", "8", "--timeout", "0", "--bind")
_PATIENCE = 180  # seconds; SDK 2.x imports for half a minute on a busy machine


@contextmanager
def hosted(host: str, settings: Mapping[str, str], folder: Path) -> Iterator[Server]:
    """Run the model class under a host; NotInstalledError when its SDK is not on this machine."""
    if host == OURS:
        with backend(settings, folder / "ours.log") as server:
            yield server
        return
    port = free_port()
    scripts = _scripts(host)
    env = environment({**settings, "PATH": f"{scripts}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)})
    place = _made(host, scripts, env, folder)
    command: list[str | Path] = [
        scripts / "label-studio-ml",
        "start",
        place,
        "--port",
        str(port),
        "--host",
        "127.0.0.1",
    ]
    if host == SECOND:
        command = [scripts / "python", "-m", *_GUNICORN, f"127.0.0.1:{port}", "_wsgi:app"]
    url = f"http://127.0.0.1:{port}"
    log = folder / "sdk.log"
    with running(
        host, command, lambda: answers(f"{url}/health"), env=env, log=log, timeout=_PATIENCE, cwd=place
    ) as program:
        yield Server(url, program)


def _scripts(host: str) -> Path:
    if host == FIRST:
        return Path(sys.executable).parent
    if not SECOND_ENVIRONMENT:
        raise NotInstalledError("SDK 2.x is on GitHub only: LABEL_STUDIO_ML_2X names a virtual environment that has it")
    return Path(SECOND_ENVIRONMENT) / "bin"


def _made(host: str, scripts: Path, env: Mapping[str, str], folder: Path) -> Path:
    """What `label-studio-ml create` makes of our model.py."""
    place = folder / "made"
    script = f"{ROOT / 'model.py'}:AWSTranscribe"
    verb = "init" if host == FIRST else "create"
    command: list[str | Path] = [scripts / "label-studio-ml", verb, place, "--script", script]
    subprocess.run(command, check=True, env=dict(env), cwd=folder, capture_output=True, timeout=_PATIENCE)
    return place
