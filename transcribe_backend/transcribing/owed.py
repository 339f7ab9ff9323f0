"""What is owed: the transcript of an audio, and mostly its prediction to a task. The payload of the engine's items."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from transcribe_backend.aws.media import Media
from transcribe_backend.speech.recognition import Recognition
from transcribe_backend.telemetry.redact import shown

TRANSCRIBE, DOWNLOAD, AWAITING, PUSH, READY = "transcribe", "download", "awaiting", "push", "ready"
"""The queues that an owed transcript passes through: to be found and started, to be downloaded first, its job runs, to
be stored in Label Studio, or ready for whoever waits for it."""
ENDS = frozenset({PUSH, READY})
"""The queues in which the transcript is there."""

_TYPE, _LONGEST = 40, 8193
_TUPLES = frozenset(spec.name for spec in fields(Recognition) if isinstance(spec.default, tuple))


@dataclass(frozen=True, slots=True)
class Owed:
    """An audio value to be transcribed with these options.

    With a `version` the prediction of that model_version is owed to task `task` of `project` (`<id>.<created>`);
    without one the transcript alone, `task` then says through whose storage it may be read. `media` is where the audio
    was found, `looked` whether S3 was asked for its transcript in vain, `refused` problem and remedy of audio that was
    found to be none when it was asked for, `since` when (Unix time) the task was imported.
    """

    audio: str
    recognition: Recognition
    project: str = ""
    task: int | None = None
    version: str = ""
    media: Media | None = None
    looked: bool = False
    refused: tuple[str, str] | None = None
    since: float = 0.0

    @property
    def key(self) -> str:
        """Names the item, and the right to hand out its prediction: one per task and version."""
        if self.version:
            return f"{self.project}|{self.task}|{self.version}"
        what = f"{self.media.identity if self.media else self.audio}|{self.recognition.key()}"
        return f"audio|{hashlib.sha256(what.encode(errors='replace')).hexdigest()}"

    @property
    def what(self) -> str:
        """Tells its audio from another one that the same task may get, however the address is signed."""
        return self.media.identity if self.holds_audio and self.media else self.cut().unsigned().audio

    def found(self, media: Media, *, looked: bool = False) -> "Owed":
        """The same, once its audio is found; a signed URL is then not kept."""
        return replace(self.unsigned(), media=media, looked=looked)

    def cut(self) -> "Owed":
        """The same with an address of bearable length: of a data: URI, which holds the audio itself, only its type."""
        return replace(self, audio=self.audio[: _TYPE if self.holds_audio else _LONGEST])

    def unsigned(self) -> "Owed":
        """The same with the address as it may be kept and shown: without query, user and password."""
        return self if self.holds_audio else replace(self, audio=shown(self.audio))

    @property
    def holds_audio(self) -> bool:
        """Whether the address is a data: URI."""
        return self.audio[:5].lower() == "data:"

    def body(self) -> dict[str, Any]:
        """As JSON values, without what is not set."""
        chosen = {name: value for name, value in asdict(self).items() if value}
        chosen["recognition"] = {name: value for name, value in asdict(self.recognition).items() if value}
        return chosen


def owed(body: Mapping[str, Any]) -> Owed:
    """The inverse of `Owed.body`."""
    recognition: dict[str, Any] = {n: tuple(v) if n in _TUPLES else v for n, v in body["recognition"].items()}
    media = body.get("media")
    return Owed(
        audio=body.get("audio", ""),  # an empty one is not set, and is refused by whoever looks
        recognition=Recognition(**recognition),
        project=body.get("project", ""),
        task=body.get("task"),
        version=body.get("version", ""),
        media=Media(**media) if media else None,
        looked=bool(body.get("looked")),
        refused=tuple(body["refused"]) if "refused" in body else None,
        since=float(body.get("since", 0.0)),
    )
