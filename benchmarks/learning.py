"""`python -m benchmarks.learning [--seeds 1-10] [--annotators careful,habits,…]`: do corrections help?

Ten vocabularies of invented names (`benchmarks.invented`), a real Label Studio, and the stand-in with Whisper in the
place of AWS: what is shown is the whole way of a correction, not how much AWS gains. Each project has 78 tasks, all
corrected, and one training. Printed is every project, whatever came of it. Needs espeak-ng; an hour on two cores.
"""

import argparse
import json
import statistics
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.invented import Annotator, habits, names, speak
from harness.protocol import SPEECH_RECOGNITION, newest_prediction
from harness.scene import AUDIO, OUTPUT, RealScene, real_scene
from harness.transcripts import text_of
from harness.waiting import wait_until
from transcribe_backend.speech.lexicon import most_frequent
from transcribe_backend.speech.normalize import tokenize
from transcribe_backend.speech.wer import rate, score

_PATIENCE = 1800.0
_JUNK = 20_000
GAINERS, NOISE = ("careful", "habits"), ("shuffled", "misplaced")


@dataclass(frozen=True)
class Outcome:
    """One project; word error rates (0..1) of the stored predictions of its held-out tasks against what was said."""

    annotator: str
    seed: int
    outcome: str
    before: float
    after: float
    rows: tuple[str, ...]
    reason: str

    @property
    def gain(self) -> float:
        """By how much of itself the word error rate fell; 0 where nothing was promoted."""
        return 1 - self.after / self.before if self.before else 0.0

    def found(self) -> int:
        """How many of the invented names it has learnt."""
        return len(set(self.rows) & set(names(self.seed)))

    def junk(self) -> list[str]:
        """Rows that hold one of the 20,000 most frequent words of English."""
        common = most_frequent("en-US", _JUNK)
        return [row for row in self.rows if common.intersection(tokenize(row).words())]


def annotated(made: RealScene, said: Mapping[str, str], title: str, write: Annotator) -> int:
    """A project with all recordings, predicted and corrected."""
    studio = made.studio
    project = studio.create_project(title, SPEECH_RECOGNITION)
    studio.connect_backend(project, made.url)
    studio.import_tasks(project, [{"audio": f"s3://{AUDIO}/{file}", "file": file} for file in said])
    studio.retrieve_predictions(project)
    wait_until(lambda: all(newest_prediction(task) for task in studio.tasks(project)), _PATIENCE, "all predicted", 1.0)
    for task in studio.tasks(project):
        value = {"text": [write(said[task["data"]["file"]])]}
        result = {"from_name": "transcription", "to_name": "audio", "type": "textarea", "value": value}
        studio.call("POST", f"/api/tasks/{task['id']}/annotations", json={"result": [result]})
    return project


def trained(made: RealScene, project: int) -> dict[str, Any]:
    """Settings > Model > Start Training, and the report."""
    studio = made.studio
    studio.call("POST", f"/api/ml/{studio.backends(project)[0]['id']}/train")
    reports = made.folder / "model" / "reports"
    path: Path = wait_until(
        lambda: next(iter(reports.glob(f"p{project}.*.json")), None), _PATIENCE, "it is trained", 0.5
    )
    report: dict[str, Any] = json.loads(path.read_text())
    return report


def error_rate(made: RealScene, project: int, said: Mapping[str, str], tasks: set[int]) -> float:
    """Word error rate of the newest predictions against what was said."""
    found = [task for task in made.studio.tasks(project) if task["id"] in tasks]
    return rate(
        [score(said[task["data"]["file"]], text_of(newest_prediction(task) or {"result": []})) for task in found]
    )


def retrieved(made: RealScene, project: int, tasks: set[int]) -> None:
    """Data Manager > select > Retrieve Predictions, and the new version of each is there."""
    studio = made.studio
    query = {"id": "retrieve_tasks_predictions", "project": project}
    selection = {"selectedItems": {"all": False, "included": sorted(tasks)}}
    studio.call("POST", "/api/dm/actions", params=query, json=selection)

    def renewed() -> bool:
        newest = [newest_prediction(task) for task in studio.tasks(project) if task["id"] in tasks]
        return all("+v" in prediction["model_version"] for prediction in newest if prediction)

    wait_until(renewed, _PATIENCE, "all are predicted anew", 1.0)


