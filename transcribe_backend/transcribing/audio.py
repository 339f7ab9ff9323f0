"""What stands in a task's data, turned into Media that AWS Transcribe can read."""

import base64
import binascii
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from urllib.parse import unquote_to_bytes, urlsplit

from transcribe_backend.aws import addresses
from transcribe_backend.aws.addresses import S3Address
from transcribe_backend.aws.length import LOW_QUALITY
from transcribe_backend.aws.media import MAX_BYTES, Media, S3Media
from transcribe_backend.aws.staging import Staging, WebPage
from transcribe_backend.download.bodies import Limits
from transcribe_backend.download.download import Downloader, check_url
from transcribe_backend.errors import (
    AudioError,
    AudioForbidden,
    AudioNotFound,
    AudioUnsupported,
    StudioDenied,
    StudioNotFound,
)
from transcribe_backend.memory import Memory
from transcribe_backend.settings import Settings
from transcribe_backend.studio.client import Elsewhere, Studio
from transcribe_backend.telemetry.redact import shown
from transcribe_backend.work.quotas import Length

_DATA_BYTES = 25 * 1024**2
_DOWNLOAD_SECONDS = 1800.0
_SLOWEST = 24 * 1024  # bytes per second; speech at its lowest usual bit rate arrives faster than it is spoken
_STORAGES = frozenset({"gs", "azure-blob"})
_LONGEST = 8192  # characters of an address; a data: URI is longer and is judged by its bytes
_IN_MEMORY = 16 * 1024**2  # some 20,000 audios
_ENTRY = 300  # bytes of what is remembered of one, without the texts
FRESH, KNOWN = 30.0, 600.0
"""How many seconds a look at an audio counts: for a task that is opened, and in bulk."""
LIMITS = Limits(max_bytes=MAX_BYTES, seconds=_DOWNLOAD_SECONDS, slowest=_SLOWEST)
"""How much is downloaded for one task, how long it may take, and how slow it may be."""


