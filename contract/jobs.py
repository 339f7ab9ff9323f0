"""Transcription jobs: names, states, lists, output, deletion."""

from collections.abc import Mapping
from typing import Any

import requests
from botocore.exceptions import ClientError

from contract.account import ENDED, Account
from contract.assumption import Seen, assume
from contract.recordings import SHORT_SECONDS, speech

_LAG = 60.0
"""Seconds that transcribing/watch.py lets AWS lag behind."""
JOBS, WATCH, TRANSCRIPTS, MEDIA = "aws/jobs.py", "transcribing/watch.py", "aws/transcripts.py", "aws/media.py"
_UNREADABLE = "S3 URI that you provided can't be accessed"
_CHECK = ".write_access_check_file.temp"


def _plain(account: Account) -> dict[str, Any]:
    """One job that several assumptions look at: what it was asked, its end, and when things were first seen."""
    found: dict[str, Any] = account.once("plain", lambda: _looked_at(account))
    return found


def _looked_at(account: Account) -> dict[str, Any]:
    key, uri = "plain/folder/out.json", account.put("plain.wav", speech())
    name = account.start("plain", uri, OutputBucketName=account.bucket, OutputKey=key)
    known = account.seconds(lambda: _known(account, name), bool, _LAG)
    listed = account.seconds(lambda: name in _listed(account, name), bool, _LAG)
    job = account.ended(name)
    readable = account.seconds(lambda: account.read(key), lambda content: content is not None, _LAG)
    shown = account.seconds(lambda: name in _listed(account, name, Status="COMPLETED"), bool, _LAG)
    return {"name": name, "uri": uri, "key": key, "job": job, "known": known, "listed": listed, "readable": readable,
            "shown": shown}  # fmt: skip


def _known(account: Account, name: str) -> bool:
    try:
        return bool(account.job(name))
    except ClientError:
        return False


def _listed(account: Account, part: str, **filters: str) -> list[str]:
    pages = account.pages("list_transcription_jobs", "TranscriptionJobSummaries", JobNameContains=part, **filters)
    return [str(job["TranscriptionJobName"]) for job in pages]


def refusal(call: Any, **request: Any) -> tuple[str, str]:
    """Code and message of a request that is refused; ("", "") when it is not."""
    try:
        call(**request)
    except ClientError as error:
        return str(error.response["Error"]["Code"]), str(error.response["Error"].get("Message", ""))
    return "", ""


def refused(seen: tuple[str, str], code: str, part: str = "") -> Seen:
    """Whether a refusal has this code, and a message with this part."""
    told, message = seen
    return Seen(f"{told}: {message}" if told else "it was accepted", told == code and part in message)


def _again(account: Account, **changes: Any) -> tuple[str, str]:
    plain = _plain(account)
    request: Mapping[str, Any] = {"Media": {"MediaFileUri": plain["uri"]}, "LanguageCode": "en-US", **changes}
    return refusal(account.transcribe.start_transcription_job, TranscriptionJobName=plain["name"], **request)


@assume("A name that is taken is refused, so that the same audio is never transcribed twice.",
        "ConflictException", JOBS, audio=SHORT_SECONDS)  # fmt: skip
def taken_name(account: Account) -> Seen:
    return refused(_again(account), "ConflictException")


@assume("So it is for other options and after the job has ended.", "ConflictException", JOBS)
def taken_name_with_other_options(account: Account) -> Seen:
    return refused(_again(account, LanguageCode="en-GB"), "ConflictException")


@assume("A job that does not exist is told by these codes.", "NotFoundException or BadRequestException", JOBS)
def unknown_job(account: Account) -> Seen:
    told, message = refusal(account.transcribe.get_transcription_job, TranscriptionJobName=account.name("nobody"))
    return Seen(f"{told}: {message}", told in ("NotFoundException", "BadRequestException"))


@assume("A job just started can be asked for within a minute.", f"at most {_LAG:.0f} s", WATCH)
def started_to_known(account: Account) -> Seen:
    return _within(_plain(account)["known"])


@assume("A job just started is in the list within a minute.", f"at most {_LAG:.0f} s", WATCH)
def started_to_listed(account: Account) -> Seen:
    return _within(_plain(account)["listed"])


@assume("A job that is COMPLETED is listed so within a minute.", f"at most {_LAG:.0f} s", WATCH)
def completed_to_listed(account: Account) -> Seen:
    return _within(_plain(account)["shown"])


@assume("The transcript of a COMPLETED job is readable within a minute.", f"at most {_LAG:.0f} s", WATCH)
def completed_to_readable(account: Account) -> Seen:
    return _within(_plain(account)["readable"])


def _within(seconds: float) -> Seen:
    return Seen(f"{seconds:.1f} s", seconds <= _LAG)


