"""The audio files below an s3:// prefix."""

from collections.abc import Iterator

from transcribe_backend.aws.clients import AWSClients, aws_errors
from transcribe_backend.errors import AudioError, AudioNotFound

_EXTENSIONS = (".mp3", ".mp4", ".wav", ".flac", ".ogg", ".amr", ".webm", ".m4a")
"""What AWS Transcribe accepts (API_StartTranscriptionJob, MediaFormat)."""


def audio_uris(clients: AWSClients, uri: str) -> list[str]:
    """`uri` itself when it is an object, else the audio files whose keys begin with it, in order of their keys.

    Raises AudioError (no s3:// URI), AudioNotFound (nothing there), AWSError.
    """
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    if not uri.startswith("s3://") or not bucket:
        raise AudioError(f"{uri} is not an s3:// URI.", remedy="Write s3://bucket/prefix or s3://bucket/key.wav.")
    keys = list(_keys(clients, bucket, prefix))
    if prefix in keys:
        return [uri]
    found = [f"s3://{bucket}/{key}" for key in keys if key.lower().endswith(_EXTENSIONS)]
    if not found:
        raise AudioNotFound(
            f"There is no audio below {uri}.",
            remedy=f"Check the prefix; files with {', '.join(_EXTENSIONS)} are found.",
        )
    return found


def _keys(clients: AWSClients, bucket: str, prefix: str) -> Iterator[str]:
    with aws_errors(f"list s3://{bucket}/{prefix}"):
        for page in clients.s3().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for found in page.get("Contents", []):
                yield found["Key"]
