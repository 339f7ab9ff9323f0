"""COMPOSES: held-out tasks, transcribed by the vocabulary in use and by candidates, as pairs to compare."""

import hashlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, zip_longest
from typing import Protocol

from transcribe_backend.aws.jobs import Job
from transcribe_backend.aws.media import Media
from transcribe_backend.aws.price import Price
from transcribe_backend.errors import TranscribeBackendError
from transcribe_backend.learning.evidence import Evidence, Sample
from transcribe_backend.speech.alignment import Pair
from transcribe_backend.speech.credit import Phrase, comparable, holds
from transcribe_backend.speech.recognition import Recognition

_DAY = 86_400.0


class Transcriptions(Protocol):
    """Has audio transcribed."""

    def ensure(self, jobs: Sequence[Job], project: str = "") -> Iterator[tuple[Job, TranscribeBackendError | None]]:
        """Each job as it ends, with its error when it failed; the project is charged."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A task in its half, and what comparing two recognisers on it costs: `runs` transcriptions of `seconds` each.

    `renewed` is what sets the job apart that transcribes it anew for the vocabulary in use; "" where the transcript
    that exists is young enough, or where there is none yet.
    """

    sample: Sample
    half: int
    runs: int
    seconds: int
    renewed: str = ""


class Evaluation:
    """Transcribes held-out tasks; `champion_days` is how old transcripts of the vocabulary in use may be."""

    def __init__(self, evidence: Evidence, transcriptions: Transcriptions, champion_days: float, price: Price) -> None:
        self._evidence = evidence
        self._transcriptions = transcriptions
        self._price = price
        self._champion_seconds = champion_days * _DAY

    def trial(self, sample: Sample, half: int, champion: Recognition, now: float) -> Trial:
        """What comparing a candidate with the champion on this task takes."""
        seconds = self._price.billed(sample.seconds)
        made = self._evidence.made_at(Job(sample.media, champion))
        if made is None:
            return Trial(sample, half, 2, seconds)
        if now - made <= self._champion_seconds:
            return Trial(sample, half, 1, seconds)
        renewed = f"|{now // self._champion_seconds:.0f}"
        known = self._evidence.made_at(Job(_renewed(sample.media, renewed), champion)) is not None
        return Trial(sample, half, 1 if known else 2, seconds, renewed)

    def cost(self, jobs: int, seconds: int) -> dict[str, float]:
        """What a report says of a price."""
        return {"jobs": jobs, "billed_seconds": seconds, "estimated_dollars": self._price.dollars(seconds)}

    def pairs(
        self, trials: Sequence[Trial], recognition: Recognition, *, champion: bool, project: str = ""
    ) -> dict[int, Pair]:
        """By task, what is heard with these options, on a project's account; what AWS cannot transcribe is missing.

        Raises the error of a job that may pass by itself.
        """
        jobs = {
            Job(_renewed(trial.sample.media, trial.renewed if champion else ""), recognition): trial.sample
            for trial in trials
        }
        for _, error in self._transcriptions.ensure(list(jobs), project):
            if error and not error.permanent:
                raise error
        heard = ((sample, self._evidence.fetched(job)) for job, sample in jobs.items())
        return {sample.task: sample.pair(transcript) for sample, transcript in heard if transcript}


def _renewed(media: Media, mark: str) -> Media:
    return replace(media, identity=media.identity + mark)


def within(trials: Sequence[Trial], phrases: Collection[str], seconds: float) -> list[Trial]:
    """As many as may be evaluated in `seconds` of billed audio, by turns with and without one of the phrases."""
    by_task = {trial.sample.task: trial for trial in trials}
    ordered = by_turns([trial.sample for trial in trials], phrases)
    return list(_affordable((by_task[sample.task] for sample in ordered), seconds))


def by_turns(samples: Sequence[Sample], phrases: Collection[str]) -> list[Sample]:
    """One in which a phrase is said, one in which none is, and so on; neither the oldest nor the newest first."""
    wanted = {comparable(phrase) for phrase in phrases}
    mixed = sorted(samples, key=lambda sample: hashlib.sha256(sample.media.identity.encode()).digest())
    speaking = [sample for sample in mixed if _speaks(sample, wanted)]
    silent = [sample for sample in mixed if not _speaks(sample, wanted)]
    return [sample for sample in chain.from_iterable(zip_longest(speaking, silent)) if sample]


def _affordable(trials: Iterator[Trial], seconds: float) -> Iterator[Trial]:
    for trial in trials:
        price = trial.runs * trial.seconds
        if price <= seconds:
            seconds -= price
            yield trial


def _speaks(sample: Sample, phrases: Collection[Phrase]) -> bool:
    return holds(comparable(" ".join(passage.text for passage in sample.passages)), phrases)
