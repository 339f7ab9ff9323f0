"""Formats by magic bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transcribe_backend.aws.sniff import is_accepted, sniff


@pytest.mark.parametrize(
    ("head", "format", "taken"),
    [
        (b"RIFF\x24\x00\x00\x00WAVEfmt ", "wav", True),
        (b"fLaC\x00\x00\x00\x22", "flac", True),
        (b"OggS\x00\x02", "ogg", True),
        (b"#!AMR\n\x3c", "amr", True),
        (b"#!AMR-WB\n", "amr", True),
        (b"ID3\x04\x00", "mp3", True),
        (b"\xff\xfb\x90\x64", "mp3", True),
        (b"\xff\xf3\x40\xc0", "mp3", True),
        (b"\xff\xe3\x18\xc4", "mp3", True),
        (b"\x1a\x45\xdf\xa3\x9fB\x86\x81\x01B\xf7\x81\x01B\x82\x84webm", "webm", True),
        (b"\x00\x00\x00\x20ftypM4A \x00\x00", "m4a", True),
        (b"\x00\x00\x00\x20ftypisom\x00\x00", "mp4", True),
        (b"\x00\x00\x00\x20ftypmp42\x00\x00", "mp4", True),
        (b"\x1a\x45\xdf\xa3\xa3B\x82\x88matroska", "matroska", False),
        (b"\x00\x00\x00\x14ftypqt  \x00\x00", "mov", False),
        (b"\x00\x00\x00\x1cftyp3gp4\x00\x00", "3gp", False),
        (b"FORM\x00\x00\x00\x24AIFF", "aiff", False),
        (b"FORM\x00\x00\x00\x24AIFCFVER", "aiff", False),
        (b"caff\x00\x01\x00\x00desc", "caf", False),
        (bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c"), "asf", False),
        (b".snd\x00\x00\x00\x20", "au", False),
        (b"\xff\xf1\x50\x80", "aac", False),
        (b"RF64\xff\xff\xff\xffWAVEds64", "rf64", False),
        (b"<!DOCTYPE html>", "html", False),
        (b"  \n<html><head>", "html", False),
        (b"RIFF\x24\x00\x00\x00AVI LIST", "", False),
        (b"\x89PNG\r\n", "", False),
        (b"#EXTM3U\nfile:///etc/passwd", "", False),
        (b"", "", False),
        (b"\xff", "", False),
        (b"\xff\xff\xff\xff", "", False),
    ],
)
def test_formats(head: bytes, format: str, taken: bool) -> None:
    assert sniff(head) == format
    assert is_accepted(sniff(head)) is taken


@given(st.binary(max_size=64))
def test_any_bytes_have_a_name_or_none(head: bytes) -> None:
    assert sniff(head).isalnum() or sniff(head) == ""
