"""ADAPTER: what people have decided about words: banned ones are never learnt, pinned ones always in the vocabulary."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from transcribe_backend.learning.documents import Documents


@dataclass(frozen=True, slots=True)
class Wishes:
    """Phrases as people write them."""

    banned: tuple[str, ...] = ()
    pinned: tuple[str, ...] = ()

    def ban(self, phrase: str) -> "Wishes":
        """Without it from now on."""
        return replace(self, banned=(*_without(self.banned, phrase), phrase), pinned=_without(self.pinned, phrase))

    def pin(self, phrase: str) -> "Wishes":
        """With it from now on."""
        return replace(self, pinned=(*_without(self.pinned, phrase), phrase), banned=_without(self.banned, phrase))

    def applied(self, phrases: Sequence[str]) -> list[str]:
        """The pinned phrases, then the others that are not banned, each once."""
        banned = {phrase.casefold() for phrase in self.banned}
        wanted: dict[str, str] = {}
        for phrase in (*self.pinned, *phrases):
            wanted.setdefault(phrase.casefold(), phrase)
        return [phrase for key, phrase in wanted.items() if key not in banned]


def _without(phrases: Sequence[str], phrase: str) -> tuple[str, ...]:
    return tuple(each for each in phrases if each.casefold() != phrase.casefold())


class WishBook:
    """The wishes of each project and language."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    def read(self, project: str, language: str) -> Wishes:
        """Raises AWSError."""
        text = self._documents.read(_name(project, language))
        if text is None:
            return Wishes()
        written = json.loads(text)
        return Wishes(tuple(written["banned"]), tuple(written["pinned"]))

    def write(self, project: str, language: str, wishes: Wishes) -> None:
        """Raises AWSError or TrainingError."""
        self._documents.write(_name(project, language), json.dumps(asdict(wishes), ensure_ascii=False).encode())


def _name(project: str, language: str) -> str:
    return f"p{project}-{language}.words.json"
