"""The XML of a labeling config, as Label Studio reads it: names of tags and attributes in any case."""

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring

from transcribe_backend.errors import LabelingConfigError
from transcribe_backend.labeling.controls import Option
from transcribe_backend.speech.wording import quoted

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element  # noqa: S405 - a name for types; parsing is defusedxml's

AUDIO = ("audio", "audioplus")
MEDIA = (*AUDIO, "video")
LONGEST, MOST_TAGS = 1_000_000, 10_000
"""Characters and tags of a labeling config."""
MOST_NAMED, MOST_LABELS, MOST_LISTED = 500, 1000, 1000
"""Its objects and controls, of which reading costs the product; its labels, with which each region of an annotator is
compared; the names that one attribute lists.
"""
_LISTS = ("toname", "when", "predicted_values", "model_")
# tags/object/Video of Label Studio 1.23.
_FRAME_RATE = "24"


class Tag:
    """An XML element."""

    def __init__(self, element: "Element") -> None:
        self.written = element.tag
        self.kind = element.tag.lower()
        self.attributes = {name.lower(): value for name, value in element.attrib.items()}
        self._element = element

    @property
    def is_named(self) -> bool:
        """Is it a control, or something that controls are for? Labels and choices are not."""
        return bool(self.name) and ("toname" in self.attributes or "value" in self.attributes)

    @property
    def name(self) -> str:
        """What other tags, and results, call it."""
        return self.attributes.get("name", "")

    @property
    def data_key(self) -> str:
        """The member of `task.data` that it shows ("audio.url" of "$audio.url"), "" if it names none."""
        value = self.attributes.get("value", "")
        return value.removeprefix("$") if value.startswith("$") else ""

    @cached_property
    def to_names(self) -> frozenset[str]:
        """The tags that it labels."""
        return frozenset(name.strip() for name in self.attributes.get("toname", "").split(","))

    @property
    def frame_rate(self) -> float | None:
        """Frames of a video per second; None where the task's data tells them. Below 1 it is a frame's length."""
        try:
            rate = float(self.attributes.get("framerate", _FRAME_RATE))
        except ValueError:
            return None
        return (rate if rate >= 1 else 1 / rate) if 0 < rate <= 1000 else None

    def is_true(self, attribute: str) -> bool:
        """Is an attribute set to true?"""
        return self.attributes.get(attribute, "").lower() == "true"

    def names(self, attribute: str) -> tuple[str, ...]:
        """The names that an attribute lists."""
        return tuple(part.strip() for part in self.attributes.get(attribute, "").split(",") if part.strip())

    @property
    def shown_for(self) -> tuple[str, ...]:
        """The labels that show this tag; Label Studio looks for one with commas in its name first."""
        value = self.attributes.get("whenlabelvalue", "")
        return tuple(dict.fromkeys([value, *value.split(",")])) if value else ()

    def options(self, kind: str) -> tuple[Option, ...]:
        """Its Labels or Choices, but for those that come with each task (`value="$labels"`)."""
        options = ((tag.attributes, tag.names("predicted_values")) for tag in self._within() if tag.kind == kind)
        return tuple(
            Option(attributes.get("alias") or value, predicted, value if attributes.get("alias") else "")
            for attributes, predicted in options
            if (value := attributes.get("value")) and not value.startswith("$")
        )

    def _within(self) -> Iterator["Tag"]:
        """The tags within this one, in order, but not those within another control: each belongs to one."""
        waiting = [*reversed(self._element)]
        while waiting:
            element = waiting.pop()
            if isinstance(element.tag, str) and not (tag := Tag(element)).is_named:
                yield tag
                waiting.extend(reversed(element))


def read(label_config: str) -> list[Tag]:
    """All tags in order; raises LabelingConfigError for what is no XML, or larger than anybody's labeling."""
    if len(label_config) > LONGEST:
        raise _too_large(f"{len(label_config) / 1e6:.1f} million characters", f"{LONGEST / 1e6:.0f} million")
    if (tags := label_config.count("<") - label_config.count("</")) > MOST_TAGS:
        raise _too_large(f"{tags} tags", str(MOST_TAGS))
    found = _parsed(label_config)
    listed = (value for tag in found for name, value in tag.attributes.items() if name.startswith(_LISTS))
    for what, count, most in (
        ("tags with a name", sum(tag.is_named for tag in found), MOST_NAMED),
        ("labels", sum(tag.kind == "label" for tag in found), MOST_LABELS),
        ("names in one attribute", max((value.count(",") for value in listed), default=0), MOST_LISTED),
    ):
        if count > most:
            raise _too_large(f"{count} {what}", str(most))
    return found


def _too_large(found: str, most: str) -> LabelingConfigError:
    return LabelingConfigError(f"The labeling config has {found}; {most} are the most.", remedy="Divide the project.")


def _parsed(label_config: str) -> list[Tag]:
    try:
        root = fromstring(label_config)
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise LabelingConfigError(
            f"The labeling config is not readable XML: {quoted(error, 80)}.", remedy="Correct it in Settings."
        ) from None
    return [Tag(element) for element in root.iter() if isinstance(element.tag, str)]


def media(tags: list[Tag]) -> list[list[Tag]]:
    """The Audio and Video tags, together those of one recording, Audio first: Label Studio can play both in step.

    Raises LabelingConfigError where there is none.
    """
    found = sorted((tag for tag in tags if tag.kind in MEDIA and tag.name), key=lambda tag: tag.kind not in AUDIO)
    if not found:
        raise LabelingConfigError(
            "The labeling config has no Audio tag.", remedy='Add one: <Audio name="audio" value="$audio"/>.'
        )
    recordings: dict[str, list[Tag]] = {}
    for tag in found:
        recordings.setdefault(tag.data_key, []).append(tag)
    if recordings.pop("", None) and not recordings:
        raise LabelingConfigError(
            f"The Audio tag {quoted(found[0].name)} has no value that names a data column.",
            remedy='Give it one: value="$audio".',
        )
    return list(recordings.values())
