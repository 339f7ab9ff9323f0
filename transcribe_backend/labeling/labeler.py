"""Which labels a segment gets."""

from collections.abc import Sequence

from transcribe_backend.labeling.controls import Labels, Option, Text
from transcribe_backend.speech.segments import Segment


class Labeler:
    """Chooses labels of one Labels control for the segments of one transcript.

    Labels with `predicted_values` (spk_0, ch_1) take the voices they name; the others take the remaining voices, the
    speakers in order of appearance, the channels in order of their numbers.
    """

    def __init__(
        self,
        control: Labels,
        segments: Sequence[Segment],
        text: Text | None,
        threshold: float,
        *,
        multilingual: bool = False,
    ) -> None:
        self._multiple = control.multiple
        self._threshold = threshold
        self._doubtful = control.doubtful
        self._hidden = bool(text and control.doubtful and not text.shows_for([control.doubtful.value]))
        self._by_voice = bool(control.voices)
        self._voices = {**control.named, **control.assigned(_unnamed(control, segments))}
        self._tongues = control.tongues if multilingual else None
        self._options = {option.value: option for option in control.options}
        self._general = control.general(text) if text else control.speech

    def labels(self, segment: Segment) -> list[str]:
        """The labels of a segment, [] when none fits."""
        usual = self._usual(segment)
        if self._doubtful is None or not self._is_doubtful(segment):
            return [usual.value] if usual else []
        if usual is None:
            return [self._doubtful.value]
        if self._multiple:
            return [usual.value, self._doubtful.value]
        return [usual.value if self._hidden else self._doubtful.value]

    def _usual(self, segment: Segment) -> Option | None:
        if self._tongues:
            return self._options.get(self._tongues.choose(segment.language or "") or "")
        if not self._by_voice:
            return self._general
        return next((self._voices[name] for name in segment.voices if name in self._voices), None)

    def _is_doubtful(self, segment: Segment) -> bool:
        confidence = segment.confidence
        return confidence is not None and confidence < self._threshold


def _unnamed(control: Labels, segments: Sequence[Segment]) -> list[str]:
    """The voices that labels without `predicted_values` take in order: channels, if these are enough, else speakers.

    AWS names nobody where it tells no speakers apart.
    """
    numbers = [segment.channel for segment in segments if segment.channel is not None]
    channels = [f"ch_{number}" for number in range(max(numbers, default=-1) + 1)]
    speakers = sorted((segment for segment in segments if segment.speaker), key=lambda segment: segment.channel or 0)
    if channels and (len(control.unnamed) <= len(channels) or not speakers):
        return channels
    return list(dict.fromkeys(segment.voices[0] for segment in speakers))
