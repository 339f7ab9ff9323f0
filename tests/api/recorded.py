"""What a real Label Studio 1.23.2 sent to a backend (tests/data/recorded)."""

import json
from pathlib import Path
from typing import Any

RECORDED = Path(__file__).parents[1] / "data" / "recorded"


def cases(pattern: str) -> list[str]:
    """Names of the recordings that match a glob."""
    return sorted(path.stem for path in RECORDED.glob(f"{pattern}.json"))


def bodies(case: str, path: str) -> list[Any]:
    """The bodies of all requests to `path` in one recording, in order."""
    recorded = json.loads((RECORDED / f"{case}.json").read_text())["requests_to_backend"]
    found = [each["request"]["body"] for each in recorded if each["request"]["path"] == path]
    assert found, f"{case} holds no request to {path}"
    return found


def body(case: str, path: str = "/predict") -> Any:
    """The body of the first request to `path` in one recording."""
    return bodies(case, path)[0]
