"""The labeling config of a project, read as what a transcript can fill in it."""

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from typing import Any

from transcribe_backend.errors import LabelingConfigError
from transcribe_backend.labeling import explanation, naming, options, tags
from transcribe_backend.labeling.controls import Control, Labels, Languages, Text, of_languages
from transcribe_backend.labeling.tags import Tag
from transcribe_backend.speech.recognition import AUTO, SPEAKERS, Recognition
from transcribe_backend.speech.wording import listed, quoted

_STEPS = re.compile(r"[^.\[\]]+")
_PLACE = re.compile(r"[0-9]{1,6}")
_REMEMBERED_LENGTH = 32 * 1024  # of a labeling config: all that are remembered fit into some megabytes


@dataclass(frozen=True, slots=True)
class Interface:
    """What a project asks for: where the audio is, what AWS shall recognise, which controls take the result.

    `data_key` is the member of `task.data` that holds the audio ("audio", "call.url"), `to_name` the name of the Audio
    (or Video) tag; confidence below `low_confidence` (0..1) is worth a look, and with `notes` the words are named;
    `max_segment` is in seconds; tasks come without text whose expected error is above `blank_above`, and beside them a
    share of `audit` of all (both 0..1); `unfilled` says of each other control why it is left alone.
    """

    data_key: str
    to_name: str
    recognition: Recognition
    controls: tuple[Control, ...]
    low_confidence: float
    max_segment: float
    notes: bool = False
    blank_above: float = 1.0
    audit: float = 0.0
    unfilled: tuple[str, ...] = ()

    @property
    def text(self) -> Text | None:
        """The TextArea of the whole transcript."""
        return self._text(per_region=False)

    @property
    def region_text(self) -> Text | None:
        """The TextArea of each region."""
        return self._text(per_region=True)

    @property
    def labels(self) -> tuple[Labels, ...]:
        """The controls whose labels make regions."""
        return tuple(control for control in self.controls if isinstance(control, Labels))

    @property
    def text_labels(self) -> Labels | None:
        """The labels of the regions that have a text."""
        return _owner(self.region_text, self.labels) if self.region_text else None

    @property
    def frame_rate(self) -> float | None:
        """Frames a second where regions are stored in frames of a video."""
        return self.region_text.rate if self.region_text else None

    @property
    def languages(self) -> tuple[Languages, ...]:
        """The controls that take the language."""
        return tuple(control for control in self.controls if isinstance(control, Languages))

    def audio(self, data: object) -> Any:
        """The audio in a task's data, None where there is none. A column named as the whole path wins over the path."""
        if isinstance(data, Mapping) and self.data_key in data:
            return data[self.data_key]
        for step in _STEPS.findall(self.data_key):
            if isinstance(data, list):
                data = data[int(step)] if _PLACE.fullmatch(step) and int(step) < len(data) else None
            else:
                data = data.get(step) if isinstance(data, Mapping) else None
        return data

    def address(self, data: object) -> str:
        """The audio in a task's data as a text, "" where there is none."""
        audio = self.audio(data)
        return audio.strip() if isinstance(audio, str) else ""

    def data(self, audio: Any) -> dict[str, Any]:
        """A task's data with this audio in the place where Label Studio looks for it."""
        first, *steps = _STEPS.findall(self.data_key)
        for step in reversed(steps):
            audio = [None] * int(step) + [audio] if _PLACE.fullmatch(step) else {step: audio}
        return {first: audio}

    def channel(self, labels: Collection[str]) -> int | None:
        """The channel that a region's labels stand for; None where they stand for none.

        Label Studio 1.23 says channel 0 of every region that is drawn, on whatever waveform: labels know better.
        """
        if not self.recognition.channels:
            return None
        speakers = self.recognition.speakers is not None
        meant = (control.channel(labels, speakers=speakers) for control in self.labels)
        return next((number for number in meant if number is not None), None)

    def is_finding(self, labels: Collection[str]) -> bool:
        """Do all these labels stand for what AWS points out beside the words?"""
        options = [option for control in self.labels for option in control.findings(self.recognition.finds)]
        return set(labels) <= {option.value for option in options}

    def explain(self) -> list[str]:
        """One sentence for each control of the labeling config: what fills it, or why nothing does."""
        return [*explanation.filled(self), *self.unfilled]

    def shape(self) -> str:
        """Canonical JSON of what decides the form of predictions, part of the model version's fingerprint."""
        controls = [{"kind": type(control).__name__, **asdict(control)} for control in self.controls]
        form = {"controls": controls, "low_confidence": self.low_confidence, "max_segment": self.max_segment}
        blank = {"blank_above": self.blank_above, "audit": self.audit} if self.blank_above < 1 or self.audit else {}
        form |= {"notes": self.notes, "to_name": self.to_name, **blank}
        return json.dumps(form, sort_keys=True, separators=(",", ":"))

    def _text(self, per_region: bool) -> Text | None:
        texts = (control for control in self.controls if isinstance(control, Text))
        return next((text for text in texts if text.per_region is per_region), None)


