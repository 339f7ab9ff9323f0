"""Every setting of the README's table reaches the process, in Docker Compose and in Kubernetes."""

import re
from dataclasses import fields
from typing import Any

import pytest
import yaml

from harness import ROOT
from transcribe_backend.settings import Settings

DOTENV = {
    "S3_BUCKET": "bucket-of-env", "S3_FOLDER": "folder-of-env", "S3_SSE_KMS_KEY_ID": "alias/env",
    "TRANSCRIBE_LANGUAGE": "de-DE", "LABEL_STUDIO_URL": "http://studio-of-env:8080", "LABEL_STUDIO_API_KEY": "k" * 40,
    "BASIC_AUTH_USER": "user-of-env", "BASIC_AUTH_PASS": "pass-of-env", "BACKEND_OPEN": "true",
    "MODEL_DIR": "/elsewhere", "QUEUE_URL": "postgresql://queue-of-env/x", "LOG_LEVEL": "ERROR", "PORT": "1234",
    "ALLOWED_S3_BUCKETS": "one,two", "ALLOWED_AUDIO_HOSTS": "host-of-env", "TRAIN_PROMOTE": "ask",
}  # fmt: skip
"""What an operator has in .env; numbers are made from their defaults."""
FIXED = {
    "compose": {"MODEL_DIR": "/data/models", "PORT": "9090", "BACKEND_OPEN": "true"},
    "kubernetes": {"MODEL_DIR": "/data/models", "PORT": "9090"},
}
"""What belongs to volumes, ports and networks, and is not the operator's."""
AWS = {"AWS_ACCESS_KEY_ID": "id-of-env", "AWS_SECRET_ACCESS_KEY": "secret-of-env", "AWS_DEFAULT_REGION": "eu-north-1"}


def dotenv() -> dict[str, str]:
    """A value for every setting that is not its default."""
    made = dict(AWS)
    for spec in fields(Settings):
        name = spec.metadata["env"]
        number = isinstance(spec.default, int | float) and not isinstance(spec.default, bool)
        made[name] = DOTENV.get(name) or (str(spec.default + 1) if number else "")
    return made


def image() -> dict[str, str]:
    """The ENV of the Dockerfile."""
    return dict(
        re.findall(r"\b([A-Z0-9_]+)=(\S+)", (ROOT / "Dockerfile").read_text().split("ENV ")[1].split("\n\n")[0])
    )


def compose(env: dict[str, str]) -> dict[str, str]:
    """The container's environment as Docker Compose puts it together: image, env_file, environment."""
    (service,) = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"].values()
    (file,) = service["env_file"]
    assert file == {"path": ".env", "required": False}
    return {**image(), **env, **service["environment"]}


def kubernetes(env: dict[str, str]) -> dict[str, str]:
    """The container's environment as Kubernetes puts it together: image, envFrom, env."""
    text = (ROOT / "deploy" / "kubernetes.yaml").read_text()
    (pod,) = (each for each in yaml.safe_load_all(text) if each["kind"] == "Deployment")
    (container,) = pod["spec"]["template"]["spec"]["containers"]
    (secret,) = re.findall(r"kubectl create secret generic (\S+) --from-env-file=.env", text)
    assert container["envFrom"] == [{"secretRef": {"name": secret}}]
    return {**image(), **env, **{each["name"]: each["value"] for each in container["env"]}}


def table() -> set[str]:
    """The variables of the README's table."""
    (shown,) = re.findall(r"<!-- settings.*?-->\n(.*?)<!-- /settings", (ROOT / "README.md").read_text(), re.DOTALL)
    return set(re.findall(r"^\| `(\w+)`", shown, re.MULTILINE))


@pytest.mark.parametrize("way", [compose, kubernetes])
def test_every_setting_of_the_table_arrives(way: Any) -> None:
    env = dotenv()
    assert table() == env.keys() - AWS.keys()
    assert "" not in env.values(), "say in DOTENV what the new setting may be"
    arrived, fixed = way(env), FIXED[way.__name__]
    assert {name: arrived[name] for name in fixed} == fixed
    assert {name: value for name, value in env.items() if arrived.get(name) != value and name not in fixed} == {}
    expected = Settings.from_env({**env, **fixed})
    assert Settings.from_env(arrived) == expected
    for spec in fields(Settings):
        if spec.metadata["env"] not in {"BACKEND_OPEN"} | fixed.keys():
            assert getattr(expected, spec.name) != spec.default, spec.name


def test_without_a_file_compose_publishes_to_this_machine_only() -> None:
    settings = Settings.from_env(compose({}))
    assert settings.host == "0.0.0.0"  # noqa: S104 - within the container
    (service,) = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"].values()
    (port,) = service["ports"]
    assert port.startswith("${BACKEND_ADDRESS:-127.0.0.1}:")


def test_without_a_password_the_pod_listens_to_itself_only() -> None:
    env = dotenv() | {"BASIC_AUTH_USER": "", "BASIC_AUTH_PASS": "", "BACKEND_OPEN": ""}
    assert Settings.from_env(kubernetes(env)).host == "127.0.0.1"
