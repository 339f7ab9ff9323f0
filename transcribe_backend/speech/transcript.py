"""AWS Transcribe's output document as one typed value.

AWS has changed that document often: speakers and channels, for example, stand in the items of newer files and in tables
of their own in older ones. All shapes end in the same Transcript; members we do not know are left alone.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from transcribe_backend.errors import TranscriptError
from transcribe_backend.speech.findings import Finding, findings
from transcribe_backend.speech.items import ItemReader, Json, Seats, Voices, member, number, objects, score
from transcribe_backend.speech.words import Word, joined, mean_confidence

# Words of two channels are the same if they begin within two tenths of a second; most must be.
_TWIN, _TWINS = 0.1, 0.8

__all__ = ["Finding", "Language", "Passage", "Transcript", "Word", "parse"]


@dataclass(frozen=True, slots=True)
class Language:
    """A language AWS identified; `score` 0..1: its certainty or, in a file of several languages, its share of time."""

    code: str
    score: float | None = None


@dataclass(frozen=True, slots=True)
class Passage:
    """A stretch of audio that AWS reads in one or several ways, the best first."""

    readings: tuple[tuple[Word, ...], ...]

    def reading(self, rank: int) -> tuple[Word, ...]:
        """The reading of that rank, the best one where there are fewer."""
        return self.readings[rank if rank < len(self.readings) else 0]


@dataclass(frozen=True, slots=True)
class _Track:
    """The midpoints of words in order of time, and for each the place of its word in the transcript."""

    midpoints: list[float]
    places: list[int]


@dataclass(frozen=True)
class Transcript:
    """What was said: `text` as AWS wrote it, `words` in the order of that text."""

    text: str
    words: tuple[Word, ...]
    language: str | None = None
    languages: tuple[Language, ...] = ()
    alternatives: tuple[Passage, ...] = ()
    findings: tuple[Finding, ...] = ()
    glue: str = " "
    """What stands between two words: nothing in languages such as Chinese."""

    @cached_property
    def confidence(self) -> float | None:
        """Mean confidence of the words that have one."""
        return mean_confidence(self.words)

    @property
    def end(self) -> float:
        """When the last word ends, in seconds."""
        return max((word.end for word in self.words), default=0.0)

    @cached_property
    def channels(self) -> frozenset[int]:
        """The channels words were heard on; empty when AWS did not tell the channels apart."""
        return frozenset(word.channel for word in self.words if word.channel is not None)

    @property
    def is_mono_twice(self) -> bool:
        """Is the same voice on both channels? AWS then hears every word twice, at about the same time."""
        if len(self.channels) < 2:
            return False
        tracks = [[word for word in self.words if word.channel == channel] for channel in sorted(self.channels)[:2]]
        said = [{(word.text, round(word.start / _TWIN)) for word in track} for track in tracks]
        near = {(text, place + step) for text, place in said[1] for step in (-1, 0, 1)}
        return len(said[0] & near) >= _TWINS * max(map(len, tracks))

    @property
    def remarks(self) -> tuple[str, ...]:
        """What a person should know of this recording as a whole."""
        if not self.words:
            return ("no speech recognised",)
        return ("the same voice is on both channels: mono recorded as stereo",) if self.is_mono_twice else ()

    def join(self, words: Iterable[Word]) -> str:
        """Words as text, the way AWS writes this transcript."""
        return joined(words, self.glue)

    def between(self, start: float, end: float, channel: int | None = None) -> tuple[Word, ...]:
        """The words whose midpoint lies in [start, end) seconds, on one channel or, with None, on all."""
        track = self._tracks.get(channel)
        if track is None:
            return ()
        first, last = bisect_left(track.midpoints, start), bisect_left(track.midpoints, end)
        return tuple(self.words[place] for place in sorted(track.places[first:last]))

    def variants(self, limit: int) -> tuple["Transcript", ...]:
        """This transcript and up to `limit - 1` others with AWS's next best readings; no text comes twice."""
        distinct = {self.text: self}
        for rank in range(1, max((len(passage.readings) for passage in self.alternatives), default=0)):
            if len(distinct) >= limit:
                break
            variant = self._variant(rank)
            distinct.setdefault(variant.text, variant)
        return tuple(distinct.values())

    def _variant(self, rank: int) -> "Transcript":
        words = tuple(word for passage in self.alternatives for word in passage.reading(rank))
        return replace(self, text=self.join(words), words=words, alternatives=())

    @cached_property
    def _tracks(self) -> Mapping[int | None, _Track]:
        tracks: dict[int | None, _Track] = {None: _Track([], [])}
        for midpoint, place in sorted(((word.start + word.end) / 2, place) for place, word in enumerate(self.words)):
            for channel in {None, self.words[place].channel}:
                track = tracks.setdefault(channel, _Track([], []))
                track.midpoints.append(midpoint)
                track.places.append(place)
        return tracks


def parse(document: Mapping[str, Any]) -> Transcript:
    """AWS's output document (decoded JSON) as a Transcript; raises TranscriptError."""
    results = member(document, "results")
    if not isinstance(results, dict):
        raise TranscriptError(
            "AWS's output has no results.", remedy="It must be the output of a transcription job (not Call Analytics)."
        )
    reader = ItemReader(Voices(results))
    words = reader.words(objects(results.get("items")))
    text = _text(results, words)
    return Transcript(
        text=text,
        words=words,
        language=_language(results),
        languages=_languages(results),
        alternatives=tuple(_alternatives(results, reader, words)),
        findings=findings(results),
        glue=_glue(text, words),
    )


def _text(results: Json, words: tuple[Word, ...]) -> str:
    texts = (entry.get("transcript") for entry in objects(results.get("transcripts")))
    return next((text for text in texts if isinstance(text, str)), joined(words))


def _glue(text: str, words: tuple[Word, ...]) -> str:
    """Languages written without spaces show it in AWS's own text."""
    return "" if len(words) > 1 and text.count(" ") < len(words) // 2 and joined(words, "") == text else " "


def _language(results: Json) -> str | None:
    code = results.get("language_code")
    if isinstance(code, str):
        return code
    languages = _languages(results)
    return languages[0].code if languages else None


def _languages(results: Json) -> tuple[Language, ...]:
    identified = objects(results.get("language_identification"))
    if identified:
        return tuple(Language(str(entry.get("code")), score(entry.get("score"))) for entry in identified)
    return _by_duration(objects(results.get("language_codes")))


def _by_duration(entries: list[Json]) -> tuple[Language, ...]:
    """A file of several languages: the one spoken longest first."""
    seconds = {str(entry.get("language_code")): number(entry.get("duration_in_seconds")) or 0.0 for entry in entries}
    total = sum(seconds.values())
    ranked = sorted(seconds, key=lambda code: -seconds[code])
    return tuple(Language(code, seconds[code] / total if total else None) for code in ranked)


def _alternatives(results: Json, reader: ItemReader, words: tuple[Word, ...]) -> Iterator[Passage]:
    seats = Seats(words)
    for segment in objects(results.get("segments")):
        readings = [reader.words(objects(reading.get("items"))) for reading in objects(segment.get("alternatives"))]
        if readings:
            yield Passage(tuple(seats.seated(readings)))
