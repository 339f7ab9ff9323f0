import random

import pytest

from transcribe_backend.speech.alignment import Pair
from transcribe_backend.speech.corrections import Candidate, candidates
from transcribe_backend.speech.lexicon import lexicon


def pairs(*texts: tuple[str, str]) -> list[Pair]:
    return [Pair(task, ours, human) for task, (ours, human) in enumerate(texts, 1)]


def learnt(*texts: tuple[str, str], **thresholds: float) -> list[str]:
    return [each.display for each in candidates(pairs(*texts), **thresholds)]


def in_english(*texts: tuple[str, str]) -> list[str]:
    """What is learnt of English texts."""
    return [each.display for each in candidates(pairs(*texts), lexicon=lexicon("en-US"))]


def test_a_substituted_word_is_learnt_with_what_was_heard_instead():
    found = candidates(pairs(("the close were blue", "The clubs were blue."), ("two close here", "Two clubs, here!")))
    assert found == [Candidate(("clubs",), "clubs", misses=2, hits=0, tasks=2, heard="close")]


def test_a_word_that_was_not_heard_at_all_is_learnt():
    found = candidates(pairs(("we met today", "We met Xochitl today."), ("so came home", "So Xochitl came home.")))
    assert [(each.display, each.heard) for each in found] == [("Xochitl", "")]


def test_words_that_only_the_recogniser_wrote_are_not_learnt():
    assert learnt(("thank you we met", "We met"), ("thank you and so on", "And so on")) == []


@pytest.mark.parametrize(
    ("ours", "human"),
    [
        ("he met will in may", "He met Will in May"),
        ("well known fact", "Well-known fact!"),
        ("its a well known fact", "It's a wellknown fact"),
        ("aws is here now", "A.W.S. is here, now"),
        ("café olé", "cafe\u0301 ole\u0301"),
    ],
)
def test_case_punctuation_and_unicode_form_are_never_phrases(ours, human):
    assert not {"will", "may", "well", "known", "wellknown", "aws", "café"} & {
        each.casefold() for each in learnt((ours, human), (ours, human))
    }


@pytest.mark.parametrize(
    ("ours", "human"),
    [
        ("call me at for it", "Call me at +1 555 123-4567 for it"),
        ("call sins hundred for it", "Call seven hundred for it"),
        ("there were 700 of them", "there were several hundreds of them"),
        ("mail john at for it", "mail jane.doe@example.com for it"),
        ("mail at for it please now", "mail jane dot doe at example dot com for it please now"),
        ("look at it with me", "look at https://acme.example/shop with me"),
        ("the passport a bee is lost", "the passport AB123456 is lost"),
    ],
)
def test_numbers_and_private_strings_are_left_out(ours, human):
    assert learnt((ours, human), (ours, human)) == []


def test_names_missed_together_become_one_phrase():
    found = learnt(
        ("we met she von gala her today", "We met Siobhan Gallagher today."),
        ("is she bond gal here", "Is Siobhan Gallagher here?"),
    )
    assert found == ["Siobhan Gallagher"]


def test_a_part_that_is_also_missed_alone_stays():
    found = learnt(
        ("we met she von gala her today", "We met Siobhan Gallagher today."),
        ("is she bond gal here", "Is Siobhan Gallagher here?"),
        ("then gala left the house", "Then Gallagher left the house"),
    )
    assert sorted(found) == ["Gallagher", "Siobhan Gallagher"]


def test_a_known_word_is_not_to_blame_beside_an_unknown_one():
    texts = [
        ("she was in yan bearish dill now", "She was in Llanberis until now"),
        ("the train to lan berry sun till noon", "The train to Llanberis until noon"),
        ("wait until noon", "Wait until noon"),
        ("stay until friday", "Stay until Friday"),
    ]
    assert learnt(*texts) == ["Llanberis"]
    alone = [("wait and till noon", "Wait until noon"), ("stay and till friday", "Stay until Friday")]
    assert learnt(*texts, *alone) == ["Llanberis", "until"]


def test_punctuation_divides_phrases():
    found = learnt(("no x y z", "No Siobhan. Gallagher z"), ("so p q z", "So Siobhan, Gallagher z"))
    assert sorted(found) == ["Gallagher", "Siobhan"]


def test_thresholds():
    missed = ("two close here", "two clubs here")
    heard = ("two clubs here", "two clubs here")
    assert learnt(missed) == []
    assert learnt(missed, min_tasks=1) == ["clubs"]
    assert learnt(missed, missed, *[heard] * 7) == ["clubs"]
    assert learnt(missed, missed, *[heard] * 8) == []
    assert learnt(missed, missed, *[heard] * 8, max_recall=0.9) == ["clubs"]


def test_best_first_and_the_most_common_written_form():
    texts = [("so x is here", f"so {name} is here") for name in ("Brecon", "brecon", "Brecon", "Llanelli", "Llanelli")]
    assert learnt(*texts) == ["Brecon", "Llanelli"]


def test_a_text_all_in_capitals_says_nothing_of_case():
    assert learnt(("TWO CLOSE HERE", "TWO CLUBS HERE"), ("two close here", "TWO CLUBS HERE")) == ["clubs"]


def test_repeated_hallucinations_neither_explode_nor_teach():
    noise = "thank you for watching " * 3000
    assert learnt(*[(noise, f"the committee of number {task} met in Brecon today") for task in range(20)]) == []


