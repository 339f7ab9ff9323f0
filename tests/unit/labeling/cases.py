"""What the tests of this folder share: transcripts, templates and labeling configs of our own."""

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from transcribe_backend.labeling.interface import Interface, read
from transcribe_backend.speech.transcript import Transcript, parse

HERE = Path(__file__).parent
TEMPLATES = sorted((HERE / "templates").glob("*.xml"))
SHAPES = sorted((HERE.parents[1] / "data" / "transcripts").glob("*.json"))
REAL = sorted(Path(os.environ["TRANSCRIPTS_DIR"]).glob("*.json")) if "TRANSCRIPTS_DIR" in os.environ else []
RECORDED = HERE.parents[1] / "data" / "recorded"

TEXT = '<TextArea name="text" toName="sound"/>'
REGION_TEXT = '<TextArea name="words" toName="sound" perRegion="true"/>'


def config(*controls: str, **attributes: str) -> str:
    """A labeling config with an Audio tag called "sound" over the data column "file"."""
    options = "".join(f' {name}="{value}"' for name, value in attributes.items())
    return (
        f'<View><View className="nested"><Audio name="sound" value="$file"{options}/></View>{"".join(controls)}</View>'
    )


def labels(*values: str, name: str = "kind", choice: str = "single") -> str:
    """A Labels control; "Ann=spk_0" is a label with predicted values."""
    return f'<Labels name="{name}" toName="sound" choice="{choice}">{_options("Label", values)}</Labels>'


def choices(*values: str, name: str = "tongue") -> str:
    return f'<Choices name="{name}" toName="sound">{_options("Choice", values)}</Choices>'


def _options(tag: str, values: tuple[str, ...]) -> str:
    return "".join(_option(tag, *value.partition("=")[::2]) for value in values)


def _option(tag: str, value: str, predicted: str) -> str:
    return f'<{tag} value="{value}"' + (f' predicted_values="{predicted}"' if predicted else "") + "/>"


def interface(*controls: str, **attributes: str) -> Interface:
    return read(config(*controls, **attributes), "en-US")


def template(name: str) -> str:
    return (HERE / "templates" / f"{name}.xml").read_text()


@cache
def transcript(path: Path) -> Transcript:
    return parse(json.loads(path.read_text()))


def shape(name: str) -> Transcript:
    return transcript(HERE.parents[1] / "data" / "transcripts" / f"{name}.json")


def lines(prediction: dict[str, Any]) -> list[str]:
    """Results in short: `words 0@0.2-1.1 Hello, support. 0.77`."""
    return [_line(result) for result in prediction["result"]]


def _line(result: dict[str, Any]) -> str:
    value = result["value"]
    where = f" {value['channel']}@{value['start']:g}-{value['end']:g}" if "start" in value else ""
    content = "; ".join(value.get("text") or value.get("labels") or value.get("choices"))
    score = f" {round(result['score'], 4):.2f}" if "score" in result else ""
    return f"{result['from_name']}{where} {content}{score}"


_WHO = [
    "",
    labels("Speech", "Noise"),
    labels("Speech", "Noise").replace('value="Speech"', 'value="Speech" alias="S"'),
    labels("Good", "Bad"),
    labels("Agent", "Customer"),
    labels("Agent", "Check=low_confidence", choice="multiple"),
    labels("Ann=spk_1", "Bob"),
    labels("Left=ch_0", "Right=ch_1"),
]
_HOW = ["", labels("Check=low_confidence", name="how"), labels("Happy", "Sad", name="how")]
_BESIDE = [
    TEXT,
    choices("English", "Spanish"),
    '<Rating name="stars" toName="sound"/>',
    '<TextArea name="notes" toName="sound" perRegion="true"/>',
]


@st.composite
def configs_with_segments(draw: st.DrawFn) -> str:
    """Labeling configs whose segments have texts, whatever else they ask for."""
    who, how = draw(st.sampled_from(_WHO)), draw(st.sampled_from(_HOW))
    attributes = {
        "model_max_segment": draw(st.sampled_from(["1", "15", "600"])),
        "model_low_confidence": draw(st.sampled_from(["0.1", "0.9"])),
        "model_notes": draw(st.sampled_from(["true", "false"])),
    }
    if "spk_" not in who:
        attributes["model_channels"] = draw(st.sampled_from(["true", "false"]))
    return config(who, how, REGION_TEXT, *draw(st.lists(st.sampled_from(_BESIDE), unique=True)), **attributes)
