"""What was said in a task, and the files it becomes."""

import json
from dataclasses import replace
from pathlib import Path

import av
import pytest
import webvtt
from hypothesis import example, given
from hypothesis import strategies as st

from tests.unit.labeling.cases import REGION_TEXT, TEXT, interface, labels, shape
from transcribe_backend.errors import TranscriptError
from transcribe_backend.labeling.annotations import Passage
from transcribe_backend.labeling.formats import FORMATS, Recording
from transcribe_backend.labeling.utterances import Utterance, utterances
from transcribe_backend.speech.words import Word

RECORDING = Recording(7, "s3://calls/7.wav")
SEGMENTS = interface(labels("Speech", "Agent", "Customer", "Ann=spk_0"), REGION_TEXT)


def test_a_region_keeps_its_bounds_and_labels_and_its_words_have_times() -> None:
    (said,) = utterances([Passage("The cattle boils!", 1.5, 4.0, 0, ("Speech",))], shape("plain_2018"), SEGMENTS)
    assert (said.start, said.end, said.text, said.labels) == (1.5, 4.0, "The cattle boils!", ("Speech",))
    heard = shape("plain_2018").words[2:5]
    assert [(word.start, word.end) for word in said.words] == [(word.start, word.end) for word in heard]
    assert said.speaker is None, "Speech is nobody"


@pytest.mark.parametrize(
    ("given_labels", "speaker"),
    [(("Agent",), "Agent"), (("Speech", "Bob"), "Bob"), (("Ann",), "Ann"), (("Speech",), "spk_0"), ((), "spk_0")],
)
def test_the_speaker_is_the_label_of_a_person_or_else_that_of_aws(given_labels: tuple[str, ...], speaker: str) -> None:
    passage = Passage("Where too?", 0.3, 1.0, 0, given_labels)
    (said,) = utterances([passage], shape("speakers_items_2025"), SEGMENTS)
    assert said.speaker == speaker


def test_regions_of_two_channels_are_in_order_of_time() -> None:
    passages = [Passage("Hello, support.", 0.1, 1.2, 0), Passage("Yes.", 2.9, 3.3, 0), Passage("Line.", 0.5, 2.0, 1)]
    said = utterances(passages, shape("channels_items_2025"), interface(REGION_TEXT, model_channels="true"))
    assert [(each.text, each.channel, each.speaker) for each in said] == [
        ("Hello, support.", 0, "ch_0"), ("Line.", 1, "ch_1"), ("Yes.", 0, "ch_0"),
    ]  # fmt: skip


def test_a_text_of_the_whole_audio_is_cut_into_segments() -> None:
    text = "Good evening. The big kettle boils; listen!"
    said = utterances([Passage(text)], shape("plain_2018"), interface(TEXT))
    assert [each.text for each in said] == ["Good evening.", "The big kettle boils; listen!"]
    assert [each.start for each in said] == [0.0, 1.8]


def test_a_text_without_regions_where_nothing_was_heard_has_no_times() -> None:
    with pytest.raises(TranscriptError, match="heard no words"):
        utterances([Passage("Hm.")], shape("no_speech_2025"), interface(TEXT))
    (said,) = utterances([Passage("Hm.", 1.0, 2.0)], shape("no_speech_2025"), SEGMENTS)
    assert [(word.start, word.end) for word in said.words] == [(1.0, 2.0)]


TEA = (Word("Tea", 0.5, 0.8), Word("&", 0.8, 0.8), Word("<laugh>", 0.8, 1.2))
NO = (Word("“No”", 61.5, 62, tail=","), Word("3.5", 62, 62.5, tail="."))
SAID = [Utterance(0.5, 1.25, "Tea & <laugh>", TEA, "A"), Utterance(61.5, 61.5, "“No”, --> 3.5.", NO, None, 1)]


def test_subtitles() -> None:
    assert FORMATS["vtt"](RECORDING, SAID) == (
        "WEBVTT\n\n00:00:00.500 --> 00:00:01.250\n<v A>Tea &amp; &lt;laugh&gt;\n\n"
        "00:01:01.500 --> 00:01:01.501\n“No”, --&gt; 3.5.\n"
    )
    assert FORMATS["srt"](RECORDING, SAID) == (
        "1\n00:00:00,500 --> 00:00:01,250\nA: Tea & ‹laugh›\n\n2\n00:01:01,500 --> 00:01:01,501\n“No”, --› 3.5.\n"
    )