def test_random_words_teach_nothing_that_two_tasks_share():
    draw = random.Random(1)  # noqa: S311
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = ["".join(draw.choices(letters, k=8)) for _ in range(3000)]
    texts = [(" ".join(draw.sample(words, 12)), " ".join(draw.sample(words, 12))) for _ in range(40)]
    assert learnt(*texts) == []


def test_another_script():
    found = candidates(pairs(("мы были в лад они", "Мы были в Ладожском"), ("тут лад оска нет", "Тут Ладожском нет.")))
    assert [each.display for each in found] == ["Ладожском"]


@pytest.mark.parametrize(
    ("ours", "human"),
    [
        ("we met today", "[NOISE] we met <laughter> today [inaudible]"),
        ("we met today", "we met (laughs) today ((cough)) *sighs*"),
        ("hello there yes we can", "Agent: hello there.\nCustomer: yes we can"),
        ("hello there yes we can", "Agent: hello there. Customer: yes we can"),
        ("we saw it go", "um we saw it uh go"),
        ("it costs $20 and 5% more", "it costs twenty dollars and five percent more"),
        ("yeah we can", "yes we can"),
        ("okay we can go", "OK we can go"),
        ("we are gonna go there", "we are going to go there"),
        ("she answered the call", "she has answered an call"),
        ("my name is [PII] and so on", "my name is Siobhan and so on"),
        ("my name is *** and so on", "my name is Siobhan and so on"),
        ("we organize it so", "we organise it so"),
        ("a color like this", "a colour like this"),
        ("she mentioned the theatre here", "she mentioned the theater here"),
    ],
)
def test_conventions_of_annotators_are_no_rows(ours: str, human: str) -> None:
    assert in_english((ours, human), (ours, human)) == []


def test_what_annotators_leave_in_is_learnt_beside_their_marks() -> None:
    texts = (
        ("we met so cheap today", "Agent: um, we met [NOISE] Xochitl today."),
        ("is so chill here", "is Xochitl here?"),
    )
    assert in_english(*texts) == ["Xochitl"]


def test_common_words_missed_beside_a_name_are_no_part_of_its_row() -> None:
    texts = [
        ("so then so she put a lake", "so then Xochitl bought a lake"),
        ("and so cheap what the house", "and Xochitl bought the house"),
    ]
    assert in_english(*texts) == ["Xochitl"]


def test_names_with_digits_are_learnt() -> None:
    texts = [("we run easy to here", "we run EC2 here"), ("an easy too instance", "an EC2 instance")]
    assert in_english(*texts) == ["EC2"]


def test_a_sound_that_only_annotators_write_is_no_term() -> None:
    texts = [("on a vu le film", "on a euhm vu le film"), ("je ne sais pas", "je ne euhm sais pas")]
    french = [Pair(task, ours, human, "fr-FR") for task, (ours, human) in enumerate(texts)]
    assert candidates(french, lexicon=lexicon("fr-FR")) == []


@pytest.mark.parametrize(
    ("sound", "language"), [("Ähm", "de-DE"), ("Hm", "de-DE"), ("Euhm", "fr-FR"), ("Ahh", "en-US")]
)
def test_nor_does_a_capital_at_the_start_of_a_sentence_make_it_one(sound: str, language: str) -> None:
    texts = [("Rosa Lemba. Olu Tarim.", f"{start} Rosa Lemba. {sound}, Olu Tarim.") for start in ("", f"{sound}!")]
    pairs = [Pair(task, ours, human, language) for task, (ours, human) in enumerate(texts)]
    assert candidates(pairs, lexicon=lexicon(language)) == []


@pytest.mark.parametrize(("ours", "human"), [("we saw", "we Ilse saw"), ("is down", "EKS is down")])
def test_another_capital_does(ours: str, human: str) -> None:
    german = [Pair(task, ours, human, "de-DE") for task in range(2)]
    assert [each.display for each in candidates(german, lexicon=lexicon("de-DE"))] == [
        next(word for word in human.split() if word not in ours.split())
    ]


@pytest.mark.parametrize("written", ["sooo", "SOOO", "soooo", "hmmm", "yeahhh", "niiiice", "aaaah"])
def test_a_word_that_is_drawn_out_is_no_term(written: str) -> None:
    texts = [("it was so good that we left", f"it was {written} good that we left")] * 2
    assert in_english(*texts) == []


@pytest.mark.parametrize(("term", "language"), [("Schifffahrt", "de-DE"), ("XVIII", "en-US"), ("AAA", "en-US")])
def test_three_letters_alike_may_be_one(term: str, language: str) -> None:
    pairs = [Pair(task, "all of the x it was", f"all of the {term} it was", language) for task in range(2)]
    assert [each.display for each in candidates(pairs, lexicon=lexicon(language))] == [term]


def test_a_language_without_frequencies_has_its_function_words_left_out() -> None:
    texts = [("hun kom hjem sent", "hun kom ikke hjem sent"), ("vi gik en tur", "vi gik ikke en tur")]
    danish = [Pair(task, ours, human, "da-DK") for task, (ours, human) in enumerate(texts)]
    assert candidates(danish, lexicon=lexicon("da-DK")) == []


def test_a_ligature_of_several_words_is_one_token() -> None:
    assert candidates([Pair(1, "قال النبي هنا", "قال النبي \ufdfa هنا", "ar-SA")]) == []
