"""The wheel: the same bytes for the same sources, and all that a machine with nothing of ours needs."""

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from harness import ROOT
from harness.aws import local_aws
from harness.hosts import SECOND_ENVIRONMENT
from harness.processes import NotInstalledError, answers, environment, free_port, running

pytestmark = pytest.mark.slow
_SOURCES = ("pyproject.toml", "README.md", "LICENSE", "transcribe_backend")


def _built(folder: Path) -> Path:
    """A wheel of a copy of the sources."""
    sources = folder / "sources"
    for name in _SOURCES:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        (sources / name).parent.mkdir(parents=True, exist_ok=True)
        copy(ROOT / name, sources / name)
    command = [sys.executable, "-m", "build", "--quiet", "--wheel", "--outdir", str(folder), str(sources)]
    subprocess.run(command, check=True, env={**os.environ, "SOURCE_DATE_EPOCH": "1800000000"}, timeout=300)
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built once."""
    return _built(tmp_path_factory.mktemp("first"))


@pytest.fixture(scope="module")
def scripts(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The programs of an environment with nothing but the wheel and what pip installs with it."""
    place = tmp_path_factory.mktemp("empty") / "venv"
    subprocess.run([sys.executable, "-m", "venv", place], check=True, timeout=300)
    pip = [place / "bin" / "python", "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "install", wheel], check=True, timeout=600)
    subprocess.run([*pip, "check"], check=True, timeout=60)
    yield place / "bin"


def test_two_builds_have_the_same_bytes(wheel: Path, tmp_path: Path) -> None:
    assert _built(tmp_path).read_bytes() == wheel.read_bytes()


def test_it_holds_the_package_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert wheel.name.startswith("label_studio_aws_transcribe-")
    listed = subprocess.run(
        ["git", "ls-files", "transcribe_backend"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert "transcribe_backend/py.typed" in names and set(listed.stdout.split()) <= set(names)
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {
        "transcribe_backend",
        "label_studio_aws_transcribe",
    }


def test_the_console_script_serves_where_nothing_else_is_installed(scripts: Path, tmp_path: Path) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with local_aws() as aws:
        aws.s3.create_bucket(Bucket="transcripts")
        settings = {**aws.env, "S3_BUCKET": "transcripts", "MODEL_DIR": str(tmp_path / "model"), "PORT": str(port)}
        program = scripts / "label-studio-transcribe"
        with running(
            "The installed server", [program, "serve"], lambda: answers(f"{url}/health"),
            env=environment(settings), log=tmp_path / "server.log", timeout=120, cwd=tmp_path,
        ):  # fmt: skip
            config = '<View><Audio name="a" value="$a"/><TextArea name="t" toName="a"/></View>'
            answer = requests.post(f"{url}/setup", json={"project": "7.1", "schema": config}, timeout=30)
            assert answer.json()["model_version"].startswith("transcribe-en-US@")
            assert requests.get(f"{url}/status", timeout=30).status_code == 200


def test_it_goes_beside_sdk_2_as_it_is(wheel: Path) -> None:
    if not SECOND_ENVIRONMENT:
        raise NotInstalledError("LABEL_STUDIO_ML_2X names no environment with SDK 2.x")
    pip = [Path(SECOND_ENVIRONMENT) / "bin" / "python", "-m", "pip", "install", "--dry-run", wheel]
    planned = subprocess.run(pip, check=True, timeout=600, capture_output=True, text=True).stdout
    assert "Would install label-studio-aws-transcribe-" in planned
    assert not {"flask", "label-studio-ml", "label-studio-sdk"} & {word.rpartition("-")[0] for word in planned.split()}
