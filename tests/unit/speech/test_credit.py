"""The record of each row, counted on two transcripts of the same speech."""

from transcribe_backend.speech.alignment import Pair
from transcribe_backend.speech.credit import Credit, comparable, credits, holds

NAME, JUNK = comparable("Xochitl"), comparable("has answered")


def records(human: str, before: str, after: str) -> dict[tuple[str, ...], Credit]:
    return credits([NAME, JUNK], [Pair(1, before, human)], [Pair(1, after, human)])


def test_a_row_is_credited_with_what_is_recognised_now() -> None:
    record = records("we met Xochitl today", "we met so cheap today", "we met Xochitl today")[NAME]
    assert record == Credit(1, 0, 1, examples=(("so cheap", "Xochitl"),))
    assert record.earns_its_place(old=False)


def test_a_row_is_blamed_for_where_nobody_said_it() -> None:
    record = records("she had a dance today", "she had a dance today", "she has answered today")[JUNK]
    assert (record.spoken, record.false_after, record.broken) == (0, 1, 3)
    assert record.examples == (("had a dance", "has answered"),)
    assert not record.earns_its_place(old=False) and not record.earns_its_place(old=True)


def test_broken_words_are_counted_once_however_often_the_row_stands_there() -> None:
    record = records("we met them all today", "we met them all today", "we Xochitl Xochitl Xochitl today")[NAME]
    assert (record.false_after, record.broken, len(record.examples)) == (3, 3, 1)


def test_words_broken_by_something_else_are_not_the_rows_fault() -> None:
    record = records("we met Xochitl today", "we met so cheap today", "we mad Xochitl today")[NAME]
    assert record.broken == 0


def test_what_it_did_before_as_well_is_no_harm_of_a_new_row() -> None:
    record = records("we met today", "we has answered today", "we has answered today")[JUNK]
    assert (record.inserted, record.broken) == (0, 0)


def test_a_row_that_is_said_and_never_heard_goes_one_that_is_not_said_stays() -> None:
    assert Credit(spoken=0).earns_its_place(old=False)
    assert Credit(spoken=2).earns_its_place(old=False)
    assert not Credit(spoken=3).earns_its_place(old=False)
    assert not Credit(spoken=3, right_before=3, right_after=3).earns_its_place(old=False)
    assert Credit(spoken=3, right_before=3, right_after=3).earns_its_place(old=True)
    assert not Credit(spoken=9).earns_its_place(old=True)


def test_records_of_several_tasks_add_up() -> None:
    human, before = "we met Xochitl today", "we met so cheap today"
    pairs = [Pair(1, before, human)] * 5
    after = [Pair(1, human, human)] * 4 + [Pair(1, before, human)]
    record = credits([NAME], pairs, after)[NAME]
    assert (record.spoken, record.gained, len(record.examples)) == (5, 4, 3)


def test_a_text_holds_a_phrase_where_its_words_stand_together() -> None:
    text = comparable("we met Xochitl, who has now answered")
    assert holds(text, [JUNK, NAME])
    assert not holds(text, [JUNK])
    assert not holds(text, [])
