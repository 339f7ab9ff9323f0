"""Regions of what AWS points out beside the words: personal data, toxic speech."""

from collections.abc import Iterator, Sequence

from transcribe_backend.labeling import results
from transcribe_backend.labeling.controls import Labels, Option
from transcribe_backend.labeling.results import Result
from transcribe_backend.speech.findings import TOXIC, Finding
from transcribe_backend.speech.recognition import Recognition

# AWS scores all speech; "from 0 to 1, a larger value is a higher likelihood", and from here on it is rather toxic.
_TOXIC_FROM = 0.5


def found(control: Labels, asked: Recognition, findings: Sequence[Finding]) -> Iterator[Result]:
    """A region for each place that some label of the control stands for, with AWS's score."""
    options = control.findings(asked.finds)
    for finding in findings if options else ():
        scores = _scores(finding, options, control.multiple)
        if scores:
            where = results.bounds(control, round(finding.start, 3), round(finding.end, 3), finding.channel)
            label = results.region_label(control, where, list(scores))
            identity = results.region_id(control.name, finding.channel, f"{finding.start:.3f}", *scores)
            yield {"id": identity, **results.scored(label, max(scores.values()))}


def _scores(finding: Finding, options: Sequence[Option], multiple: bool) -> dict[str, float]:
    """The labels that fit, the surest first, with their scores; one, where the control takes no more."""
    known = ((option, finding.score(option.names)) for option in options)
    fitting = {option.value: score for option, score in known if score is not None and score >= _least(option)}
    general = {option.value for option in options if "toxic" in option.names}
    ranked = sorted(fitting, key=lambda value: (-fitting[value], value in general))
    return {value: fitting[value] for value in ranked[: None if multiple else 1]}


def _least(option: Option) -> float:
    return 0.0 if TOXIC.isdisjoint(option.names) else _TOXIC_FROM
