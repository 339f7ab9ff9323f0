"""COMPOSES: annotated tasks of a project, each with what we heard and what a human wrote."""

import hashlib
import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import Any, TypeVar

from transcribe_backend.aws.jobs import Job, TranscribeJobs
from transcribe_backend.aws.media import Media
from transcribe_backend.aws.transcripts import TranscriptStore
from transcribe_backend.errors import TranscribeBackendError
from transcribe_backend.labeling.annotations import Passage, passages
from transcribe_backend.labeling.interface import Interface
from transcribe_backend.labeling.regions import heard, without_sides
from transcribe_backend.prelabeling.project import PREFIX, Project
from transcribe_backend.speech.alignment import Alignment, Pair
from transcribe_backend.speech.calibration import Point
from transcribe_backend.speech.items import objects
from transcribe_backend.speech.recognition import ALTERNATIVES, SPEAKERS, Recognition
from transcribe_backend.speech.transcript import Transcript
from transcribe_backend.speech.wer import scored
from transcribe_backend.studio.client import Studio
from transcribe_backend.transcribing.audio import AudioLocator

_log = logging.getLogger(__name__)

_Task = TypeVar("_Task")
_Done = TypeVar("_Done")

_AT_ONCE = 8
_BATCH = 100
_ASKED_FOR = 8
HALVES = (0, 1)
HALF_AT_LEAST = 5


@dataclass(frozen=True, slots=True)
class Sample:
    """An annotated task. `transcript` is any that exists already; None where AWS never heard this audio for us."""

    task: int
    media: Media
    passages: tuple[Passage, ...]
    transcript: Transcript | None
    language: str = "en-US"
    unread: bool = False
    """Whether its text was written without having read ours."""

    @property
    def seconds(self) -> float:
        """Length of the audio as far as anything was heard or written in it."""
        spoken = [word.end for word in self.transcript.words] if self.transcript else []
        return max([*spoken, *(passage.end or 0.0 for passage in self.passages)], default=0.0)

    def spoken_in(self, language: str) -> "Sample | None":
        """What of it is in this language; of a recording of several languages the regions that are."""
        if self.transcript is None or not any(word.language for word in self.transcript.words):
            return self if self.language == language else None
        kept = tuple(each for each in self.passages if _language(self.transcript, each) == language)
        return replace(self, passages=kept, language=language) if kept else None

    def best(self) -> Pair:
        """The pair of the transcript that exists already."""
        return self.pair(self.transcript or Transcript("", ()))

    def point(self) -> Point | None:
        """How sure the recogniser was, and how wrong; None where AWS gave no confidence."""
        if self.transcript is None or self.transcript.confidence is None:
            return None
        found = scored(Alignment(self.best()))
        return Point(self.transcript.confidence, found.errors, found.words) if found.words else None

    def pair(self, transcript: Transcript) -> Pair:
        """The human's text, and what a transcript has in the places that the human wrote down."""
        human = "\n".join(passage.text for passage in self.passages)
        ours = "\n".join(_heard(transcript, passage) for passage in self.passages)
        return Pair(self.task, ours, human, self.language)


