"""Requests that are nearly what Label Studio sends: its shapes, with anything in any place."""

import random
from collections.abc import Callable
from typing import Any

from harness import protocol

ROUTES = (
    "/",
    "/health",
    "/setup",
    "/predict",
    "/webhook",
    "/versions",
    "/metrics",
    "/status",
    "/status.json",
    "/status/retry",
    "/train",
    "/nothing",
)
METHODS = ("GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH")
ACTIONS = (
    "TASKS_CREATED", "TASKS_DELETED", "ANNOTATION_CREATED", "ANNOTATIONS_CREATED", "ANNOTATION_UPDATED",
    "ANNOTATIONS_DELETED", "PROJECT_UPDATED", "START_TRAINING", "UNKNOWN",
)  # fmt: skip
CONFIGS = (
    protocol.PLAIN,
    protocol.OTHER,
    protocol.SEGMENTS,
    protocol.PLAIN.replace("<Audio", '<Audio model_language="auto" model_speakers="2"'),
    protocol.PLAIN.replace("<Audio", '<Audio model_channels="true" model_speakers="4"'),
    '<!DOCTYPE x [<!ENTITY a "b"><!ENTITY c "&a;&a;">]><View><Audio name="&c;" value="$audio"/></View>',
    "<View>" * 2000,
    "<View><Audio name='a' value='$$$'/><TextArea name='' toName='a,b'/></View>",
    protocol.PLAIN.replace('"audio"', '"\ud800"').replace("$audio", "$\ud800"),
    protocol.PLAIN.replace("<Audio", '<Audio model_language="\ud800" model_vocabulary="\ud800"'),
    protocol.PLAIN.replace("<Audio", '<Audio model_vocabulary="mine" model_alternatives="3" model_redact="true"'),
    "<View/>",
    "",
    "not xml",
    "\x00",
)
AUDIO = (
    "s3://audio-bucket/calls/hello.wav", "s3://audio-bucket/missing.wav", "s3://audio-bucket/", "s3://", "s3:///a",
    "s3://no-such-bucket-anywhere/k.wav", "s3://UPPER_case/k", "s3://audio-bucket/\x00.wav",
    "s3://audio-bucket/ü 1.wav",
    "https://audio-bucket.s3.amazonaws.com/calls/hello.wav?X-Amz-Signature=beef", "http://127.0.0.1:1/a.wav",
    "http://[::1", "http://169.254.169.254/latest", "file:///etc/passwd", "/data/upload/1/a.wav", "//host/a.wav",
    "data:audio/wav;base64,UklGRg==", "data:audio/wav;base64,***", "data:", "gs://b/k", "azure-blob://c/b", "../../x",
    "", " ", "\ud800", "a" * 5000,
)  # fmt: skip
SCALARS = (
    None,
    True,
    False,
    0,
    -1,
    7,
    2**63,
    10**40,
    0.5,
    -1e308,
    "",
    "x",
    "7",
    "7.1795327464",
    "\x00",
    "ü語",
    "\ud800",
)
NAMES = (
    "tasks", "project", "label_config", "schema", "params", "context", "result", "value", "id", "data", "audio",
    "start", "end", "channel", "labels", "text", "type", "from_name", "to_name", "action", "annotation", "task",
    "annotations", "created_at", "was_cancelled", "project_id", "extra_params", "hostname", "access_token",
)  # fmt: skip

HOSTILE_IDS = (
    "1/../../api/projects/1/export?exportType=JSON", "1?x=", "1#", "../1", "1/", "%2e%2e", "1\r\nHost: x", "1e3", "１",
    1.0, 1e300, 2**63, 2**64, 10**400, -1, [1], {"id": 1}, 987654321,
)  # fmt: skip
HOSTILE_DATES = (
    "2026-13-45T99:99:99Z", "9999-12-31T23:59:59.999999+14:00", "0001-01-01T00:00:00+14:00", "2026-01-01", "now", "1",
    "2026-01-01T00:00:00Z" * 1000,
)  # fmt: skip

Request = tuple[str, str, Any]
"""Method, path, body: JSON, bytes to send as they are, or None for no body."""


