"""Names of languages."""

import pytest

from transcribe_backend.speech import languages


@pytest.mark.parametrize(
    ("text", "meant"),
    [("en-us", "en-US"), (" es_ES ", "es-ES"), ("English", "en"), ("PERSIAN", "fa"), ("de", "de"), ("Elvish", None)],
)
def test_names(text: str, meant: str | None) -> None:
    assert languages.named(text) == meant


def test_every_code_belongs_to_a_named_language() -> None:
    assert {languages.named(languages.base(code)) for code in languages.CODES} == set(
        map(languages.base, languages.CODES)
    )


def test_codes_like_a_wrong_one() -> None:
    assert languages.like("german") == ["de-CH", "de-DE"]
    assert languages.like("de-XX") == ["de-CH", "de-DE"]
    assert languages.like("xx") == []
