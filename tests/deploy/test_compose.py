"""docker-compose.yml: the container has nothing that it does not need."""

from typing import Any

import pytest
import yaml

from harness import ROOT


@pytest.fixture(scope="module")
def document() -> Any:
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text())


@pytest.fixture(scope="module")
def service(document: Any) -> Any:
    """Its only service."""
    (only,) = document["services"].values()
    return only


def test_it_runs_without_privileges(service: Any) -> None:
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["mem_limit"] and service["pids_limit"]
    assert not {"privileged", "network_mode", "pid", "cap_add", "user"} & service.keys()


def test_it_can_write_where_the_image_writes(service: Any) -> None:
    places = {volume.partition(":")[2] for volume in service["volumes"]}
    assert service["environment"]["MODEL_DIR"].startswith(tuple(places))
    assert service["tmpfs"] == ["/tmp"]  # noqa: S108 - of the container


def test_the_network_that_others_join_is_the_one_it_says(document: Any, service: Any) -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    name = document["networks"]["default"]["name"]
    assert f"docker network connect {name} " in text
    assert f"http://{service['container_name']}:9090" in text
