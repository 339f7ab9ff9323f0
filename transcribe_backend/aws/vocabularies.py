r"""Custom vocabularies of a project: `ls-p<project>-<language>-v<n>`, each version made once and never changed after.

What a version is for is written on it as its tag `state`, in AWS, where every process and replica reads it:

    building -> candidate -> promoted -> withdrawn
                         \-> rejected
                         \-> waiting (for a person, TRAIN_PROMOTE=ask) -> promoted or rejected

In use is the newest READY version whose state is `promoted`. So promotion and rollback are one request each: a
promotion marks the new version, a rollback unmarks it, and the version before is in use again.
"""

import hashlib
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from transcribe_backend.aws.clients import AWSClients
from transcribe_backend.aws.rejected_rows import Sieve
from transcribe_backend.aws.vocabulary_requests import (
    FAILED,
    PENDING,
    READY,
    NameTaken,
    RowsRefused,
    VocabularyRequests,
)
from transcribe_backend.errors import VocabularyError
from transcribe_backend.settings import Settings
from transcribe_backend.speech.vocabulary import Rejection, Row, table_text

BUILDING, CANDIDATE, WAITING = "building", "candidate", "waiting"
PROMOTED, REJECTED, WITHDRAWN = "promoted", "rejected", "withdrawn"
_ANY = re.compile(r"ls-p\d+-.+-v(\d+)")
_KEPT = 2
_UNREADABLE = re.compile(r"\b(S3|bucket|access|permissions?)\b", re.IGNORECASE)
_UNREADABLE_REMEDY = "Let the backend's role read S3_BUCKET, which must lie in the region of AWS Transcribe."
_REFUSED = "Look at the phrases in the training's report."
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 30.0


@dataclass(frozen=True, slots=True)
class Version:
    """One vocabulary of a project as AWS lists it; `state` is PENDING, READY or FAILED."""

    name: str
    number: int
    state: str


@dataclass(frozen=True, slots=True)
class Created:
    """A READY vocabulary, and the rows that AWS refused."""

    name: str
    dropped: tuple[Rejection, ...] = ()


