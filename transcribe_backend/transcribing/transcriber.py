"""Takes an owed transcript from its audio value to a running job, and from there to where its transcript is ready."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace

from transcribe_backend.aws.jobs import Job, TranscribeJobs, job_names
from transcribe_backend.aws.media import Media
from transcribe_backend.aws.price import Price
from transcribe_backend.aws.transcripts import TranscriptStore
from transcribe_backend.errors import (
    AudioError,
    AWSError,
    DailyLimit,
    LimitExceeded,
    TranscribeBackendError,
    VocabularyError,
)
from transcribe_backend.settings import Settings
from transcribe_backend.speech.recognition import Recognition
from transcribe_backend.transcribing.audio import FRESH, KNOWN, AudioLocator
from transcribe_backend.transcribing.limit import daily_limit
from transcribe_backend.transcribing.owed import AWAITING, DOWNLOAD, PUSH, TRANSCRIBE, Owed, owed
from transcribe_backend.transcribing.watch import Count, Watch, uncounted
from transcribe_backend.work.engine import Engine
from transcribe_backend.work.items import URGENT, Item
from transcribe_backend.work.ledger import REUSED, SAVED
from transcribe_backend.work.quotas import Length, Slot

_log = logging.getLogger(__name__)

_OWN_SHARE = 0.8  # of the account's start rate: a machine that hangs for 0.2 s sends what it held back at once
_FULL_SECONDS = 1.0
_TURN_SECONDS = 20.0
_CHECK_SECONDS = 120.0
_PATIENT_STARTS = 6
_PAUSES = (2.0, 15.0)
_REFUSALS = 20
_TO_START = (Slot.OPENED, Slot.REOPENED)


class Transcriber:
    """The stages of an owed transcript before its job has ended; each may be repeated by whoever takes it over.

    `home_region` is where learnt vocabularies are.
    """

    def __init__(
        self,
        engine: Engine,
        audio: AudioLocator,
        jobs: TranscribeJobs,
        store: TranscriptStore,
        watch: Watch,
        settings: Settings,
        home_region: Callable[[], str],
        count: Count = uncounted,
    ) -> None:
        self._work = engine.work
        self._slots = engine.slots
        self._turns = engine.turns
        self._bell = engine.bell
        self._ledger = engine.ledger
        self._price = Price(settings.price_per_minute, settings.minimum_seconds)
        self.audio = audio
        self.store = store
        self._jobs = jobs
        self._watch = watch
        self._rate = settings.start_rate * _OWN_SHARE
        self._most_jobs = settings.max_jobs
        self._home_region = home_region
        self._count = count

    def known(self, audios: Sequence[str], recognition: Recognition, *, urgent: bool) -> list[str]:
        """The names of the jobs whose transcripts are here already, "" where that takes a request to find out.

        A look at the audio counts for half a minute for a task that somebody opens: a new object under an old URI is
        another audio. In bulk it counts for ten minutes.
        """
        seconds = FRESH if urgent else KNOWN
        found = [self.audio.recent(audio, seconds) for audio in audios]
        regions = {media.region for media in found if media}
        names = {region: job_names(self._regional(region, recognition)) for region in regions}
        jobs = [names[media.region](media.identity) if media else "" for media in found]
        known = [job if job and self.store.has(job) else "" for job in jobs]
        if count := len(known) - known.count(""):
            self._count("cached", 0.0, 0.0, count)
        return known

    def reused(self, project: str, jobs: Sequence[str], seconds: float = 0.0) -> None:
        """Tasks of the project get transcripts that were not started for them; of so many seconds of audio each, where
        the transcripts are not here yet.
        """
        if jobs:
            saved = sum(self._price.billed(seconds or self.store.end(job)) for job in jobs)
            self._count("reused", 0.0, saved, len(jobs))
            self._ledger.note(project, {REUSED: len(jobs), SAVED: saved})

    def found(self, wanted: Owed) -> str:
        """The same by asking S3, for audio that is there already. Raises AudioError or AWSError."""
        media = self.audio.look(wanted.audio, wanted.task)
        if media is None:
            return ""
        name = self._job(media, wanted.recognition).name
        return name if self.store.has(name) or self.store.fetch(name, media.region or None) else ""

    def preview(self, wanted: Owed) -> tuple[str, bool, float | None]:
        """What would be done, without doing it: the job's name (of audio that is not found by a look, its address),
        whether its transcript is there, and the audio's length in seconds where a look tells it. Raises AudioError,
        StudioError or AWSError.
        """
        media = None if wanted.holds_audio else self.audio.look(wanted.audio, wanted.task)
        if media is None:
            return wanted.key, False, None
        name = self._job(media, wanted.recognition).name
        if self.store.made_at(name, media.region or None) is not None:
            return name, True, None
        length = self.audio.length(media)
        return name, False, length.seconds if length.measured else None

    def small(self, wanted: Owed) -> Owed:
        """What may be kept as an item: the audio of a data: URI is put into S3 and named. Raises AudioError or AWSError
        that is not permanent.
        """
        if not wanted.holds_audio:
            return wanted.cut()
        try:
            return wanted.cut().found(self.audio.fetch(wanted.audio, wanted.task))
        except TranscribeBackendError as error:
            if not error.permanent:
                raise
            return replace(wanted.cut(), refused=(error.problem, error.remedy))

    def bring(self, job: str, region: str = "") -> bool:
        """Have the transcript of a job that has ended in the store; False when it is not there. Raises AWSError."""
        if self.store.has(job) or self.store.fetch(job, self._home_region() or None):
            return True
        status = self._jobs.get(job, region)
        return status is not None and status.state == "COMPLETED" and self._jobs.fetch_elsewhere(status)

    def transcribe(self, item: Item) -> None:
        """Find the audio and its transcript, or start its job."""
        wanted = owed(item.body)
        if wanted.refused:
            raise AudioError(wanted.refused[0], remedy=wanted.refused[1])
        media = wanted.media
        if media is None or (wanted.version and self.audio.may_be_another(wanted.audio, media)):
            media = self.audio.look(wanted.audio, wanted.task)
        if media is None:
            self._work.move(item, DOWNLOAD)
        else:
            self._begin(item, wanted, media)

    def download(self, item: Item) -> None:
        """The same for audio that must be fetched first."""
        wanted = owed(item.body)
        self._begin(item, wanted, wanted.media or self.audio.fetch(wanted.audio, wanted.task))

    def check(self, item: Item) -> None:
        """It has waited long for its job: if that holds no slot any more, somebody died before telling of its end."""
        if self._slots.holds(item.job):
            self._work.later(item, _CHECK_SECONDS)
        else:
            self._work.move(item, TRANSCRIBE)

    def _begin(self, item: Item, wanted: Owed, media: Media) -> None:
        recognition = self._regional(media.region, wanted.recognition)
        try:
            self._begin_with(item, wanted, media, recognition)
        except VocabularyError as error:
            # Somebody has deleted what was learnt: no operator could mend that, and the text matters more.
            if not recognition.learnt:
                raise
            _log.warning("The learnt vocabulary %s is left out: %s", recognition.vocabulary, error.problem)
            self._begin_with(item, wanted, media, recognition.without_learnt())

    def _begin_with(self, item: Item, wanted: Owed, media: Media, recognition: Recognition) -> None:
        job = Job(media, recognition)
        found, looked = wanted.found(media, looked=True), wanted.looked and media == wanted.media
        if self.store.has(job.name) or (not looked and self.store.fetch(job.name, media.region or None)):
            self._count("cached", 0.0, 0.0)
            self.reused(wanted.project, [job.name])
            self._ready(item, found, job.name)
            return
        length = Length()
        vacancy = self._slots.vacancy(job.name, media.region, TRANSCRIBE, item)
        if vacancy is Slot.OPENED:
            length = self._audio_of(media)
        if vacancy in _TO_START:
            self._turn(item, job)  # before the slot: who dies while it waits holds none
        slot = self._slots.open(job.name, media.region, TRANSCRIBE, item, wanted.project, length)
        if slot is Slot.SPENT:
            raise self._spent(media, length)
        if slot is Slot.FULL:
            self._work.move(
                item, TRANSCRIBE, seconds=_FULL_SECONDS, attempts=max(0, item.attempts - 1), body=found.body()
            )
            return
        if slot in _TO_START:
            self._start(item, job, length, again=slot is Slot.REOPENED)
        else:
            self.reused(wanted.project, [job.name], media.seconds or 0.0)
        self._await(item, found, job)

    def _audio_of(self, media: Media) -> Length:
        """Its length, if today has room for it; raises DailyLimit."""
        length = self.audio.length(media)
        if not self._slots.today().allows(length.seconds):
            raise self._spent(media, length)
        return length

    def _spent(self, media: Media, length: Length) -> DailyLimit:
        return daily_limit(media.uri, length, self._slots.today(), self._work.now())

    def _start(self, item: Item, job: Job, length: Length, *, again: bool) -> None:
        """Where an answer was lost, the slot is kept: a job that AWS has on the next try is ours. Only the refusal of a
        first try says that there is none.
        """
        try:
            started = self._jobs.start(job) or again
        except AWSError as error:
            if not again and (isinstance(error, LimitExceeded) or not error.retryable):
                self._not_started(job)
            if isinstance(error, LimitExceeded):
                raise self._refused(item, job, length, error) from error
            raise
        if not started:
            self._slots.adopted(job.name)
        self._count("started" if started else "adopted", 0.0, 0.0)

    def _turn(self, item: Item, job: Job) -> None:
        name = _starts(job)
        if item.priority == URGENT and (turn := self._turns.take(name, self._rate, ahead=_TURN_SECONDS)) is not None:
            self._turns.sleep(turn)
        elif not self._turns.wait(name, self._rate, _TURN_SECONDS):
            raise AWSError("AWS Transcribe refused the last starts, so new ones wait.", retryable=True)

    def _not_started(self, job: Job) -> None:
        self._slots.close(job.name)
        self._work.ended(job.name, AWAITING, TRANSCRIBE)

    def _refused(self, item: Item, job: Job, length: Length, error: LimitExceeded) -> AWSError:
        """AWS says the same of too many requests, of too many jobs and of a file that is too long.

        The last is ruled out where the length is known: what lasts too long was refused before.
        """
        if length.measured or item.attempts < _PATIENT_STARTS:
            self._turns.pause(_starts(job), min(_PAUSES[0] * item.attempts, _PAUSES[1]))
            return error
        running = self._jobs.running(job.media.region, self._most_jobs)
        if running and (item.attempts < _REFUSALS or running >= self._most_jobs):
            return error
        return AWSError(
            f"AWS refuses to start a job for {job.media.uri} although only {running} of {self._most_jobs} jobs run: "
            "the file is probably too long.",
            remedy="AWS Transcribe accepts 4 hours at most. Split the audio, or set TRANSCRIBE_MAX_JOBS to the "
            "quota of your account, if that is lower.",
        )

    def _await(self, item: Item, found: Owed, job: Job) -> None:
        self._watch.begin(job.media.region)
        self._work.move(item, AWAITING, seconds=_CHECK_SECONDS, job=job.name, body=found.body())
        if not self._slots.holds(job.name):  # it ended between its start and the move
            self._work.ended(job.name, AWAITING, TRANSCRIBE)

    def _ready(self, item: Item, found: Owed, name: str) -> None:
        self._work.move(item, PUSH, held=True, job=name, body=found.body())
        self._bell.ring([item.key])

    def _job(self, media: Media, recognition: Recognition) -> Job:
        return Job(media, self._regional(media.region, recognition))

    def _regional(self, region: str, recognition: Recognition) -> Recognition:
        """A learnt vocabulary exists in one region only; without it the audio is still transcribed."""
        if recognition.learnt and region not in ("", self._home_region()):
            return recognition.without_learnt()
        return recognition


def _starts(job: Job) -> str:
    return f"start|{job.media.region}"
