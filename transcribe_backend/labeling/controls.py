"""The controls of a labeling config that a transcript can fill."""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

from transcribe_backend.labeling import naming
from transcribe_backend.speech import languages
from transcribe_backend.speech.findings import ENTITIES, TOXIC

LOW_CONFIDENCE = "low_confidence"

_SPEAKER = re.compile(r"(?:ch_\d{1,4}_)?spk_(\d{1,4})")
_CHANNEL = re.compile(r"ch_(\d{1,4})(?:_spk_\d{1,4})?")
_FINDINGS = TOXIC | {name.lower() for name in ENTITIES}
# AWS Transcribe takes two channels at most.
CHANNELS = ("ch_0", "ch_1")


@dataclass(frozen=True, slots=True)
class Option:
    """A Label or Choice. `value` is what results hold: its alias, where it has one.

    `predicted` are its `predicted_values`, which say what it means; else its name does (or its value, without a name).
    """

    value: str
    predicted: tuple[str, ...] = ()
    name: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """What this option means, in lower case."""
        return tuple(name.strip().lower() for name in self.predicted or (self.name or self.value,))

    @property
    def is_role(self) -> bool:
        """Is this a person by name, such as Speaker one or Agent?"""
        return not self.predicted and naming.is_person(self.names[0])

    @property
    def speakers(self) -> tuple[int, ...]:
        """The numbers of AWS's speakers this label stands for: spk_0, ch_1_spk_0 (of a channel)."""
        return _numbers(_SPEAKER, self.names)

    @property
    def channels(self) -> tuple[int, ...]:
        """The numbers of the channels this label stands for, or of its speaker: ch_0, ch_1_spk_0."""
        return _numbers(_CHANNEL, self.names)

    @property
    def is_voice(self) -> bool:
        """Does this label stand for a speaker or channel, by what it means?"""
        return bool(self.speakers or self.channels)

    @property
    def is_finding(self) -> bool:
        """Does this label stand for what AWS points out beside the words? Only `predicted_values` say so."""
        return bool(self.predicted) and not _FINDINGS.isdisjoint(self.names)

    @property
    def is_speech(self) -> bool:
        """Does this label say: this is speech?"""
        return any(map(naming.is_speech, self.names))

    @property
    def is_sound(self) -> bool:
        """Does this label mean something else than speech?"""
        return naming.is_sound(self.names[0])

    @property
    def is_judgement(self) -> bool:
        """Does this label judge what is said?"""
        return naming.is_judgement(self.names[0])

    @property
    def is_plain(self) -> bool:
        """Does this label mean nothing that we know, such as a person's name?"""
        known = self.predicted or self.is_role or self.is_voice or self.is_speech
        return not (known or self.is_sound or self.is_judgement)


def _numbers(pattern: re.Pattern[str], names: Iterable[str]) -> tuple[int, ...]:
    matches = map(pattern.fullmatch, names)
    return tuple(int(match.group(1)) for match in matches if match)


@dataclass(frozen=True, slots=True)
class Text:
    """A TextArea: of the whole audio or, with `per_region`, of each region (whose label is one of `labels`, if any).

    On a video, regions are stored in frames: `rate` a second.
    """

    name: str
    to_name: str
    per_region: bool = False
    labels_control: str = ""
    labels: tuple[str, ...] = ()
    rate: float | None = None

    kind = "TextArea"

    def shows_for(self, labels: Iterable[str]) -> bool:
        """Does the editor show this text for a region with these labels? (whenLabelValue)"""
        return not self.labels or not set(self.labels).isdisjoint(labels)


