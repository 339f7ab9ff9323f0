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
        self._voices = control.assigned(_voices(segments))
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
        return self._voices.get(_voice(segment)) if self._by_voice else self._general

    def _is_doubtful(self, segment: Segment) -> bool:
        confidence = segment.confidence
        return confidence is not None and confidence < self._threshold


def _voice(segment: Segment) -> str:
    """Who speaks, under the name that `predicted_values` use; AWS names nobody where it tells no speakers apart."""
    return (segment.speaker or "") if segment.channel is None else f"ch_{segment.channel}"


def _voices(segments: Sequence[Segment]) -> list[str]:
    channels = [segment.channel for segment in segments if segment.channel is not None]
    return [f"ch_{number}" for number in range(max(channels, default=-1) + 1)] or list(
        dict.fromkeys(map(_voice, segments))
    )