class Vocabularies:
    """The vocabularies of all projects. Every method may be repeated after a crash.

    A project is Label Studio's `<id>.<created>`: another Label Studio may have a project of that number, and its
    versions, told by the tag `project`, are neither used nor deleted. The number alone means any of them.
    `patience` is how long (seconds) AWS may take for one vocabulary; `sleep` and `clock` are those of `time`.
    """

    def __init__(
        self,
        clients: AWSClients,
        settings: Settings,
        *,
        patience: float = 1800,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._requests = VocabularyRequests(clients, settings)
        self._patience = patience
        self._sleep = sleep
        self._clock = clock

    def create(self, project: str, language: str, rows: Sequence[Row]) -> Created:
        """A READY version made of `rows` (at least one), without those that AWS refuses.

        The same rows again give the same version, also after a crash in between. Raises VocabularyError when AWS
        refuses all of them, is not done in time, or holds too many vocabularies.
        """
        digest = hashlib.sha256(table_text(rows).encode()).hexdigest()[:40]
        versions = self.versions(project, language)
        for version in versions:
            tags = self._requests.tags(version.name) if version is versions[0] or version.state == READY else {}
            if not _is_of(project, tags):
                continue
            if version is versions[0] and tags.get("state") == BUILDING:
                return self._take_over(_Draft(self._requests, version.name, project, language, digest), rows)
            if version.state == READY and tags.get("digest") == digest:
                return Created(version.name)
            if tags.get("state") == PROMOTED:
                break  # an older version could not come into use any more
        return self._make_new(project, language, rows, digest, versions[0].number + 1 if versions else 1)

    def versions(self, project: str, language: str) -> list[Version]:
        """All versions of a project in a language, newest first, in whatever state."""
        stem = _name(project, language, "")
        pattern = re.compile(re.escape(stem) + r"(\d+)")
        listed = ((pattern.fullmatch(each["VocabularyName"]), each) for each in self._requests.listed(stem))
        found = [Version(match[0], int(match[1]), each["VocabularyState"]) for match, each in listed if match]
        return sorted(found, key=lambda version: -version.number)

    def names(self, project: str, language: str) -> list[str]:
        """The names of all versions that a project ever had in a language, newest first, deleted ones too."""
        latest = next((version.number for version in self.versions(project, language)), 0)
        return [_name(project, language, number) for number in range(latest, 0, -1)]

    def everything(self) -> list[Version]:
        """The versions of all projects, by name, in whatever state."""
        listed = ((_ANY.fullmatch(each["VocabularyName"]), each) for each in self._requests.listed("ls-p"))
        found = [Version(match[0], int(match[1]), each["VocabularyState"]) for match, each in listed if match]
        return sorted(found, key=lambda version: version.name)

    def mark(self, name: str) -> str:
        """The tag `state` of a vocabulary; "" when it has none."""
        return self._requests.tags(name).get("state", "")

    def rows(self, name: str) -> tuple[Row, ...]:
        """What a version holds; nothing without S3_BUCKET, where its table lies."""
        return self._requests.table(name)

    def promoted(self, project: str, language: str) -> str | None:
        """The version in use; None when there is none."""
        return next(self._promoted(project, language), None)

    def promote(self, name: str) -> None:
        """Use this version from now on, until a newer one is promoted."""
        self._requests.tag(name, {"state": PROMOTED})

    def offer(self, name: str) -> None:
        """Let a person decide about this version."""
        self._requests.tag(name, {"state": WAITING})

    def waiting(self, project: str, language: str) -> str | None:
        """The newest version that a person has to decide about."""
        return next(self._marked(project, language, WAITING), None)

    def reject(self, name: str) -> None:
        """Keep this version for people to look at, but never use it."""
        self._requests.tag(name, {"state": REJECTED})

    def rollback(self, project: str, language: str) -> str | None:
        """Withdraw the version in use; returns the one that is in use then, None for AWS's own model.

        Raises VocabularyError when no version is in use.
        """
        current = self.promoted(project, language)
        if current is None:
            raise VocabularyError(
                f"Project {project.partition('.')[0]} uses no learnt vocabulary in {language}.",
                remedy="There is nothing to roll back.",
            )
        self._requests.tag(current, {"state": WITHDRAWN})
        return self.promoted(project, language)

    def prune(self, project: str, language: str) -> list[str]:
        """Delete old versions; returns their names.

        The last two stay, the newest READY one, the one in use, the one that a rollback leads to, and one that waits
        for a person.
        """
        versions = self.versions(project, language)
        kept = {version.name for version in versions[:_KEPT]}
        kept |= set([version.name for version in versions if version.state == READY][:1])
        if any(version.name not in kept for version in versions):
            kept |= set(islice(self._promoted(project, language), _KEPT))
        old = [version.name for version in versions if version.name not in kept and version.state != PENDING]
        ours = ((name, self._requests.tags(name)) for name in old)
        waste = [name for name, tags in ours if _is_of(project, tags) and tags.get("state") != WAITING]
        return [name for name in waste if self._requests.delete(name)]

    def _promoted(self, project: str, language: str) -> Iterator[str]:
        return self._marked(project, language, PROMOTED)

    def _marked(self, project: str, language: str, mark: str) -> Iterator[str]:
        for version in self.versions(project, language):
            tags = self._requests.tags(version.name) if version.state == READY else {}
            if tags.get("state") == mark and _is_of(project, tags):
                yield version.name

    def _make_new(self, project: str, language: str, rows: Sequence[Row], digest: str, number: int) -> Created:
        """A new version. A name taken meanwhile is ours when it has the same rows: a request that AWS saw twice."""
        draft = _Draft(self._requests, _name(project, language, number), project, language, digest)
        try:
            return self._make(draft, rows)
        except NameTaken:
            if self._requests.tags(draft.name).get("digest") != digest:
                return self._make_new(project, language, rows, digest, number + 1)
        return self._take_over(draft, rows)

    def _take_over(self, draft: "_Draft", rows: Sequence[Row]) -> Created:
        """Finish a version that a training left unfinished, whatever it holds by now."""
        draft.exists = True
        self._watch(draft.name)
        return self._make(draft, rows)

    def _make(self, draft: "_Draft", rows: Sequence[Row]) -> Created:
        """Offer the rows to AWS until it takes what is left of them."""
        sieve = Sieve(lambda some: self._reason(draft, some))
        if not sieve.sift(rows):
            self._requests.delete(draft.name)
            reason = sieve.dropped[-1].reason
            raise VocabularyError(f"AWS refuses every row of the vocabulary {draft.name}: {reason}", remedy=_REFUSED)
        self._requests.tag(draft.name, draft.tags | {"state": CANDIDATE})
        return Created(draft.name, tuple(sieve.dropped))

    def _reason(self, draft: "_Draft", rows: Sequence[Row]) -> str:
        """Why AWS refuses these rows; "" when the vocabulary becomes READY with them."""
        try:
            draft.offer(rows)
        except RowsRefused as refusal:
            return refusal.problem
        return self._watch(draft.name)

    def _watch(self, name: str) -> str:
        """Wait while the vocabulary is PENDING; "" when it is READY, else the FailureReason."""
        deadline, pause = self._clock() + self._patience, _FIRST_PAUSE
        while True:
            state, reason = self._requests.state(name)
            if state == READY:
                return ""
            if state == FAILED and _UNREADABLE.search(reason):
                raise VocabularyError(f"AWS cannot read the table of {name}: {reason}", remedy=_UNREADABLE_REMEDY)
            if state == FAILED:
                return reason or "AWS gave no reason."
            if self._clock() + pause > deadline:
                raise VocabularyError(
                    f"AWS has not finished the vocabulary {name} within {self._patience:.0f} s.",
                    remedy="Train again later; it continues there.",
                    retryable=True,
                )
            self._sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)


@dataclass(slots=True)
class _Draft:
    """A version that is being made."""

    requests: VocabularyRequests
    name: str
    project: str
    language: str
    digest: str
    exists: bool = False

    @property
    def tags(self) -> dict[str, str]:
        return {"project": self.project, "language": self.language, "digest": self.digest, "state": BUILDING}

    def offer(self, rows: Sequence[Row]) -> None:
        if self.exists:
            self.requests.update(self.name, self.language, rows)
        else:
            self.requests.create(self.name, self.language, rows, self.tags)
            self.exists = True


def _name(project: str, language: str, number: int | str) -> str:
    return f"ls-p{project.partition('.')[0]}-{language}-v{number}"


def _is_of(project: str, tags: Mapping[str, str]) -> bool:
    return "." not in project or tags.get("project") == project
