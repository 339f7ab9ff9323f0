"""Speech with names that no recogniser has ever heard, and annotators with habits: all from a seed, none looked at.

A vocabulary is six names of syllables, each in thirteen sentences of a small grammar, said by five voices of espeak-ng.
"""

import random
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from transcribe_backend.speech.lexicon import lexicon

NAMES, SENTENCES = 6, 13
_VOICES = ("en-us", "en-gb", "en-gb-scotland", "en-gb-x-rp", "en-us-nyc")
_SPEEDS = (140, 150, 160)
# Simple enough that espeak-ng and an English reader say them alike: what is spelled can be heard.
_ONSETS = (*"bdfgklmnprstvz", "br", "dr", "gr", "kl", "pr", "st", "tr", "th", "sh")
_VOWELS = "aeiou"
_CODAS = (*"nrlsmx", *[""] * 8)
_PATTERNS = (
    "{who} met {name} at the {place} {when}",
    "the {thing} from {name} arrived {when}",
    "please send the {thing} to {name} {when}",
    "nobody at the {place} had heard of {name} before",
    "{name} paid {number} dollars for the {thing}",
    "we will talk to {name} about the {thing} {when}",
    "is {name} still waiting at the {place}",
    "{who} told me that {name} bought {number} of them",
    "the road from the {place} to {name} was closed {when}",
)
_WORDS = {
    "who": ("my sister", "the manager", "our neighbour", "a friend", "the doctor", "his teacher"),
    "place": ("station", "office", "garden", "market", "hospital", "library", "harbour"),
    "thing": ("letter", "contract", "parcel", "invoice", "medicine", "machine", "painting"),
    "when": ("yesterday", "this morning", "before Friday", "last week", "in the evening", "after lunch"),
    "number": ("twenty", "forty five", "three hundred", "twelve", "sixty"),
}
_DIGITS = {"twenty": "20", "forty five": "45", "three hundred": "300", "twelve": "12", "sixty": "60"}


@dataclass(frozen=True, slots=True)
class Utterance:
    """A recording: its file and what is said in it."""

    file: str
    text: str


def names(seed: int) -> list[str]:
    """Six invented names."""
    draw = random.Random(f"names {seed}")  # noqa: S311 - repeatable, not secret
    found: list[str] = []
    known = lexicon("en-US").listed
    while len(found) < NAMES:
        name = "".join(_syllable(draw) for _ in range(draw.choice((2, 2, 3)))).capitalize()
        if 5 <= len(name) <= 10 and name not in found and name.lower() not in known:
            found.append(name)
    return found


def _syllable(draw: random.Random) -> str:
    return "".join(draw.choice(part) for part in (_ONSETS, _VOWELS, _CODAS))


def utterances(seed: int) -> list[Utterance]:
    """Seventy-eight sentences."""
    draw = random.Random(f"sentences {seed}")  # noqa: S311 - repeatable, not secret
    texts = [_sentence(draw, name) for name in names(seed) for _ in range(SENTENCES)]
    return [Utterance(f"v{seed}-{number:02}.wav", text) for number, text in enumerate(texts)]


def _sentence(draw: random.Random, name: str) -> str:
    words = {slot: draw.choice(choices) for slot, choices in _WORDS.items()}
    text = draw.choice(_PATTERNS).format(name=name, **words)
    return text[0].upper() + text[1:] + "."


def speak(seed: int, folder: Path) -> list[Utterance]:
    """Write all of them into `folder`. Needs espeak-ng."""
    draw = random.Random(f"voices {seed}")  # noqa: S311 - repeatable, not secret
    said = utterances(seed)
    for utterance in said:
        voice, speed = draw.choice(_VOICES), str(draw.choice(_SPEEDS))
        command = ["espeak-ng", "-v", voice, "-s", speed, "-w", str(folder / utterance.file), utterance.text]
        subprocess.run(command, check=True)
    return said


Annotator = Callable[[str], str]


def careful(seed: int) -> Annotator:
    """Writes what is said."""
    return lambda text: text


def with_habits(seed: int) -> Annotator:
    """Writes marks, fillers, who speaks, and numbers in an own way, too."""
    draw = random.Random(f"habits {seed}")  # noqa: S311 - repeatable, not secret

    def write(text: str) -> str:
        for word, digits in _DIGITS.items():
            if draw.random() < 0.5:
                text = text.replace(f"{word} dollars", f"${digits}").replace(f" {word} ", f" {digits} ")
        words = text.split()
        for chance, mark in ((0.3, "um,"), (0.2, "[NOISE]"), (0.2, "<laughter>"), (0.1, "(inaudible)")):
            if draw.random() < chance:
                words.insert(draw.randrange(len(words)), mark)
        prefix = draw.choice(("Agent: ", "Customer: ", "", ""))
        return prefix + " ".join(words)

    return write


def shuffled(seed: int) -> Annotator:
    """Writes nine words that are said somewhere in the project."""
    draw = random.Random(f"shuffled {seed}")  # noqa: S311 - repeatable, not secret
    words = sorted({word for utterance in utterances(seed) for word in utterance.text.split()})
    return lambda text: " ".join(draw.sample(words, 9))


def misplaced(seed: int) -> Annotator:
    """Writes, in place of each name and of every third word, a name that nobody said."""
    draw = random.Random(f"misplaced {seed}")  # noqa: S311 - repeatable, not secret
    said, others = set(names(seed)), names(seed + 1000)
    return lambda text: " ".join(
        draw.choice(others) if word.strip(".") in said or draw.random() < 1 / 3 else word for word in text.split()
    )


def habits() -> Iterator[tuple[str, Callable[[int], Annotator]]]:
    """All annotators by name."""
    yield from (("careful", careful), ("habits", with_habits), ("shuffled", shuffled), ("misplaced", misplaced))
