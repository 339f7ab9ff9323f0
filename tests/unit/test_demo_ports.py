"""The demo's ports."""

import socket
from collections.abc import Iterator

import pytest

from demo.ports import Ports
from harness.processes import ProgramError, free_port


@pytest.fixture
def busy_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_busy_port_is_named_with_its_variable(busy_port: int) -> None:
    with pytest.raises(ProgramError) as error:
        Ports.from_env({"DEMO_LABEL_STUDIO_PORT": str(free_port()), "DEMO_BACKEND_PORT": str(busy_port)})
    assert str(error.value) == (
        f"Port {busy_port}, wanted for the backend, is in use: choose another one with DEMO_BACKEND_PORT=…"
    )


@pytest.mark.parametrize("text", ["abc", "0", "65536", "-1"])
def test_what_is_no_port_is_said_so(text: str) -> None:
    with pytest.raises(ProgramError, match="DEMO_LABEL_STUDIO_PORT=.* is not a port"):
        Ports.from_env({"DEMO_LABEL_STUDIO_PORT": text})
