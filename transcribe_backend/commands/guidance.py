"""What a person who has just connected a project needs next: where, what happens, how long it takes, what it costs."""

import os
from collections.abc import Iterator, Mapping
from typing import Any

from transcribe_backend.home import command
from transcribe_backend.settings import Settings

_SETTINGS = ("PREFETCH_MAX_TASKS", "PREFETCH_CONNECT_TASKS", "TRANSCRIBE_PRICE_PER_MINUTE")


def lines(studio_url: str, described: Mapping[str, Any], *, interactive: bool) -> Iterator[str]:
    """`described` is the project as Label Studio gives it; the settings are those of this command's environment."""
    settings = Settings.from_env({name: os.environ[name] for name in _SETTINGS if name in os.environ})
    yield ""
    yield f"Tasks   {studio_url}/projects/{described['id']}/data"
    yield f"Now     {_now(described, settings)}"
    yield f"Cost    {_cost(described, settings)}"
    yield f"Then    {_then(interactive=interactive)}"


def _now(described: Mapping[str, Any], settings: Settings) -> str:
    waiting, later = _waiting(described), settings.prefetch_max_tasks
    if not later:
        return "Tasks are transcribed when somebody opens them (PREFETCH_MAX_TASKS=0)."
    if not waiting:
        return f"Import tasks: they are transcribed at once, up to {later} per import (PREFETCH_MAX_TASKS)."
    now = min(waiting, later, settings.prefetch_connect_tasks)
    if not now:
        return (
            f"New tasks are transcribed at once; the {waiting} that are there, when somebody opens or retrieves them."
        )
    return (
        f"When a project is connected for the first time, {now} of its {waiting} tasks without annotations are "
        "transcribed at once: seconds to minutes, depending on the length of the recording."
    )


def _cost(described: Mapping[str, Any], settings: Settings) -> str:
    total = command(f"estimate --project {described['id']}")
    return f"AWS bills an estimated ${settings.price_per_minute:g} a minute, each recording once. The total: {total}"


def _then(*, interactive: bool) -> str:
    opened = "Open a task: its text is there. If it is not yet, open it again a little later."
    if not interactive:
        return opened
    return f"{opened} To fill segments, switch on Auto-Annotation below the editor, draw one, and click it."


def _waiting(described: Mapping[str, Any]) -> int:
    """Tasks that nobody has annotated."""
    return max(0, int(described.get("task_number") or 0) - int(described.get("num_tasks_with_annotations") or 0))
