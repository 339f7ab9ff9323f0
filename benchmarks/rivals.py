"""Servers of Label Studio's own SDK with a constant answer, served as its docs say: one worker, eight threads."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from harness import ROOT
from harness.backend import Server
from harness.processes import answers, environment, free_port, running

VERSION = "1.0.9"
"""The newest on PyPI."""
_ENVIRONMENT = ROOT / ".cache" / f"label-studio-ml-{VERSION}"
# Its own requirements.txt for servers, but gunicorn, whose 20.1 needs a pkg_resources that is no more.
_PACKAGES = (f"label-studio-ml=={VERSION}", "rq==1.10.1", "gunicorn==23.0.0")
PLAIN = """import json
from pathlib import Path

from label_studio_ml.model import LabelStudioMLBase

ANSWER = json.loads(Path(__file__).with_name("answer.json").read_text())


class Constant(LabelStudioMLBase):
    def predict(self, tasks, **kwargs):
        return [ANSWER] * len(tasks)
"""
"""A model that returns plain lists: as the docs of 1.0.9 say, and the fastest that 2.x can serve."""
TEMPLATE = """import json
from pathlib import Path

from label_studio_ml.model import LabelStudioMLBase
from label_studio_ml.response import ModelResponse

ANSWER = json.loads(Path(__file__).with_name("answer.json").read_text())


class Constant(LabelStudioMLBase):
    def setup(self):
        self.set("model_version", ANSWER["model_version"])

    def predict(self, tasks, context=None, **kwargs):
        return ModelResponse(predictions=[ANSWER] * len(tasks))
"""
"""A model in the form that 2.x's own `label-studio-ml create` gives it."""


def newest_on_pypi() -> Path:
    """A virtual environment with label-studio-ml 1.0.9, made at its first use."""
    if not (_ENVIRONMENT / "installed").exists():
        print(f"Installing label-studio-ml {VERSION} into {_ENVIRONMENT} …", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", _ENVIRONMENT], check=True)
        pip: list[str | Path] = [_ENVIRONMENT / "bin" / "python", "-m", "pip", "install", "--quiet"]
        subprocess.run([*pip, *_PACKAGES], check=True)
        (_ENVIRONMENT / "installed").touch()
    return _ENVIRONMENT


def second_generation() -> Path | None:
    """The environment with an SDK 2.x (on GitHub only) that LABEL_STUDIO_ML_2X names."""
    return Path(os.environ["LABEL_STUDIO_ML_2X"]) if os.environ.get("LABEL_STUDIO_ML_2X") else None


@contextmanager
def constant_server(virtualenv: Path, answer: Any, folder: Path, model: str = PLAIN) -> Iterator[Server]:
    """The SDK's server, made by its own `label-studio-ml init`, that answers `answer` for each task."""
    folder.mkdir()
    (folder / "constant.py").write_text(model)
    programs, project, port = virtualenv / "bin", folder / "project", free_port()
    make: list[str | Path] = [programs / "label-studio-ml", "init", project]
    make += ["--script", f"{folder}/constant.py:Constant"]
    env = environment({"PATH": f"{programs}:{os.environ['PATH']}", "MODEL_DIR": str(folder / "models")})
    subprocess.run(make, check=True, capture_output=True, env=env, cwd=folder)
    (project / "answer.json").write_text(json.dumps(answer))
    # As in the Dockerfile that it makes.
    command: list[str | Path] = [programs / "gunicorn", "--preload", "--bind", f"127.0.0.1:{port}"]
    command += ["--workers", "1", "--threads", "8", "--timeout", "0", "_wsgi:app"]
    url = f"http://127.0.0.1:{port}"
    with running(
        "The SDK's server", command, lambda: answers(f"{url}/health"),
        env=env, log=folder / "log", timeout=60, cwd=project,
    ) as program:  # fmt: skip
        yield Server(url, program)
