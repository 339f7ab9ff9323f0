"""Prints the components of a CycloneDX SBOM and their licences: `python scripts/licences.py sbom.cdx.json`."""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any


def table(bom: Mapping[str, Any]) -> str:
    """One line per component: name, version, licences."""
    rows = sorted((each["name"], each.get("version", ""), " / ".join(licences(each))) for each in bom["components"])
    wide, wider = (max(len(row[column]) for row in rows) for column in (0, 1))
    return "\n".join(f"{name:{wide}}  {version:{wider}}  {licence or 'unknown'}" for name, version, licence in rows)


def licences(component: Mapping[str, Any]) -> Iterator[str]:
    """As the package declares them: an SPDX expression, or names; a whole text is only said to be one."""
    for each in component.get("licenses", []):
        told = each.get("expression") or each["license"].get("id") or each["license"].get("name", "")
        yield told if len(told) < 80 else "a text of its own"


if __name__ == "__main__":
    print(table(json.loads(Path(sys.argv[1]).read_text())))
