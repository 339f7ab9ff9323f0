"""Several languages in one recording: which choices and which labels they become."""

from tests.unit.labeling.cases import REGION_TEXT, TEXT, choices, interface, labels, lines, shape
from transcribe_backend.labeling.predictions import predictions
from transcribe_backend.speech.recognition import Recognition

SEVERAL = choices("English", "Spanish", "French").replace("<Choices ", '<Choices choice="multiple" ')
TONGUES = labels("English", "Spanish", name="tongue")


def told(*controls: str, document: str = "languages_of_words_2025", **attributes: str) -> list[str]:
    (prediction,) = predictions(interface(*controls, model_multilingual="true", **attributes), shape(document))
    return lines(prediction)


def test_all_languages_are_chosen_the_one_spoken_longest_first() -> None:
    assert told(SEVERAL) == ["tongue English; Spanish"]
    assert told(choices("es-US", "en-US")) == ["tongue en-US"]


def test_without_multilingual_only_the_identified_one_is_chosen() -> None:
    (prediction,) = predictions(interface(SEVERAL), shape("language_identified"))
    (chosen,) = prediction["result"]
    assert (chosen["from_name"], chosen["to_name"], chosen["type"]) == ("tongue", "sound", "choices")
    assert len(chosen["value"]["choices"]) == 1


def test_segments_are_cut_where_the_language_changes() -> None:
    assert told(TONGUES, REGION_TEXT) == [
        "tongue 0@0-0.925 English 0.98",
        "words 0@0-0.925 Good morning, 0.99",
        "tongue 0@0.925-1.725 Spanish 0.85",
        "words 0@0.925-1.725 buenos días, 0.85",
        "tongue 0@1.725-2.1 English 0.97",
        "words 0@1.725-2.1 sir. 0.97",
    ]


def test_a_language_without_a_label_keeps_its_words() -> None:
    found = told(labels("English", "Spanish", "French", name="tongue").replace("Spanish", "Dutch"), REGION_TEXT)
    assert [line.split()[0] for line in found] == ["tongue", "words", "words", "tongue", "words"]


def test_without_labels_of_languages_a_sentence_stays_whole() -> None:
    assert told(labels("Speech"), REGION_TEXT) == [
        "kind 0@0-2.1 Speech 0.93",
        "words 0@0-2.1 Good morning, buenos días, sir. 0.93",
    ]


def test_labels_of_languages_are_left_alone_where_one_language_is_identified() -> None:
    assert [control.name for control in interface(TEXT, TONGUES).controls] == ["text"]


def test_candidates_come_from_exact_choices() -> None:
    asked = interface(choices("en-US", "es-US"), model_multilingual="true").recognition
    assert asked == Recognition("auto", ("en-US", "es-US"), multilingual=True)
    assert asked.request() == {"IdentifyMultipleLanguages": True, "LanguageOptions": ["en-US", "es-US"]}


def test_the_languages_are_explained() -> None:
    sentences = " ".join(interface(SEVERAL, TONGUES, model_multilingual="true").explain())
    assert "is filled with the languages" in sentences
    assert "segments of languages ('English', 'Spanish')" in sentences
