"""The labeling config of a project, read as what a transcript can fill in it."""

import json
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring

from transcribe_backend.errors import LabelingConfigError
from transcribe_backend.labeling import options
from transcribe_backend.labeling.controls import Control, Labels, Languages, Option, Text
from transcribe_backend.speech.recognition import AUTO, Recognition
from transcribe_backend.speech.wording import quoted

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element  # noqa: S405 - a name for types; parsing is defusedxml's

_AUDIO = ("audio", "audioplus")
_MEDIA = (*_AUDIO, "video")
# Names that tell the text of the speech from other texts, where a config asks for several.
_TRANSCRIPT_NAMES = ("transcri", "speech", "asr", "stt", "text", "utterance")


@dataclass(frozen=True, slots=True)
class Interface:
    """What a project asks for: where the audio is, what AWS shall recognise, which controls take the result.

    `data_key` is the member of `task.data` that holds the audio, `to_name` the name of the Audio (or Video) tag;
    confidence below `low_confidence` (0..1) is worth a look, `max_segment` is in seconds.
    """

    data_key: str
    to_name: str
    recognition: Recognition
    controls: tuple[Control, ...]
    low_confidence: float
    max_segment: float

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
        """The labels of the regions that have a text: those that `region_text` names, else the first."""
        text = self.region_text
        named = (control for control in self.labels if text and control.name == text.labels_control)
        return (next(named, None) or next(iter(self.labels), None)) if text else None

    @property
    def languages(self) -> tuple[Languages, ...]:
        """The controls that take the language."""
        return tuple(control for control in self.controls if isinstance(control, Languages))

    def channel(self, labels: Collection[str]) -> int | None:
        """The channel that a region's labels stand for; None where they stand for none.

        Label Studio 1.23 says channel 0 of every region that is drawn, on whatever waveform: labels know better.
        """
        if not self.recognition.channels:
            return None
        meant = (control.channel(labels) for control in self.labels)
        return next((number for number in meant if number is not None), None)

    def shape(self) -> str:
        """Canonical JSON of what decides the form of predictions, part of the model version's fingerprint."""
        controls = [{"kind": type(control).__name__, **asdict(control)} for control in self.controls]
        form = {"controls": controls, "low_confidence": self.low_confidence, "max_segment": self.max_segment}
        return json.dumps({**form, "to_name": self.to_name}, sort_keys=True, separators=(",", ":"))

    def _text(self, per_region: bool) -> Text | None:
        texts = [control for control in self.controls if isinstance(control, Text) and control.per_region is per_region]
        named = (text for text in texts if any(name in text.name.lower() for name in _TRANSCRIPT_NAMES))
        return next(named, None) or next(iter(texts), None)


@lru_cache(maxsize=256)
def read(label_config: str, language: str) -> Interface:
    """The interface of a labeling config; `language` is used where the config names none.

    Raises LabelingConfigError, or RecognitionError for options that AWS refuses.
    """
    tags = [_Tag(element) for element in _parse(label_config).iter() if isinstance(element.tag, str)]
    media = _media(tags)
    controls = tuple(_controls(tags, media))
    attributes = {name: value for tag in reversed(media) for name, value in tag.attributes.items()}
    asked = options.read(attributes, language)
    interface = Interface(
        data_key=media[0].data_key,
        to_name=media[0].name,
        recognition=_recognition(asked, controls),
        controls=controls,
        low_confidence=asked.low_confidence,
        max_segment=asked.max_segment,
    )
    interface.recognition.validate()
    _require_something(interface, tags)
    return replace(interface, controls=_fillable(interface))


