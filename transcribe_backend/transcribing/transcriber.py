"""COMPOSES: an audio value of a task -> its transcript, concurrently and once."""

import hashlib
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from transcribe_backend.aws.jobs import Job
from transcribe_backend.aws.media import Media
from transcribe_backend.aws.transcriptions import Transcriptions
from transcribe_backend.errors import AudioError, AWSError, TranscribeBackendError
from transcribe_backend.prelabeling.project import learnt_version
from transcribe_backend.speech.recognition import Recognition
from transcribe_backend.transcribing.audio import AudioLocator

_log = logging.getLogger(__name__)

_REMEMBERED, _REMEMBERED_SECONDS = 20_000, 600.0
_LONGEST_NAME = 2048


class Transcriber:
    """Audio value + recognition -> the name of the job that transcribed it.

    The audio of an urgent task is looked at each time (a new object under an old URI is another audio); in bulk a look
    within the last ten minutes counts, so that hundreds of known tasks are answered without a request each.
    `home_region` is where learnt vocabularies are.
    """

    def __init__(
        self,
        audio: AudioLocator,
        transcriptions: Transcriptions,
        home_region: Callable[[], str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._audio = audio
        self._home_region = home_region
        self._transcriptions = transcriptions
        self._clock = clock
        self.store = transcriptions.store
        self._lock = threading.Lock()
        self._under_way: dict[tuple[str, Recognition], Future[str]] = {}
        self._media: OrderedDict[str, tuple[float, Media]] = OrderedDict()
        self._bulk = ThreadPoolExecutor(16, "audio-locate")
        self._urgent = ThreadPoolExecutor(4, "audio-locate-urgent")

    def transcribe(
        self, value: Any, task_id: int | None, recognition: Recognition, *, urgent: bool = False
    ) -> "Future[str]":
        """The future of the job's name; it fails with AudioError, AWSError, StudioError or TranscriptError."""
        name = _name(value)
        known = None if urgent else self._known(name)
        if known and not recognition.vocabulary:
            return self._transcriptions.request(Job(known, recognition))
        key = (name, recognition)
        with self._lock:
            if key in self._under_way:
                return self._under_way[key]
            future = self._under_way[key] = Future()
        future.add_done_callback(lambda _: self._under_way.pop(key, None))
        pool = self._urgent if urgent else self._bulk
        try:
            pool.submit(self._locate, value, task_id, recognition, urgent, future)
        except RuntimeError:  # closed meanwhile
            future.set_exception(AWSError("The backend is shutting down.", retryable=True))
        return future

    def __len__(self) -> int:
        return len(self._under_way)

    def close(self) -> None:
        """Look at no more audio and start nothing more; running jobs go on in AWS."""
        for pool in (self._bulk, self._urgent):
            pool.shutdown(wait=False, cancel_futures=True)
        self._transcriptions.close()

    def _job(self, media: Media, recognition: Recognition) -> Job:
        # A learnt vocabulary exists in one region only; without it the audio is still transcribed.
        if learnt_version(recognition.vocabulary) and media.region not in ("", self._home_region()):
            recognition = replace(recognition, vocabulary="")
        return Job(media, recognition)

    def _known(self, name: str) -> Media | None:
        with self._lock:
            looked, media = self._media.get(name, (float("-inf"), None))
        return media if self._clock() - looked < _REMEMBERED_SECONDS else None

    def _remember(self, name: str, media: Media) -> None:
        with self._lock:
            self._media[name] = (self._clock(), media)
            while len(self._media) > _REMEMBERED:
                self._media.popitem(last=False)

    def _locate(
        self, value: Any, task_id: int | None, recognition: Recognition, urgent: bool, future: "Future[str]"
    ) -> None:
        try:
            media = None if urgent else self._known(_name(value))
            if media is None:
                media = self._audio.locate(value, task_id)
                self._remember(_name(value), media)
            job = self._transcriptions.request(self._job(media, recognition), urgent=urgent)
        except TranscribeBackendError as error:
            future.set_exception(error)
        except Exception as error:
            _log.exception("Locating the audio of task %s failed", task_id)
            future.set_exception(AudioError(f"Reading the audio failed: {error!r}", retryable=True))
        else:
            job.add_done_callback(lambda ended: _hand_on(ended, future))


def _name(value: Any) -> str:
    """The value itself, or a digest of a long one: data: URIs hold whole recordings."""
    text = str(value)
    return text if len(text) <= _LONGEST_NAME else hashlib.sha256(text.encode(errors="replace")).hexdigest()


def _hand_on(source: "Future[str]", target: "Future[str]") -> None:
    error = source.exception()
    if error:
        target.set_exception(error)
    else:
        target.set_result(source.result())
