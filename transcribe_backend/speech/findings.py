"""What AWS points out beside the words: places of personal data, and of toxic speech."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from transcribe_backend.speech.items import channel_number, content, member, objects, score, seconds

# PiiEntityType of StartTranscriptionJob (checked in a test against botocore's service model).
_ENTITIES = """
    BANK_ACCOUNT_NUMBER BANK_ROUTING CREDIT_DEBIT_NUMBER CREDIT_DEBIT_CVV CREDIT_DEBIT_EXPIRY PIN EMAIL ADDRESS NAME
    PHONE SSN DATE_TIME PASSPORT_NUMBER DRIVER_ID URL AGE USERNAME PASSWORD AWS_ACCESS_KEY AWS_SECRET_KEY IP_ADDRESS
    MAC_ADDRESS LICENSE_PLATE VEHICLE_IDENTIFICATION_NUMBER US_INDIVIDUAL_TAX_IDENTIFICATION_NUMBER CA_HEALTH_NUMBER
    CA_SOCIAL_INSURANCE_NUMBER INTERNATIONAL_BANK_ACCOUNT_NUMBER SWIFT_CODE
"""
ENTITIES = frozenset(_ENTITIES.split())
"""The types of personal data that AWS tells apart."""
_CATEGORIES = "profanity hate_speech sexual insult violence_or_threat graphic harassment_or_abuse"
TOXIC = frozenset({"toxic", *_CATEGORIES.split()})
"""The categories of toxic speech (docs.aws.amazon.com/transcribe/latest/dg/toxicity-output.html); "toxic" is any."""


@dataclass(frozen=True, slots=True)
class Finding:
    """From `start` to `end` seconds: what it is, as `predicted_values` name it, each with AWS's score 0..1."""

    start: float
    end: float
    scores: tuple[tuple[str, float], ...]
    channel: int | None = None

    def score(self, names: tuple[str, ...]) -> float | None:
        """The highest score of these names; None where it is none of them."""
        return max((score for name, score in self.scores if name in names), default=None)


def findings(results: Mapping[str, Any]) -> tuple[Finding, ...]:
    """All that AWS's `results` point out, in order of time."""
    found = [*_entities(results), *_toxic(results)]
    return tuple(sorted(found, key=lambda finding: finding.start))


def _entities(results: Mapping[str, Any]) -> Iterator[Finding]:
    """A redacted place is one item, whose alternative says what was there."""
    for item in objects(results.get("items")):
        scores = tuple(
            (str(each.get("type")).lower(), score(each.get("confidence")) or 0.0)
            for each in objects(content(item).get("redactions"))
        )
        if scores:
            yield from _finding(item, scores)


def _toxic(results: Mapping[str, Any]) -> Iterator[Finding]:
    for segment in objects(results.get("toxicity_detection")):
        categories = member(segment, "categories") or {}
        scores = {"toxic": segment.get("toxicity"), **(categories if isinstance(categories, dict) else {})}
        yield from _finding(segment, tuple((name, score(value) or 0.0) for name, value in scores.items()))


def _finding(place: Mapping[str, Any], scores: tuple[tuple[str, float], ...]) -> Iterator[Finding]:
    start, end = seconds(place.get("start_time")), seconds(place.get("end_time"))
    if start is not None and end is not None:
        yield Finding(start, max(start, end), scores, channel_number(place.get("channel_label")))
