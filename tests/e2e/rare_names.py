"""Speech with names that a recogniser has never heard, said by espeak-ng: what annotators correct.

The set was fixed before anything was measured on it.
"""

import subprocess
from collections.abc import Iterator
from pathlib import Path

NAMES = (
    "Llanberis",
    "Ystradgynlais",
    "Okonkwo",
    "Xiomara",
    "Thorvaldsen",
    "Zebulon",
    "Quetzaltenango",
    "Wojciechowski",
)
_SENTENCES = (
    "The train to {} leaves at noon.",
    "We met {} in the garden yesterday.",
    "Please send the letter to {} before Friday.",
    "Nobody in the office had heard of {} until now.",
    "My sister told me a story about {} last night.",
)
_SPEEDS = (150, 140, 160, 145, 155)


def utterances() -> Iterator[tuple[str, str]]:
    """File names and what is said in them: each name in five sentences."""
    for name in NAMES:
        for number, sentence in enumerate(_SENTENCES):
            yield f"{name.lower()}_{number}.wav", sentence.format(name)


def speak(folder: Path) -> dict[str, str]:
    """Write all utterances into `folder`; returns the text of each file. Needs espeak-ng."""
    texts = dict(utterances())
    for number, (file, text) in enumerate(texts.items()):
        speed = str(_SPEEDS[number % len(_SPEEDS)])
        command = ["espeak-ng", "-v", "en-us", "-s", speed, "-w", str(folder / file), text]
        subprocess.run(command, check=True)
    return texts