def rows(made: RealScene, name: str) -> tuple[str, ...]:
    """What a vocabulary displays."""
    key = f"label-studio-transcribe/vocabularies/{name}.txt"
    table = made.aws.s3.get_object(Bucket=OUTPUT, Key=key)["Body"].read().decode()
    cells = (line.split("\t") for line in table.splitlines()[1:])
    return tuple(each[3] or each[0] for each in cells)


def measured(made: RealScene, said: Mapping[str, str], annotator: str, seed: int, write: Annotator) -> Outcome:
    """One project from import to verdict."""
    project = annotated(made, said, f"{annotator} {seed}", write)
    report = trained(made, project)
    held_out = set(report["held_out"])
    before = after = error_rate(made, project, said, held_out)
    promoted = report["outcome"] == "promoted"
    if promoted:
        retrieved(made, project, held_out)
        after = error_rate(made, project, said, held_out)
    learnt = rows(made, report["vocabulary"]) if promoted else ()
    return Outcome(annotator, seed, report["outcome"], before, after, learnt, report["reason"])


def shown(outcome: Outcome) -> str:
    """One line, and what was learnt."""
    figures = f"{outcome.before:6.1%} -> {outcome.after:6.1%} ({-outcome.gain:+.0%})"
    learnt = f"{outcome.found()} of 6 names; rows: {', '.join(outcome.rows) or 'none'}"
    return (
        f"{outcome.annotator:<10} {outcome.seed:>4}  {outcome.outcome:<12} {figures}  {learnt}\n{'':17}{outcome.reason}"
    )


def verdicts(outcomes: Sequence[Outcome]) -> Iterator[tuple[str, bool]]:
    """What was promised, and whether it holds."""
    for annotator in dict.fromkeys(each.annotator for each in outcomes):
        some = [each for each in outcomes if each.annotator == annotator]
        promoted = [each for each in some if each.outcome == "promoted"]
        if annotator in NOISE:
            yield f"{annotator}: {len(promoted)} of {len(some)} promoted (none may be)", not promoted
            continue
        gain, junk = statistics.median(each.gain for each in some), [row for each in some for row in each.junk()]
        yield f"{annotator}: {len(promoted)} of {len(some)} promoted (8 of 10)", len(promoted) >= 0.8 * len(some)
        yield f"{annotator}: word error rate falls by {gain:.0%} in the median (20 %)", gain >= 0.2
        yield f"{annotator}: junk rows: {', '.join(junk) or 'none'} (none)", not junk


def _seeds(text: str) -> list[int]:
    first, _, last = text.partition("-")
    return list(range(int(first), int(last or first) + 1))


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.learning")
    parser.add_argument("--seeds", type=_seeds, default=_seeds("1-10"))
    parser.add_argument("--annotators", type=lambda text: text.split(","), default=[*GAINERS, *NOISE])
    chosen = parser.parse_args(arguments)
    annotators: dict[str, Callable[[int], Annotator]] = dict(habits())
    outcomes = []
    with real_scene("--recognizer", "whisper") as made, made.server():
        for seed in chosen.seeds:
            folder = made.folder / f"audio-{seed}"
            folder.mkdir()
            said = {utterance.file: utterance.text for utterance in speak(seed, folder)}
            for file in said:
                made.aws.s3.upload_file(str(folder / file), AUDIO, file)
            for annotator in chosen.annotators:
                outcomes.append(measured(made, said, annotator, seed, annotators[annotator](seed)))
                print(shown(outcomes[-1]), flush=True)
    kept = list(verdicts(outcomes))
    for what, is_kept in kept:
        print(f"{'PASS' if is_kept else 'FAIL'}  {what}")
    return 0 if all(is_kept for _, is_kept in kept) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
