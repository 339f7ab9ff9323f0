"""What a request says of its project, and the version of its predictions."""

import pytest

from transcribe_backend.errors import LabelingConfigError, RequestError
from transcribe_backend.labeling.templates import SPEECH_RECOGNITION
from transcribe_backend.prelabeling.project import Project, Projects, project_id

SEGMENTS = (
    '<View><Labels name="labels" toName="audio"><Label value="Speech"/></Labels><Audio name="audio" value="$audio" {}/>'
    '<TextArea name="text" toName="audio" perRegion="true"/></View>'
)
LEARNT = "ls-p7-1767225600-en-US-v3"


def read(
    config: str = SPEECH_RECOGNITION, *, language: str = "en-US", learnt: str = "", project: str = "7.1"
) -> Project:
    return Projects(language, lambda asked, code: learnt).read(project, config)


def test_the_same_config_has_the_same_version_everywhere() -> None:
    one = read()
    assert one.version == read(project="8.2").version
    assert one.version.startswith("transcribe-en-US@")
    assert (one.number, read(project="").number, read(project="x.y").number) == (7, 0, 0)


@pytest.mark.parametrize(
    "other",
    [
        read(language="de-DE"),
        read(SEGMENTS.format("")),
        read(SEGMENTS.format('model_speakers="2"')),
        read(SPEECH_RECOGNITION.replace('name="transcription"', 'name="said"')),
        read(SPEECH_RECOGNITION.replace('value="$audio"', 'value="$audio" model_alternatives="3"')),
        read(learnt=LEARNT),
    ],
)
def test_what_changes_predictions_changes_the_version(other: Project) -> None:
    assert other.version != read().version


@pytest.mark.parametrize(("old", "new"), [("Transcribe the audio", "Listen"), ('rows="4"', 'rows="9"')])
def test_what_does_not_keeps_it(old: str, new: str) -> None:
    assert read(SPEECH_RECOGNITION.replace(old, new)).version == read().version


def test_a_learnt_vocabulary_is_used_and_named() -> None:
    project = read(learnt=LEARNT)
    assert project.recognition.vocabulary == LEARNT
    assert project.version.startswith("transcribe-en-US+v3@")
    named = read(SPEECH_RECOGNITION.replace('value="$audio"', 'value="$audio" model_vocabulary="mine"'), learnt=LEARNT)
    assert named.recognition.vocabulary == "mine"
    assert read(learnt=LEARNT, project="").recognition.vocabulary == ""
    assert read(language="auto", learnt=LEARNT).recognition.vocabulary == ""


def test_what_we_cannot_fill_is_refused() -> None:
    with pytest.raises(LabelingConfigError):
        read('<View><Image name="image" value="$image"/></View>')


@pytest.mark.parametrize(
    ("created", "identity"),
    [
        ("2026-01-01T00:00:00Z", "7.1767225600"),
        ("2026-01-01T00:00:00.999999Z", "7.1767225600"),
        ("2026-01-01T02:00:00+02:00", "7.1767225600"),
    ],
)
def test_projects_of_webhooks_are_named_as_in_requests(created: str, identity: str) -> None:
    assert project_id({"id": 7, "created_at": created}) == identity


@pytest.mark.parametrize(
    "project", [{}, {"id": 7}, {"id": "x", "created_at": "2026-01-01"}, {"created_at": 1}, None, []]
)
def test_a_project_without_identity_is_a_bad_request(project: object) -> None:
    with pytest.raises(RequestError, match="created_at"):
        project_id(project)


@pytest.mark.parametrize("number", [float("inf"), float("nan"), "x", None, {}])
def test_a_number_of_a_project_that_is_none(number: object) -> None:
    with pytest.raises(RequestError, match="id"):
        project_id({"id": number, "created_at": "2026-01-01T00:00:00Z"})


def test_a_speaker_whose_number_no_computer_reads_is_a_name() -> None:
    label = f'<Label value="A" predicted_values="spk_{"9" * 5000}"/>'
    assert read(SEGMENTS.format("").replace("</Labels>", f"{label}</Labels>")).recognition.speakers is None
