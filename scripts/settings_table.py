"""Prints the settings as the Markdown table of README.md: `python scripts/settings_table.py`."""

import sys
from dataclasses import fields
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from transcribe_backend.settings import Settings  # noqa: E402


def table() -> str:
    """One row per environment variable: name, default, meaning."""
    rows = ["| variable | default | meaning |", "|---|---|---|"]
    for spec in fields(Settings):
        rows.append(f"| `{spec.metadata['env']}` | {_shown(spec.default)} | {spec.metadata['help']} |")
    return "\n".join(rows)


def _shown(default: object) -> str:
    if default in ("", frozenset()):
        return ""
    if isinstance(default, bool):
        return f"`{default}`".lower()
    return f"`{default:g}`" if isinstance(default, float) else f"`{default}`"


if __name__ == "__main__":
    print(table())
