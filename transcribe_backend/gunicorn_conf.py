"""gunicorn's settings: `gunicorn -c python:transcribe_backend.gunicorn_conf transcribe_backend.wsgi:app`."""

import os
import shutil
import socket
import sys
import tempfile
import threading
from typing import Any

from transcribe_backend.errors import SettingsError
from transcribe_backend.home import UMASK, make_private
from transcribe_backend.settings import ALL_ADDRESSES, Settings


def _address(host: str) -> str:
    """Open to all means by IPv6, too, where the machine has it; there one socket serves both."""
    if host != ALL_ADDRESSES:
        return host
    try:
        socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True).close()
    except (OSError, ValueError):
        return host
    return "[::]"


os.umask(UMASK)
try:
    _settings = Settings.from_env(os.environ)
    make_private(_settings.model_dir)
except SettingsError as error:
    sys.exit(error.advice)

bind = f"{_address(_settings.host)}:{_settings.port}"
umask = UMASK
workers = _settings.workers
threads = _settings.threads
worker_class = "transcribe_backend.web.worker.PatientWorker"
timeout = 120
graceful_timeout = 10
keepalive = 5
control_socket_disable = True
loglevel = _settings.log_level.lower()
# Prometheus sums the workers' metrics from files. Ours begin and end with the server; a folder we are given stays.
_metrics = "" if "PROMETHEUS_MULTIPROC_DIR" in os.environ else tempfile.mkdtemp(prefix="transcribe-metrics-")
if _metrics:
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = _metrics


def on_starting(server: Any) -> None:
    """gunicorn would try five times, and never name the setting."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_settings.host, _settings.port))
        except OSError as error:
            if "GUNICORN_FD" not in os.environ:  # else it is ours, of the server that is being replaced
                sys.exit(f"Port {_settings.port} cannot be used ({error.strerror}): set PORT to another one.")


def when_ready(server: Any) -> None:
    """The operator learns who can reach the backend."""
    server.log.warning(_settings.access)


def post_worker_init(worker: Any) -> None:
    """Background work starts here, after the fork: threads and connections do not survive one."""
    from transcribe_backend.backend import backend

    running = backend()
    running.start()
    running.diagnosis.begin()
    if worker.age == 1:
        threading.Thread(target=running.tell_what_is_missing, daemon=True).start()


def worker_exit(server: Any, worker: Any) -> None:
    """Nothing new is started; what is pending is recorded and taken over."""
    from transcribe_backend.backend import backend

    backend().close()


def child_exit(server: Any, worker: Any) -> None:
    """A dead worker's gauges no longer count."""
    from prometheus_client.multiprocess import mark_process_dead

    mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]


def on_exit(server: Any) -> None:
    """Our metrics' files go with the server."""
    if _metrics:
        shutil.rmtree(_metrics, ignore_errors=True)
