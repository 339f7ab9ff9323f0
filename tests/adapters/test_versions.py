"""The versions that GET /versions shows."""

from pathlib import Path

from tests.adapters.background import Clock
from transcribe_backend.ledger import Ledger
from transcribe_backend.versions import Versions

from transcribe_backend.settings import Settings


def test_the_newest_twenty_are_kept_and_no_more(tmp_path: Path) -> None:
    clock, ledger = Clock(), Ledger(Settings(model_dir=tmp_path), "versions")
    versions = Versions(ledger, clock)
    for number in [*range(30), 15]:
        clock.ahead += 1
        versions.add(f"v{number}")
    assert versions.recent() == ["v15", *(f"v{number}" for number in range(29, 9, -1) if number != 15)][:20]
    assert len(ledger) == 20