def request(dice: random.Random) -> Request:
    """One request: mostly to a route that takes it, mostly nearly right."""
    if dice.random() < 0.1:
        return dice.choice(METHODS), dice.choice(ROUTES), junk(dice) if dice.random() < 0.5 else None
    if dice.random() < 0.05:
        return "POST", dice.choice(ROUTES), dice.randbytes(dice.randrange(200))
    path, make = dice.choice(_SHAPES)
    return "POST" if make else "GET", path, _spoiled(make(dice), dice) if make else None


def hostile_webhook(dice: random.Random) -> Any:
    """A webhook with, in one place or several, what its sender hopes to be believed or to be put into an address."""
    body = _webhook(dice)
    for holder, key in ((body["project"], "id"), (body["tasks"][0], "id"), (body["annotations"][0], "id")):
        if dice.random() < 0.3:
            holder[key] = dice.choice((*HOSTILE_IDS, *SCALARS))
    if dice.random() < 0.3:
        body["project"]["created_at"] = dice.choice((*HOSTILE_DATES, *SCALARS))
    if dice.random() < 0.3:
        body["project"]["label_config"] = dice.choice((*CONFIGS, *SCALARS, "<View>" + "<View/>" * 5000 + "</View>"))
    if dice.random() < 0.1:
        body["tasks"] = [{"id": number} for number in range(dice.randrange(500))]
    return _spoiled(body, dice)


def junk(dice: random.Random, depth: int = 4) -> Any:
    """Any JSON."""
    kind = dice.random()
    if depth == 0 or kind < 0.4:
        return dice.choice(SCALARS)
    if kind < 0.6:
        return [junk(dice, depth - 1) for _ in range(dice.randrange(4))]
    return {dice.choice(NAMES): junk(dice, depth - 1) for _ in range(dice.randrange(5))}


def _spoiled(body: Any, dice: random.Random) -> Any:
    """`body` with, as often as not, one place in it replaced or gone."""
    if dice.random() < 0.5:
        return body
    places = list(_places(body))
    if not places:
        return junk(dice)
    holder, key = dice.choice(places)
    if isinstance(holder, dict) and dice.random() < 0.3:
        del holder[key]
    else:
        holder[key] = junk(dice)
    return body


def _places(node: Any) -> Any:
    keys = node if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()
    for key in list(keys):
        yield node, key
        yield from _places(node[key])


def _task(dice: random.Random) -> Any:
    number, key = dice.choice((None, dice.randrange(50))), dice.choice(("audio", "recording"))
    return protocol.task(number, dice.choice(AUDIO), key)


def _region(dice: random.Random) -> Any:
    value: dict[str, Any] = {"start": dice.uniform(-1, 9), "end": dice.uniform(-1, 9), "labels": ["Speech"]}
    kind = dice.choice(("labels", "textarea", "choices"))
    return {"id": dice.choice("abc"), "from_name": "labels", "to_name": "audio", "type": kind, "value": value}


def _project(dice: random.Random) -> Any:
    return {"id": dice.randrange(9), "created_at": "2026-11-22T06:02:57.019153Z", "label_config": dice.choice(CONFIGS)}


def _setup(dice: random.Random) -> Any:
    return protocol.setup(dice.choice(CONFIGS))


def _predict(dice: random.Random) -> Any:
    return protocol.predict([_task(dice) for _ in range(dice.randrange(4))], dice.choice(CONFIGS))


def _interactive(dice: random.Random) -> Any:
    context = {"result": [_region(dice) for _ in range(dice.randrange(4))]}
    return protocol.predict([_task(dice)], dice.choice(CONFIGS), context=context)


def _webhook(dice: random.Random) -> Any:
    annotation = {"id": 1, "task": 1, "result": [_region(dice)], "was_cancelled": False}
    return {
        "action": dice.choice(ACTIONS), "project": _project(dice), "tasks": [_task(dice)], "task": _task(dice),
        "annotation": dice.choice((annotation, [annotation])), "annotations": [{"id": 1}],
    }  # fmt: skip


_SHAPES: tuple[tuple[str, Callable[[random.Random], Any] | None], ...] = (
    ("/setup", _setup),
    ("/predict", _predict),
    ("/predict", _interactive),
    ("/webhook", _webhook),
    ("/versions", None),
    ("/metrics", None),
    ("/health", None),
)