@dataclass(frozen=True, slots=True)
class Labels:
    """A Labels control, whose labels make regions of the audio; TimelineLabels of a video, with `rate` frames a second.

    `chosen` by model_labels: labels that mean nothing else stand for speakers then.
    """

    name: str
    to_name: str
    options: tuple[Option, ...]
    multiple: bool = False
    rate: float | None = None
    chosen: bool = False

    @property
    def kind(self) -> str:
        """The name of its tag."""
        return "TimelineLabels" if self.rate else "Labels"

    @property
    def voices(self) -> tuple[Option, ...]:
        """The labels that stand for speakers or channels.

        By predicted values or names. Where only one label says that it is a person, so are those that say nothing.
        """
        told = [option for option in self.options if option.is_voice or option.is_role]
        explicit = any(option.is_voice for option in told)
        if not explicit and len(told) > 1:
            return tuple(told)
        if explicit or ((told or self.chosen) and not self.speech):
            known = set(told)
            persons = tuple(option for option in self.options if option in known or option.is_plain)
            return persons if explicit or len(persons) > 1 else ()
        return ()

    @property
    def named(self) -> dict[str, Option]:
        """The labels that name their voices by `predicted_values` (spk_0, ch_1, ch_1_spk_0), by these names."""
        return {name: option for option in self.voices for name in option.names if option.is_voice}

    @property
    def unnamed(self) -> list[Option]:
        """The labels of voices that do not say of which."""
        return [option for option in self.voices if not option.is_voice]

    def assigned(self, voices: Sequence[str]) -> dict[str, Option]:
        """The label of each voice: the one that names it; those that name none take the remaining voices in order."""
        named = self.named
        taken = {voice: named[voice] for voice in voices if voice in named}
        return {**taken, **dict(zip((voice for voice in voices if voice not in taken), self.unnamed, strict=False))}

    def channel(self, labels: Collection[str], *, speakers: bool = False) -> int | None:
        """The channel these labels stand for, on audio whose channels are told apart.

        Where `speakers` are, too, and there are more unnamed labels than channels, only a transcript tells it.
        """
        named = (number for option in self.voices if option.value in labels for number in option.channels)
        order = () if speakers and len(self.unnamed) > len(CHANNELS) else CHANNELS
        meant = (order.index(voice) for voice, option in self.assigned(order).items() if option.value in labels)
        return next(chain(named, meant), None)

    @property
    def doubtful(self) -> Option | None:
        """The label for segments of low confidence."""
        return next((option for option in self.options if LOW_CONFIDENCE in option.names), None)

    @property
    def tongues(self) -> "Languages | None":
        """The labels as languages, if most of them are some."""
        return of_languages(self.name, self.to_name, self.options)

    def findings(self, kinds: Collection[str]) -> tuple[Option, ...]:
        """The labels that stand for what AWS points out, of these kinds (Recognition.finds)."""
        found = (option for option in self.options if option.is_finding)
        return tuple(option for option in found if not set(kinds).isdisjoint(option.names))

    @property
    def speech(self) -> Option | None:
        """The label that says so: this is speech."""
        return next((option for option in self.options if option.is_speech), None)

    def general(self, text: Text) -> Option | None:
        """The label of a segment that has a text: that of speech, or the only one that may mean it, or none."""
        doubtful, visible = self.doubtful, set(text.labels)
        possible = [
            option for option in self.options if not (option is doubtful or option.is_sound or option.is_finding)
        ]
        shown = [option for option in possible if not visible or option.value in visible]
        if self.speech in shown:
            return self.speech
        if text.labels:
            return shown[0] if len(shown) == 1 else None
        return possible[0] if len(possible) == 1 and not possible[0].is_judgement else None


@dataclass(frozen=True, slots=True)
class Languages:
    """A Choices control whose choices are languages: each with the code of its language, "" for others.

    `multiple` choices may be made.
    """

    name: str
    to_name: str
    choices: tuple[tuple[str, str], ...]
    multiple: bool = False

    kind = "Choices"

    @property
    def candidates(self) -> tuple[str, ...]:
        """The choices as language codes, if all of them are exact codes: what identification may choose from."""
        codes = tuple(code for _, code in self.choices)
        return codes if len(set(codes)) > 1 and languages.CODES.issuperset(codes) else ()

    def choose(self, code: str) -> str | None:
        """The choice for a language code: the exact one, else that of its language."""
        by_code = {known: choice for choice, known in reversed(self.choices) if known}
        by_base = {languages.base(known): choice for known, choice in reversed(by_code.items())}
        base = languages.base(code)
        return by_code.get(code) or by_code.get(base) or by_base.get(base)


def of_languages(name: str, to_name: str, options: Sequence[Option]) -> Languages | None:
    """Choices as languages, if most of them are some.

    "No" is an answer, not Norwegian: bare codes count only where all choices are bare codes in lower case.
    """
    bare = [_is_bare(option) for option in options]
    if all(bare) and all(option.value.islower() for option in options):
        bare = [False] * len(options)
    codes = ["" if is_bare else _code(option) for option, is_bare in zip(options, bare, strict=True)]
    found = sum(map(bool, codes))
    if found < 2 or found * 2 <= len(codes):
        return None
    return Languages(name, to_name, tuple((option.value, code) for option, code in zip(options, codes, strict=True)))


def _code(option: Option) -> str:
    return next(filter(None, map(languages.named, option.names)), "")


def _is_bare(option: Option) -> bool:
    return not option.predicted and option.names[0] == languages.base(_code(option))


Control = Text | Labels | Languages
