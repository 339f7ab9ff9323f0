"""Adapter to AWS: clients, media in S3, transcription jobs, custom vocabularies."""
