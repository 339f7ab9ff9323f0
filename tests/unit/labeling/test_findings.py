"""Personal data and toxic speech as regions: only where labels stand for them and AWS was asked to look."""

from typing import Any

import pytest

from tests.unit.labeling.cases import REGION_TEXT, TEXT, config, interface, labels, lines, shape
from transcribe_backend.labeling.predictions import predictions
from transcribe_backend.labeling.regions import wanted

PII = labels("Person=NAME", "Contact=EMAIL,PHONE,ADDRESS", name="pii")
TOXIC = labels("Toxic=toxic", name="tone")
BY_CATEGORY = labels("Swearing=profanity", "Insult=insult", "Threat=violence_or_threat", name="tone", choice="multiple")


def regions(*controls: str, document: str, **attributes: str) -> list[str]:
    (prediction,) = predictions(interface(*controls, **attributes), shape(document))
    return lines(prediction)


def test_personal_data_becomes_regions_with_their_scores() -> None:
    assert regions(PII, model_redact="NAME,EMAIL", document="redacted_types_2025") == [
        "pii 0@0.4-1.2 Person 1.00",
        "pii 0@1.9-3.5 Contact 0.87",
    ]


@pytest.mark.parametrize(
    ("types", "told"),
    [
        ("name", ["Person"]),
        ("EMAIL", ["Contact"]),
        ("ALL", ["Person", "Contact"]),
        ("true", ["Person", "Contact"]),
        ("SSN", []),
    ],
)
def test_only_what_was_asked_for_is_pointed_out(types: str, told: list[str]) -> None:
    found = regions(TEXT, PII, model_redact=types, document="redacted_types_2025")
    assert [line.split()[2] for line in found[1:]] == told


def test_labels_of_personal_data_leave_the_segments_alone() -> None:
    asked = (labels("Speech", "Person=NAME", name="kind"), REGION_TEXT)
    assert regions(*asked, model_redact="NAME", document="redacted_types_2025") == [
        "kind 0@0-3.5 Speech 0.97",
        "words 0@0-3.5 I am [PII], write to [PII]. 0.97",
        "kind 0@0.4-1.2 Person 1.00",
    ]
    assert regions(PII, REGION_TEXT, model_redact="NAME", document="redacted_types_2025") == [
        "words 0@0-3.5 I am [PII], write to [PII]. 0.97",
        "pii 0@0.4-1.2 Person 1.00",
    ]


def test_a_label_that_is_only_called_so_is_not_one_of_personal_data() -> None:
    found = regions(TEXT, labels("Name", "Email", name="pii"), model_redact="true", document="redacted_types_2025")
    assert [line.split()[0] for line in found] == ["text"]


def test_toxic_speech_becomes_a_region() -> None:
    assert regions(TOXIC, model_toxicity="true", document="toxicity_2025") == ["tone 0@2-2.9 Toxic 0.94"]


def test_toxic_speech_by_category() -> None:
    assert regions(BY_CATEGORY, model_toxicity="true", document="toxicity_2025") == [
        "tone 0@2-2.9 Insult; Swearing 0.93"
    ]


def test_where_one_label_is_taken_it_is_the_surest_and_rather_a_category() -> None:
    one = labels("Toxic=toxic", "Swearing=profanity", "Insult=insult", name="tone")
    assert regions(one, model_toxicity="true", document="toxicity_2025") == ["tone 0@2-2.9 Toxic 0.94"]


def test_regions_have_the_same_ids_each_time_and_different_ones_from_each_other() -> None:
    asked = interface(labels("Speech", name="kind"), BY_CATEGORY, REGION_TEXT, model_toxicity="true")
    once, again = (predictions(asked, shape("toxicity_2025"))[0]["result"] for _ in range(2))
    assert once == again
    assert len({result["id"] for result in once}) == 3


@pytest.mark.parametrize(("control", "attribute"), [(PII, "model_redact"), (TOXIC, "model_toxicity")])
def test_labels_of_what_nobody_asked_for_are_explained(control: str, attribute: str) -> None:
    (sentence,) = interface(TEXT, control).unfilled
    assert "AWS is not asked to look for that" in sentence and attribute in sentence
    assert "is filled with places of" in " ".join(interface(TEXT, control, **{attribute: "true"}).explain())


def test_a_config_of_such_labels_alone_is_enough() -> None:
    assert interface(PII, model_redact="true").controls
    assert "model_version" not in config(PII)


def test_a_region_of_personal_data_is_not_waiting_for_words() -> None:
    asked = interface(labels("Speech", name="kind"), PII, REGION_TEXT, model_redact="true")

    def drawn(label: str) -> dict[str, Any]:
        value = {"start": 0.4, "end": 1.2, "channel": 0, "labels": [label]}
        return {"id": label, "from_name": "pii", "to_name": "sound", "type": "labels", "value": value}

    context = {"result": [drawn("Person"), drawn("Speech")]}
    assert [region.id for region in wanted(asked, context)] == ["Speech"]
