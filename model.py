"""Where Label Studio's tools look for the model; it is written in transcribe_backend/model.py."""

from transcribe_backend.model import AWSTranscribe

__all__ = ["AWSTranscribe"]
