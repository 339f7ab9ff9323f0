"""What an annotated task is compared with."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from tests.unit.labeling.cases import REGION_TEXT, interface, labels, shape
from transcribe_backend.aws.media import Media
from transcribe_backend.labeling.annotations import Passage
from transcribe_backend.learning.evidence import Evidence, Sample, is_unread
from transcribe_backend.prelabeling.project import Project
from transcribe_backend.speech.transcript import Transcript, Word
from transcribe_backend.speech.wer import score


def test_a_region_of_both_sides_is_compared_with_both() -> None:
    """The editor calls every drawn region's channel 0, and its text says who spoke (docs/decisions/0006)."""
    transcript: Any = shape("channels_table_2020")
    store: Any = SimpleNamespace(has=lambda name: True, get=lambda name: transcript)
    audio: Any = SimpleNamespace(locate=lambda value, task: Media("s3://a/b", "s3://a/b#1", "us-east-1"))
    asked = interface(labels("Speech"), REGION_TEXT, model_channels="true")
    text = {
        **{"id": "r1", "from_name": "words", "to_name": "sound", "type": "textarea"},
        "value": {"start": 0, "end": 2, "channel": 0, "text": ["L: Hello, support. R: My line is dead."]},
    }
    nothing: Any = None
    evidence = Evidence(nothing, audio, nothing, store)
    sample = evidence.sample(
        {"id": 1, "data": {"file": "x"}, "annotations": [{"id": 1, "result": [text]}]},
        Project("7.1", asked, asked.recognition),
        [asked.recognition],
    )
    assert sample
    pair = sample.best()
    assert score(pair.human, pair.ours).errors == 0


def test_of_a_recording_of_several_languages_each_region_teaches_its_own() -> None:
    words = (Word("hello", 0.0, 0.4, language="en-US"), Word("hola", 1.0, 1.4, language="es-US"))
    transcript = Transcript("hello hola", words, "en-US")
    regions = (Passage("Hello.", 0.0, 0.5), Passage("Hola.", 0.9, 1.5))
    sample = Sample(1, Media("s3://a/b", "1", "r"), regions, transcript, "en-US")
    spanish = sample.spoken_in("es-US")
    assert spanish and (spanish.passages, spanish.language) == (regions[1:], "es-US")
    assert sample.spoken_in("de-DE") is None
    whole = replace(sample, passages=(Passage("Hello, hola."),))
    assert whole.spoken_in("en-US") and not whole.spoken_in("es-US")


@pytest.mark.parametrize(
    ("versions", "kinds", "unread"),
    [
        (["transcribe-en-US@1"], [["labels"]], True),
        (["transcribe-en-US@1"], [[]], True),
        (["transcribe-en-US@1", "transcribe-en-US@2"], [["labels", "textarea"], []], False),
        (["somebody-else"], [[]], False),
        ([], [], False),
    ],
)
def test_whether_an_annotator_can_have_read_our_text(versions: list[str], kinds: list[list[str]], unread: bool) -> None:
    stored = [
        {"model_version": version, "result": [{"type": kind} for kind in each]}
        for version, each in zip(versions, kinds, strict=True)
    ]
    assert is_unread({"predictions": stored}) is unread
