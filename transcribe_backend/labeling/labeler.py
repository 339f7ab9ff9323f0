"""Which labels a segment gets."""

import re
from collections.abc import Sequence

from transcribe_backend.labeling.controls import Labels, Option, Text
from transcribe_backend.speech.segments import Segment

_NUMBER = re.compile(r"\d+$")


class Labeler:
    """Chooses labels of one Labels control for the segments of one transcript.

    Labels with `predicted_values` (spk_0, ch_1) take the voices they name; the others take the remaining voices, the
    speakers in order of appearance, the channels in order of their numbers.
    """

    def __init__(self, control: Labels, segments: Sequence[Segment], text: Text | None, threshold: float) -> None:
        self._control = control
        self._text = text
        self._threshold = threshold
        self._voices = _assigned(control.voices, segments)

    def labels(self, segment: Segment) -> list[str]:
        """The labels of a segment, [] when none fits."""
        usual = self._usual(segment)
        doubtful = self._control.doubtful
        if doubtful is None or segment.confidence is None or segment.confidence >= self._threshold:
            return [usual.value] if usual else []
        if usual is None or doubtful is usual:
            return [doubtful.value]
        if self._control.multiple:
            return [usual.value, doubtful.value]
        return [usual.value if self._hides_text(doubtful) else doubtful.value]

    def _usual(self, segment: Segment) -> Option | None:
        if self._control.voices:
            return self._voices.get(_voice(segment))
        if self._text is None:
            return self._control.speech
        shown = (option for option in self._control.options if option.value in (self._text.labels or ()))
        return next(shown, None) or self._control.general

    def _hides_text(self, option: Option) -> bool:
        return self._text is not None and not self._text.shows_for([option.value])


def _voice(segment: Segment) -> str | None:
    """Who speaks, under the name that `predicted_values` use."""
    return segment.speaker if segment.channel is None else f"ch_{segment.channel}"


def _assigned(options: Sequence[Option], segments: Sequence[Segment]) -> dict[str | None, Option]:
    voices = list(dict.fromkeys(map(_voice, segments)))
    if any(segment.channel is not None for segment in segments):
        voices.sort(key=_number)
    named: dict[str | None, Option] = {name: option for option in options for name in option.names}
    taken = {voice: named[voice] for voice in voices if voice in named}
    free = [option for option in options if option.is_role]
    rest = [voice for voice in voices if voice not in taken]
    return {**taken, **dict(zip(rest, free, strict=False))}


def _number(voice: str | None) -> int:
    digits = _NUMBER.search(voice or "")
    return int(digits.group()) if digits else 0
