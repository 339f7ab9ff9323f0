"""Requests of about a megabyte, each large in another place: what the author of a task or a project can make."""

from typing import Any

from harness import protocol

MEGABYTE = 1024 * 1024
_TOKENS = "-eyJaaaaa" * (MEGABYTE // 9)
_ADDRESSES = {
    "an S3 key": "s3://bucket/" + "k" * MEGABYTE,
    "no S3 bucket": "s3://" + _TOKENS,
    "a storage's key": "gs://bucket/" + _TOKENS,
    "an upload": "/data/upload/1/" + "a/" * (MEGABYTE // 2),
    "a URL's path": "https://example.com/" + "%2e%2e/" * (MEGABYTE // 7),
    "a URL's query": "https://example.com/a.wav?" + "t=eyJaaaaaaaa&" * (MEGABYTE // 14),
    "a URL's user": "https://" + "a@" * (MEGABYTE // 2) + "example.com/a.wav",
    "a URL's host": "https://" + "a." * (MEGABYTE // 2) + "com/a.wav",
    "data: in base64": "data:audio/wav;base64," + "UklG" * (MEGABYTE // 4),
    "data: in percents": "data:audio/wav," + "%41" * (MEGABYTE // 3),
    "a data: URI's head": "data:" + "a;" * (MEGABYTE // 2) + "base64,AAAA",
    "no scheme": _TOKENS,
    "blanks": " " * MEGABYTE + "x",
    "control characters": "s3://bucket/" + "\x00\u2028" * (MEGABYTE // 2),
}
_AUDIO = '<Audio name="audio" value="$audio"/>'
_TEXT = '<TextArea name="t" toName="audio" perRegion="true"/>'
_CONFIGS = {
    "labels and regions": f'<View>{_AUDIO}{_TEXT}<Labels name="l" toName="audio">'
    + "".join(f'<Label value="S{number}" hint="{"x" * 900}"/>' for number in range(1000))
    + "</Labels></View>",
    "labels": f'<View>{_AUDIO}{_TEXT}<Labels name="l" toName="audio">'
    + '<Label value="S"/>' * 53_000
    + "</Labels></View>",
    "a depth": "<View>" * 9_900 + _AUDIO + _TEXT + " " * 800_000 + "</View>" * 9_900,
    "a greater depth": "<View>" * 75_000 + _AUDIO + _TEXT + "</View>" * 75_000,
    "controls": f"<View>{_AUDIO}" + '<Labels name="l" toName="audio">' * 24_000 + "</Labels>" * 24_000 + "</View>",
    "an attribute": f'<View>{_AUDIO}<TextArea name="t" toName="{"x," * 490_000}"/></View>',
    "tokens": f"<View>{_TOKENS[:990_000]}</View>",
}
_REGION = {"id": "r", "from_name": "labels", "to_name": "audio", "type": "labels", "value": {"start": 0, "end": 1}}


def requests() -> dict[str, tuple[str, Any]]:
    """Path and body by what is large in it."""
    return {
        **{f"address: {name}": ("/predict", _predict(value)) for name, value in _ADDRESSES.items()},
        **{f"config: {name}": ("/predict", _predict("s3://b/k", config)) for name, config in _CONFIGS.items()},
        **{f"setup: {name}": ("/setup", protocol.setup(config)) for name, config in _CONFIGS.items()},
        "regions and labels": (
            "/predict",
            protocol.predict(
                [protocol.task(1, "s3://b/k")], _CONFIGS["labels and regions"], context={"result": [_REGION] * 9000}
            ),
        ),
        "regions": ("/predict", protocol.predict([protocol.task(1, "s3://b/k")], context={"result": [_REGION] * 9000})),
        "a region's text": ("/predict", protocol.predict([protocol.task(1, "s3://b/k")], context=_written(_TOKENS))),
        "tasks": ("/predict", protocol.predict([protocol.task(number, "") for number in range(10_000)])),
        "an action": ("/webhook", {"action": _TOKENS}),
        "a project": ("/setup", protocol.setup(project="1" * MEGABYTE)),
    }


def _predict(value: str, config: str = protocol.PLAIN) -> Any:
    return protocol.predict([protocol.task(1, value)], config)


def _written(text: str) -> Any:
    written = {**_REGION, "from_name": "transcription", "type": "textarea", "value": {"text": [text]}}
    return {"result": [_REGION, written]}
