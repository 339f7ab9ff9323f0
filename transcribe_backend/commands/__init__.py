"""The commands of `python -m transcribe_backend`, one module each; `parser` puts them together."""
