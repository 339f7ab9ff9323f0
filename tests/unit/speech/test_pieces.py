"""A long recording is cut only where both texts agree."""

import random
from dataclasses import replace

from transcribe_backend.speech.pieces import pieces
from transcribe_backend.speech.transcript import Transcript, Word

SECONDS = 0.4


def spoken(text: str, pause: float = 0.5) -> Transcript:
    """Each word takes 0.4 s; a pause follows each full stop."""
    words, clock = [], 0.0
    for word in text.split():
        words.append(Word(word.rstrip("."), clock, clock + SECONDS, 0.9, tail="." if word.endswith(".") else ""))
        clock += SECONDS + (pause if word.endswith(".") else 0.0)
    return Transcript(text, tuple(words))


def sentences(count: int, seed: int) -> list[str]:
    draw = random.Random(seed)  # noqa: S311
    return [" ".join(f"w{draw.randrange(10**6)}" for _ in range(12)) + "." for _ in range(count)]


def test_the_pieces_hold_what_was_said_in_them() -> None:
    said = sentences(40, 1)
    found = pieces(spoken(" ".join(said)), " ".join(said), "en-US")
    assert all(piece.end - piece.start >= 8 for piece in found)
    assert " ".join(piece.text for piece in found) in " ".join(said)
    for piece in found:
        first = sum(
            len(sentence.split()) * SECONDS + 0.5
            for sentence in said[: said.index(piece.text.split(". ")[0].rstrip(".") + ".")]
        )
        assert abs(first - 0.25 - piece.start) < 0.01


def test_nothing_is_cut_beside_a_word_that_was_not_recognised() -> None:
    said = sentences(20, 2)
    wrong = [sentence.rsplit(" ", 1)[0] + " mumble." for sentence in said]
    assert pieces(spoken(" ".join(wrong)), " ".join(said), "en-US") == []


def test_without_pauses_there_are_no_pieces() -> None:
    said = " ".join(sentences(20, 3))
    assert pieces(spoken(said, pause=0.1), said, "en-US") == []
    assert pieces(Transcript("", ()), said, "en-US") == []


def test_a_text_that_is_not_that_of_the_words_is_not_cut() -> None:
    said = sentences(40, 4)
    text = " ".join(said)
    assert pieces(spoken(text), text, "en-US")
    assert pieces(replace(spoken(text), text=" ".join(said[1:])), text, "en-US") == []
