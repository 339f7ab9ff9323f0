"""The environment, read once into one frozen, validated object."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from transcribe_backend.errors import SettingsError

ALL_ADDRESSES = "0.0.0.0"  # noqa: S104 - listened on only when the settings say so
_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_QUEUE_SCHEMES = ("postgresql", "postgres", "sqlite")


def _setting(name: str, default: Any, help: str, parse: Callable[[str], Any] = str, **extra: Any) -> Any:
    """A dataclass field that knows its environment variable; `help` is the sentence of the README's table."""
    # A secret is kept out of the repr, which tracebacks and debuggers show.
    return field(
        default=default,
        repr=not extra.get("secret"),
        metadata={"env": name, "parse": parse, "help": help, **extra},
    )


def _number(kind: type, low: float, high: float) -> Callable[[str], Any]:
    def parse(text: str) -> Any:
        value = kind(text)
        if not low <= value <= high:
            raise ValueError(f"must lie between {low:g} and {high:g}")
        return value

    return parse


def _names(text: str) -> frozenset[str]:
    return frozenset(part.strip().lower() for part in text.split(",") if part.strip())


def web_url(text: str) -> str:
    """`text` without a slash at its end; raises ValueError when it is no http(s):// URL."""
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be a URL such as http://label-studio:8080")
    return text.rstrip("/")


def _bucket(text: str) -> str:
    name = text.removeprefix("s3://").strip("/")
    if name != text:
        raise ValueError(f"must be the name of a bucket alone: {name.partition('/')[0]}")
    return text


def _queue_url(text: str) -> str:
    if urlsplit(text).scheme not in _QUEUE_SCHEMES:
        raise ValueError("must be a postgresql:// or sqlite:// URL")
    return text


def _promotion(text: str) -> str:
    if text.lower() not in ("auto", "ask"):
        raise ValueError("must be auto or ask")
    return text.lower()