def read(label_config: str, language: str) -> Interface:
    """The interface of a labeling config; `language` is used where the config names none. Short ones are remembered.

    Of several recordings the first counts for which there is something to fill. Raises LabelingConfigError, or
    RecognitionError for options that AWS refuses.
    """
    return (_remembered if len(label_config) <= _REMEMBERED_LENGTH else _read)(label_config, language)


def _read(label_config: str, language: str) -> Interface:
    everything = tags.read(label_config)
    recordings = tags.media(everything)
    found = [_interface(everything, media, language) for media in recordings]
    interface = next((each for each in found if each.controls), None)
    if interface is None:
        raise _nothing_to_fill(found[0], everything)
    interface.recognition.validate()
    other = (tag for media in recordings for tag in media if tag.data_key != interface.data_key)
    return replace(interface, unfilled=(*interface.unfilled, *explanation.not_transcribed(other, interface)))


_remembered = lru_cache(maxsize=128)(_read)


def _interface(everything: Sequence[Tag], media: Sequence[Tag], language: str) -> Interface:
    attributes = {name: value for tag in reversed(media) for name, value in tag.attributes.items()}
    asked = options.read(attributes, language)
    possible = tuple(_controls(everything, media, asked))
    controls = _chosen(possible, asked, media[0].name)
    recognition = _recognition(asked, controls)
    interface = Interface(
        media[0].data_key, media[0].name, recognition, controls, asked.low_confidence, asked.max_segment, asked.notes,
        asked.blank_above, asked.audit,
    )  # fmt: skip
    return replace(interface, unfilled=explanation.unfilled(interface, possible, everything, media))


def _controls(everything: Iterable[Tag], media: Sequence[Tag], asked: options.Options) -> Iterator[Control]:
    """The controls of a recording that a transcript may fill."""
    for tag in everything:
        target = next((medium for medium in media if medium.name in tag.to_names), None)
        control = _control(tag, target, asked) if target and tag.name else None
        if control:
            yield control


def _control(tag: Tag, target: Tag, asked: options.Options) -> Control | None:
    # Label Studio stores regions of audio in seconds, of video in frames.
    rate = None if target.kind in tags.AUDIO else target.frame_rate
    timed = rate or target.kind in tags.AUDIO
    if tag.kind == "textarea":
        per_region = tag.is_true("perregion")
        owner = tag.attributes.get("whentagname", "")
        text = Text(tag.name, target.name, per_region, owner, tag.shown_for, rate if per_region else None)
        return text if timed or not per_region else None
    if timed and tag.kind == ("timelinelabels" if rate else "labels"):
        multiple = tag.attributes.get("choice") == "multiple"
        return Labels(tag.name, target.name, tag.options("label"), multiple, rate, tag.name in asked.labels)
    if tag.kind == "choices" and not tag.is_true("perregion"):
        found = of_languages(tag.name, target.name, tag.options("choice"))
        return replace(found, multiple=tag.attributes.get("choice") == "multiple") if found else None
    return None