class AudioLocator:
    """Finds the Media of a task's audio; thread-safe. What was found counts for a while (`recent`).

    | value | becomes | by |
    |---|---|---|
    | `s3://bucket/key`, https URL of S3 | that object, where it is or copied into our region | `look` |
    | `/data/…`, URL of Label Studio's own files | downloaded with our token, staged | `fetch` |
    | `gs://…`, `azure-blob://…`, s3:// that Label Studio alone reads | through its storage, staged | `fetch` |
    | other `http(s)://…` | downloaded under the policy of Downloader, staged | `fetch` |
    | `data:audio/…;base64,…` | decoded, staged | `fetch` |

    Both raise AudioError, StudioError or AWSError, which name the audio and the remedy.
    """

    def __init__(
        self,
        s3media: S3Media,
        staging: Staging,
        studio: Studio | None,
        downloader: Downloader,
        settings: Settings,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._s3 = s3media
        self._staging = staging
        self._studio = studio
        self._downloader = downloader
        self._settings = settings
        self._clock = clock
        self._lock = Lock()
        self._memory: Memory[str, tuple[float, Media]] = Memory(_IN_MEMORY)
        self._turns: dict[str, tuple[Lock, int]] = {}

    def recent(self, value: str, seconds: float) -> Media | None:
        """What was found at this value within the last `seconds`; asks nobody."""
        found = self._memory.get(value)
        return found[1] if found and self._clock() - found[0] < seconds else None

    def may_be_another(self, address: str, media: Media) -> bool:
        """Whether `media` lies in S3 in place and was looked at so long ago that it may have been overwritten since: a
        job would be named after what was there before.
        """
        return media.identity.startswith(f"{address}#") and self.recent(address, KNOWN) is None

    def look(self, value: object, task_id: int | None = None) -> Media | None:
        """The Media where a look tells it; None where the audio has to be fetched first."""
        address = _address(value)
        media = self.recent(address, KNOWN) if _is_copied(address) else None
        return media or self._remember(address, self._looked(address, task_id))

    def length(self, media: Media) -> Length:
        """How long an audio lasts: by its header, else guessed by its size, 0 where nothing is known of it."""
        seconds = self._s3.seconds(media)
        return Length(media.size / LOW_QUALITY, measured=False) if seconds is None else Length(seconds, measured=True)

    def fetch(self, value: object, task_id: int | None = None) -> Media:
        """The Media of an audio that must be downloaded and staged; this may take many minutes."""
        address = _address(value)
        with self._fetching(address):
            media = self.recent(address, KNOWN)
            if media is None:
                media = self._fetched(address, task_id)
                self._remember(address, media)
        return media

    @contextmanager
    def _fetching(self, address: str) -> Iterator[None]:
        """One at a time fetches what stands at an address; the others find what it found."""
        with self._lock:
            turn, waiting = self._turns.get(address) or (Lock(), 0)
            self._turns[address] = (turn, waiting + 1)
        try:
            with turn:
                yield
        finally:
            with self._lock:
                turn, waiting = self._turns.pop(address)
                if waiting > 1:
                    self._turns[address] = (turn, waiting - 1)

    def locate(self, value: object, task_id: int | None = None) -> Media:
        """`look`, and `fetch` where that is not enough."""
        return self.look(value, task_id) or self.fetch(value, task_id)

    def _remember(self, address: str, media: Media | None) -> Media | None:
        if media is None or len(address) > _LONGEST:
            return media
        size = sum(map(sys.getsizeof, (address, media.uri, media.identity)))
        self._memory.keep(address, (self._clock(), media), _ENTRY + size)
        return media

    def _looked(self, address: str, task_id: int | None) -> Media | None:
        scheme = address.partition(":")[0].lower()
        if scheme == "s3":
            return self._by_s3(addresses.from_uri("s3" + address[2:]), task_id)
        if scheme in ("http", "https") or address.startswith("/"):
            return self._by_url(address)
        if scheme == "data" or scheme in _STORAGES:
            return None
        raise AudioForbidden(
            f"{shown(address)} is not an address that this backend reads.",
            remedy="Use s3://, http(s)://, or upload the audio to Label Studio.",
        )

    def _by_s3(self, address: S3Address, task_id: int | None) -> Media | None:
        """None when Label Studio's own credentials may read what ours cannot."""
        try:
            media = self._s3.readable(address)
        except AudioNotFound:
            media = None
        return media if media or self._may_ask_studio(task_id) else self._s3.locate(address)

    def _may_ask_studio(self, task_id: int | None) -> bool:
        return bool(self._studio and task_id is not None and self._settings.s3_bucket)

    def _by_url(self, value: str) -> Media | None:
        if not value.startswith("/"):
            check_url(value)
        if self._studio_path(value):
            return None
        address = self._s3.address(value)
        return self._of_url(address) if address else None

    def _of_url(self, address: S3Address) -> Media | None:
        if not address.signed:
            return self._s3.locate(address)
        try:
            return self._s3.readable(address)
        except AudioNotFound:
            return None

    def _studio_path(self, value: str) -> str | None:
        path = self._studio.file_path(value) if self._studio else None
        if path is None and value.startswith("/"):
            raise _no_studio(value)
        return path

    def _fetched(self, address: str, task_id: int | None) -> Media:
        scheme = address.partition(":")[0].lower()
        if scheme == "data":
            return self._staging.stage([_decoded(address)], source="The data: URI")
        if scheme == "s3":
            return self._through_storage(address, task_id) or self._s3.locate(addresses.from_uri("s3" + address[2:]))
        if scheme in _STORAGES:
            return self._by_storage(address, task_id)
        path = self._studio_path(address)
        return self._from_studio(path, address) if path else self._downloaded(address)

    def _through_storage(self, value: str, task_id: int | None) -> Media | None:
        """What Label Studio's own credentials can read of S3; None when they cannot either."""
        try:
            return self._by_storage(value, task_id) if self._may_ask_studio(task_id) else None
        except (StudioNotFound, StudioDenied, AudioNotFound):
            return None
        except AudioForbidden as refused:
            raise self._nowhere(value, refused) from refused

    def _nowhere(self, value: str, refused: AudioForbidden) -> AudioError:
        """S3's own answer first: where Label Studio leads to is mostly the same S3, which has no such object either."""
        try:
            self._s3.locate(addresses.from_uri("s3" + value[2:]))
        except AudioNotFound as missing:
            return AudioNotFound(
                missing.problem, remedy=f"{missing.remedy} For another S3 than AWS's: {refused.remedy}"
            )
        return refused

    def _by_storage(self, value: str, task_id: int | None) -> Media:
        if not self._studio or task_id is None:
            raise _no_studio(value)
        coded = base64.urlsafe_b64encode(value.encode()).decode()
        return self._from_studio(f"/tasks/{task_id}/resolve/?fileuri={coded}", value)

    def _from_studio(self, path: str, value: str) -> Media:
        assert self._studio is not None  # noqa: S101 - _studio_path and _by_storage have looked
        self._staging.require(shown(value))
        with self._studio.download(path, LIMITS) as answer:
            if not isinstance(answer, Elsewhere):
                return self._staging.stage(answer, source=shown(value))
        address = self._s3.address(answer.url)
        return (self._of_url(address) if address else None) or self._sent_to(answer.url, shown(value))

    def _sent_to(self, url: str, audio: str) -> Media:
        """Where Label Studio, or a proxy before it, sends those who ask for `audio`."""
        try:
            return self._downloaded(url)
        except WebPage as error:
            raise StudioDenied(
                f"Label Studio sends the backend to a sign-in page of {urlsplit(url).hostname} for {audio}.",
                remedy="Set LABEL_STUDIO_URL to an address of Label Studio that works without single sign-on.",
            ) from error

    def _downloaded(self, url: str) -> Media:
        self._staging.require(shown(url))
        with self._downloader.open(url) as chunks:
            return self._staging.stage(chunks, source=shown(url))


def _address(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise AudioError("The task has no audio address.", remedy="Check that the data key of the Audio tag is filled.")
    address = value.strip()
    if len(address) > _LONGEST and not address[:5].lower() == "data:":
        raise AudioForbidden(
            f"The audio address has {len(address)} characters; {_LONGEST} are the most.", remedy="Shorten the URL."
        )
    return address


def _is_copied(address: str) -> bool:
    """Whether the audio had to be fetched: then another fetch within minutes would only cost time."""
    return address[:3].lower() != "s3:"


def _no_studio(value: str) -> AudioForbidden:
    return AudioForbidden(
        f"{shown(value)} can only be read through Label Studio.",
        remedy="Set LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY for the backend.",
    )


def _decoded(value: str) -> bytes:
    head, comma, body = value.partition(",")
    if not comma or not head[5:].lower().startswith(("audio/", "video/")):
        raise AudioUnsupported("The data: URI holds no audio.", remedy="Use data:audio/…;base64,….")
    if len(body) > _DATA_BYTES * 4 // 3 + 4:
        raise AudioUnsupported("The data: URI is larger than 25 MB.", remedy="Put the audio into S3.")
    if not head.lower().endswith(";base64"):
        return unquote_to_bytes(body)
    try:
        return base64.b64decode(unquote_to_bytes(body), validate=True)
    except binascii.Error as error:
        raise AudioUnsupported("The data: URI is not valid base64.", remedy="Encode the audio again.") from error
