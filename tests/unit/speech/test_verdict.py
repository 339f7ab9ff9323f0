from transcribe_backend.speech.corrections import Pair
from transcribe_backend.speech.verdict import judge


def pairs(human: str, *ours: str) -> list[Pair]:
    return [Pair(task, each, human) for task, each in enumerate(ours, 1)]


HUMAN = "we met Xochitl today"
WRONG, RIGHT, SPOILT = "we met so cheap today", "we met Xochitl today", "we mat so cheap to day"


def test_a_sure_improvement_is_promoted_with_its_figures():
    result = judge(pairs(HUMAN, *[WRONG] * 6), pairs(HUMAN, *[RIGHT] * 6), ["Xochitl"], at_least=5)
    assert result["outcome"] == "promoted"
    assert result["reason"] == "Word error rate 50.0% -> 0.0% on 6 held-out tasks, 100% sure."
    assert result["key_phrases"] == {"spoken": 6, "right_before": 0, "right_after": 6}
    assert result["examples"][0] == {"task": 1, "human": HUMAN, "before": WRONG, "after": RIGHT}


def test_a_gain_that_may_be_luck_is_rejected():
    before = pairs(HUMAN, WRONG, *[RIGHT] * 9)
    after = pairs(HUMAN, *[RIGHT] * 9, "we met today")
    result = judge(before, after, ["Xochitl"])
    assert result["wer"]["candidate"] < result["wer"]["champion"]
    assert result["outcome"] == "rejected"


def test_equal_errors_but_more_phrases_right_are_promoted():
    before = pairs(HUMAN, *["we met today"] * 5)
    after = pairs(HUMAN, *["we Xochitl today"] * 5)
    assert judge(before, after, ["Xochitl"])["outcome"] == "promoted"
    assert judge(before, before, ["Xochitl"])["outcome"] == "rejected"


def test_too_few_tasks_prove_nothing():
    result = judge(pairs(HUMAN, *[WRONG] * 4), pairs(HUMAN, *[RIGHT] * 4), [], at_least=5)
    assert result["outcome"] == "rejected" and "4 held-out tasks" in result["reason"]


def test_ten_examples_at_most_gains_before_losses():
    before = pairs(HUMAN, *[WRONG] * 11, RIGHT, RIGHT)
    after = pairs(HUMAN, SPOILT, *[RIGHT] * 11, SPOILT)
    examples = judge(before, after, [])["examples"]
    assert len(examples) == 10
    assert {example["after"] for example in examples} == {RIGHT}
    assert len(judge(before[:3], after[:3], [])["examples"]) == 3
