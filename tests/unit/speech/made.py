"""Made-up transcripts for tests of what always holds."""

from hypothesis import strategies as st

from transcribe_backend.speech.transcript import Transcript
from transcribe_backend.speech.words import Word


@st.composite
def transcripts(draw: st.DrawFn) -> Transcript:
    """Words in order of time on each of up to two channels, with speakers, pauses, overlaps and punctuation."""
    channels: list[int | None] = draw(st.sampled_from([[None], [0], [0, 1]]))
    seconds = st.integers(0, 400).map(lambda hundredths: hundredths / 100)
    words = []
    for channel in channels:
        clock = 0.0
        for number in range(draw(st.integers(0, 40))):
            clock += draw(seconds) * draw(st.sampled_from([0, 1, 3]))
            length, step = draw(seconds), draw(seconds)
            speaker = draw(st.sampled_from([None, "spk_0", "spk_1"]))
            tail = draw(st.sampled_from(["", "", ",", ".", "?", "..."]))
            words.append(Word(f"w{channel}-{number}", clock, clock + length, 0.5, speaker, channel, tail))
            clock += step
    words.sort(key=lambda word: word.start)
    return Transcript(" ".join(word.text + word.tail for word in words), tuple(words))
