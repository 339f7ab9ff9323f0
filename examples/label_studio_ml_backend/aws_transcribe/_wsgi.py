"""`app` for gunicorn; `python _wsgi.py --port 9090` for development."""

import argparse
import logging
import os

from label_studio_ml.api import init_app

from model import AWSTranscribe

LOG_FORMAT = (
    "[%(asctime)s] [%(levelname)s] [%(name)s::%(funcName)s::%(lineno)d] %(message)s"
)


def arguments() -> argparse.Namespace:
    """The flags that `label-studio-ml start` passes on."""
    parser = argparse.ArgumentParser(description="AWS Transcribe for Label Studio")
    parser.add_argument("-p", "--port", type=int, default=9090, help="Server port")
    parser.add_argument("--host", default="127.0.0.1", help="Server host")
    parser.add_argument("-d", "--debug", action="store_true", help="Debug mode")
    parser.add_argument("--log-level", default=os.environ.get("LOG_LEVEL", "INFO"))
    parser.add_argument("--basic-auth-user")
    parser.add_argument("--basic-auth-pass")
    return parser.parse_args()


logging.basicConfig(format=LOG_FORMAT, level=os.environ.get("LOG_LEVEL") or "INFO")

if __name__ == "__main__":
    args = arguments()
    logging.root.setLevel(args.log_level)
    app = init_app(AWSTranscribe, args.basic_auth_user, args.basic_auth_pass)
    app.run(host=args.host, port=args.port, debug=args.debug)
else:
    app = init_app(AWSTranscribe)
