"""What people have decided about words."""

from transcribe_backend.learning.wishes import Wishes


def test_a_phrase_is_either_banned_or_pinned_whatever_its_case() -> None:
    wishes = Wishes().ban("Brecon").pin("brecon").pin("Xochitl").ban("XOCHITL")
    assert wishes == Wishes(banned=("XOCHITL",), pinned=("brecon",))


def test_pinned_phrases_come_first_and_banned_ones_not_at_all() -> None:
    wishes = Wishes(banned=("an",), pinned=("Xochitl",))
    assert wishes.applied(["An", "AWS", "xochitl"]) == ["Xochitl", "AWS"]
