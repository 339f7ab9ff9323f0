"""AWS Transcribe backend for Label Studio: speech pre-labeled with text, segments and speakers."""

__version__ = "0.2.0"
