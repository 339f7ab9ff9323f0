"""What was said in a task: the annotators' text with the recogniser's times."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from transcribe_backend.errors import TranscriptError
from transcribe_backend.labeling.annotations import Passage
from transcribe_backend.labeling.controls import Option
from transcribe_backend.labeling.interface import Interface
from transcribe_backend.labeling.regions import drawn
from transcribe_backend.speech.retiming import retimed
from transcribe_backend.speech.segments import cut
from transcribe_backend.speech.transcript import Transcript
from transcribe_backend.speech.words import Word


@dataclass(frozen=True, slots=True)
class Utterance:
    """What one voice says in one go; times in seconds.

    `speaker` is the label of the region that names a voice, else AWS's label (spk_0, or ch_0 on channels told apart).
    """

    start: float
    end: float
    text: str
    words: tuple[Word, ...]
    speaker: str | None = None
    channel: int = 0
    labels: tuple[str, ...] = ()


def utterances(passages: Sequence[Passage], transcript: Transcript, interface: Interface) -> list[Utterance]:
    """The passages of a task in order of time; a text of the whole audio is cut into segments.

    Raises TranscriptError where nothing tells the times of a text: it has no region, and AWS heard no words.
    """
    found = [each for passage in passages for each in _utterances(passage, transcript, interface)]
    return sorted(found, key=lambda utterance: (utterance.start, utterance.channel))


def _utterances(passage: Passage, transcript: Transcript, interface: Interface) -> Iterator[Utterance]:
    if passage.start is None or passage.end is None:
        yield from _whole(passage.text, transcript, interface.max_segment)
        return
    heard = drawn(transcript, passage.start, passage.end, passage.channel)
    words = retimed(passage.text, heard, passage.start, passage.end, transcript.glue)
    voices = [name for label in passage.labels if (name := _voice(label, interface))]
    speaker = ", ".join(voices) or _aws_speaker(words)
    yield Utterance(passage.start, passage.end, passage.text, words, speaker, passage.channel or 0, passage.labels)


def _whole(text: str, transcript: Transcript, max_segment: float) -> Iterator[Utterance]:
    if not transcript.words:
        raise TranscriptError("AWS heard no words in this audio, so nothing tells when the text was said.")
    words = retimed(text, transcript.words, glue=transcript.glue)
    for segment in cut(replace(transcript, text=text, words=words, alternatives=()), max_segment):
        speaker = _aws_speaker(segment.words)
        yield Utterance(segment.start, segment.end, segment.text, segment.words, speaker, segment.channel or 0)


def _voice(label: str, interface: Interface) -> str | None:
    """The name of the person that a label stands for; None for a label of something else."""
    options = {option.value: option for control in interface.labels for option in control.options}
    option = options.get(label, Option(label))
    is_person = option.is_voice or option.is_role or option.is_plain
    return (option.name or option.value) if is_person else None


def _aws_speaker(words: Sequence[Word]) -> str | None:
    first = words[0]
    return first.speaker or (None if first.channel is None else f"ch_{first.channel}")
