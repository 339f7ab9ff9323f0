"""Fixtures of all rooms' tests."""

from tests.backends import aws, lonely, machine, studio

__all__ = ["aws", "lonely", "machine", "studio"]
