"""COMPOSES: what transcribing tasks would cost, told before anything is started: looks, and changes nothing."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from transcribe_backend.aws.price import Price
from transcribe_backend.errors import TranscribeBackendError
from transcribe_backend.prelabeling.project import Project
from transcribe_backend.transcribing.owed import Owed
from transcribe_backend.transcribing.transcriber import Transcriber
from transcribe_backend.work.causes import general

_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class Look:
    """One audio: `there` when its transcript exists, its `seconds` where they can be told without a download, or why
    it cannot be transcribed.
    """

    job: str
    there: bool = False
    seconds: float | None = None
    refused: str = ""


@dataclass(slots=True)
class Estimate:
    """Sums over `tasks` tasks. `measured` new audios last `seconds` in all; the length of `unmeasured` is not known.
    `billed` are whole seconds as AWS bills the measured ones.
    """

    tasks: int = 0
    there: int = 0
    measured: int = 0
    unmeasured: int = 0
    seconds: float = 0.0
    billed: float = 0.0
    refused: Counter[str] = field(default_factory=Counter)

    @property
    def new(self) -> int:
        """Audios that would be transcribed."""
        return self.measured + self.unmeasured

    def likely(self, amount: float) -> float:
        """An amount of the measured audios, for all new ones: as if the others were like them."""
        return amount / self.measured * self.new if self.measured else 0.0


class Estimates:
    """Looks at the audio of tasks, many at once; the price is the operator's (`TRANSCRIBE_PRICE_PER_MINUTE`)."""

    def __init__(self, transcriber: Transcriber, price: Price) -> None:
        self._transcriber = transcriber
        self.price = price

    def of(self, tasks: Iterable[Mapping[str, Any]], project: Project) -> Estimate:
        """What the tasks of a project would cost."""
        found = Estimate()
        for _ in self.steps(tasks, project, found):
            pass
        return found

    def steps(self, tasks: Iterable[Mapping[str, Any]], project: Project, found: Estimate) -> Iterator[int]:
        """The same, task by task into `found`; yields the number of tasks seen so far."""
        seen: set[str] = set()
        with ThreadPoolExecutor(_AT_ONCE, "estimate") as pool:
            for look in pool.map(lambda task: self._look(task, project), tasks):
                found.tasks += 1
                if look.refused:
                    found.refused[look.refused] += 1
                elif look.job not in seen:
                    seen.add(look.job)
                    self._add(found, look)
                yield found.tasks

    def _add(self, found: Estimate, look: Look) -> None:
        if look.there:
            found.there += 1
        elif look.seconds is None:
            found.unmeasured += 1
        else:
            found.measured += 1
            found.seconds += look.seconds
            found.billed += self.price.billed(look.seconds)

    def _look(self, task: Mapping[str, Any], project: Project) -> Look:
        audio = project.interface.address(task.get("data"))
        try:
            # Without the task: what S3 misses is told, although Label Studio's own storage might have it.
            job, there, seconds = self._transcriber.preview(Owed(audio, project.recognition))
            return Look(job, there, seconds)
        except TranscribeBackendError as error:
            return Look("", refused=general(error.advice))
