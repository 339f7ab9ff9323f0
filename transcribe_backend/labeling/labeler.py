"""Which labels a segment gets."""

from collections.abc import Sequence

from transcribe_backend.labeling.controls import Labels, Option, Text
from transcribe_backend.speech.segments import Segment


class Labeler:
    """Chooses labels of one Labels control for the segments of one transcript.

    Labels with `predicted_values` (spk_0, ch_1) take the voices they name; the others take the remaining voices, the
    speakers in order of appearance, the channels in order of their numbers.
    """

    def __init__(self, control: Labels, segments: Sequence[Segment], text: Text | None, threshold: float) -> None:
        self._multiple = control.multiple
        self._threshold = threshold
        self._doubtful = control.doubtful
        self._hidden = bool(text and control.doubtful and not text.shows_for([control.doubtful.value]))
        self._by_voice = bool(control.voices)
        self._voices = _assigned(control.voices, segments)
        self._general = _general(control, text)

    def labels(self, segment: Segment) -> list[str]:
        """The labels of a segment, [] when none fits."""
        usual = self._voices.get(_voice(segment)) if self._by_voice else self._general
        if self._doubtful is None or not self._is_doubtful(segment):
            return [usual.value] if usual else []
        if usual is None:
            return [self._doubtful.value]
        if self._multiple:
            return [usual.value, self._doubtful.value]
        return [usual.value if self._hidden else self._doubtful.value]

    def _is_doubtful(self, segment: Segment) -> bool:
        confidence = segment.confidence
        return confidence is not None and confidence < self._threshold


def _general(control: Labels, text: Text | None) -> Option | None:
    """The label of speech: one that shows the text, where regions have a text."""
    if text is None:
        return control.speech
    shown = (option for option in control.options if option.value in text.labels)
    return next(shown, None) or control.general


def _voice(segment: Segment) -> str | None:
    """Who speaks, under the name that `predicted_values` use."""
    return segment.speaker if segment.channel is None else f"ch_{segment.channel}"


def _assigned(options: Sequence[Option], segments: Sequence[Segment]) -> dict[str | None, Option]:
    channels = [segment.channel for segment in segments if segment.channel is not None]
    voices: list[str | None] = [f"ch_{number}" for number in range(max(channels, default=-1) + 1)]
    voices = voices or list(dict.fromkeys(map(_voice, segments)))
    named: dict[str | None, Option] = {name: option for option in options for name in option.names}
    taken = {voice: named[voice] for voice in voices if voice in named}
    free = [option for option in options if option.is_role]
    rest = [voice for voice in voices if voice not in taken]
    return {**taken, **dict(zip(rest, free, strict=False))}