def test_timed_words() -> None:
    assert FORMATS["ctm"](RECORDING, SAID) == (
        "task-7 1 0.500 0.300 Tea\ntask-7 1 0.800 0.400 laugh\ntask-7 2 61.500 0.500 No\ntask-7 2 62.000 0.500 3.5\n"
    )
    lines = FORMATS["jsonl"](RECORDING, SAID).splitlines()
    assert json.loads(lines[1]) == {
        "task": 7, "audio": "s3://calls/7.wav", "start": 61.5, "end": 61.5, "text": "“No”, --> 3.5.", "speaker": None,
        "channel": 1, "labels": [],
        "words": [{"text": "“No”,", "start": 61.5, "end": 62}, {"text": "3.5.", "start": 62, "end": 62.5}],
    }  # fmt: skip


def test_timed_words_keep_the_vowel_signs_at_their_end() -> None:
    heard = replace(shape("plain_2018"), words=(Word("राम", 0.0, 0.5), Word("का", 0.5, 1.0)))
    said = utterances([Passage("राम की।", 0.0, 1.0)], heard, SEGMENTS)
    assert FORMATS["ctm"](RECORDING, said) == "task-7 1 0.000 0.500 राम\ntask-7 1 0.500 0.500 की\n"
    assert [(word.text, word.tail) for word in said[0].words] == [("राम", ""), ("की", "।")]


@example(2036.5765, 0.0, "vtt")
@given(st.floats(0, 40_000), st.floats(0, 0.01), st.sampled_from(["vtt", "srt"]))
def test_a_cue_ends_after_its_start_as_written(start: float, length: float, form: str) -> None:
    written = FORMATS[form](RECORDING, [Utterance(start, start + length, "hello", ())])
    (line,) = [line for line in written.splitlines() if " --> " in line]
    first, last = line.split(" --> ")
    assert first < last


def test_a_label_of_several_lines_is_a_voice_of_one() -> None:
    assert "\n<v A B>hello\n" in FORMATS["vtt"](RECORDING, [Utterance(0.0, 1.0, "hello", (), "A\n\nB")])
    assert FORMATS["srt"](RECORDING, [Utterance(0.0, 1.0, "hello", (), "A\n\nB")]).endswith("\nA B: hello\n")


_milliseconds = st.integers(0, 20_000_000)
_texts = st.text(st.sampled_from("ab <>&-/\\{}:é你N1"), max_size=30).map(lambda text: " ".join(text.split()))


@given(st.lists(st.tuples(_milliseconds, st.integers(1, 9_000), _texts.filter(bool)), max_size=6))
def test_what_is_written_as_vtt_is_read_again(cues: list[tuple[int, int, str]]) -> None:
    said = [Utterance(at / 1000, (at + long) / 1000, text, ()) for at, long, text in sorted(cues)]
    read = webvtt.from_string(FORMATS["vtt"](RECORDING, said), strict=True)
    unescaped = [cue.text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&") for cue in read]
    assert unescaped == [each.text for each in said]
    assert [(_seconds(cue.start), _seconds(cue.end)) for cue in read] == [(each.start, each.end) for each in said]


def _seconds(time: str) -> float:
    hours, minutes, seconds = time.split(":")
    return round(int(hours) * 3600 + int(minutes) * 60 + float(seconds), 3)


@pytest.mark.parametrize("form", ["vtt", "srt"])
def test_other_players_read_it(form: str, tmp_path: Path) -> None:
    """FFmpeg's readers are not those of the library that wrote the file."""
    file = tmp_path / f"cues.{form}"
    file.write_text(FORMATS[form](RECORDING, SAID))
    with av.open(str(file)) as container:
        packets = [packet for packet in container.demux() if packet.size]
        seconds = [float(time * packet.time_base) for packet in packets for time in (packet.pts, packet.duration)]
    assert seconds == pytest.approx([0.5, 0.75, 61.5, 0.001])
    texts = [bytes(packet).decode() for packet in packets]
    assert texts[0] == {"vtt": "<v A>Tea &amp; &lt;laugh&gt;", "srt": "A: Tea & ‹laugh›"}[form]