class _Tag:
    """An XML element; Label Studio reads names of tags and attributes in any case."""

    def __init__(self, element: "Element") -> None:
        self.kind = element.tag.lower()
        self.attributes = {name.lower(): value for name, value in element.attrib.items()}
        self._element = element

    @property
    def name(self) -> str:
        return self.attributes.get("name", "")

    @property
    def data_key(self) -> str:
        value = self.attributes.get("value", "")
        return value.removeprefix("$") if value.startswith("$") else ""

    @property
    def to_names(self) -> list[str]:
        return [name.strip() for name in self.attributes.get("toname", "").split(",")]

    def is_true(self, attribute: str) -> bool:
        return self.attributes.get(attribute, "").lower() == "true"

    def names(self, attribute: str) -> tuple[str, ...]:
        return tuple(part.strip() for part in self.attributes.get(attribute, "").split(",") if part.strip())

    def options(self, kind: str) -> tuple[Option, ...]:
        tags = (_Tag(element) for element in self._element.iter() if isinstance(element.tag, str))
        return tuple(
            Option(tag.attributes["value"], tag.names("predicted_values"))
            for tag in tags
            if tag.kind == kind and tag.attributes.get("value")
        )


def _parse(label_config: str) -> "Element":
    try:
        return fromstring(label_config)
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise LabelingConfigError(
            f"The labeling config is not readable XML: {quoted(error, 80)}.", remedy="Correct it in Settings."
        ) from None


def _media(tags: list[_Tag]) -> list[_Tag]:
    """The Audio and Video tags of one piece of media, Audio first: Label Studio can play both in step."""
    found = [tag for tag in tags if tag.kind in _MEDIA and tag.name]
    found.sort(key=lambda tag: tag.kind not in _AUDIO)
    if not found:
        raise LabelingConfigError(
            "The labeling config has no Audio tag.", remedy='Add one: <Audio name="audio" value="$audio"/>.'
        )
    if not found[0].data_key:
        raise LabelingConfigError(
            f"The Audio tag {quoted(found[0].name)} has no value that names a data column.",
            remedy='Give it one: value="$audio".',
        )
    return [tag for tag in found if tag.data_key == found[0].data_key]


def _controls(tags: list[_Tag], media: list[_Tag]) -> Iterator[Control]:
    for tag in tags:
        target = next((medium for medium in media if medium.name in tag.to_names), None)
        if target is not None and tag.name:
            yield from _control(tag, target)


def _control(tag: _Tag, target: _Tag) -> Iterator[Control]:
    timed = target.kind in _AUDIO
    if tag.kind == "textarea":
        per_region = tag.is_true("perregion")
        if timed or not per_region:
            labels = tag.names("whenlabelvalue")
            yield Text(tag.name, target.name, per_region, tag.attributes.get("whentagname", ""), labels)
    elif tag.kind == "labels" and timed:
        multiple = tag.attributes.get("choice") == "multiple"
        yield Labels(tag.name, target.name, tag.options("label"), multiple)
    elif tag.kind == "choices" and not tag.is_true("perregion"):
        choices = tag.options("choice")
        if choices and sum(option.language is not None for option in choices) * 2 > len(choices):
            yield Languages(tag.name, target.name, choices)


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
        return replace(wish, speakers=wish.speakers or max(2, len(voices), highest + 1))
    if any(option.is_role for option in voices) and not wish.channels:
        return replace(wish, speakers=wish.speakers or len(voices))
    return wish


def _fillable(interface: Interface) -> tuple[Control, ...]:
    text = (interface.text, interface.region_text)
    return tuple(
        control
        for control in interface.controls
        if control in text
        or isinstance(control, Languages)
        or (isinstance(control, Labels) and _takes(interface, control))
    )


def _takes(interface: Interface, labels: Labels) -> bool:
    """Does a transcript tell which of these labels fits?"""
    return labels is interface.text_labels or bool(labels.voices or labels.doubtful or labels.speech)


def _require_something(interface: Interface, tags: list[_Tag]) -> None:
    if _fillable(interface):
        return
    if any(tag.kind == "paragraphs" for tag in tags):
        raise LabelingConfigError(
            "A transcript cannot fill labels of Paragraphs, but it can be their dialogue.",
            remedy="Import tasks made by: python -m transcribe_backend transcribe --dialogue",
        )
    raise LabelingConfigError(
        f"Nothing in the labeling config can be filled from a transcript of {quoted(interface.to_name)}.",
        remedy='Add a control: <TextArea name="transcription" toName="..."/>, or Labels that stand for speakers.',
    )
