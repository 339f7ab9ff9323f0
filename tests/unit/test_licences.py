"""The table of licences, from a CycloneDX SBOM."""

import sys

from harness import ROOT

sys.path.insert(0, str(ROOT / "scripts"))

BOM = {
    "components": [
        {"name": "two", "version": "2.0", "licenses": [{"license": {"id": "MIT"}}, {"license": {"name": "BSD"}}]},
        {"name": "expressed", "version": "1", "licenses": [{"expression": "MPL-2.0 AND MIT"}]},
        {"name": "silent"},
        {"name": "wordy", "version": "3", "licenses": [{"license": {"name": "Permission is hereby granted " * 50}}]},
    ]
}


def test_every_component_has_its_line() -> None:
    from licences import table

    assert [line.split(maxsplit=1) for line in table(BOM).splitlines()] == [
        ["expressed", "1    MPL-2.0 AND MIT"],
        ["silent", "unknown"],
        ["two", "2.0  MIT / BSD"],
        ["wordy", "3    a text of its own"],
    ]
