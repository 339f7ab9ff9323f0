"""`gunicorn -c gunicorn.conf.py _wsgi:app`: the settings are written in transcribe_backend/gunicorn_conf.py."""

from transcribe_backend.gunicorn_conf import *  # noqa: F403 - gunicorn reads every name
