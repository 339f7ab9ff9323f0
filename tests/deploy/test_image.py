"""The base image is pinned by digest with one command."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from harness import ROOT

DIGEST = "sha256:" + "ab" * 32


def pinned(tmp_path: Path, told: str) -> subprocess.CompletedProcess[str]:
    """scripts/pin.sh in a copy, with a `docker` whose registry tells this."""
    (tmp_path / "scripts").mkdir(exist_ok=True)
    (tmp_path / "bin").mkdir(exist_ok=True)
    shutil.copy(ROOT / "scripts" / "pin.sh", tmp_path / "scripts")
    if not (tmp_path / "Dockerfile").exists():
        shutil.copy(ROOT / "Dockerfile", tmp_path)
    docker = tmp_path / "bin" / "docker"
    docker.write_text(f'#!/bin/sh\n[ "$4" = python:3.12-slim ] && echo "{told}"\n')
    docker.chmod(0o755)
    env = {"PATH": f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    command = ["sh", str(tmp_path / "scripts" / "pin.sh")]
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False)


def test_the_digest_is_written_and_renewed(tmp_path: Path) -> None:
    for digest in (DIGEST, DIGEST.replace("ab", "cd")):
        assert pinned(tmp_path, digest).returncode == 0
        lines = (tmp_path / "Dockerfile").read_text().splitlines()
        assert [line for line in lines if line.startswith("ARG BASE=")] == [f"ARG BASE=python:3.12-slim@{digest}"]
    assert len(lines) == len((ROOT / "Dockerfile").read_text().splitlines())


@pytest.mark.parametrize("told", ["", "not a digest", "sha256:abc"])
def test_without_a_digest_nothing_is_written(tmp_path: Path, told: str) -> None:
    assert pinned(tmp_path, told).returncode != 0
    assert (tmp_path / "Dockerfile").read_text() == (ROOT / "Dockerfile").read_text()


def test_the_image_runs_as_nobody_in_particular() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert "FROM ${BASE}" in dockerfile
    assert "\nUSER backend\n" in dockerfile
