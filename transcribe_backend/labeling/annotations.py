"""What humans wrote: the transcript of a task as its annotation holds it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from transcribe_backend.labeling.interface import Interface


@dataclass(frozen=True, slots=True)
class Passage:
    """A stretch of speech as a human wrote it; without `start` and `end` (seconds), the whole audio."""

    text: str
    start: float | None = None
    end: float | None = None
    channel: int = 0


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
    bounds = {each.get("id"): each["value"] for each in results if "start" in (each.get("value") or {})}
    labels = {each.get("id"): each["value"]["labels"] for each in results if "labels" in (each.get("value") or {})}
    for each in _transcripts(results, interface):
        if text := _text(each.get("value") or {}):
            region = bounds.get(each.get("id"), {})
            named = interface.channel(labels.get(each.get("id")) or ())
            channel = (region.get("channel") or 0) if named is None else named
            yield Passage(text, region.get("start"), region.get("end"), channel)


def _transcripts(results: Sequence[Mapping[str, Any]], interface: Interface) -> list[Mapping[str, Any]]:
    """The texts in the controls that transcripts go to; all texts when those have other names by now."""
    texts = [each for each in results if each.get("type") == "textarea"]
    names = {control.name for control in (interface.text, interface.region_text) if control}
    return [each for each in texts if each.get("from_name") in names] or texts


def _text(value: Mapping[str, Any]) -> str:
    text = value.get("text") or ()
    parts: Sequence[str] = [text] if isinstance(text, str) else text
    return " ".join(" ".join(parts).split())
