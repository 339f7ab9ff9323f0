"""Which format a file really has, by its first bytes: names and Content-Types lie."""

from collections.abc import Callable

_OF_TRANSCRIBE = frozenset({"mp3", "mp4", "wav", "flac", "ogg", "amr", "webm", "m4a"})
HEAD = 4096
"""How many first bytes `sniff` wants."""

_SIGNATURES: tuple[tuple[str, Callable[[bytes], bool]], ...] = (
    ("wav", lambda head: head[:4] == b"RIFF" and head[8:12] == b"WAVE"),
    ("rf64", lambda head: head[:4] == b"RF64"),
    ("flac", lambda head: head[:4] == b"fLaC"),
    ("ogg", lambda head: head[:4] == b"OggS"),
    ("amr", lambda head: head[:5] == b"#!AMR"),
    ("webm", lambda head: head[:4] == b"\x1a\x45\xdf\xa3" and b"webm" in head[:64]),
    ("matroska", lambda head: head[:4] == b"\x1a\x45\xdf\xa3"),
    ("m4a", lambda head: head[4:8] == b"ftyp" and head[8:11] in (b"M4A", b"M4B")),
    ("3gp", lambda head: head[4:8] == b"ftyp" and head[8:10] == b"3g"),
    ("mov", lambda head: head[4:8] == b"ftyp" and head[8:10] == b"qt"),
    ("mp4", lambda head: head[4:8] == b"ftyp"),
    ("aiff", lambda head: head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC")),
    ("caf", lambda head: head[:4] == b"caff"),
    ("asf", lambda head: head[:8] == bytes.fromhex("3026b2758e66cf11")),
    ("au", lambda head: head[:4] == b".snd"),
    ("aac", lambda head: head[:1] == b"\xff" and len(head) > 1 and head[1] & 0xF6 == 0xF0),
    ("mp3", lambda head: head[:3] == b"ID3" or (head[:1] == b"\xff" and _is_layer_3(head))),
    ("html", lambda head: head.lstrip()[:5].lower() in (b"<!doc", b"<html")),
)


def sniff(head: bytes) -> str:
    """The format by magic bytes: a MediaFormat of AWS Transcribe, another one that we know by name, or ""."""
    return next((name for name, matches in _SIGNATURES if matches(head)), "")


def is_accepted(format: str) -> bool:
    """Whether AWS Transcribe accepts the format (MediaFormat of StartTranscriptionJob)."""
    return format in _OF_TRANSCRIBE


def _is_layer_3(head: bytes) -> bool:
    return len(head) > 2 and head[1] & 0xE6 == 0xE2 and head[2] >> 4 not in (0, 15) and head[2] >> 2 & 3 != 3
