"""Where the demo's programs listen."""

from collections.abc import Mapping
from dataclasses import dataclass

from harness.processes import ProgramError, require_free


@dataclass(frozen=True)
class Ports:
    """One port per program; each has its environment variable."""

    label_studio: int
    backend: int
    aws: int

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Ports":
        """Read and check them: ProgramError names the variable of a port that is not free, or no port."""
        return cls(
            label_studio=_port(environ, "DEMO_LABEL_STUDIO_PORT", 8080, "Label Studio"),
            backend=_port(environ, "DEMO_BACKEND_PORT", 9090, "the backend"),
            aws=_port(environ, "DEMO_AWS_PORT", 5005, "the stand-in for AWS"),
        )

    @property
    def label_studio_url(self) -> str:
        return f"http://localhost:{self.label_studio}"

    @property
    def backend_url(self) -> str:
        return f"http://localhost:{self.backend}"


def _port(environ: Mapping[str, str], variable: str, default: int, name: str) -> int:
    text = environ.get(variable) or str(default)
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise ProgramError(f"{variable}={text} is not a port: give a number from 1 to 65535")
    require_free(int(text), variable, name)
    return int(text)
