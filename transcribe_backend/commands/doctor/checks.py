"""All checks, in the order in which they are done: what others need comes first."""

from collections.abc import Collection

from transcribe_backend.commands.doctor import amazon, label_studio, machine, transcription
from transcribe_backend.commands.doctor.check import Check

ALL: tuple[Check, ...] = (*machine.CHECKS, *amazon.CHECKS, *label_studio.CHECKS, *transcription.CHECKS)


def chosen(names: Collection[str] = (), *, paid: bool = False) -> list[Check]:
    """The checks of these names with what they need, or all but those that must be asked for (`paid`: those, too)."""
    wanted = set(names) or {each.name for each in ALL if not each.asked_for}
    if paid:
        wanted |= {each.name for each in ALL if each.asked_for}
    for each in reversed(ALL):  # from the last to the first: what a check needs comes before it
        if each.name in wanted:
            wanted |= set(each.needs)
    return [each for each in ALL if each.name in wanted]
