"""Recognitions as the JSON that AWS Transcribe writes (as of 2025: item ids, audio segments, numbers as text)."""

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from local_aws.recognizers import Recognition, Word
from local_aws.storage import ACCOUNT

Json = dict[str, Any]

_ENDING = re.compile(r"[.,?!]*$")
_LANGUAGE_SCORE = 0.9883
_REDACTED = "[PII]"
_PII_CONFIDENCE = "0.9999"
_TOXIC = ("profanity", "hate_speech", "sexual", "insult", "violence_or_threat", "graphic", "harassment_or_abuse")
_HARMLESS = 0.0016
"""The score of a category that nobody would call toxic."""


@dataclass(frozen=True, slots=True)
class _Spoken:
    """A word of one channel and the items made of it."""

    word: Word
    channel: int
    items: tuple[Json, ...]


@dataclass(frozen=True, slots=True)
class Filter:
    """A vocabulary filter: which words, and what happens to them (mask, remove or tag)."""

    words: Collection[str]
    method: str

    def matches(self, word: Word) -> bool:
        """Is the word, apart from case and punctuation, one of the filtered ones?"""
        return _bare(word).lower() in self.words

    def masked(self, words: Iterable[Word]) -> Iterator[Word]:
        """The words with the filtered ones masked or removed."""
        for word in words:
            if self.method == "tag" or not self.matches(word):
                yield word
            elif self.method == "mask":
                yield replace(word, text="***" + word.text[len(_bare(word)) :])


def language(request: Mapping[str, Any]) -> str:
    """The language of the transcript: the requested one, or the English one among those that are to be told apart."""
    options = request.get("LanguageOptions") or []
    english = [code for code in options if code.startswith("en-")]
    return str(request.get("LanguageCode") or next(iter(english), "en-US"))


def document(name: str, results: Mapping[str, Any], *, redacted: bool = False) -> bytes:
    """The whole output file of a job."""
    marks = {"isRedacted": True} if redacted else {}
    body = {"jobName": name, "accountId": ACCOUNT, "status": "COMPLETED", **marks, "results": results}
    return json.dumps(body, ensure_ascii=False).encode()


def redacted(request: Mapping[str, Any], recognition: Recognition, filter: Filter | None = None) -> Json:
    """The `results` object of the redacted twin of a job's output."""
    types = (request.get("ContentRedaction") or {}).get("PiiEntityTypes") or ["ALL"]
    channels = tuple(tuple(_without_pii(words, types)) for words in recognition.channels)
    readings = tuple(tuple(_without_pii(words, types)) for words in recognition.readings)
    return results(request, replace(recognition, channels=channels, readings=readings), filter)


def _without_pii(words: Iterable[Word], types: Collection[str]) -> Iterator[Word]:
    """Words that follow each other and are of one type become one `[PII]`."""
    for pii, group in groupby(words, key=lambda word: word.pii):
        run = list(group)
        if pii and (pii in types or "ALL" in types):
            ending = run[-1].text[len(_bare(run[-1])) :]
            yield replace(run[0], text=_REDACTED + ending, end=run[-1].end)
        else:
            yield from run


def results(request: Mapping[str, Any], recognition: Recognition, filter: Filter | None = None) -> Json:
    """The `results` object of a job's output."""
    if recognition.verbatim is not None:
        return dict(recognition.verbatim)
    settings = request.get("Settings") or {}
    spoken = _spoken(recognition, request, filter)
    items = [item for one in spoken for item in one.items]
    if not items:
        return _silence(request, recognition, settings)
    return {
        **_languages(request, recognition),
        "transcripts": [{"transcript": _joined(items)}],
        **_channel_labels(settings, spoken, len(recognition.channels)),
        **_speaker_labels(settings, spoken),
        "items": items,
        "audio_segments": _audio_segments(settings, spoken),
        **_alternatives(settings, recognition, filter),
        **_toxicity(request, spoken),
    }


def _silence(request: Mapping[str, Any], recognition: Recognition, settings: Mapping[str, Any]) -> Json:
    return {
        "language_code": language(request),
        **_languages(request, recognition),
        "transcripts": [{"transcript": ""}],
        **_channel_labels(settings, [], len(recognition.channels)),
        "speaker_labels": None,
        "items": [],
        "audio_segments": [],
        **_toxicity(request, []),
    }


