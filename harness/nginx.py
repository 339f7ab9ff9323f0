"""nginx of Debian on a free port, in front of several servers."""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from harness.processes import NotInstalledError, environment, free_port, listens, running

_PATIENCE = 30  # seconds
_CONFIG = """
daemon off;
{user}
pid {folder}/pid;
error_log stderr;
events {{ }}
http {{
    log_format answers '$msec|$status|$upstream_header_time|$uri';
    access_log {folder}/answers answers;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    upstream servers {{
        {servers}
    }}
    server {{
        listen 127.0.0.1:{port};
        client_max_body_size 0;
        location / {{
            proxy_pass http://servers;
            proxy_read_timeout 120s;
        }}
    }}
}}
"""


@dataclass(frozen=True)
class Answered:
    """A request that nginx has answered, at a Unix time. `own`: by itself, since the server gave no answer."""

    at: float
    status: int
    own: bool
    path: str


@dataclass(frozen=True)
class Proxy:
    """A running nginx at `url`."""

    url: str
    log: Path

    def answered(self) -> list[Answered]:
        """Every request so far."""
        lines = (line.split("|", 3) for line in self.log.read_text().splitlines())
        return [Answered(float(at), int(status), waited.endswith("-"), path) for at, status, waited, path in lines]


@contextmanager
def nginx(ports: Sequence[int]) -> Iterator[Proxy]:
    """Run a proxy that gives requests to the servers at these ports of 127.0.0.1 in turn.

    A server that refuses connections is passed over for a second.
    """
    program = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}{os.pathsep}/usr/sbin")
    if not program:
        raise NotInstalledError("No nginx here: apt-get install nginx-light")
    port = free_port()
    with TemporaryDirectory() as folder:
        config = Path(folder, "nginx.conf")
        servers = "\n        ".join(f"server 127.0.0.1:{each} fail_timeout=1s;" for each in ports)
        user = "user root;" if os.getuid() == 0 else ""
        config.write_text(_CONFIG.format(user=user, folder=folder, servers=servers, port=port))
        command: list[str | Path] = [program, "-c", config, "-p", folder, "-e", "stderr"]
        with running(
            "nginx", command, lambda: listens(port), env=environment({}), log=Path(folder, "log"), timeout=_PATIENCE
        ):
            yield Proxy(f"http://127.0.0.1:{port}", Path(folder, "answers"))
