"""The environment as settings."""

from transcribe_backend.settings import Settings


def test_no_secret_is_in_what_a_debugger_or_a_traceback_shows() -> None:
    secrets = {
        "LABEL_STUDIO_API_KEY": "0123456789abcdef",
        "BASIC_AUTH_PASS": "open sesame",
        "QUEUE_URL": "postgresql://backend:hidden@queue/work",
    }
    environ = {**secrets, "LABEL_STUDIO_URL": "http://label-studio:8080", "BASIC_AUTH_USER": "caller"}
    settings = Settings.from_env(environ)
    assert set(settings.secrets()) == set(secrets.values())
    assert not [secret for secret in secrets.values() if secret in repr(settings)]
    assert "http://label-studio:8080" in repr(settings)
