"""What stands in a task's data, turned into Media that AWS Transcribe can read."""

import base64
import binascii
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from threading import Lock
from urllib.parse import unquote_to_bytes

from transcribe_backend.aws import addresses
from transcribe_backend.aws.addresses import S3Address
from transcribe_backend.aws.media import MAX_BYTES, Media, S3Media
from transcribe_backend.aws.staging import Staging
from transcribe_backend.download.bodies import Limits
from transcribe_backend.download.download import Downloader, check_url, shown
from transcribe_backend.errors import (
    AudioError,
    AudioForbidden,
    AudioNotFound,
    AudioUnsupported,
    StudioDenied,
    StudioNotFound,
)
from transcribe_backend.settings import Settings
from transcribe_backend.studio.client import Elsewhere, Studio

_DATA_BYTES = 25 * 1024**2
_DOWNLOAD_SECONDS = 1800.0
_STORAGES = frozenset({"s3", "gs", "azure-blob"})
_REMEMBERED, _MEMORY_SECONDS = 1024, 600.0
LIMITS = Limits(max_bytes=MAX_BYTES, seconds=_DOWNLOAD_SECONDS)
"""How much is downloaded for one task, and how long it may take."""


class AudioLocator:
    """Finds the Media of a task's audio; thread-safe, and the same value asked for at once is fetched once.

    | value | becomes |
    |---|---|
    | `s3://bucket/key`, https URL of S3 | that object, where it is or copied into our region |
    | `/data/…`, URL of Label Studio's own files | downloaded with our token, staged |
    | `gs://…`, `azure-blob://…`, s3:// that only Label Studio can read | through the project's cloud storage, staged |
    | other `http(s)://…` | downloaded under the policy of Downloader, staged |
    | `data:audio/…;base64,…` | decoded, staged |
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
        self._flights: dict[tuple[str, int | None], Future[Media]] = {}
        self._memory: OrderedDict[str, tuple[float, Media]] = OrderedDict()

    def locate(self, value: object, task_id: int | None = None) -> Media:
        """Media of a task's audio value. Raises AudioError, StudioError or AWSError, which name audio and remedy."""
        if not isinstance(value, str) or not value.strip():
            raise AudioError(
                "The task has no audio address.", remedy="Check that the data key of the Audio tag is filled."
            )
        value = value.strip()
        with self._lock:
            flight = self._flights.get((value, task_id))
            leads = flight is None
            if flight is None:
                flight = self._flights[value, task_id] = Future()
        if leads:
            self._fly(flight, value, task_id)
        return flight.result()

    def _fly(self, flight: "Future[Media]", value: str, task_id: int | None) -> None:
        try:
            flight.set_result(self._route(value, task_id))
        except BaseException as error:
            flight.set_exception(error)
        finally:
            with self._lock:
                del self._flights[value, task_id]

    def _route(self, value: str, task_id: int | None) -> Media:
        scheme = value.partition(":")[0].lower()
        if scheme == "data":
            return self._staging.stage([_decoded(value)], source="The data: URI")
        if scheme == "s3":
            return self._by_s3(value, task_id)
        if scheme in _STORAGES:
            return self._remembered(value, lambda: self._by_storage(value, task_id))
        if scheme in ("http", "https") or value.startswith("/"):
            return self._by_url(value)
        raise AudioForbidden(
            f"{shown(value)} is not an address that this backend reads.",
            remedy="Use s3://, http(s)://, or upload the audio to Label Studio.",
        )

    def _by_s3(self, value: str, task_id: int | None) -> Media:
        address = addresses.from_uri("s3" + value[2:])
        try:
            media = self._s3.readable(address)
        except AudioNotFound:
            media = None
        return media or self._through_storage(value, task_id) or self._s3.locate(address)

    def _through_storage(self, value: str, task_id: int | None) -> Media | None:
        """What Label Studio's own credentials can read of S3; None when they cannot either."""
        if not (self._studio and task_id is not None and self._settings.s3_bucket):
            return None
        try:
            return self._remembered(value, lambda: self._by_storage(value, task_id))
        except (StudioNotFound, StudioDenied, AudioNotFound):
            return None

    def _by_storage(self, value: str, task_id: int | None) -> Media:
        if not self._studio or task_id is None:
            raise _no_studio(value)
        coded = base64.urlsafe_b64encode(value.encode()).decode()
        return self._from_studio(self._studio, f"/tasks/{task_id}/resolve/?fileuri={coded}", value)

    def _by_url(self, value: str) -> Media:
        if not value.startswith("/"):
            check_url(value)
        path = self._studio_path(value)
        if path and self._studio:
            studio = self._studio
            return self._remembered(value, lambda: self._from_studio(studio, path, value))
        return self._by_remote(value)

    def _studio_path(self, value: str) -> str | None:
        path = self._studio.file_path(value) if self._studio else None
        if path is None and value.startswith("/"):
            raise _no_studio(value)
        return path

    def _by_remote(self, url: str) -> Media:
        address = self._s3.address(url)
        if address:
            media = self._of_url(address)
            if media:
                return media
        return self._remembered(url, lambda: self._downloaded(url))

    def _of_url(self, address: S3Address) -> Media | None:
        if not address.signed:
            return self._s3.locate(address)
        try:
            return self._s3.readable(address)
        except AudioNotFound:
            return None

    def _downloaded(self, url: str) -> Media:
        self._staging.require(shown(url))
        with self._downloader.open(url) as chunks:
            return self._staging.stage(chunks, source=shown(url))

    def _from_studio(self, studio: Studio, path: str, value: str) -> Media:
        self._staging.require(shown(value))
        with studio.download(path, LIMITS) as answer:
            if not isinstance(answer, Elsewhere):
                return self._staging.stage(answer, source=shown(value))
        return self._by_remote(answer.url)

    def _remembered(self, value: str, fetch: Callable[[], Media]) -> Media:
        """What was downloaded minutes ago is not downloaded again."""
        with self._lock:
            known = self._memory.get(value)
        if known and self._clock() < known[0]:
            return known[1]
        media = fetch()
        with self._lock:
            self._memory[value] = (self._clock() + _MEMORY_SECONDS, media)
            while len(self._memory) > _REMEMBERED:
                self._memory.popitem(last=False)
        return media


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