class Evidence:
    """Reads a project's annotations from Label Studio and its transcripts from the store; starts and pays nothing."""

    def __init__(self, studio: Studio, audio: AudioLocator, jobs: TranscribeJobs, store: TranscriptStore) -> None:
        self._studio = studio
        self._audio = audio
        self._jobs = jobs
        self._store = store

    def samples(
        self, project: Project, options: Sequence[Recognition], only: Collection[int] | None = None
    ) -> Iterator[Sample]:
        """Annotated tasks with a human text, page by page, each with whatever transcript of its audio there is.

        Looked for are those made with the `options` (the likeliest first) or with others beside the same vocabulary.
        Tasks whose audio cannot be found are left out. Raises StudioError.
        """
        tasks = (
            task for task in self._studio.annotated_tasks(project.number) if only is None or int(task["id"]) in only
        )
        found = at_once(lambda task: self._usable(task, project, options), tasks)
        yield from (sample for sample in found if sample)

    def made_at(self, job: Job) -> float | None:
        """When (Unix time) the transcript of a job was made; None where there is none."""
        media = job.media
        return self._store.made_at(job.name, media.region or None) if self.fetched(job) else None

    def _any_transcript(self, media: Media, asked: Sequence[Recognition]) -> Transcript | None:
        """Whatever is at hand; AWS is asked for a few of them only."""
        likely = [Job(media, options) for each in asked for options in dict.fromkeys((each, _plain(each)))]
        others = (Job(media, options) for each in asked for options in _other_options(each))
        at_hand = (job for job in chain(likely, others) if self._store.has(job.name))
        found = (self.fetched(job) for job in chain(at_hand, likely[:_ASKED_FOR]))
        return next(filter(None, found), None)

    def fetched(self, job: Job) -> Transcript | None:
        """The transcript of a job, if AWS has made it."""
        try:
            if self._store.has(job.name) or self._jobs.fetch(job):
                return self._store.get(job.name)
        except TranscribeBackendError as error:
            _log.info("The transcript of %s is no evidence: %s", job.media.uri, error)
        return None

    def sample(self, task: Mapping[str, Any], project: Project, options: Sequence[Recognition]) -> Sample | None:
        """The same of one task of Label Studio's API; None where nobody has written a text.

        Raises TranscribeBackendError where its audio cannot be found.
        """
        written = passages(task, project.interface)
        texts = [_unsided(each, project.interface) for each in written]
        if not texts:
            return None
        media = self._audio.locate(project.interface.audio(task.get("data")), int(task["id"]))
        transcript = self._any_transcript(media, options)
        identified = transcript.language if transcript and project.recognition.identifies else None
        language = identified or project.recognition.language
        return Sample(int(task["id"]), media, tuple(texts), transcript, language, is_unread(task))

    def _usable(self, task: Mapping[str, Any], project: Project, options: Sequence[Recognition]) -> Sample | None:
        try:
            return self.sample(task, project, options)
        except TranscribeBackendError as error:
            _log.info("Task %s is no evidence: %s", task["id"], error)
            return None


def at_once(do: Callable[[_Task], _Done], tasks: Iterator[_Task]) -> Iterator[_Done]:
    """What `do` returns for each task, in order; eight are under way, and a hundred in memory."""
    with ThreadPoolExecutor(_AT_ONCE, "evidence") as pool:
        while batch := list(islice(tasks, _BATCH)):
            yield from pool.map(do, batch)


def half(identity: str, turn: int) -> int:
    """In which half (0 or 1) of a project's tasks an audio is at its `turn`-th training.

    By a hash of the audio's identity and the turn alone: neither other tasks nor those that vanish move an audio to the
    other side, and each turn mixes them anew.
    """
    return hashlib.sha256(f"{identity}|{turn}".encode()).digest()[0] % len(HALVES)


def _plain(recognition: Recognition) -> Recognition:
    """The words alone: neither speakers nor channels nor alternatives change them."""
    return replace(recognition, speakers=None, channels=False, alternatives=None)


def _other_options(recognition: Recognition) -> Iterator[Recognition]:
    """With options that a project may have had before."""
    plain = _plain(recognition)
    yield from (replace(plain, speakers=speakers) for speakers in SPEAKERS)
    yield replace(plain, channels=True)
    yield from (replace(plain, alternatives=alternatives) for alternatives in ALTERNATIVES)


def _heard(transcript: Transcript, passage: Passage) -> str:
    if passage.start is None or passage.end is None:
        return transcript.text
    return heard(transcript, passage.start, passage.end, passage.channel)


def is_unread(task: Mapping[str, Any]) -> bool:
    """Whether our predictions of a task never had a text."""
    ours = [each for each in task.get("predictions") or () if str(each.get("model_version")).startswith(PREFIX)]
    texts = (
        each for prediction in ours for each in objects(prediction.get("result")) if each.get("type") == "textarea"
    )
    return bool(ours) and not any(texts)


def _language(transcript: Transcript, passage: Passage) -> str | None:
    """The language of most of its words."""
    if passage.start is None or passage.end is None:
        return transcript.language
    spoken = Counter(word.language for word in transcript.between(passage.start, passage.end))
    return max(spoken, key=lambda language: spoken[language], default=None)


def _unsided(passage: Passage, interface: Interface) -> Passage:
    """A text that names both sides is of all channels."""
    text = without_sides(interface, passage.text)
    return passage if text == passage.text else replace(passage, text=text, channel=None)
