"""Recognition options: what AWS takes together, and the documents it writes then."""

from typing import Any

from contract.account import Account
from contract.assumption import Seen, Test, assume
from contract.jobs import refusal, refused
from contract.recordings import LONG_SECONDS, SHORT_SECONDS, STEREO_SECONDS, speech, stereo
from transcribe_backend.speech.recognition import REDACTED_LANGUAGES, Recognition
from transcribe_backend.speech.transcript import parse

RECOGNITION, TRANSCRIPT, NAMES = "speech/recognition.py", "speech/transcript.py", "aws/names.py"
_MISSING = "NotFoundException or BadRequestException"
_BOTH = ("en-US", "es-US")


def _results(account: Account, what: str, content: bytes, wish: Recognition) -> dict[str, Any]:
    return account.transcribed(what, account.put(f"{what}.wav", content), **wish.request())


def _refused(account: Account, what: str, request: dict[str, Any]) -> tuple[str, str]:
    uri = account.put(f"{what}.wav", speech())
    return refusal(account.start, what=what, uri=uri, **request)


@assume("Speakers and channels are told apart together; each word has both labels.",
        "channel_label and speaker_label in each item", "speech/items.py", audio=STEREO_SECONDS)  # fmt: skip
def speakers_of_channels(account: Account) -> Seen:
    found = _results(account, "both", stereo(), Recognition(speakers=2, channels=True))
    words = [item for item in found["items"] if item["type"] == "pronunciation"]
    labels = sorted({(item.get("channel_label", "-"), item.get("speaker_label", "-")) for item in words})
    return Seen(" ".join("/".join(pair) for pair in labels), bool(words) and not any("-" in pair for pair in labels))


@assume("Alternatives are told by passage; their items have confidence and content themselves.",
        "results.segments[].alternatives[]", TRANSCRIPT, audio=SHORT_SECONDS)  # fmt: skip
def alternatives(account: Account) -> Seen:
    found = _results(account, "alternatives", speech(), Recognition(alternatives=2))
    item = found["segments"][0]["alternatives"][0]["items"][0]
    return Seen(f"item with {', '.join(sorted(item))}", {"confidence", "content", "start_time"} <= item.keys())


@assume("A redacted transcript has a name of its own.", "redacted-out.json in the same folder", "aws/transcripts.py",
        audio=SHORT_SECONDS)  # fmt: skip
def redacted_key(account: Account) -> Seen:
    name = account.start("redacted-key", account.put("redacted-key.wav", speech()), OutputBucketName=account.bucket,
                         OutputKey="redacted-key/out.json", **Recognition(redact=True).request())  # fmt: skip
    uri = account.ended(name)["Transcript"].get("RedactedTranscriptFileUri", "")
    return Seen(uri.partition(account.bucket)[2], uri.endswith("/redacted-key/redacted-out.json"))


def _redacts(code: str) -> Test:
    def test(account: Account) -> Seen:
        wish = Recognition(code, redact=True, redact_types=("EMAIL", "NAME"))
        found = _results(account, f"redact-{code.lower()}", speech(), wish)
        return Seen("accepted and COMPLETED", "items" in found)

    return test


for _code in REDACTED_LANGUAGES:
    assume(f"Names and e-mail addresses are redacted in {_code}.", "accepted", RECOGNITION, audio=SHORT_SECONDS)(
        _redacts(_code)
    )


@assume("Redaction is refused for other languages.", "BadRequestException", RECOGNITION)
def redaction_of_others(account: Account) -> Seen:
    request = {
        **Recognition("nl-NL").request(),
        "ContentRedaction": Recognition(redact=True).request()["ContentRedaction"],
    }
    return refused(_refused(account, "redact-nl", request), "BadRequestException")


@assume("Redaction is refused where several languages are to be found.", "BadRequestException", RECOGNITION)
def redaction_of_several(account: Account) -> Seen:
    wish = Recognition("auto", _BOTH, multilingual=True, redact=True)
    return refused(_refused(account, "redact-several", wish.request()), "BadRequestException")


@assume("The identified language is told, with candidates and scores.", "language_code and language_identification",
        TRANSCRIPT, audio=LONG_SECONDS)  # fmt: skip
