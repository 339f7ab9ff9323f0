"""`app` for gunicorn (`gunicorn -c gunicorn.conf.py _wsgi:app`); `python _wsgi.py --port 9090` for development."""

import argparse
import os
import sys

from transcribe_backend.backend import backend
from transcribe_backend.commands.doctor import command as doctor
from transcribe_backend.errors import TranscribeBackendError
from transcribe_backend.home import UMASK


def _arguments() -> argparse.Namespace:
    """The flags that `label-studio-ml start` passes on, in the SDK's names."""
    parser = argparse.ArgumentParser(description="AWS Transcribe backend for Label Studio (development server)")
    parser.add_argument("-p", "--port", help="port to listen on (default: PORT or 9090)")
    parser.add_argument("--host", help="address to listen on (default: 127.0.0.1, or all with a password)")
    parser.add_argument("--kwargs", "--with", nargs="+", metavar="KEY=VAL", default=[], help="settings, as environment")
    parser.add_argument("-d", "--debug", action="store_true", help="the same as --log-level DEBUG")
    parser.add_argument("--log-level", help="DEBUG, INFO, WARNING or ERROR (default: LOG_LEVEL or INFO)")
    parser.add_argument("--model-dir", help="folder of caches and queue (default: MODEL_DIR or ./data)")
    parser.add_argument("--check", action="store_true", help="look at what it needs before it starts, then exit")
    parser.add_argument("--basic-auth-user", help="user that callers must give (default: BASIC_AUTH_USER)")
    parser.add_argument("--basic-auth-pass", help="password that callers must give (default: BASIC_AUTH_PASS)")
    return parser.parse_args()


def _to_environment(arguments: argparse.Namespace) -> None:
    given = dict(pair.partition("=")[::2] for pair in arguments.kwargs)
    given |= {
        "PORT": arguments.port,
        "LOG_LEVEL": "DEBUG" if arguments.debug else arguments.log_level,
        "MODEL_DIR": arguments.model_dir,
        "BASIC_AUTH_USER": arguments.basic_auth_user,
        "BASIC_AUTH_PASS": arguments.basic_auth_pass,
    }
    os.environ.update({name: value for name, value in given.items() if value})


def _main() -> int:
    arguments = _arguments()
    _to_environment(arguments)
    os.umask(UMASK)
    try:
        if arguments.check:
            return doctor.before_start()
        running = backend()
        running.settings.require_closed(arguments.host)
    except TranscribeBackendError as error:
        print(error.advice, file=sys.stderr)
        return 2
    from transcribe_backend.wsgi import app

    running.start()
    print(running.settings.access, flush=True)
    app.run(host=arguments.host or running.settings.host, port=running.settings.port, threaded=True)
    return 0


if __name__ == "__main__":
    sys.exit(_main())
else:
    from transcribe_backend.wsgi import app as app
