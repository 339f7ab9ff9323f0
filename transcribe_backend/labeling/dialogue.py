"""A transcript as the dialogue that Label Studio's Paragraphs tag shows."""

from typing import Any

from transcribe_backend.speech.segments import paragraphs
from transcribe_backend.speech.transcript import Transcript

# A monologue is easier to read in paragraphs than in one block.
_MAX_SECONDS = 60.0
# Label Studio 1.23 sorts a paragraph that starts at 0 to the end.
_EARLIEST = 0.001


def dialogue(transcript: Transcript) -> list[dict[str, Any]]:
    """One paragraph per turn: start and end in seconds, author as AWS names speaker and channel (spk_0, ch_1_spk_0)."""
    return [
        {
            "start": max(segment.start, _EARLIEST),
            "end": segment.end,
            "author": next(iter(segment.voices), "spk_0"),
            "text": segment.text,
        }
        for segment in paragraphs(transcript, _MAX_SECONDS)
    ]
