"""What `connect` says about learning, before the first correction is made."""

import pytest

from transcribe_backend.commands.connect import languages_note

CONFIG = '<View><Audio name="audio" value="$audio" {}/><TextArea name="text" toName="audio"/></View>'


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        ("", ""),
        ('model_language="de-DE"', ""),
        ('model_language="ja-JP"', "ja-JP"),
        ('model_language="auto"', "two to five languages"),
        ('model_languages="en-US,de-DE"', ""),
        ('model_languages="en-US,zh-CN"', "in zh-CN, only in en-US"),
        ('model_language="ja-JP" model_vocabulary="mine"', ""),
        ('model_language="nonsense"', ""),
    ],
)
def test_languages_that_cannot_learn_are_told(monkeypatch: pytest.MonkeyPatch, attributes: str, said: str) -> None:
    monkeypatch.delenv("TRANSCRIBE_LANGUAGE", raising=False)
    notes = list(languages_note(CONFIG.format(attributes)))
    assert bool(notes) == bool(said) and all(said in note for note in notes)
