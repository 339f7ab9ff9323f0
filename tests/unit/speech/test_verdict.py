from transcribe_backend.speech.alignment import Pair
from transcribe_backend.speech.verdict import judge


def pairs(human: str, *ours: str) -> list[Pair]:
    return [Pair(task, each, human) for task, each in enumerate(ours, 1)]


HUMAN = "we met Xochitl today"
WRONG, RIGHT, SPOILT = "we met so cheap today", "we met Xochitl today", "we mat so cheap to day"


def test_a_sure_improvement_is_promoted_with_its_figures():
    result = judge(pairs(HUMAN, *[WRONG] * 6), pairs(HUMAN, *[RIGHT] * 6), at_least=5)
    assert result["outcome"] == "promoted"
    assert result["reason"].startswith("Word error rate 50.0% -> 0.0% on 6 held-out tasks (p = 0.016")
    assert result["changed"] == {"better": 6, "worse": 0}
    assert result["examples"][0] == {"task": 1, "human": HUMAN, "before": WRONG, "after": RIGHT}


def test_a_gain_that_may_be_luck_is_rejected():
    before = pairs(HUMAN, WRONG, WRONG, WRONG, *[RIGHT] * 9)
    after = pairs(HUMAN, *[RIGHT] * 12)
    result = judge(before, after)
    assert result["wer"]["candidate"] < result["wer"]["champion"]
    assert result["outcome"] == "rejected" and "only 3 changed: 5 or more" in result["reason"]
    assert "About 12 more held-out tasks like these would prove it." in result["reason"]


def test_a_later_training_must_prove_more():
    before, after = pairs(HUMAN, *[WRONG] * 5), pairs(HUMAN, *[RIGHT] * 5)
    assert judge(before, after, attempt=1)["outcome"] == "promoted"
    assert judge(before, after, attempt=2)["outcome"] == "rejected"


def test_equal_errors_are_never_promoted():
    before = pairs(HUMAN, *["we met today"] * 9)
    after = pairs(HUMAN, *["we Xochitl today"] * 9)
    result = judge(before, after)
    assert result["outcome"] == "rejected" and "no gain" in result["reason"]


def test_too_few_tasks_prove_nothing():
    result = judge(pairs(HUMAN, *[WRONG] * 4), pairs(HUMAN, *[RIGHT] * 4), at_least=5)
    assert result["outcome"] == "rejected" and "4 held-out tasks" in result["reason"]


def test_ten_examples_at_most_gains_before_losses():
    before = pairs(HUMAN, *[WRONG] * 11, RIGHT, RIGHT)
    after = pairs(HUMAN, SPOILT, *[RIGHT] * 11, SPOILT)
    examples = judge(before, after)["examples"]
    assert len(examples) == 10
    assert {example["after"] for example in examples} == {RIGHT}
    assert len(judge(before[:3], after[:3])["examples"]) == 3
