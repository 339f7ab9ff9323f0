"""Every template and transcript: filled or refused, and what is filled passes Label Studio's own strict validation."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from tests.unit.labeling.cases import (
    HERE,
    REAL,
    REGION_TEXT,
    SHAPES,
    TEMPLATES,
    TEXT,
    choices,
    config,
    configs_with_segments,
    labels,
    transcript,
)
from tests.unit.speech.made import transcripts
from transcribe_backend.errors import LabelingConfigError
from transcribe_backend.labeling import regions
from transcribe_backend.labeling.interface import read
from transcribe_backend.labeling.options import ATTRIBUTES
from transcribe_backend.labeling.predictions import predictions
from transcribe_backend.speech.transcript import Transcript

PYTHON = HERE.parents[2] / ".venv-label-studio/bin/python"
ALL_ATTRIBUTES = dict.fromkeys(ATTRIBUTES, "x")
OWN = [
    config(TEXT, REGION_TEXT, labels("Speech", "Noise")),
    config(labels("Agent", "Customer"), REGION_TEXT, model_channels="true"),
    config(labels("Left=ch_0", "Right=ch_1", "Check=low_confidence", choice="multiple"), REGION_TEXT),
    config(labels("Ann=spk_0", "Bob=spk_1", "Check=low_confidence"), REGION_TEXT, TEXT),
    config(labels("Check=low_confidence"), model_low_confidence="0.9"),
    config(choices("English", "Spanish", "Japanese"), TEXT, model_alternatives="5"),
    config(REGION_TEXT, model_max_segment="2"),
    config(labels("Good", "Bad"), REGION_TEXT, TEXT, model_notes="true"),
    config(labels("Ann=spk_0", "Bob"), REGION_TEXT),
    config(labels("Speech", "Noise").replace('value="Speech"', 'value="Speech" alias="S"'), REGION_TEXT),
    config(choices("English", "Spanish").replace('value="English"', 'value="English" alias="E"')),
    config(TEXT).replace("$file", "$call.url"),
    config(labels("Speech", "Person=NAME", "Contact=EMAIL,URL"), REGION_TEXT, model_redact="NAME,EMAIL"),
    config(labels("Toxic=toxic", "Insult=insult", choice="multiple"), TEXT, model_toxicity="true"),
    config(
        choices("English", "Spanish").replace("<Choices ", '<Choices choice="multiple" '),
        labels("en-US", "es-US"),
        REGION_TEXT,
        model_multilingual="true",
    ),
    config(labels("A=ch_0_spk_0", "B=ch_0_spk_1", "C=ch_1"), REGION_TEXT),
    config(
        TEXT,
        '<Number name="n" toName="sound"/><Rating name="r" toName="sound"/>',
        '<Taxonomy name="x" toName="sound"><Choice value="A"/></Taxonomy><Relations><Relation value="of"/></Relations>',
        '<TextArea name="notes" toName="sound" perRegion="true" whenLabelValue="Speech"/>',
    ),
    '<View><Video name="v" value="$clip" frameRate="25"/><TimelineLabels name="l" toName="v"><Label value="Agent"/>'
    '<Label value="Customer"/></TimelineLabels><TextArea name="t" toName="v" perRegion="true"/></View>',
]
CONFIGS = {path.stem: path.read_text() for path in TEMPLATES} | {f"own_{n}": text for n, text in enumerate(OWN)}
REFUSED = {"signal_quality_detection", "intent_classification", "sound_event_detection", "asr_hypotheses_selection",
           "video_timeline_segmentation", "conversational_analysis"}  # fmt: skip


@pytest.mark.parametrize("path", [*SHAPES, *REAL], ids=lambda path: path.stem)
@pytest.mark.parametrize("name", sorted(CONFIGS))
def test_every_config_is_filled_from_every_transcript_or_refused(name: str, path: Path) -> None:
    if name in REFUSED:
        with pytest.raises(LabelingConfigError):
            read(CONFIGS[name], "en-US")
        return
    asked = read(CONFIGS[name], "en-US")
    heard = transcript(path)
    best, *_ = predictions(asked, heard)
    assert best.get("score") == (None if heard.confidence is None else round(heard.confidence, 4))
    texts = [result for result in best["result"] if result["type"] == "textarea"]
    if asked.region_text and not heard.channels:
        said = [result["value"]["text"][0] for result in texts if result["value"].keys() & {"start", "ranges"}]
        assert heard.glue.join(said) == heard.join(heard.words)
    if asked.text:
        assert texts[0]["value"] == {"text": [heard.text]}


@pytest.mark.skipif(not REAL, reason="TRANSCRIPTS_DIR does not name a folder with real transcripts")
def test_real_recordings_fill_the_stock_templates() -> None:
    filled = {
        (name, path.stem): len(predictions(read(text, "en-US"), transcript(path))[0]["result"])
        for name, text in CONFIGS.items()
        if name not in REFUSED and not name.startswith("own")
        for path in REAL
    }
    assert filled["automatic_speech_recognition", "plain_2020_en"] == 1
    assert filled["speaker_segmentation", "speakers_2020"] > 4
    assert filled["automatic_speech_recognition_using_segments", "channels_2020"] > 20
    assert filled["speech_transcription", "empty_no_speech_trimmed"] == 0


def filled(name: str) -> dict[str, Any]:
    """All that we answer for one labeling config: predictions, and a drawn region where regions have texts."""
    asked = read(CONFIGS[name], "en-US")
    answers = [prediction for path in (*SHAPES, *REAL) for prediction in predictions(asked, transcript(path))]
    for control in (control for control in asked.labels if not control.rate):
        value = {"start": 0.0, "end": 9.0, "channel": 0, "labels": [control.options[0].value]}
        drawn = {"id": "r", "from_name": control.name, "to_name": control.to_name, "type": "labels", "value": value}
        answers += [regions.fill(asked, transcript(path), {"result": [drawn]}) for path in SHAPES]
    return {"config": CONFIGS[name], "predictions": answers}


def made_up() -> dict[str, dict[str, Any]]:
    """Predictions of any transcript for any config, as many as hypothesis thinks of."""
    cases: dict[str, dict[str, Any]] = {}

    @settings(database=None, deadline=None)
    @given(transcripts(), configs_with_segments())
    def add(heard: Transcript, label_config: str) -> None:
        case = {"config": label_config, "predictions": predictions(read(label_config, "en-US"), heard)}
        cases[f"made up {len(cases)}"] = case

    add()
    return cases


@pytest.fixture(scope="module")
def verdicts() -> dict[str, dict[str, Any]]:
    """What Label Studio says of each case; its start takes seconds, so all go in one run."""
    if not PYTHON.exists():
        pytest.skip("Label Studio is not installed (make install-label-studio)")
    unknown = {"from_name": "nope", "to_name": "sound", "type": "textarea", "value": {"text": ["a"]}}
    cases = (
        {name: filled(name) for name in CONFIGS if name not in REFUSED}
        | made_up()
        | {
            "wrong result": {"config": config(TEXT), "predictions": [{"result": [unknown]}]},
            "wrong config": {"config": config(TEXT).replace('toName="sound"', 'toName="nope"'), "predictions": []},
            "all attributes": {"config": config(TEXT, **ALL_ATTRIBUTES), "predictions": []},
        }
    )
    command = [str(PYTHON), str(HERE / "label_studio_validator.py")]
    sent = json.dumps(list(cases.values()))
    done = subprocess.run(command, input=sent, capture_output=True, text=True, check=False, timeout=180)
    assert done.returncode == 0, done.stderr
    return dict(zip(cases, json.loads(done.stdout), strict=True))


@pytest.mark.parametrize("name", sorted(CONFIGS.keys() - REFUSED))
def test_predictions_pass_the_strict_validation_of_label_studio(name: str, verdicts: dict[str, Any]) -> None:
    assert [problem for problems in verdicts[name]["predictions"] for problem in problems] == []
    assert verdicts[name]["config"] == []


def test_so_do_those_of_any_transcript_and_config(verdicts: dict[str, Any]) -> None:
    judged = {name: verdict for name, verdict in verdicts.items() if name.startswith("made up")}
    assert len(judged) > 50
    for name, verdict in judged.items():
        assert not verdict["config"] and not any(verdict["predictions"]), (name, verdict)


def test_label_studio_saves_configs_with_our_attributes(verdicts: dict[str, Any]) -> None:
    assert verdicts["all attributes"]["config"] == []


def test_the_validation_is_strict(verdicts: dict[str, Any]) -> None:
    assert "not found in configuration" in verdicts["wrong result"]["predictions"][0][0]
    assert "not found in names" in verdicts["wrong config"]["config"][0]
