"""deploy/kubernetes.yaml: the parts belong together, and every setting in it exists."""

import json
from dataclasses import fields
from typing import Any

import pytest
import yaml

from harness import ROOT
from transcribe_backend.settings import Settings

_AWS = {"AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}


@pytest.fixture(scope="module")
def parts() -> dict[str, Any]:
    """The documents by kind."""
    documents = yaml.safe_load_all((ROOT / "deploy" / "kubernetes.yaml").read_text())
    return {document["kind"]: document for document in documents}


@pytest.fixture(scope="module")
def pod(parts: dict[str, Any]) -> Any:
    """The pod's spec."""
    return parts["Deployment"]["spec"]["template"]["spec"]


@pytest.fixture(scope="module")
def container(pod: Any) -> Any:
    """Its only container."""
    (only,) = pod["containers"]
    return only


def test_the_parts_find_each_other(parts: dict[str, Any], pod: Any, container: Any) -> None:
    template = parts["Deployment"]["spec"]["template"]
    assert parts["Service"]["spec"]["selector"] == template["metadata"]["labels"]
    assert parts["Deployment"]["spec"]["selector"]["matchLabels"] == template["metadata"]["labels"]
    (port,) = container["ports"]
    (served,) = parts["Service"]["spec"]["ports"]
    assert (served["targetPort"], served["port"]) == (port["name"], port["containerPort"])
    claims = {volume["persistentVolumeClaim"]["claimName"] for volume in pod["volumes"] if "emptyDir" not in volume}
    assert claims == {parts["PersistentVolumeClaim"]["metadata"]["name"]}
    assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}


def test_it_agrees_with_the_image(pod: Any, container: Any) -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert f"--uid {pod['securityContext']['runAsUser']} " in dockerfile
    assert f"PORT={container['ports'][0]['containerPort']} " in dockerfile
    assert "MODEL_DIR=/data/" in dockerfile
    assert "/data" in {mount["mountPath"] for mount in container["volumeMounts"]}


def test_every_probe_asks_health(container: Any) -> None:
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert container[probe]["httpGet"] == {"path": "/health", "port": "http"}


def test_settings_exist_and_secrets_come_from_the_secret(container: Any) -> None:
    known = {spec.metadata["env"]: spec.metadata.get("secret", False) for spec in fields(Settings)}
    for variable in container["env"]:
        assert variable["name"] in known.keys() | _AWS
        if known.get(variable["name"]) or variable["name"].endswith(("KEY", "KEY_ID")):
            assert variable["valueFrom"]["secretKeyRef"]["key"] == variable["name"]


def test_it_runs_without_privileges(pod: Any, container: Any) -> None:
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert "password" not in json.dumps(container).lower()
