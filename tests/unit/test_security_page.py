"""Every boundary of docs/security.md is held by a test that exists."""

import ast
import re

from harness import ROOT

PAGE = (ROOT / "docs" / "security.md").read_text()


def test_the_tests_that_it_names_exist() -> None:
    shown = PAGE.split("test_security_page.py -->")[1].split("<!-- /boundaries")[0]
    named = re.findall(r"`(tests/\S+\.py)::(\w+)` \|$", shown, re.MULTILINE)
    assert len(named) == len(shown.strip().splitlines()) - 2
    for path, name in named:
        tree = ast.parse((ROOT / path).read_text())
        assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, f"{path}::{name}"


def test_the_way_to_report_a_hole_leads_here() -> None:
    assert "(docs/security.md)" in (ROOT / "SECURITY.md").read_text()
