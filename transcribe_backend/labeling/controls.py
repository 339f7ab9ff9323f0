"""The controls of a labeling config that a transcript can fill."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from transcribe_backend.speech import languages

LOW_CONFIDENCE = "low_confidence"

_SPEAKER = re.compile(r"spk_(\d{1,4})")
_CHANNEL = re.compile(r"ch_(\d{1,4})")
_SPEAKER_NAME = re.compile(
    r"(speaker|spk|person|participant|voice|talker)[\s_#-]*(\d+|[a-z]|one|two|three|four|five|six|seven|eight|nine|ten)"
)
_ROLES_OF_PEOPLE = """
    advisor agent assistant attorney buyer callee caller candidate child client clinician customer doctor father female
    guest host interviewee interviewer judge lawyer male man moderator mother nurse operator parent patient physician
    recruiter representative seller student teacher therapist user witness woman
"""
_ROLES = frozenset(_ROLES_OF_PEOPLE.split())
_SPEECH_NAMES = frozenset(
    {"speech", "voice", "talk", "talking", "speaking", "utterance", "transcript", "transcription"}
)
_OTHER_NAMES = frozenset(
    {"noise", "silence", "music", "background", "other", "unknown", "non-speech", "laughter", "applause", "crosstalk"}
)


@dataclass(frozen=True, slots=True)
class Option:
    """A Label or Choice; `predicted` are its `predicted_values`, which win over its name."""

    value: str
    predicted: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """What this option means, in lower case."""
        return tuple(name.strip().lower() for name in self.predicted or (self.value,))

    @property
    def is_role(self) -> bool:
        """Is this a person by name, such as Speaker one or Agent?"""
        return not self.predicted and bool(_SPEAKER_NAME.fullmatch(self.names[0]) or self.names[0] in _ROLES)

    @property
    def speakers(self) -> tuple[int, ...]:
        """The numbers of AWS's speakers this label stands for: spk_0, spk_1."""
        return _numbers(_SPEAKER, self.names)

    @property
    def channels(self) -> tuple[int, ...]:
        """The numbers of the channels this label stands for: ch_0, ch_1."""
        return _numbers(_CHANNEL, self.names)

    @property
    def language(self) -> str | None:
        """The language code ("en-US") or language ("en") this option stands for."""
        return next(filter(None, map(languages.named, self.names)), None)


def _numbers(pattern: re.Pattern[str], names: Iterable[str]) -> tuple[int, ...]:
    matches = map(pattern.fullmatch, names)
    return tuple(int(match.group(1)) for match in matches if match)


@dataclass(frozen=True, slots=True)
class Text:
    """A TextArea: of the whole audio or, with `per_region`, of each region (whose label is one of `labels`, if any)."""

    name: str
    to_name: str
    per_region: bool = False
    labels_control: str = ""
    labels: tuple[str, ...] = ()

    def shows_for(self, labels: Iterable[str]) -> bool:
        """Does the editor show this text for a region with these labels? (whenLabelValue)"""
        return not self.labels or not set(self.labels).isdisjoint(labels)


@dataclass(frozen=True, slots=True)
class Labels:
    """A Labels control, whose labels make regions of the audio."""

    name: str
    to_name: str
    options: tuple[Option, ...]
    multiple: bool = False

    @property
    def voices(self) -> tuple[Option, ...]:
        """The labels that stand for speakers or channels: by predicted values, or two and more by name."""
        explicit = [option for option in self.options if option.speakers or option.channels]
        roles = [option for option in self.options if option.is_role]
        return tuple(explicit or (roles if len(roles) > 1 else ()))

    def channel(self, labels: Collection[str]) -> int | None:
        """The channel these labels stand for, on audio whose channels are told apart: roles take them in order."""
        for place, option in enumerate(self.voices):
            if option.value in labels and (option.channels or option.is_role):
                return next(iter(option.channels), place)
        return None

    @property
    def doubtful(self) -> Option | None:
        """The label for segments of low confidence."""
        return next((option for option in self.options if LOW_CONFIDENCE in option.names), None)

    @property
    def speech(self) -> Option | None:
        """The label that says so: this is speech."""
        return next((option for option in self.options if not _SPEECH_NAMES.isdisjoint(option.names)), None)

    @property
    def general(self) -> Option | None:
        """The label of a segment that has a text: that of speech, else the first that may mean it."""
        candidates = [option for option in self.options if option is not self.doubtful]
        meant = (option for option in candidates if _OTHER_NAMES.isdisjoint(option.names))
        return self.speech or next(meant, None) or next(iter(candidates), None)


@dataclass(frozen=True, slots=True)
class Languages:
    """A Choices control whose choices are languages."""

    name: str
    to_name: str
    options: tuple[Option, ...]

    @property
    def candidates(self) -> tuple[str, ...]:
        """The choices as language codes, if all of them are exact codes: what identification may choose from."""
        codes = tuple(option.language or "" for option in self.options)
        return codes if len(set(codes)) > 1 and languages.CODES.issuperset(codes) else ()

    def choose(self, code: str) -> str | None:
        """The choice for a language code: the exact one, else that of its language."""
        for wanted in (code, languages.base(code)):
            for option in self.options:
                if option.language == wanted:
                    return option.value
        same = (option for option in self.options if languages.base(option.language or "") == languages.base(code))
        return next((option.value for option in same), None)


Control = Text | Labels | Languages
