"""One transcription from beginning to end: the only check that costs something."""

import io
import math
import struct
import time
import wave
from collections.abc import Iterator

from transcribe_backend.aws.bucket import Bucket
from transcribe_backend.aws.jobs import Job, TranscribeJobs, failed
from transcribe_backend.aws.media import MEDIA, Media
from transcribe_backend.aws.price import Price
from transcribe_backend.aws.transcripts import TranscriptStore
from transcribe_backend.commands.doctor.check import Finding, check, fine, unseen, wrong
from transcribe_backend.commands.doctor.patient import Patient
from transcribe_backend.settings import Settings
from transcribe_backend.speech.recognition import Recognition

_SECONDS = 2
_RATE = 16_000
_PATIENCE = 180.0


def announcement(settings: Settings) -> str:
    """What it will do and cost, to be said before."""
    price = Price(settings.price_per_minute, settings.minimum_seconds)
    dollars = price.dollars(price.billed(_SECONDS))
    return f"Transcribes a tone of {_SECONDS} seconds, which costs an estimated ${dollars:.4f}."


@check(
    "transcription",
    "a tone of two seconds is put into S3_BUCKET and transcribed",
    needs=("permissions", "bucket"),
    asked_for=True,
)
def transcription(patient: Patient) -> Finding:
    """A new recording each time, lest the transcript of the last time be found; its job is deleted."""
    if not patient.settings.s3_bucket:
        return unseen("There is no S3_BUCKET to put a recording into.")
    store = TranscriptStore(patient.clients, patient.settings)
    jobs = TranscribeJobs(patient.clients, store, patient.settings)
    begun = time.monotonic()
    job = _put(patient)
    jobs.start(job)
    try:
        state = _ended(jobs, job)
        taken = time.monotonic() - begun
        if state != "COMPLETED":
            return wrong(
                f"The job is {state} after {taken:.0f} s.",
                "Try again; AWS's status page shows whether AWS has a problem.",
            )
        if not jobs.fetch(job):
            return wrong("The job has ended, but its transcript cannot be read.", "Allow s3:GetObject on S3_FOLDER.")
    finally:
        jobs.delete(job.name, job.media.region)
    return fine(f"Done in {taken:.0f} s, and its transcript can be read.")


def _ended(jobs: TranscribeJobs, job: Job) -> str:
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        status = jobs.get(job.name, job.media.region)
        if status and status.state == "FAILED":
            raise failed(status)
        if status and status.state == "COMPLETED":
            return status.state
        time.sleep(1)
    return "not ended"


def _put(patient: Patient) -> Job:
    """The job on a tone under a name that nobody has used before."""
    bucket = Bucket(patient.clients, patient.settings, MEDIA)
    name = f"doctor-{time.time_ns()}.wav"
    bucket.write(name, _tone(), "audio/wav")
    return Job(Media(bucket.uri(name), name, bucket.region), Recognition(language="en-US"))


def _tone() -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setparams((1, 2, _RATE, 0, "NONE", ""))
        sound.writeframes(b"".join(_samples()))
    return file.getvalue()


def _samples() -> Iterator[bytes]:
    for number in range(_SECONDS * _RATE):
        yield struct.pack("<h", int(8000 * math.sin(2 * math.pi * 440 * number / _RATE)))


CHECKS = (transcription,)
