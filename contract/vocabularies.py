"""Custom vocabularies: what their phrases may be, how long they take, how they are named, tagged and read."""

import time

import requests

from contract.account import Account
from contract.assumption import Seen, Test, assume
from contract.jobs import refusal, refused
from contract.recordings import SHORT_SECONDS, speech
from transcribe_backend.speech.recognition import Recognition
from transcribe_backend.speech.vocabulary import Row, parse_table, table_text

VOCABULARIES, REQUESTS, PHRASES = "aws/vocabularies.py", "aws/vocabulary_requests.py", "speech/vocabulary.py"
_PATIENCE = 1800.0


def _phrase(language: str, phrase: str, state: str) -> Test:
    def test(account: Account) -> Seen:
        what = f"phrase-{language.lower()}-{phrase.encode().hex()[:12]}"
        code, message = refusal(account.vocabulary, what=what, language=language, Phrases=[phrase])
        if code:
            return Seen(f"refused: {code}: {message}", state == "FAILED" and code == "BadRequestException")
        made = account.made(account.name(what))
        return Seen(
            f"{made['VocabularyState']} {made.get('FailureReason', '')}".strip(), made["VocabularyState"] == state
        )

    return test


for _language, _said, _state in (
    ("en-US", "Los-Angeles", "READY"),
    ("en-US", "room-7", "FAILED"),
    ("en-US", "A.B.C.", "READY"),
    ("en-US", "C.E.O.-s", "READY"),
    ("en-US", "Los Angeles", "FAILED"),
    ("en-US", "caf\u00e9", "FAILED"),
    ("de-DE", "M\u00fcller", "READY"),
):
    assume(
        f"The phrase {_said!r} in {_language} makes a vocabulary {_state}.", _state, PHRASES
    )(_phrase(_language, _said, _state))  # fmt: skip


@assume("A table in S3, with DisplayAs, becomes READY within half an hour.", f"READY in {_PATIENCE:.0f} s",
        VOCABULARIES)  # fmt: skip
def table(account: Account) -> Seen:
    uri = account.put("table.txt", table_text((Row("Xochitl", "Xochitl"), Row("room-seven", "room 7"))).encode())
    begun = time.monotonic()
    made = account.made(account.vocabulary("table", "en-US", VocabularyFileUri=uri))
    seconds = time.monotonic() - begun
    good = made["VocabularyState"] == "READY" and seconds <= _PATIENCE
    return Seen(f"{made['VocabularyState']} in {seconds:.0f} s {made.get('FailureReason', '')}".strip(), good)


def _small(account: Account, what: str) -> str:
    name = account.vocabulary(what, "en-US", Phrases=["Xochitl"], Tags=[{"Key": "state", "Value": "candidate"}])
    account.made(name)
    return name


@assume("AWS gives a READY vocabulary back at an address that needs no credentials.", "the same phrases", REQUESTS)
def given_back(account: Account) -> Seen:
    made = account.made(_small(account, "given-back"))
    answer = requests.get(made["DownloadUri"], timeout=30)
    rows = parse_table(answer.content.decode())
    return Seen(
        f"{answer.status_code}: {', '.join(row.phrase for row in rows)}", [row.phrase for row in rows] == ["Xochitl"]
    )


@assume("A vocabulary's name can be had once.", "ConflictException", REQUESTS)
def taken_name(account: Account) -> Seen:
    name = _small(account, "taken")
    again = refusal(account.transcribe.create_vocabulary, VocabularyName=name, LanguageCode="en-US", Phrases=["Brecon"])
    return refused(again, "ConflictException")


@assume("Tags of a vocabulary are set and read by its ARN, of the partition of who asks.", "the new value", REQUESTS)
def tags(account: Account) -> Seen:
    name = _small(account, "tagged")
    identity = account.client("sts").get_caller_identity()
    arn = f"arn:{identity['Arn'].split(':')[1]}:transcribe:{account.region}:{identity['Account']}:vocabulary/{name}"
    account.transcribe.tag_resource(ResourceArn=arn, Tags=[{"Key": "state", "Value": "promoted"}])
    found = {each["Key"]: each["Value"] for each in account.transcribe.list_tags_for_resource(ResourceArn=arn)["Tags"]}
    return Seen(str(found), found.get("state") == "promoted")


@assume("The list finds a vocabulary by a part of its name and tells its state and language.", "READY, en-US", REQUESTS)
def listed(account: Account) -> Seen:
    name = _small(account, "listed")
    found = next(
        each for each in account.pages("list_vocabularies", "Vocabularies", NameContains=name)
        if each["VocabularyName"] == name
    )  # fmt: skip
    told = f"{found['VocabularyState']}, {found['LanguageCode']}"
    return Seen(told, told == "READY, en-US")


@assume("A deleted vocabulary is not there any more, which is told by this code.", "NotFoundException", REQUESTS)
def deleted(account: Account) -> Seen:
    name = _small(account, "deleted-words")
    account.delete("vocabulary", name)
    seen = account.until(
        lambda: refusal(account.transcribe.get_vocabulary, VocabularyName=name), lambda told: told[0], 60
    )
    return refused(seen, "NotFoundException")


@assume("A job with a vocabulary that does not exist is refused in words that name it.",
        "BadRequestException with 'ocabulary'", "aws/clients.py")  # fmt: skip
def missing(account: Account) -> Seen:
    uri = account.put("missing-words.wav", speech())
    request = Recognition(vocabulary=account.name("nobody")).request()
    return refused(refusal(account.start, what="missing-words", uri=uri, **request), "BadRequestException", "ocabulary")


@assume("A vocabulary of another language is not applied, and nobody is told.", "accepted", "speech/recognition.py",
        audio=SHORT_SECONDS)  # fmt: skip
def foreign(account: Account) -> Seen:
    name = account.vocabulary("foreign-words", "de-DE", Phrases=["Xochitl"])
    account.made(name)
    found = account.transcribed(
        "foreign-words", account.put("foreign-words.wav", speech()), **Recognition(vocabulary=name).request()
    )
    return Seen("accepted and COMPLETED", "items" in found)
