"""The model is installed with the package label-studio-aws-transcribe."""

from transcribe_backend.model import AWSTranscribe

__all__ = ["AWSTranscribe"]