def _spoken(recognition: Recognition, request: Mapping[str, Any], filter: Filter | None) -> list[_Spoken]:
    """All words in order of time, whatever their channel, each with its numbered items."""
    words = [
        (word, channel)
        for channel, words in enumerate(recognition.channels)
        for word in (filter.masked(words) if filter else words)
    ]
    spoken: list[_Spoken] = []
    number = 0
    for word, channel in sorted(words, key=lambda pair: (pair[0].start, pair[1])):
        labels = {**_labels(request.get("Settings") or {}, word, channel), **_language_code(request, word)}
        items = tuple({"id": number + n, **item, **labels} for n, item in enumerate(_items(word, filter)))
        number += len(items)
        spoken.append(_Spoken(word, channel, items))
    return spoken


def _items(word: Word, filter: Filter | None = None) -> Iterator[Json]:
    """The word as a pronunciation item, and its punctuation as one item each."""
    content = _bare(word)
    if content:
        yield {
            "type": "pronunciation",
            "alternatives": [{**_certainty(word, content), "content": content}],
            **_times(word.start, word.end),
            **({"vocabularyFilterMatch": filter.matches(word)} if filter and filter.method == "tag" else {}),
        }
    for mark in word.text[len(content) :]:
        yield {"type": "punctuation", "alternatives": [{"confidence": "0.0", "content": mark}]}


def _certainty(word: Word, content: str) -> Json:
    """How sure AWS is: of the word, or, where it is not told, of what was redacted."""
    if content != _REDACTED:
        return {"confidence": _number(word.confidence)}
    return {"redactions": [{"confidence": _PII_CONFIDENCE, "type": word.pii, "category": "PII"}]}


def _bare(word: Word) -> str:
    """Without the punctuation that follows it."""
    return _ENDING.sub("", word.text)


def _labels(settings: Mapping[str, Any], word: Word, channel: int) -> Json:
    """Together, the speakers of each channel are numbered anew: only both labels say who it is."""
    labels = {}
    if settings.get("ChannelIdentification"):
        labels["channel_label"] = f"ch_{channel}"
    if settings.get("ShowSpeakerLabels"):
        labels["speaker_label"] = f"spk_{word.speaker}"
    return labels


def _language_code(request: Mapping[str, Any], word: Word) -> Json:
    return {"language_code": word.language or language(request)} if request.get("IdentifyMultipleLanguages") else {}


def _joined(items: Iterable[Json]) -> str:
    text = ""
    for item in items:
        space = " " if text and item["type"] == "pronunciation" else ""
        text += space + _content(item)
    return text


def _content(item: Json) -> str:
    return str(item["alternatives"][0]["content"])


def _channel_labels(settings: Mapping[str, Any], spoken: Sequence[_Spoken], count: int) -> Json:
    if not settings.get("ChannelIdentification"):
        return {}
    channels = [
        {
            "channel_label": f"ch_{channel}",
            "items": [item for one in spoken if one.channel == channel for item in one.items],
        }
        for channel in range(count)
    ]
    return {"channel_labels": {"channels": channels, "number_of_channels": count}}


def _speaker_labels(settings: Mapping[str, Any], spoken: Sequence[_Spoken]) -> Json:
    if not settings.get("ShowSpeakerLabels"):
        return {}
    segments = [_speaker_segment(settings, turn) for turn in _segments(spoken)]
    speakers = len({one.word.speaker for one in spoken})
    return {"speaker_labels": {"segments": segments, "channel_label": "ch_0", "speakers": speakers}}


def _speaker_segment(settings: Mapping[str, Any], turn: Sequence[_Spoken]) -> Json:
    label = _labels(settings, turn[0].word, turn[0].channel)
    items = [{**_times(one.word.start, one.word.end), **label} for one in turn]
    return {**_times(turn[0].word.start, turn[-1].word.end), **label, "items": items}


def _audio_segments(settings: Mapping[str, Any], spoken: Sequence[_Spoken]) -> list[Json]:
    segments = []
    for number, turn in enumerate(_segments(spoken)):
        items = [item for one in turn for item in one.items]
        segments.append(
            {
                "id": number,
                "transcript": _joined(items),
                **_times(turn[0].word.start, turn[-1].word.end),
                **_labels(settings, turn[0].word, turn[0].channel),
                "items": [item["id"] for item in items],
            }
        )
    return segments


