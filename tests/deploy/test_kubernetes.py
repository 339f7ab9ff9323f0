"""deploy/kubernetes.yaml: the parts belong together, and the pod has nothing that it does not need."""

import json
from typing import Any

import pytest
import yaml

from harness import ROOT


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


def test_nothing_secret_is_in_the_file(container: Any) -> None:
    assert {variable["name"] for variable in container["env"]} == {"MODEL_DIR", "PORT"}
    assert container["envFrom"] == [{"secretRef": {"name": "transcribe-backend"}}]


def test_only_label_studio_reaches_it_and_it_reaches_no_metadata(parts: dict[str, Any], container: Any) -> None:
    policy = parts["NetworkPolicy"]["spec"]
    assert policy["podSelector"]["matchLabels"] == parts["Service"]["spec"]["selector"]
    assert set(policy["policyTypes"]) == {"Ingress", "Egress"}
    (ingress,) = policy["ingress"]
    assert [each["podSelector"]["matchLabels"] for each in ingress["from"]] == [{"app": "label-studio"}]
    assert [each["port"] for each in ingress["ports"]] == [port["name"] for port in container["ports"]]
    blocks = [each["ipBlock"] for rule in policy["egress"] for each in rule.get("to", []) if "ipBlock" in each]
    assert [block["except"] for block in blocks] == [["169.254.169.254/32"]]


def test_it_runs_without_privileges(pod: Any, container: Any) -> None:
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert "password" not in json.dumps(container).lower()
