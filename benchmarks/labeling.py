"""Time and memory of what happens between a transcript and its predictions: `python benchmarks/labeling.py`.

Transcripts are made up in AWS's own form: 9,000 words (50 minutes) for interactive regions, 40,000 words (4 hours) for
parsing and for segment predictions.
"""

import gc
import random
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from transcribe_backend.labeling.interface import read
from transcribe_backend.labeling.predictions import predictions
from transcribe_backend.labeling.regions import fill
from transcribe_backend.speech.transcript import Transcript, parse

SEGMENTS = """<View><Labels name="labels" toName="audio"><Label value="Speech"/><Label value="Noise"/></Labels>
<Audio name="audio" value="$audio" {}/><TextArea name="text" toName="audio" perRegion="true"/></View>"""
INTERACTIVE_GOAL, SEGMENTS_GOAL = 0.020, 0.250
_SECONDS_PER_WORD = 0.33


def document(words: int, speakers: int = 0) -> dict[str, Any]:
    """An output of AWS Transcribe: sentences of a dozen words, pauses, doubtful words, perhaps turns of speakers."""
    dice = random.Random(words)  # noqa: S311 - repeatable, not secret
    vocabulary = ["".join(dice.choices("abcdefghijklmnop", k=dice.randint(2, 9))) for _ in range(4000)]
    return {"status": "COMPLETED", "results": {"items": list(_items(dice, vocabulary, words, speakers))}}


def _items(dice: random.Random, vocabulary: list[str], words: int, speakers: int) -> Iterator[dict[str, Any]]:
    clock, speaker = 0.0, 0
    for number in range(words):
        length = dice.uniform(0.15, 0.4)
        spoken = {"content": dice.choice(vocabulary), "confidence": f"{min(1.0, dice.uniform(0.5, 1.3)):.4f}"}
        times = {"start_time": f"{clock:.3f}", "end_time": f"{clock + length:.3f}"}
        said_by = {"speaker_label": f"spk_{speaker}"} if speakers else {}
        yield {"type": "pronunciation", "alternatives": [spoken], **times, **said_by}
        clock += length + dice.choice([0, 0, 0, 0.1, 0.3])
        if number % 12 == 11:
            yield {"type": "punctuation", "alternatives": [{"content": ".", "confidence": "0.0"}]}
            speaker = dice.randrange(speakers) if speakers else 0


def timed(action: Callable[[], Any]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def show(what: str, seconds: list[float], goal: float = 0.0, *, by_p99: bool = False) -> bool:
    """Print median and 99th percentile; is the goal met (by the median, or by the latter)?"""
    p50, p99 = statistics.median(seconds), statistics.quantiles(seconds, n=100, method="inclusive")[98]
    met = not goal or (p99 if by_p99 else p50) <= goal
    judged = f"  goal {'p99' if by_p99 else 'p50'} {goal * 1000:.0f} ms: {'met' if met else 'MISSED'}" if goal else ""
    print(f"{what:<58} p50 {p50 * 1000:8.2f} ms  p99 {p99 * 1000:8.2f} ms{judged}")
    return met


def interactive() -> bool:
    """A click or a drawn segment while the transcript is in memory, as an editor with 60 regions sends it."""
    interface = read(SEGMENTS.format(""), "en-US")
    transcript, dice = parse(document(9_000)), random.Random(1)  # noqa: S311 - repeatable, not secret
    known = [part for number in range(60) for part in _region(f"known{number}", number * 40.0, 8.0, texts=True)]

    def context() -> dict[str, Any]:
        return {"result": [*known, *_region("drawn", dice.uniform(0, 2900), dice.uniform(0.5, 20), texts=False)]}

    first = timed(lambda: fill(interface, transcript, context()))
    print(f"{'interactive, 9,000 words, first answer (builds the index)':<58} {first * 1000:12.2f} ms")
    times = [timed(lambda: fill(interface, transcript, context())) for _ in range(2000)]
    return show("interactive, 9,000 words", [first, *times], INTERACTIVE_GOAL, by_p99=True)


def _region(identity: str, start: float, length: float, *, texts: bool) -> list[dict[str, Any]]:
    bounds = {"start": start, "end": start + length, "channel": 0}
    label = {"id": identity, "from_name": "labels", "to_name": "audio", "type": "labels"}
    text = {"id": identity, "from_name": "text", "to_name": "audio", "type": "textarea"}
    parts = [{**label, "value": {**bounds, "labels": ["Speech"]}}]
    return [*parts, {**text, "value": {**bounds, "text": ["mine"]}}] if texts else parts


def segments() -> bool:
    """A transcript of four hours as the regions of a prediction."""
    plain, turns = parse(document(40_000)), parse(document(40_000, speakers=4))
    cases: list[tuple[str, str, Transcript]] = [
        ("", "sentences", plain),
        ('model_speakers="4"', "speaker turns", turns),
    ]
    met = True
    for attributes, what, transcript in cases:
        interface = read(SEGMENTS.format(attributes), "en-US")
        found = len(predictions(interface, transcript)[0]["result"])
        times = [timed(partial(predictions, interface, transcript)) for _ in range(20)]
        met &= show(f"40,000 words -> {found:,} results, {what}", times, SEGMENTS_GOAL)
    return met


def parsing() -> None:
    """Time and memory of a parsed transcript of four hours."""
    output = document(40_000)
    show("parse 40,000 words", [timed(lambda: parse(output)) for _ in range(10)])
    gc.collect()
    tracemalloc.start()
    transcript = parse(output)
    parsed = tracemalloc.get_traced_memory()[0]
    transcript.between(0, 1)
    indexed = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    print(f"memory of 40,000 words: {parsed / 2**20:.1f} MB, indexed for interactive regions {indexed / 2**20:.1f} MB")


def main() -> int:
    parsing()
    return 0 if all([interactive(), segments()]) else 1


if __name__ == "__main__":
    sys.exit(main())