def _segments(spoken: Iterable[_Spoken]) -> list[list[_Spoken]]:
    """Words of one channel and speaker up to the end of a sentence, in order of time."""
    segments: list[list[_Spoken]] = []
    by_channel = sorted(spoken, key=lambda one: one.channel)
    for _, turn in groupby(by_channel, key=lambda one: (one.channel, one.word.speaker)):
        segments.append([])
        for one in turn:
            if segments[-1] and segments[-1][-1].word.text[-1] in ".?!":
                segments.append([])
            segments[-1].append(one)
    return sorted(segments, key=lambda segment: segment[0].word.start)


def _alternatives(settings: Mapping[str, Any], recognition: Recognition, filter: Filter | None) -> Json:
    if not settings.get("ShowAlternatives"):
        return {}
    readings = (recognition.channels[0], *recognition.readings)
    readings = tuple(tuple(filter.masked(words)) if filter else words for words in readings)
    best = [[one.word for one in turn] for turn in _segments(_Spoken(word, 0, ()) for word in readings[0])]
    limit = int(settings.get("MaxAlternatives", 2))
    return {"segments": [_alternative_segment(words, readings[1:], limit) for words in best]}


def _alternative_segment(best: Sequence[Word], others: Iterable[Sequence[Word]], limit: int) -> Json:
    start, end = best[0].start, best[-1].end
    within = [[word for word in words if start <= (word.start + word.end) / 2 <= end] for words in others]
    alternatives: list[Json] = []
    for words in [best, *within]:
        items = [item for word in words for item in _items(word)]
        transcript = _joined(items)
        if items and transcript not in [known["transcript"] for known in alternatives]:
            alternatives.append({"transcript": transcript, "items": [_flat(item) for item in items]})
    return {**_times(start, end), "alternatives": alternatives[:limit]}


def _flat(item: Json) -> Json:
    """An item of an alternative carries its confidence and content itself."""
    return {**{name: value for name, value in item.items() if name != "alternatives"}, **item["alternatives"][0]}


def _languages(request: Mapping[str, Any], recognition: Recognition) -> Json:
    code = language(request)
    if request.get("IdentifyMultipleLanguages"):
        return {"language_codes": _durations(code, recognition)}
    if not request.get("IdentifyLanguage"):
        return {}
    others = [option for option in request.get("LanguageOptions") or ["en-GB", "de-DE"] if option != code]
    share = (1 - _LANGUAGE_SCORE) / len(others)
    scores = [{"score": f"{_LANGUAGE_SCORE:.4f}", "code": code}]
    scores += [{"score": f"{share:.4f}", "code": option} for option in others]
    return {"language_code": code, "language_identification": scores}


def _durations(code: str, recognition: Recognition) -> list[Json]:
    """How long each language is spoken, in the order of their first words."""
    seconds: dict[str, float] = {}
    for word in sorted((word for words in recognition.channels for word in words), key=lambda word: word.start):
        spoken = word.language or code
        seconds[spoken] = seconds.get(spoken, 0.0) + word.end - word.start
    return [{"language_code": each, "duration_in_seconds": round(total, 2)} for each, total in seconds.items()]


def _toxicity(request: Mapping[str, Any], spoken: Iterable[_Spoken]) -> Json:
    """Scores of each sentence (AWS Transcribe developer guide, "Using toxic speech detection"): numbers, not text."""
    if not request.get("ToxicityDetection"):
        return {}
    return {"toxicity_detection": [_toxic_segment(turn) for turn in _segments(spoken)]}


def _toxic_segment(turn: Sequence[_Spoken]) -> Json:
    categories = {name: max(one.word.toxicity.get(name, _HARMLESS) for one in turn) for name in _TOXIC}
    return {
        "text": _joined(item for one in turn for item in one.items),
        "toxicity": max(categories.values()),
        "categories": categories,
        "start_time": turn[0].word.start,
        "end_time": turn[-1].word.end,
    }


def _times(start: float, end: float) -> Json:
    return {"start_time": f"{start:.3f}", "end_time": f"{end:.3f}"}


def _number(confidence: float) -> str:
    """AWS writes three decimals; never 0 or 1, which no recognizer can honestly say."""
    return f"{min(0.999, max(0.001, confidence)):.3f}"
