"""Pure: what AWS Transcribe heard, what we ask of it, and what annotators correct."""
