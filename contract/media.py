"""Media that cannot be transcribed: each kind ends as FAILED, or is refused, with a reason."""

from contract.account import Account
from contract.assumption import Seen, Test, assume
from contract.jobs import refusal
from contract.recordings import BAD, LONG_SECONDS, SHORT_SECONDS, silence, speech


def _bad(kind: str, content: bytes) -> Test:
    def test(account: Account) -> Seen:
        uri, name = account.put(f"bad/{kind}", content), f"bad-{kind}"
        code, message = refusal(account.start, what=name, uri=uri)
        if code:
            return Seen(f"refused: {code}: {message}", code == "BadRequestException")
        job = account.ended(account.name(name))
        return Seen(
            f"{job['TranscriptionJobStatus']}: {job.get('FailureReason', 'no reason')}",
            job["TranscriptionJobStatus"] == "FAILED" and bool(job.get("FailureReason")),
        )

    return test


for _kind, _content in BAD.items():
    assume(
        f"Media that is {_kind.replace('-', ' ')} ends as FAILED with a reason that says so.",
        "FAILED (or refused) with a reason", "aws/jobs.py (failed)", audio=1.0, jobs=1,
    )(_bad(_kind, _content))  # fmt: skip


@assume("Silence is no failure: it has an empty transcript.", "COMPLETED, no items", "speech/transcript.py", audio=1.0)
def silent(account: Account) -> Seen:
    results = account.transcribed("silent", account.put("silent.wav", silence(1)))
    text = results["transcripts"][0]["transcript"]
    return Seen(f"transcript {text!r}, {len(results['items'])} items", not results["items"])


@assume("A format that is named wrongly is a failure: the backend names none.", "FAILED", "aws/jobs.py (_request)",
        audio=SHORT_SECONDS)  # fmt: skip
def wrong_format(account: Account) -> Seen:
    job = account.ended(account.start("wrong-format", account.put("wrong-format", speech()), MediaFormat="flac"))
    return Seen(
        f"{job['TranscriptionJobStatus']}: {job.get('FailureReason')}", job["TranscriptionJobStatus"] == "FAILED"
    )


@assume("Words have a start, an end and a confidence as text; marks have no times.", "all of them", "speech/items.py",
        audio=LONG_SECONDS)  # fmt: skip
def items(account: Account) -> Seen:
    found = account.transcribed("items", account.put("items.wav", speech("jfk.wav")))["items"]
    words = [item for item in found if item["type"] == "pronunciation"]
    marks = [item for item in found if item["type"] == "punctuation"]
    timed = all(isinstance(word["start_time"], str) and isinstance(word["end_time"], str) for word in words)
    sure = all(isinstance(word["alternatives"][0]["confidence"], str) for word in words)
    untimed = not any("start_time" in mark for mark in marks)
    return Seen(
        f"{len(words)} words, {len(marks)} marks, {sorted(words[0])}", bool(words) and timed and sure and untimed
    )
