"""Three minutes of the campaign: a real Label Studio, people at work, and every fault once. The seed is fixed."""

from pathlib import Path

import pytest

from campaign.__main__ import campaign

pytestmark = pytest.mark.slow


def test_every_promise_is_kept_while_everything_fails(tmp_path: Path) -> None:
    outcome = campaign(tmp_path, seed=1, minutes=3, annotators=8, tasks=40)
    assert outcome.wrong == []
    assert {each.fault for each in outcome.faults if each.fired} >= {"kill", "store-away", "studio-away"}
