"""What an annotated task is compared with."""

from types import SimpleNamespace
from typing import Any

from tests.unit.labeling.cases import REGION_TEXT, interface, labels, shape
from transcribe_backend.aws.media import Media
from transcribe_backend.learning.evidence import Evidence
from transcribe_backend.prelabeling.project import Project
from transcribe_backend.speech.wer import score


def test_a_region_of_both_sides_is_compared_with_both() -> None:
    """The editor calls every drawn region's channel 0, and its text says who spoke (docs/decisions/0007)."""
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
        [""],
    )
    assert sample
    pair = sample.best()
    assert score(pair.human, pair.ours).errors == 0
