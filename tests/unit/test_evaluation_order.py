"""Which held-out tasks an evaluation can afford."""

from transcribe_backend.aws.media import Media
from transcribe_backend.labeling.annotations import Passage
from transcribe_backend.learning.evaluation import Trial, by_turns, within
from transcribe_backend.learning.evidence import Sample


def sample(task: int, text: str, seconds: float = 10.0) -> Sample:
    return Sample(task, Media(f"s3://b/{task}", f"s3://b/{task}#1", "r"), (Passage(text, 0.0, seconds),), None)


SAMPLES = [sample(task, "we met Xochitl" if task % 4 else "we met") for task in range(100)]


def test_tasks_with_and_without_a_phrase_take_turns_the_oldest_not_first() -> None:
    ordered = by_turns(SAMPLES, ["Xochitl"])
    assert [each.task % 4 == 0 for each in ordered[:50]] == [False, True] * 25
    assert sorted(each.task for each in ordered) == list(range(100))
    assert any(each.task > 50 for each in ordered[:10]) and any(each.task < 50 for each in ordered[:10])


def test_no_more_than_can_be_afforded() -> None:
    trials = [Trial(each, 0, runs=2, seconds=15) for each in SAMPLES]
    assert len(within(trials, ["Xochitl"], 300)) == 10
    long = [Trial(sample(1, "we met"), 0, runs=1, seconds=400), *trials[2:]]
    assert 1 not in {trial.sample.task for trial in within(long, ["Xochitl"], 300)}
