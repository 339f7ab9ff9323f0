"""Several languages, personal data, toxic speech, speakers of channels: from AWS's documents to the annotation."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from harness.aws import LocalAWS, local_aws
from harness.backend import Server, backend
from harness.label_studio import LabelStudio
from tests.e2e import recordings
from tests.e2e.editor import Editor
from tests.e2e.projects import BUCKET, connected, prelabeled

SECONDS = 6.0
NAME = "hello_mary_smith_hola_amigo_you_idiot.wav"
WORDS = {
    "mary": {"pii": "NAME"},
    "smith": {"pii": "NAME"},
    "hola": {"language": "es-US"},
    "amigo": {"language": "es-US"},
    "idiot": {"toxicity": {"insult": 0.9, "profanity": 0.4}},
}


def config(attributes: str, *controls: str) -> str:
    return f'<View><Audio name="audio" value="$audio" {attributes}/>{"".join(controls)}</View>'


TEXT = '<TextArea name="text" toName="audio" perRegion="true"/>'
MULTILINGUAL = config(
    'model_multilingual="true" model_languages="en-US,es-US"',
    '<Labels name="tongue" toName="audio"><Label value="English"/><Label value="Spanish"/></Labels>',
    '<Choices name="spoken" toName="audio" choice="multiple">'
    '<Choice value="English"/><Choice value="Spanish"/></Choices>',
    TEXT,
)
PII = config(
    'model_redact="NAME,EMAIL"',
    '<Labels name="kind" toName="audio"><Label value="Speech"/></Labels>',
    '<Labels name="private" toName="audio"><Label value="Person" predicted_values="NAME" background="#bf5b04"/>'
    '<Label value="Contact" predicted_values="EMAIL,PHONE"/></Labels>',
    TEXT,
)
TOXICITY = config(
    'model_toxicity="true"',
    '<Labels name="tone" toName="audio" choice="multiple"><Label value="Toxic" predicted_values="toxic"/>'
    '<Label value="Insult" predicted_values="insult" background="#bf5b04"/></Labels>',
    '<TextArea name="text" toName="audio"/>',
)
SPEAKERS_OF_CHANNELS = config(
    'model_speakers="2" model_channels="true" splitchannels="true"',
    '<Labels name="who" toName="audio"><Label value="Agent" predicted_values="ch_0_spk_0"/>'
    '<Label value="Boss" predicted_values="ch_0_spk_1"/><Label value="Customer" predicted_values="ch_1"/></Labels>',
    TEXT,
)


@pytest.fixture(scope="module")
def scripted() -> Iterator[LocalAWS]:
    """A stand-in that hears the words of a recording's name, and what stands beside it."""
    with local_aws("--nasty") as aws:
        aws.s3.create_bucket(Bucket=BUCKET)
        for channels, name in ((1, NAME), (2, f"stereo_{NAME}")):
            silent = recordings.silence(SECONDS)
            content = recordings.mono(silent) if channels == 1 else recordings.stereo(silent, silent)
            aws.s3.put_object(Bucket=BUCKET, Key=name, Body=content)
            aws.s3.put_object(Bucket=BUCKET, Key=f"{name}.words.json", Body=json.dumps(WORDS).encode())
        yield aws


@pytest.fixture(scope="module")
def server(scripted: LocalAWS, studio: LabelStudio, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("options")
    known = {"LABEL_STUDIO_URL": studio.url, "LABEL_STUDIO_API_KEY": studio.account.token}
    place = {"S3_BUCKET": BUCKET, "MODEL_DIR": str(folder / "model")}
    with backend({**scripted.env, **known, **place}, folder / "backend.log") as running:
        yield running


def told(results: list[dict[str, Any]]) -> list[str]:
    """Labels, choices and texts by control, in order of time."""
    ordered = sorted(results, key=lambda result: result["value"].get("start", -1.0))
    return [f"{result['from_name']} {'; '.join(_content(result['value']))}" for result in ordered]


def _content(value: dict[str, Any]) -> list[str]:
    return list(value.get("labels") or value.get("choices") or value["text"])


def labeled(
    studio: LabelStudio, aws: LocalAWS, server: Server, page: Page, label_config: str, regions: int, name: str = NAME
) -> list[str]:
    """What is predicted; the same is in the editor, and in the annotation that is submitted there."""
    project = connected(studio, aws, server, label_config[30:60], label_config)
    (task,) = prelabeled(studio, project, name)
    (prediction,) = task["predictions"]
    editor = Editor(page, studio, project, task["id"], SECONDS)
    expect(editor.regions).to_have_count(regions)
    submitted = editor.submit()
    assert sorted(told(submitted)) == sorted(told(prediction["result"]))
    return told(prediction["result"])


def test_several_languages(studio: LabelStudio, scripted: LocalAWS, server: Server, page: Page) -> None:
    assert labeled(studio, scripted, server, page, MULTILINGUAL, 3) == [
        "spoken English; Spanish",
        "tongue English", "text hello mary smith",
        "tongue Spanish", "text hola amigo",
        "tongue English", "text you idiot.",
    ]  # fmt: skip


def test_places_of_personal_data(studio: LabelStudio, scripted: LocalAWS, server: Server, page: Page) -> None:
    assert labeled(studio, scripted, server, page, PII, 2) == [
        "kind Speech",
        "text hello [PII] hola amigo you idiot.",
        "private Person",
    ]


def test_toxic_speech(studio: LabelStudio, scripted: LocalAWS, server: Server, page: Page) -> None:
    assert labeled(studio, scripted, server, page, TOXICITY, 1) == [
        "text hello mary smith hola amigo you idiot.",
        "tone Insult; Toxic",
    ]


def test_speakers_of_each_channel(studio: LabelStudio, scripted: LocalAWS, server: Server, page: Page) -> None:
    found = labeled(studio, scripted, server, page, SPEAKERS_OF_CHANNELS, 4, f"stereo_{NAME}")
    assert {line for line in found if line.startswith("who")} == {"who Agent", "who Boss", "who Customer"}


def test_what_aws_refuses_is_told_when_the_backend_is_connected(
    studio: LabelStudio, scripted: LocalAWS, server: Server, tmp_path: Path
) -> None:
    with pytest.raises(Exception, match="redacts no 'SHOE_SIZE'"):
        connected(studio, scripted, server, "Refused", config('model_redact="SHOE_SIZE"', TEXT))
