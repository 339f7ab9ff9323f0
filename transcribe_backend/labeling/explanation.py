"""What is filled in a labeling config and what is not, in sentences for people."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from transcribe_backend.labeling.controls import Control, Labels, Text
from transcribe_backend.labeling.tags import MEDIA, Tag
from transcribe_backend.speech.wording import listed, quoted

if TYPE_CHECKING:
    from transcribe_backend.labeling.interface import Interface

_SHOWN = 4


def filled(interface: "Interface") -> Iterator[str]:
    """A sentence for each control that a transcript fills."""
    for control in interface.controls:
        yield f"{control.kind} {quoted(control.name)} is filled with {_content(control, interface)}."


def _content(control: Control, interface: "Interface") -> str:
    if isinstance(control, Text):
        return "the words of each segment" if control.per_region else "the whole transcript"
    if isinstance(control, Labels):
        return listed(_labeling(control, interface))
    return "the languages" if control.multiple and interface.recognition.multilingual else "the language"


def _labeling(control: Labels, interface: "Interface") -> Iterator[str]:
    if interface.recognition.multilingual and control.tongues:
        yield f"segments of languages ({_names(choice for choice, code in control.tongues.choices if code)})"
    elif control.voices:
        kind = "channels" if interface.recognition.channels else "speakers"
        yield f"segments of {kind} ({_names(option.value for option in control.voices)})"
    else:
        general = control.speech
        if interface.region_text and control is interface.text_labels:
            general = control.general(interface.region_text)
        if general:
            yield f"segments of speech ({quoted(general.value)})"
    if found := control.findings(interface.recognition.finds):
        yield f"places of {_names(option.value for option in found)}"
    if control.doubtful:
        yield f"segments of low confidence ({quoted(control.doubtful.value)})"


def unfilled(
    interface: "Interface", possible: Sequence[Control], everything: Iterable[Tag], media: Sequence[Tag]
) -> tuple[str, ...]:
    """A sentence for each other control of this recording: why it is left alone."""
    ours = {control.name: control for control in possible}
    taken = {control.name for control in interface.controls}
    targets = {tag.name for tag in media}
    others = (tag for tag in everything if tag.name not in taken and not targets.isdisjoint(tag.to_names))
    return tuple(f"{tag.written} {quoted(tag.name)} {_reason(ours.get(tag.name), tag, interface)}" for tag in others)


def _reason(control: Control | None, tag: Tag, interface: "Interface") -> str:
    if isinstance(control, Text):
        rival = interface.region_text if control.per_region else interface.text
        if rival:
            return f'is not filled: {quoted(rival.name)} is. To change that, set model_text="{control.name}".'
        return f'is not filled: its name is not that of a transcript. If it is one, set model_text="{control.name}".'
    if isinstance(control, Labels):
        if any(other.chosen for other in interface.labels):
            return "is not filled: model_labels names others."
        if any(option.is_finding for option in control.options):
            return "is not filled: AWS is not asked to look for that. Set model_redact or model_toxicity."
        return (
            f"is not filled: a transcript does not tell which of {_names(option.value for option in control.options)} "
            "fits. Give labels of speakers, channels or low confidence predicted_values."
        )
    if tag.kind in ("timelinelabels", "textarea"):
        return "is not filled: its regions are on a video without TimelineLabels or a fixed frameRate."
    return "is left to the annotators."


def _names(names: Iterable[str]) -> str:
    shown = list(map(quoted, names))
    return listed(shown[:_SHOWN]) + (f" and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else "")


def not_transcribed(others: Iterable[Tag], interface: "Interface") -> Iterator[str]:
    """A sentence for each other recording of a task."""
    for tag in others:
        if tag.kind in MEDIA:
            yield (
                f"{tag.written} {quoted(tag.name)} is not transcribed: "
                f"a task has one recording, and that is {quoted(interface.to_name)}."
            )
