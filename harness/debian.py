"""Programs that tests need beyond Python, and the Debian packages that bring them.

Run, it names those that are missing; without dependencies, as CI asks it before anything is installed.
"""

import glob
import os
import shutil

PACKAGES = {
    "make": ("make", "everything"),
    "chromium": ("chromium", "the editor in a browser"),
    "nginx": ("nginx-light", "several servers behind a proxy"),
    "wrk": ("wrk", "benchmarks of /predict"),
    "espeak-ng": ("espeak-ng", "learning of names"),
    "ffmpeg": ("ffmpeg", "formats that AWS does not take, excerpts"),
    "npm": ("npm", "how accessible /status is"),
    "promtool": ("prometheus", "alerts of Prometheus"),
    "sox": ("sox", "recordings of real life"),
    "faketime": ("libfaketime", "machines whose clocks differ"),
    "postgres": ("postgresql", "several machines over one database"),
}
"""By program: its package, and what is not tested without it."""
_ELSEWHERE = {
    "postgres": "/usr/lib/postgresql/*/bin/postgres",
    "nginx": "/usr/sbin/nginx",
    "faketime": "/usr/lib/*/faketime/libfaketime.so.1",
}
_CHROMIUM = ("chromium", "chromium-browser", "google-chrome")


def chromium() -> str | None:
    """The browser, whatever it is called here."""
    return next(filter(None, map(shutil.which, _CHROMIUM)), None)


def missing() -> dict[str, str]:
    """By package that is not installed: what is not tested without it."""
    return {package: what for program, (package, what) in PACKAGES.items() if not _is_here(program)}


def _is_here(program: str) -> bool:
    if program == "chromium":
        return chromium() is not None
    return bool(shutil.which(program) or glob.glob(_ELSEWHERE.get(program, os.devnull + "/")))


if __name__ == "__main__":
    print(" ".join(missing()))
