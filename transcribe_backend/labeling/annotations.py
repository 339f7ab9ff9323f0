"""What humans wrote: the transcript of a task as its annotation holds it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from transcribe_backend.labeling.interface import Interface
from transcribe_backend.speech.items import objects, seconds


@dataclass(frozen=True, slots=True)
class Passage:
    """A stretch of speech as a human wrote it; without `start` and `end` (seconds), the whole audio.

    `channel` is None where it is of all of them; `labels` are those of its region, of whatever control.
    """

    text: str
    start: float | None = None
    end: float | None = None
    channel: int | None = 0
    labels: tuple[str, ...] = ()


def passages(task: Mapping[str, Any], interface: Interface) -> list[Passage]:
    """The texts of the annotation that counts (`chosen`), per channel in order of time.

    Texts of regions win over a text of the whole audio: beside regions, that one holds notes.
    """
    annotation = chosen(task)
    found = list(_passages(annotation, interface)) if annotation else []
    regions = [passage for passage in found if passage.start is not None]
    return sorted(regions or found, key=lambda passage: (passage.channel, passage.start or 0.0))


def chosen(task: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The task's annotation that counts: a ground truth before others, then the latest; skipped ones never."""
    submitted = [each for each in task.get("annotations") or () if not each.get("was_cancelled")]
    return max(submitted, key=_rank, default=None)


def _rank(annotation: Mapping[str, Any]) -> tuple[bool, str, int]:
    """Label Studio writes all times alike, in UTC: they sort as text."""
    changed = annotation.get("updated_at") or annotation.get("created_at") or ""
    return bool(annotation.get("ground_truth")), str(changed), int(annotation.get("id") or 0)


def _passages(annotation: Mapping[str, Any], interface: Interface) -> Iterator[Passage]:
    results = [each for each in objects(annotation.get("result")) if _is_readable(each, interface)]
    regions = _regions(results, interface)
    for each in _transcripts(results, interface):
        if text := _text(each["value"].get("text")):
            region = regions[str(each.get("id"))]
            named = interface.channel(region.labels)
            yield Passage(text, region.start, region.end, region.channel if named is None else named, region.labels)


def _is_readable(result: Mapping[str, Any], interface: Interface) -> bool:
    """Is it of the audio, and has it bounds that are some, if any? Imports may hold anything.

    Label Studio 1.23 checks only that the results of an annotation are a list (tasks/serializers.py).
    """
    value = result.get("value")
    if result.get("to_name") != interface.to_name or not isinstance(value, dict):
        return False
    return value.keys().isdisjoint(("start", "ranges")) or _bounds(value, interface.frame_rate) is not None


@dataclass(frozen=True, slots=True)
class _Region:
    start: float | None = None
    end: float | None = None
    channel: int = 0
    labels: tuple[str, ...] = ()


def _regions(results: Iterable[Mapping[str, Any]], interface: Interface) -> dict[str, _Region]:
    """Bounds and labels by id; several results may tell of one region."""
    regions: dict[str, _Region] = {}
    for each in results:
        name, value = str(each.get("id")), each["value"]
        region = regions.get(name, _Region())
        if bounds := _bounds(value, interface.frame_rate):
            channel = value.get("channel")
            region = replace(region, start=bounds[0], end=bounds[1], channel=channel if isinstance(channel, int) else 0)
        labels = _texts(value.get("labels") or value.get("timelinelabels"))
        regions[name] = replace(region, labels=(*region.labels, *labels))
    return regions


def _bounds(value: Mapping[str, Any], rate: float | None) -> tuple[float, float] | None:
    """Start and end of a region in seconds, None where nothing tells them; frames are counted from 1."""
    frames = objects(value.get("ranges")) if rate else []
    told = (frames[0].get("start"), frames[-1].get("end")) if frames else (value.get("start"), value.get("end"))
    start, end = map(seconds, told)
    if start is None or end is None or end < start:
        return None
    return (max(0.0, start - 1) / rate, end / rate) if frames and rate else (start, end)


def _transcripts(results: Sequence[Mapping[str, Any]], interface: Interface) -> list[Mapping[str, Any]]:
    """The texts in the controls that transcripts go to; all texts when those have other names by now."""
    texts = [each for each in results if each.get("type") == "textarea"]
    names = {control.name for control in (interface.text, interface.region_text) if control}
    return [each for each in texts if str(each.get("from_name")) in names] or texts


def _text(value: object) -> str:
    return " ".join(" ".join(_texts(value)).split())


def _texts(value: object) -> tuple[str, ...]:
    """A text, or those in a list; half of an emoji, which JSON can hold and no file, becomes a question mark."""
    parts = [value] if isinstance(value, str) else value if isinstance(value, list) else []
    return tuple(part.encode(errors="replace").decode() for part in parts if isinstance(part, str))
