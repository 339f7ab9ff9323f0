"""Runs inside the image, as its user: the server starts, is healthy, and tells Label Studio what it lacks."""

import http.client
import json
import os
import socket
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path

with socket.socket() as _probe:  # a free one: with chroot isolation the container shares the machine's ports
    _probe.bind(("127.0.0.1", 0))
    PORT = _probe.getsockname()[1]
CONFIG = '<View><Audio name="audio" value="$audio"/><TextArea name="transcription" toName="audio"/></View>'


def main() -> None:
    assert os.getuid() != 0, "the image runs as root"
    assert not {"tests", "demo", "local_aws", "samples"} & set(os.listdir()), "the image holds what does not run"
    assert not os.access("/app", os.W_OK), "the server may change its own code"
    assert not find_spec("PIL") and not find_spec("label_studio_ml"), "the image holds packages that nothing imports"
    command = ["gunicorn", "-c", "gunicorn.conf.py", "_wsgi:app"]  # as in the Dockerfile
    server = subprocess.Popen(
        command, env={**os.environ, "PORT": str(PORT), "AWS_DEFAULT_REGION": "us-east-1", "BACKEND_OPEN": "true"}
    )
    try:
        print("up after", wait_for_health(server), "s")
        check_setup()
        if socket.has_ipv6 and os.path.exists("/proc/net/if_inet6"):
            socket.create_connection(("::1", PORT), timeout=5).close()
            print("listens on IPv6, too")
    finally:
        server.terminate()
        server.wait(20)
    assert list(Path(os.environ["MODEL_DIR"]).iterdir()), "nothing was written to MODEL_DIR"


def wait_for_health(server: subprocess.Popen) -> float:
    began = time.monotonic()
    while time.monotonic() < began + 60:
        assert server.poll() is None, "the server ended"
        try:
            status, reason, body = request("GET", "/health")
        except OSError:
            time.sleep(0.1)
            continue
        assert (status, body["status"]) == (200, "UP"), (status, reason, body)
        return round(time.monotonic() - began, 1)
    raise AssertionError("not healthy after 60 s")


def check_setup() -> None:
    """Without credentials it must not pass, and the reason phrase is all that Label Studio shows."""
    asked = {"project": "1.1", "schema": CONFIG, "hostname": "", "access_token": "", "extra_params": None}
    status, reason, body = request("POST", "/setup", asked)
    print("/setup:", status, reason)
    assert status >= 400 and "credentials" in reason.lower(), (status, reason, body)


def request(method: str, path: str, body: object = None) -> tuple[int, str, dict]:
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=30)
    try:
        connection.request(method, path, json.dumps(body), {"Content-Type": "application/json"})
        response = connection.getresponse()
        return response.status, response.reason, json.loads(response.read())
    finally:
        connection.close()


if __name__ == "__main__":
    main()
