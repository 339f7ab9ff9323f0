"""Requests that are not what the protocol says: refused by name, without a traceback."""

import io
import json
import tracemalloc
from typing import Any

import pytest
from flask.testing import FlaskClient

from harness import protocol

MEGABYTE = 1024 * 1024
POSTS = ("/setup", "/predict", "/webhook")


@pytest.mark.parametrize("path", POSTS)
def test_a_body_over_256_megabytes_is_refused_unread(client: FlaskClient, path: str) -> None:
    stream = io.BytesIO(b"{}")
    announced = {"wsgi.input": stream, "CONTENT_LENGTH": str(256 * MEGABYTE + 1), "CONTENT_TYPE": "application/json"}
    answer = client.post(path, environ_overrides=announced)
    assert answer.status_code == 413
    assert "256 MB" in answer.json["detail"]
    assert stream.tell() == 0


def test_a_body_without_a_length_is_read_no_further(client: FlaskClient) -> None:
    stream = io.BytesIO(b'{"a":"' + b"x" * (260 * MEGABYTE) + b'"}')
    chunked = {"wsgi.input": stream, "wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}
    answer = client.post("/setup", content_type="application/json", environ_overrides=chunked)
    assert answer.status_code == 400
    assert stream.tell() == 256 * MEGABYTE


def test_a_body_under_it_is_read(client: FlaskClient) -> None:
    body = {**protocol.predict([]), "padding": "x" * (33 * MEGABYTE)}
    assert client.post("/predict", json=body).status_code == 200


def test_old_predictions_in_a_request_are_passed_over(client: FlaskClient) -> None:
    """150 hour-long tasks after a change of version have 38 MB; of a refusal Label Studio tells its user nothing."""
    spoken = {"value": {"start": 1.5, "end": 2.5, "text": ["hello there"]}, "id": "r", "type": "textarea"}
    old = [{"model_version": "old", "result": [spoken] * 2500}]
    tasks = [{**protocol.task(None, "s3://"), "predictions": old} for _ in range(150)]
    body = json.dumps(protocol.predict(tasks)).encode()
    assert len(body) > 32 * MEGABYTE
    tracemalloc.start()
    answer = client.post("/predict", data=body, content_type="application/json")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert answer.json == {"results": [[]] * 150}
    assert peak < 2 * len(body)


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b'"text"', b"\xff\xfe", b"[" * 100_000, b'{"a":' * 100_000, b"1" * 5000]
)
def test_what_is_no_json_object_is_said_so(client: FlaskClient, path: str, body: bytes) -> None:
    answer = client.post(path, data=body, content_type="application/json")
    assert answer.status_code == 400
    assert "JSON object" in answer.json["detail"]


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/setup", {**protocol.setup(), "schema": 7}, "schema"),
        ("/setup", {**protocol.setup(), "project": ["1"]}, "project"),
        ("/setup", {**protocol.setup(), "project": "\ud800"}, "project"),
        ("/setup", {**protocol.setup(), "project": "1' or 1"}, "project"),
        ("/webhook", {"action": "PROJECT_UPDATED", "project": 7}, "project"),
        ("/webhook", {"action": "PROJECT_UPDATED", "project": {"label_config": []}}, "project.label_config"),
        ("/predict", {**protocol.predict([]), "tasks": None}, "tasks"),
        ("/predict", {**protocol.predict([]), "tasks": {}}, "tasks"),
        ("/predict", protocol.predict([protocol.task(1, "x"), 7]), "tasks[1]"),
        ("/predict", protocol.predict([{"id": 1}]), "tasks[0].data"),
        ("/predict", protocol.predict([{"id": 1, "data": []}]), "tasks[0].data"),
        ("/predict", protocol.predict([protocol.task(1, "x") | {"id": "1; drop"}]), "tasks[0].id"),
        ("/predict", protocol.predict([protocol.task(2**63, "x")]), "tasks[0].id"),
        ("/predict", protocol.predict([protocol.task(1, "x") | {"id": True}]), "tasks[0].id"),
        ("/predict", {**protocol.predict([]), "label_config": {}}, "label_config"),
        ("/predict", {**protocol.predict([]), "project": 7}, "project"),
        ("/predict", {**protocol.predict([]), "params": []}, "params"),
        ("/predict", protocol.predict([], context=[1]), "params.context"),
        ("/webhook", {"action": None}, "action"),
    ],
)
def test_a_wrong_field_is_named(client: FlaskClient, path: str, body: Any, field: str) -> None:
    answer = client.post(path, json=body)
    assert answer.status_code == 400
    assert answer.json["detail"].startswith(field)


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [("GET", "/predict", 405), ("POST", "/health", 405), ("PUT", "/setup", 405), ("GET", "/train", 404)],
)
def test_other_routes_and_methods_answer_json(client: FlaskClient, method: str, path: str, code: int) -> None:
    answer = client.open(path, method=method)
    assert answer.status_code == code
    assert answer.json["detail"]