def _chosen(possible: Sequence[Control], asked: options.Options, to_name: str) -> tuple[Control, ...]:
    """The controls that are filled: those that attributes name, else those whose names say so."""
    texts = [control for control in possible if isinstance(control, Text)]
    labels = [control for control in possible if isinstance(control, Labels)]
    _require_known("model_text", asked.text, "TextArea", texts, to_name)
    _require_known("model_labels", asked.labels, "Labels", labels, to_name)
    whole = _transcript([text for text in texts if not text.per_region], asked.text)
    region = _transcript([text for text in texts if text.per_region], asked.text)
    named = [control for control in labels if control.chosen or not asked.labels]
    told = [control for control in named if _is_told(control, region, labels, asked.recognition)]
    if region and region.rate and not any(control.to_name == region.to_name for control in told):
        region = None  # on a video, regions are made by TimelineLabels only
    return tuple(c for c in possible if c in (whole, region) or c in told or isinstance(c, Languages))


def _is_told(control: Labels, text: Text | None, labels: Sequence[Labels], asked: Recognition) -> bool:
    """Does a transcript tell which of these labels fits?"""
    if control.voices or control.doubtful or control.speech or control.findings(asked.finds):
        return True
    if asked.multilingual and control.tongues:
        return True
    return bool(text and control is _owner(text, labels) and control.general(text))


def _transcript(texts: Sequence[Text], names: Collection[str]) -> Text | None:
    """Of several TextAreas the one for the transcript."""
    if names:
        return next((text for text in texts if text.name in names), None)
    ranked = max(texts, key=lambda text: naming.transcript_rank(text.name), default=None)
    return ranked if ranked and naming.transcript_rank(ranked.name) >= 0 else None


def _owner(text: Text, labels: Sequence[Labels]) -> Labels | None:
    """The labels of the regions that have this text: those it names, else those that show it, else the first."""
    mine = [control for control in labels if control.to_name == text.to_name]
    named = (control for control in mine if control.name == text.labels_control)
    showing = (c for c in mine if text.labels and any(option.value in text.labels for option in c.options))
    return next(named, None) or next(showing, None) or next(iter(mine), None)


def _require_known(attribute: str, names: Iterable[str], kind: str, found: Sequence[Control], to_name: str) -> None:
    known = [control.name for control in found]
    for name in names:
        if name not in known:
            raise LabelingConfigError(
                f"{attribute} names {quoted(name)}, which is not a {kind} tag of {quoted(to_name)}.",
                remedy=f"There are: {listed(map(quoted, known[:4]))}." if known else f"Remove {attribute}.",
            )


def _recognition(asked: options.Options, controls: tuple[Control, ...]) -> Recognition:
    """The recognition asked for by attributes, plus what the controls need to be filled."""
    wish = asked.recognition
    for control in controls:
        if isinstance(control, Labels):
            wish = _with_voices(wish, control)
        elif isinstance(control, Languages) and not asked.language_given:
            wish = replace(wish, language=AUTO, languages=control.candidates)
    return wish


def _with_voices(wish: Recognition, labels: Labels) -> Recognition:
    voices = labels.voices
    if any(option.channels for option in voices):
        wish = replace(wish, channels=True)
    if any(option.speakers for option in voices):
        highest = max(number for option in voices for number in option.speakers)
        return replace(wish, speakers=wish.speakers or max(_speakers(len(voices)), highest + 1))
    if voices and not wish.channels:
        return replace(wish, speakers=wish.speakers or _speakers(len(voices)))
    return wish


def _speakers(labels: int) -> int:
    """As many speakers as there are labels for them, within AWS's limits."""
    return min(max(labels, SPEAKERS.start), SPEAKERS.stop - 1)


def _nothing_to_fill(interface: Interface, everything: Sequence[Tag]) -> LabelingConfigError:
    if any(tag.kind == "paragraphs" for tag in everything):
        return LabelingConfigError(
            "A transcript cannot fill labels of Paragraphs, but it can be their dialogue.",
            remedy="Import tasks that the backend's command `transcribe --dialogue` has made.",
        )
    return LabelingConfigError(
        f"Nothing in the labeling config can be filled from a transcript of {quoted(interface.to_name)}.",
        remedy='Add <TextArea name="transcription" toName="..."/> or Labels of speakers, or set model_text="name".',
    )
