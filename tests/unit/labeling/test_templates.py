"""The labeling configs of `connect --template`."""

from pathlib import Path

import pytest

from transcribe_backend.labeling import interface
from transcribe_backend.labeling.templates import SEGMENTS, SPEECH_RECOGNITION, TEMPLATES

STOCK = Path(__file__).parent / "templates"


@pytest.mark.parametrize(
    ("config", "name"),
    [
        (SPEECH_RECOGNITION, "automatic_speech_recognition"),
        (SEGMENTS, "automatic_speech_recognition_using_segments"),
    ],
)
def test_stock_templates_are_label_studio_s(config: str, name: str) -> None:
    assert config == (STOCK / f"{name}.xml").read_text().strip()


@pytest.mark.parametrize(
    ("name", "speakers", "channels", "labels"),
    [
        ("asr", None, False, 0),
        ("segments", None, False, 1),
        ("speakers", 2, False, 1),
        ("dialogue", 2, False, 1),
        ("stereo", None, True, 1),
    ],
)
def test_each_can_be_filled(name: str, speakers: int | None, channels: bool, labels: int) -> None:
    made = interface.read(TEMPLATES[name], "en-US")
    assert (made.recognition.speakers, made.recognition.channels) == (speakers, channels)
    assert TEMPLATES[name].count("<Labels") == labels
