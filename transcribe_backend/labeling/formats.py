"""Utterances as files: subtitles for people, lists of timed words for programs."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from html import escape
from io import StringIO
from typing import Any

from transcribe_backend.labeling.utterances import Utterance
from transcribe_backend.speech.normalize import is_letter
from transcribe_backend.speech.words import Word

_SHORTEST = 0.001  # seconds; a cue must end after its start
# SubRip cannot write them: players take what stands between for formatting, and hide it.
_SUBRIP = str.maketrans("<>", "‹›")


@dataclass(frozen=True, slots=True)
class Recording:
    """The recording of a task: the task's number in Label Studio, and the address of its audio in S3."""

    task: int
    audio: str

    @property
    def name(self) -> str:
        """What its file is called, without spaces."""
        return f"task-{self.task}"


Format = Callable[[Recording, Sequence[Utterance]], str]
"""(recording, its utterances in order of time) -> the content of a file."""


def vtt(recording: Recording, said: Sequence[Utterance]) -> str:
    """WebVTT (W3C): a cue for each utterance, with the speaker as its voice."""
    return _subtitles(said, "vtt", _voiced)


def srt(recording: Recording, said: Sequence[Utterance]) -> str:
    """SubRip: a cue for each utterance, with the speaker before the text; < and > become ‹ and ›."""
    return _subtitles(said, "srt", _prefixed)


def ctm(recording: Recording, said: Sequence[Utterance]) -> str:
    """NIST's CTM: recording, channel (from 1), start, duration (seconds), word; ordered by these, no punctuation."""
    words = [(utterance.channel + 1, word) for utterance in said for word in utterance.words]
    lines = (_ctm(recording, *each) for each in sorted(words, key=lambda each: (each[0], each[1].start)))
    return "".join(line for line in lines if line)


def jsonl(recording: Recording, said: Sequence[Utterance]) -> str:
    """A JSON object for each utterance, with all that is known of it; times in seconds."""
    return "".join(json.dumps(_described(recording, each), ensure_ascii=False) + "\n" for each in said)


FORMATS: dict[str, Format] = {"vtt": vtt, "srt": srt, "ctm": ctm, "jsonl": jsonl}


def _subtitles(said: Iterable[Utterance], form: str, text: Callable[[Utterance], str]) -> str:
    from webvtt import Caption, WebVTT
    from webvtt.models import Timestamp

    def caption(each: Utterance) -> Caption:
        start = round(max(each.start, 0.0), 3)
        end = max(each.end, start + _SHORTEST)
        return Caption(str(Timestamp.from_seconds(start)), str(Timestamp.from_seconds(end)), text(each))

    captions = [caption(each) for each in said]
    content = StringIO()
    WebVTT(captions=captions).write(content, form)
    return content.getvalue().rstrip() + "\n"


def _voiced(utterance: Utterance) -> str:
    text, speaker = escape(utterance.text, quote=False), escape(_on_one_line(utterance.speaker), quote=False)
    return f"<v {speaker}>{text}" if speaker else text


def _prefixed(utterance: Utterance) -> str:
    speaker = _on_one_line(utterance.speaker)
    text = f"{speaker}: {utterance.text}" if speaker else utterance.text
    return text.translate(_SUBRIP)


def _on_one_line(text: str | None) -> str:
    return " ".join((text or "").split())


def _ctm(recording: Recording, channel: int, word: Word) -> str:
    bare = _bare(word.text)
    return f"{recording.name} {channel} {word.start:.3f} {word.end - word.start:.3f} {bare}\n" if bare else ""


def _bare(text: str) -> str:
    """A word without the marks around it, and without spaces."""
    letters = [at for at, character in enumerate(text) if is_letter(character)]
    return "_".join(text[letters[0] : letters[-1] + 1].split()) if letters else ""


def _described(recording: Recording, utterance: Utterance) -> dict[str, Any]:
    return {
        "task": recording.task,
        "audio": recording.audio,
        "start": round(utterance.start, 3),
        "end": round(utterance.end, 3),
        "text": utterance.text,
        "speaker": utterance.speaker,
        "channel": utterance.channel,
        "labels": list(utterance.labels),
        "words": [
            {"text": word.text + word.tail, "start": round(word.start, 3), "end": round(word.end, 3)}
            for word in utterance.words
        ],
    }
