"""deploy/kubernetes*.yaml: the parts belong together, and the pods have nothing that they do not need."""

import json
from typing import Any

import pytest
import yaml

from harness import ROOT
from transcribe_backend import __version__


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


@pytest.fixture(scope="module")
def worker() -> Any:
    """The pod's spec of the workers."""
    documents = yaml.safe_load_all((ROOT / "deploy" / "kubernetes-worker.yaml").read_text())
    (deployment,) = (document for document in documents if document["kind"] == "Deployment")
    assert deployment["spec"]["selector"]["matchLabels"] == deployment["spec"]["template"]["metadata"]["labels"]
    return deployment["spec"]["template"]["spec"]


def test_a_worker_is_the_server_s_pod_without_its_port_and_volume(pod: Any, container: Any, worker: Any) -> None:
    (hands,) = worker["containers"]
    for name in ("securityContext", "serviceAccountName", "automountServiceAccountToken"):
        assert worker[name] == pod[name]
    for name in ("image", "envFrom", "securityContext", "volumeMounts"):
        assert hands[name] == container[name]
    assert hands["args"] == ["python", "-m", "transcribe_backend", "worker"]
    assert all("emptyDir" in volume for volume in worker["volumes"])


def test_the_image_has_a_version(parts: dict[str, Any], pod: Any, container: Any) -> None:
    assert container["image"] == f"label-studio-aws-transcribe:{__version__}"
    assert pod["serviceAccountName"] == parts["ServiceAccount"]["metadata"]["name"]
    assert f"ARG VERSION={__version__}\n" in (ROOT / "Dockerfile").read_text()
