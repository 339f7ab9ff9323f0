"""How a region shows that its text is ours: by the decimals of its score.

Label Studio keeps a text's score with its region, through the editor and into the annotation, and shows two decimals of
it. Four are the confidence; those behind them are fingerprints of the text and of the region's bounds. So a region
tells by itself, without any memory of ours, whether somebody has touched its text or moved its edges since.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

from transcribe_backend.labeling.results import Result, rounded
from transcribe_backend.speech.items import number

_CONFIDENCE, _TEXT, _BOUNDS = 10**4, 10**6, 10**4
_ALL = _CONFIDENCE * _TEXT * _BOUNDS  # 14 decimals, which a double holds
_HIGHEST = 0.9999


def sealed(text: Result, confidence: float | None) -> Result:
    """A region's text result with its score; without a confidence it has none, and is not told from a human's."""
    if confidence is None:
        return text
    digits = round(min(rounded(confidence), _HIGHEST) * _CONFIDENCE)
    return {**text, "score": ((digits * _TEXT + _of_text(text["value"])) * _BOUNDS + _of_bounds(text["value"])) / _ALL}


def is_ours(text: Mapping[str, Any]) -> bool:
    """Does this text result hold exactly what we filled in?"""
    digits = _digits(text)
    return digits >= 0 and digits // _BOUNDS % _TEXT == _of_text(text["value"])


def has_moved(text: Mapping[str, Any]) -> bool:
    """Has this text result other bounds than we filled it for?"""
    return _digits(text) % _BOUNDS != _of_bounds(text["value"])


def _digits(text: Mapping[str, Any]) -> int:
    score = text.get("score")
    return round(score * _ALL) if isinstance(score, float) and 0 < score < 1 else -1


def _of_text(value: Mapping[str, Any]) -> int:
    return _fingerprint(repr(value.get("text")), _TEXT)


def _of_bounds(value: Mapping[str, Any]) -> int:
    """To the millisecond, as we give them; the editor computes with them."""
    bounds = [number(value[name]) for name in ("start", "end") if name in value]
    return _fingerprint(repr([bound if bound is None else round(bound, 3) for bound in bounds]), _BOUNDS)


def _fingerprint(content: str, size: int) -> int:
    return int.from_bytes(hashlib.blake2s(content.encode(errors="replace"), digest_size=6).digest(), "big") % size