def identification(account: Account) -> Seen:
    found = _results(account, "identified", speech("jfk.wav"), Recognition("auto", _BOTH))
    scores = found.get("language_identification", [])
    told = ", ".join(f"{each['code']} {each['score']}" for each in scores)
    return Seen(f"{found.get('language_code')}: {told}", found.get("language_code") == "en-US" and bool(scores))


@assume("A vocabulary filter goes with language identification: its name by language, its method in Settings.",
        "accepted", RECOGNITION, audio=LONG_SECONDS)  # fmt: skip
def filter_and_identification(account: Account) -> Seen:
    name = account.filter("filter", "en-US", "country")
    wish = Recognition("auto", _BOTH, vocabulary_filter=name)
    text = _results(account, "filtered", speech("jfk.wav"), wish)["transcripts"][0]["transcript"]
    return Seen(f"{text.count('***')} words masked", "***" in text)


@assume("A filter of another language is not applied, and nobody is told.", "accepted, nothing masked", RECOGNITION,
        audio=LONG_SECONDS)  # fmt: skip
def foreign_filter(account: Account) -> Seen:
    name = account.filter("foreign-filter", "es-US", "country")
    found = _results(account, "foreign", speech("jfk.wav"), Recognition(vocabulary_filter=name))
    text = found["transcripts"][0]["transcript"]
    return Seen("nothing masked" if "***" not in text else "masked", "***" not in text)


@assume("Several languages of one recording are told with their durations, and with each word.",
        "language_codes, and language_code in each word", "speech/items.py", audio=LONG_SECONDS)  # fmt: skip
def several_languages(account: Account) -> Seen:
    found = _results(account, "several", speech("jfk.wav"), Recognition("auto", _BOTH, multilingual=True))
    words = [item for item in found["items"] if item["type"] == "pronunciation"]
    codes = [f"{each['language_code']} {each['duration_in_seconds']} s" for each in found["language_codes"]]
    return Seen(", ".join(codes), bool(codes) and all(word.get("language_code") for word in words))


@assume("Toxic speech is told by passage: a score, scores by category, and times as numbers.",
        "toxicity_detection", "speech/findings.py", audio=SHORT_SECONDS)  # fmt: skip
def toxicity(account: Account) -> Seen:
    found = _results(account, "toxicity", speech(), Recognition(toxicity=True))
    (passage, *_) = found["toxicity_detection"]
    read = parse({"results": found}).findings
    good = {"toxicity", "categories", "start_time", "end_time"} <= passage.keys() and bool(read)
    return Seen(f"{', '.join(sorted(passage['categories']))}; toxicity {passage['toxicity']}", good)


@assume("Toxicity goes with no speakers.", "BadRequestException", RECOGNITION)
def toxicity_and_speakers(account: Account) -> Seen:
    wish = Recognition(toxicity=True, speakers=2)
    return refused(_refused(account, "toxic-speakers", wish.request()), "BadRequestException")


@assume("More than 30 speakers are refused.", "BadRequestException", RECOGNITION)
def too_many_speakers(account: Account) -> Seen:
    return refused(_refused(account, "speakers", Recognition(speakers=31).request()), "BadRequestException")


@assume("A custom language model that does not exist is refused before anything is transcribed.",
        "BadRequestException", RECOGNITION)  # fmt: skip
def missing_model(account: Account) -> Seen:
    wish = Recognition(language_model=account.name("nobody"))
    return refused(_refused(account, "no-model", wish.request()), "BadRequestException")


@assume("A vocabulary filter tells its language.", "en-US", NAMES)
def filter_language(account: Account) -> Seen:
    name = account.filter("told-words", "en-US", "heck")
    told = account.until(lambda: account.transcribe.get_vocabulary_filter(VocabularyFilterName=name), bool, 60)
    return Seen(told["LanguageCode"], told["LanguageCode"] == "en-US")


@assume("A vocabulary filter that does not exist is told by these codes.", _MISSING, NAMES)
def missing_filter(account: Account) -> Seen:
    look = account.transcribe.get_vocabulary_filter
    return _missing(refusal(look, VocabularyFilterName=account.name("nobody")))


@assume("So is a custom language model.", _MISSING, NAMES)
def missing_described_model(account: Account) -> Seen:
    return _missing(refusal(account.transcribe.describe_language_model, ModelName=account.name("nobody")))


def _missing(seen: tuple[str, str]) -> Seen:
    return Seen(": ".join(seen), seen[0] in _MISSING.split(" or "))
