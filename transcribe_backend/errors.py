"""Everything that can go wrong, as types.

TranscribeBackendError          what is wrong + `remedy`: what to do; `mended`: by itself, by an operator, never
├── SettingsError               the environment
├── RequestError                a request that is not what the Label Studio protocol says (HTTP 400)
├── LabelingConfigError         the project's labeling config asks for what a transcript cannot fill
│   └── RecognitionError        recognition options that AWS Transcribe refuses
├── AudioError                  this task's audio cannot be transcribed
│   ├── AudioNotFound           it is not where the task says
│   ├── AudioForbidden          policy or permissions keep us from it
│   └── AudioUnsupported        AWS Transcribe does not accept it
├── AWSError                    AWS refuses or does not answer
│   ├── CredentialsError        no, wrong or expired credentials
│   ├── AccessDenied            the credentials lack a permission
│   ├── LimitExceeded           too many requests or jobs at once: waited out
│   ├── BucketError             S3_BUCKET is missing, elsewhere or not ours
│   ├── JobFailed               a transcription job ended as FAILED
│   └── VocabularyError         a custom vocabulary cannot be made or used
├── TranscriptError             AWS's output is not a transcript
├── StudioError                 Label Studio refuses or does not answer
│   ├── StudioUnreachable       no answer at all, 5xx or 429
│   ├── StudioDenied            401, 403
│   └── StudioNotFound          404: task, project or file is gone
├── QueueError                  the store of owed work, at QUEUE_URL or in MODEL_DIR, does not answer
├── DailyLimit                  today's audio (MAX_AUDIO_HOURS_PER_DAY) is used up
├── DiskFull                    the disk of MODEL_DIR has no room for audio
└── TrainingError               a training cannot be done
"""

import re
from enum import Enum

_LONGEST = 2000
_CUT_AUTHORITY = re.compile(r"://[^\s/?#]*$")


def clipped(text: str, most: int = _LONGEST) -> str:
    """The first `most` characters of `text`; a user:password@ that would be cut, and so not be known as one, goes."""
    return text if len(text) <= most else _CUT_AUTHORITY.sub("://", text[:most]) + "…"


class Mended(Enum):
    """What makes an error go away. Only what never does ends owed work."""

    ITSELF = "it passes by itself"
    OPERATOR = "an operator mends it, and the work goes on"
    NEVER = "it stays"


class TranscribeBackendError(Exception):
    """Base of all our errors: `str(error)` is the problem in one sentence, `remedy` what the reader should do."""

    mended = Mended.NEVER
    pause: float | None = None
    """Seconds before it makes sense to try again, where that is known."""

    def __init__(
        self, problem: str, *, remedy: str = "", retryable: bool | None = None, mended: Mended | None = None
    ) -> None:
        # What others wrote stands in these, and may be megabytes long.
        self.problem = clipped(problem)
        self.remedy = clipped(remedy)
        super().__init__(self.problem)
        if retryable is not None:
            self.mended = Mended.ITSELF if retryable else Mended.NEVER
        if mended is not None:
            self.mended = mended

    @property
    def retryable(self) -> bool:
        """May it pass by itself?"""
        return self.mended is Mended.ITSELF

    @property
    def permanent(self) -> bool:
        """Will trying again never help?"""
        return self.mended is Mended.NEVER

    @property
    def advice(self) -> str:
        """Problem and remedy as one line for a log, a page or an HTTP reason phrase."""
        return f"{self.problem} {self.remedy}".strip()


class SettingsError(TranscribeBackendError):
    """The environment holds impossible settings; the problem lists all of them."""


class RequestError(TranscribeBackendError):
    """A request that is not what the Label Studio protocol says; names the field."""


class LabelingConfigError(TranscribeBackendError):
    """The labeling config has nothing that a transcript can fill, or is not readable."""


class RecognitionError(LabelingConfigError):
    """A combination of recognition options that AWS Transcribe refuses."""


class AudioError(TranscribeBackendError):
    """This task's audio cannot be transcribed; other tasks can."""


class AudioNotFound(AudioError):
    """The audio is not where the task says."""


class AudioForbidden(AudioError):
    """A policy of ours or a permission elsewhere keeps us from the audio."""


class AudioUnsupported(AudioError):
    """AWS Transcribe does not accept this audio: format, size or length."""


class AWSError(TranscribeBackendError):
    """AWS refuses a request or does not answer."""


class CredentialsError(AWSError):
    """There are no AWS credentials, or AWS does not accept them."""

    mended = Mended.OPERATOR


class AccessDenied(AWSError):
    """The AWS credentials lack a permission."""

    mended = Mended.OPERATOR


class LimitExceeded(AWSError):
    """AWS throttles us or all job slots are taken; it passes."""

    mended = Mended.ITSELF


class BucketError(AWSError):
    """S3_BUCKET does not exist, lies in another region or belongs to somebody else."""

    mended = Mended.OPERATOR


class JobFailed(AWSError):
    """A transcription job ended as FAILED; the problem carries AWS's FailureReason."""


class VocabularyError(AWSError):
    """A custom vocabulary cannot be created, became FAILED, is over a quota, or is not there for a job."""


class TranscriptError(TranscribeBackendError):
    """AWS's output document is not a transcript we can read."""


class StudioError(TranscribeBackendError):
    """Label Studio refuses a request or does not answer."""

    detail = ""
    """What Label Studio itself said, in full; it may quote addresses, so it is for the administrator only."""


class StudioUnreachable(StudioError):
    """Label Studio does not answer, or answers 5xx or 429 (too many requests)."""

    mended = Mended.ITSELF


class StudioDenied(StudioError):
    """Label Studio does not accept our token (401) or its permissions (403)."""

    mended = Mended.OPERATOR


class StudioNotFound(StudioError):
    """What we asked Label Studio for is gone, in Label Studio's own words."""


class QueueError(TranscribeBackendError):
    """The store of owed work cannot be read or written."""

    mended = Mended.ITSELF


class DailyLimit(TranscribeBackendError):
    """MAX_AUDIO_HOURS_PER_DAY keeps an audio from being transcribed before the next day."""

    mended = Mended.ITSELF


class DiskFull(TranscribeBackendError):
    """The disk of MODEL_DIR has no room for audio on its way to S3; what is left is the store's."""

    mended = Mended.OPERATOR


class TrainingError(TranscribeBackendError):
    """A training cannot be done: too few annotations, nothing learnt, no place for a vocabulary."""
