"""What `connect` says to a person who has just connected a project."""

import pytest

from transcribe_backend.commands.guidance import lines


def said(
    monkeypatch: pytest.MonkeyPatch, tasks: int, annotated: int, *, interactive: bool = False, ahead: str = ""
) -> str:
    for name in ("PREFETCH_MAX_TASKS", "TRANSCRIBE_PRICE_PER_MINUTE"):
        monkeypatch.delenv(name, raising=False)
    if ahead:
        monkeypatch.setenv("PREFETCH_MAX_TASKS", ahead)
    described = {"id": 7, "task_number": tasks, "num_tasks_with_annotations": annotated}
    return "\n".join(lines("http://studio", described, interactive=interactive))


@pytest.mark.parametrize(
    ("tasks", "annotated", "ahead", "told"),
    [
        (0, 0, "", "Import tasks: they are transcribed at once, up to 1000 per import"),
        (12, 2, "", "the first time, 10 of its 10 tasks without annotations are transcribed at once"),
        (5000, 0, "", "100 of its 5000 tasks"),
        (5000, 0, "50", "50 of its 5000 tasks"),
        (12, 0, "0", "when somebody opens them"),
    ],
)
def test_what_happens_now(monkeypatch: pytest.MonkeyPatch, tasks: int, annotated: int, ahead: str, told: str) -> None:
    assert told in said(monkeypatch, tasks, annotated, ahead=ahead)


def test_where_and_what_it_costs(monkeypatch: pytest.MonkeyPatch) -> None:
    told = said(monkeypatch, 1, 0)
    assert "http://studio/projects/7/data" in told
    assert "estimated $0.006 a minute" in told and "estimate --project 7" in told


@pytest.mark.parametrize("interactive", [True, False])
def test_segments_are_filled_by_a_click(monkeypatch: pytest.MonkeyPatch, interactive: bool) -> None:
    told = said(monkeypatch, 1, 0, interactive=interactive)
    assert ("Auto-Annotation" in told and "click it" in told) == interactive
