"""A transcript as the dialogue that Label Studio's Paragraphs tag shows."""

from typing import Any

from transcribe_backend.speech.segments import Segment, paragraphs
from transcribe_backend.speech.transcript import Transcript

# A monologue is easier to read in paragraphs than in one block.
_MAX_SECONDS = 60.0
# Label Studio 1.23 sorts a paragraph that starts at 0 to the end.
_EARLIEST = 0.001


def dialogue(transcript: Transcript) -> list[dict[str, Any]]:
    """One paragraph per turn: start and end in seconds, author as AWS names the speaker (spk_0) or channel (ch_0)."""
    return [
        {"start": max(segment.start, _EARLIEST), "end": segment.end, "author": _author(segment), "text": segment.text}
        for segment in paragraphs(transcript, _MAX_SECONDS)
    ]


def _author(segment: Segment) -> str:
    if segment.speaker is not None:
        return segment.speaker
    return "spk_0" if segment.channel is None else f"ch_{segment.channel}"
