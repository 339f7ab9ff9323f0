"""/versions and /metrics."""

import math
from collections.abc import Callable

from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from harness import protocol


def samples(client: FlaskClient) -> dict[tuple[str, str], float]:
    """(name, label values in the order of their names) -> value, as Prometheus reads them."""
    answer = client.get("/metrics")
    assert answer.mimetype == "text/plain"
    families = text_string_to_metric_families(answer.text)
    return {
        (sample.name, " ".join(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def test_versions_are_those_that_setup_answered(client: FlaskClient) -> None:
    assert client.get("/versions").json == {"versions": []}
    asked = [("1.1", protocol.PLAIN), ("2.1", protocol.PLAIN), ("2.1", protocol.SEGMENTS), ("3.1", protocol.PLAIN)]
    answered = [
        client.post("/setup", json={**protocol.setup(config), "project": project}).json["model_version"]
        for project, config in asked
    ]
    assert client.get("/versions").json == {"versions": [answered[3], answered[2]]}


def test_metrics_count_requests_jobs_and_aws_calls(client: FlaskClient, put_audio: Callable[[str], str]) -> None:
    body = protocol.predict(
        [protocol.task(1, put_audio("measured.wav")), protocol.task(2, "s3://audio-bucket/absent.wav")]
    )
    client.post("/predict", json=body)
    client.post("/predict", json=body)
    client.post("/predict", data=b"{", content_type="application/json")
    found = samples(client)
    assert found["transcribe_request_seconds_count", "/predict 200"] == 2
    assert found["transcribe_request_seconds_count", "/predict 400"] == 1
    assert found["transcribe_jobs_total", "started"] == 1
    assert found["transcribe_jobs_total", "cached"] == 1
    assert found["transcribe_aws_calls_total", "StartTranscriptionJob ok transcribe"] == 1
    assert found["transcribe_aws_calls_total", "HeadObject 404 s3"] >= 1
    assert found["transcribe_pending_jobs", ""] == 0
    assert not any(math.isnan(value) for value in found.values())


def test_unknown_paths_make_no_new_series(client: FlaskClient) -> None:
    for number in range(20):
        client.get(f"/scan/{number}")
    routes = {labels.split()[0] for name, labels in samples(client) if name == "transcribe_request_seconds_count"}
    assert routes <= {"unknown", "/metrics"}
    assert samples(client)["transcribe_request_seconds_count", "unknown 404"] == 20
