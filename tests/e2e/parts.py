"""What the end-to-end tests know of their parts."""

from dataclasses import dataclass
from pathlib import Path

from demo.processes import Program
from demo.studio import Account

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "samples"
BUCKET = "e2e-audio"
ACCOUNT = Account("admin@example.com", "adminpass1", "e2e0" * 10)


@dataclass(frozen=True)
class Server:
    """A running program of ours at `url`."""

    url: str
    program: Program

    @property
    def log(self) -> str:
        """All it has printed so far."""
        return self.program.log.read_text(errors="replace")