def _flag(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError("must be true or false")
    return text.lower() == "true"


def _log_level(text: str) -> str:
    if text.upper() not in ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"):
        raise ValueError("must be DEBUG, INFO, WARNING, ERROR or CRITICAL")
    return text.upper()


@dataclass(frozen=True, slots=True)
class Settings:
    """What the operator has decided. Times are in seconds; an empty string means: not set.

    AWS credentials, region and endpoint are not here: boto3 reads its own `AWS_*` variables.
    """

    s3_bucket: str = _setting(
        "S3_BUCKET",
        "",
        "Bucket for transcripts and for audio that is not in S3; without it only audio in S3 works",
        _bucket,
    )
    s3_folder: str = _setting(
        "S3_FOLDER", "label-studio-transcribe", "Prefix of everything we write there", lambda text: text.strip("/")
    )
    s3_kms_key: str = _setting("S3_SSE_KMS_KEY_ID", "", "KMS key that encrypts what we and AWS Transcribe write there")
    language: str = _setting("TRANSCRIBE_LANGUAGE", "en-US", "Language of projects that name none; `auto` detects it")
    start_rate: float = _setting(
        "TRANSCRIBE_START_RATE",
        25.0,
        "Your AWS quota of StartTranscriptionJob per second; a fifth of it is left free",
        _number(float, 0.1, 1000),
    )
    max_jobs: int = _setting(
        "TRANSCRIBE_MAX_JOBS", 250, "Your AWS quota of concurrent transcription jobs", _number(int, 1, 100_000)
    )
    price_per_minute: float = _setting(
        "TRANSCRIBE_PRICE_PER_MINUTE",
        0.006,
        "What AWS charges you per minute, in dollars, for estimates",
        _number(float, 0, 100),
    )
    minimum_seconds: float = _setting(
        "TRANSCRIBE_MINIMUM_SECONDS",
        0.0,
        "Least number of seconds that AWS bills per job, for estimates",
        _number(float, 0, 3600),
    )
    max_audio_hours: float = _setting(
        "MAX_AUDIO_HOURS_PER_DAY",
        0.0,
        "Hours of audio transcribed in a day (UTC), by all processes together; anything beyond waits; 0: no limit",
        _number(float, 0, 100_000),
    )
    label_studio_url: str = _setting(
        "LABEL_STUDIO_URL", "", "Where this backend reaches Label Studio", web_url, also=("LABEL_STUDIO_HOST",)
    )
    label_studio_api_key: str = _setting(
        "LABEL_STUDIO_API_KEY", "", "Legacy token or personal access token of a Label Studio user", secret=True
    )
    basic_auth_user: str = _setting("BASIC_AUTH_USER", "", "User that callers must give (with BASIC_AUTH_PASS)")
    basic_auth_pass: str = _setting("BASIC_AUTH_PASS", "", "Password that callers must give", secret=True)
    backend_open: bool = _setting(
        "BACKEND_OPEN", False, "`true`: without a password, anybody who can reach it may use it", _flag
    )
    predict_wait: float = _setting(
        "PREDICT_WAIT_SECONDS", 55.0, "How long a prediction request may wait for jobs", _number(float, 0, 95)
    )
    predict_open: float = _setting(
        "PREDICT_OPEN_SECONDS", 8.0, "How long a single opened task may wait for its job", _number(float, 0, 95)
    )
    interactive_wait: float = _setting(
        "INTERACTIVE_WAIT_SECONDS", 30.0, "How long a drawn segment may wait for its transcript", _number(float, 0, 95)
    )
    prefetch_max_tasks: int = _setting(
        "PREFETCH_MAX_TASKS", 1000, "New tasks transcribed ahead per import; 0 turns it off", _number(int, 0, 10**6)
    )
    prefetch_connect_tasks: int = _setting(
        "PREFETCH_CONNECT_TASKS",
        100,
        "Tasks of a project transcribed ahead when it is connected; 0 turns it off",
        _number(int, 0, 10**6),
    )
    train_min_new_annotations: int = _setting(
        "TRAIN_MIN_NEW_ANNOTATIONS", 20, "New annotations before a training starts by itself", _number(int, 1, 10**6)
    )
    train_min_tasks: int = _setting(
        "TRAIN_MIN_TASKS", 2, "Tasks in which a phrase must have been missed to be learnt", _number(int, 1, 1000)
    )
    train_eval_minutes: float = _setting(
        "TRAIN_EVAL_MINUTES", 30.0, "Audio minutes that one evaluation may be billed for", _number(float, 0, 10_000)
    )
    train_champion_days: float = _setting(
        "TRAIN_CHAMPION_DAYS", 30.0, "Older transcripts are made again before a comparison", _number(float, 1, 3650)
    )
    train_promote: str = _setting(
        "TRAIN_PROMOTE", "auto", "`ask`: a vocabulary that has proved itself waits for `vocabulary approve`", _promotion
    )
    model_dir: Path = _setting("MODEL_DIR", Path("data"), "Folder of caches, queue and reports", Path)
    queue_url: str = _setting(
        "QUEUE_URL",
        "",
        "Database of owed work for several machines: postgresql:// (default: SQLite in MODEL_DIR)",
        _queue_url,
        secret=True,
    )
    allowed_s3_buckets: frozenset[str] = _setting(
        "ALLOWED_S3_BUCKETS", frozenset(), "Only these buckets may be read (comma-separated; default: all)", _names
    )
    allowed_audio_hosts: frozenset[str] = _setting(
        "ALLOWED_AUDIO_HOSTS", frozenset(), "Hosts that may be fetched from even if their address is private", _names
    )
    port: int = _setting("PORT", 9090, "Port of the server", _number(int, 1, 65535))
    workers: int = _setting("WORKERS", 1, "Server processes", _number(int, 1, 64))
    threads: int = _setting("THREADS", 64, "Threads per process; 8 of them never wait for jobs", _number(int, 9, 1024))
    metrics_port: int = _setting(
        "METRICS_PORT", 0, "Port on which a `worker` shows its metrics; 0 turns it off", _number(int, 0, 65535)
    )
    log_level: str = _setting("LOG_LEVEL", "INFO", "DEBUG, INFO, WARNING or ERROR", _log_level)

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Settings":
        """Read `environ`; raises SettingsError that lists every problem at once."""
        values: dict[str, Any] = {}
        problems: list[str] = []
        for spec in fields(cls):
            names = (spec.metadata["env"], *spec.metadata.get("also", ()))
            text = next((environ[name].strip() for name in names if environ.get(name, "").strip()), "")
            if not text:
                continue
            try:
                values[spec.name] = spec.metadata["parse"](text)
            except ValueError as error:
                problems.append(f"{names[0]}: {_reason(error, text, spec.metadata)}")
        settings = cls(**values)
        problems += settings._contradictions()
        if problems:
            raise SettingsError(f"{'; '.join(problems)}.", remedy="Correct the environment and start again.")
        return settings

    @property
    def guarded(self) -> bool:
        """Must callers give user and password?"""
        return bool(self.basic_auth_user)

    @property
    def host(self) -> str:
        """The address to listen on: closed to other machines until somebody has said how it is to be open."""
        return ALL_ADDRESSES if self.guarded or self.backend_open else _LOOPBACK[0]

    @property
    def access(self) -> str:
        """Who can use the backend, in one line for the operator."""
        if self.guarded:
            return f"Port {self.port} is open to all who give BASIC_AUTH_USER and BASIC_AUTH_PASS."
        if self.backend_open:
            return f"Port {self.port} is open to everybody who reaches it, without a password (BACKEND_OPEN=true)."
        return f"Only this machine can reach port {self.port}: BASIC_AUTH_USER and BASIC_AUTH_PASS open it to others."

    def require_closed(self, host: str | None) -> None:
        """Raise SettingsError when `host`, an address to listen on, opens what is to stay closed."""
        if host and host not in _LOOPBACK and self.host in _LOOPBACK:
            raise SettingsError(
                f"--host {host} opens the backend to others without a password.",
                remedy="Set BASIC_AUTH_USER and BASIC_AUTH_PASS, or BACKEND_OPEN=true if that is meant.",
            )

    def secrets(self) -> tuple[str, ...]:
        """The values that must never be shown."""
        values = (getattr(self, spec.name) for spec in fields(self) if spec.metadata.get("secret"))
        return tuple(value for value in values if value)

    def _contradictions(self) -> list[str]:
        problems = []
        if bool(self.basic_auth_user) != bool(self.basic_auth_pass):
            problems.append("BASIC_AUTH_USER and BASIC_AUTH_PASS belong together: set both or none")
        if self.label_studio_api_key and not self.label_studio_url:
            problems.append("LABEL_STUDIO_API_KEY is set but LABEL_STUDIO_URL is not: it is given to no other server")
        return problems


def _reason(error: ValueError, text: str, metadata: Mapping[str, Any]) -> str:
    shown = "the value" if metadata.get("secret") else repr(text)
    detail = str(error) if str(error).startswith("must") else "is not a number"
    return f"{shown} {detail}"
