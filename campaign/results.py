"""Results that are kept as JSON, and how docs/reliability.md shows them."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from harness import ROOT

RESULTS = ROOT / "docs" / "reliability"


def read(folder: Path) -> list[Mapping[str, Any]]:
    """All results in a folder, by their names."""
    return [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]


def row(cells: Iterable[object]) -> str:
    """A row of a table in Markdown."""
    return f"| {' | '.join(map(str, cells))} |"
