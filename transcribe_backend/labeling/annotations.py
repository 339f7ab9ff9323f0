"""What humans wrote: the transcript of a task as its annotation holds it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from transcribe_backend.labeling.interface import Interface


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
    results = [each for each in annotation.get("result") or () if each.get("to_name") == interface.to_name]
    regions = _regions(results, interface)
    for each in _transcripts(results, interface):
        if text := _text(each.get("value") or {}):
            region = regions.get(each.get("id"), _Region())
            named = interface.channel(region.labels)
            yield Passage(text, region.start, region.end, region.channel if named is None else named, region.labels)


@dataclass(frozen=True, slots=True)
class _Region:
    start: float | None = None
    end: float | None = None
    channel: int = 0
    labels: tuple[str, ...] = ()


def _regions(results: Iterable[Mapping[str, Any]], interface: Interface) -> dict[Any, _Region]:
    """Bounds and labels by id; several results may tell of one region."""
    regions: dict[Any, _Region] = {}
    for each in results:
        value = each.get("value") or {}
        region = regions.get(each.get("id"), _Region())
        if "start" in value:
            region = replace(region, start=value["start"], end=value.get("end"), channel=value.get("channel") or 0)
        elif interface.frame_rate and value.get("ranges"):
            first, last = value["ranges"][0]["start"], value["ranges"][-1]["end"]
            region = replace(region, start=(first - 1) / interface.frame_rate, end=last / interface.frame_rate)
        labels = value.get("labels") or value.get("timelinelabels") or ()
        regions[each.get("id")] = replace(region, labels=(*region.labels, *labels))
    return regions


def _transcripts(results: Sequence[Mapping[str, Any]], interface: Interface) -> list[Mapping[str, Any]]:
    """The texts in the controls that transcripts go to; all texts when those have other names by now."""
    texts = [each for each in results if each.get("type") == "textarea"]
    names = {control.name for control in (interface.text, interface.region_text) if control}
    return [each for each in texts if each.get("from_name") in names] or texts


def _text(value: Mapping[str, Any]) -> str:
    text = value.get("text") or ()
    parts: Sequence[str] = [text] if isinstance(text, str) else text
    return " ".join(" ".join(parts).split())