@assume("A list may filter by name before or after it is cut into pages; whoever follows NextToken sees every job.",
        "the job is found; an empty page may have a NextToken", JOBS)  # fmt: skip
def filtered_list(account: Account) -> Seen:
    name = _plain(account)["name"]
    first = account.transcribe.list_transcription_jobs(JobNameContains=name, MaxResults=1)
    empty = not first.get("TranscriptionJobSummaries") and bool(first.get("NextToken"))
    found = name in _listed(account, name)
    order = "after paging (an empty page has a NextToken)" if empty else "before paging, or nothing was in between"
    return Seen(f"{'found' if found else 'not found'}; filtered {order}", found)


@assume("The transcript is written exactly where OutputKey says, when that ends in .json.", "there", TRANSCRIPTS)
def output_key(account: Account) -> Seen:
    plain = _plain(account)
    uri = plain["job"]["Transcript"]["TranscriptFileUri"]
    there = account.read(plain["key"]) is not None and uri.endswith(f"/{account.bucket}/{plain['key']}")
    return Seen(uri.replace(account.bucket, "BUCKET"), there)


@assume("In a bucket of ours the transcript's address is not signed: it is read with our own permissions.",
        "no signature", JOBS)  # fmt: skip
def unsigned_address(account: Account) -> Seen:
    uri = _plain(account)["job"]["Transcript"]["TranscriptFileUri"]
    return Seen("no signature" if "?" not in uri else "a query string", "Signature=" not in uri)


@assume("The file by which AWS tries whether it may write lies in the folder of the output or above it, where the "
        "policy allows writing.", "beside the output, above it, or nowhere", "deploy/iam-policy.json")  # fmt: skip
def access_check_file(account: Account) -> Seen:
    _plain(account)
    keys = [each["Key"] for each in account.s3.list_objects_v2(Bucket=account.bucket, Prefix="").get("Contents", [])]
    found = [key.removesuffix(_CHECK) or "/" for key in keys if key.endswith(_CHECK)]
    good = {"plain/folder/", "plain/"}
    ours = [folder for folder in found if folder.startswith("plain")]
    return Seen(", ".join(ours) or ("elsewhere: " + ", ".join(found) if found else "nowhere"), set(ours) <= good)


@assume("Without a bucket of ours the transcript has a signed address, which needs no credentials.",
        "readable by a plain GET", JOBS, audio=SHORT_SECONDS)  # fmt: skip
def service_bucket(account: Account) -> Seen:
    job = account.ended(account.start("service-bucket", account.put("service-bucket.wav", speech())))
    uri = str(job["Transcript"]["TranscriptFileUri"])
    signed = "X-Amz-Signature=" in uri or "Signature=" in uri
    status = account.until(lambda: requests.get(uri, timeout=30).status_code, lambda code: code == 200, _LAG)
    return Seen(f"{'signed' if signed else 'not signed'}, GET answers {status}", signed and status == 200)


@assume("A deleted job frees its name within a minute.", f"at most {_LAG:.0f} s", "commands/retry.py",
        audio=SHORT_SECONDS)  # fmt: skip
def deleted_job(account: Account) -> Seen:
    name = account.start("deleted", account.put("deleted.wav", speech()))
    account.ended(name)
    account.delete("job", name)
    return _within(account.seconds(lambda: _known(account, name), lambda known: not known, _LAG))


@assume("Audio in another region is refused: it has to be copied first.", "BadRequestException", MEDIA)
def other_region(account: Account) -> Seen:
    far = "us-west-2" if account.region != "us-west-2" else "us-east-1"
    uri = account.put("far.wav", speech())
    start = account.client("transcribe", far).start_transcription_job
    request: Any = {"Media": {"MediaFileUri": uri}, "LanguageCode": "en-US"}
    return refused(refusal(start, TranscriptionJobName=account.name("far"), **request), "BadRequestException", "region")


@assume("Audio that is not there, or may not be read, is told in these words, at once or when the job has FAILED.",
        f"BadRequestException or FAILED: … {_UNREADABLE} …", JOBS)  # fmt: skip
def missing_audio(account: Account) -> Seen:
    code, told = refusal(account.start, what="missing", uri=f"s3://{account.bucket}/nobody.wav")
    if not code:
        code, told = "FAILED", str(account.ended(account.name("missing")).get("FailureReason"))
    return Seen(f"{code}: {told}", code in ("BadRequestException", "FAILED") and _UNREADABLE in told)


@assume("These are all the states of a job.", ", ".join(("QUEUED", "IN_PROGRESS", *ENDED)), WATCH)
def states(account: Account) -> Seen:
    shape = account.transcribe.meta.service_model.shape_for("TranscriptionJobStatus")
    return Seen(", ".join(shape.enum), set(shape.enum) == {"QUEUED", "IN_PROGRESS", *ENDED})
