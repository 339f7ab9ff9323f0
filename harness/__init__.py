"""The programs that tests, demo and benchmarks start, and how they are asked: one room for all of them.

The backend under gunicorn, the stand-in for AWS, a real Label Studio and a light double of it, PostgreSQL, nginx. Each
is a context manager: it runs, ready to be asked, until the end of its block, on a free port and in a folder of its own.
It knows the backend as its callers do, from outside, and imports nothing of it.
"""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SAMPLES = ROOT / "samples"
