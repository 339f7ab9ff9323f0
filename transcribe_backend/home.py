"""MODEL_DIR: what lies there (transcripts, the addresses of recordings) is nobody's business but the backend's."""

import os
import shutil
import stat
import sys
from pathlib import Path
from tempfile import TemporaryFile

from transcribe_backend.errors import SettingsError

UMASK = 0o077
"""Of every process that serves: what it writes, its own user alone may read."""

_RESERVE = 512 * 1024**2


def command(*words: str) -> str:
    """A command of ours as this installation runs it: with this very Python."""
    near = os.path.relpath(sys.executable)
    shown = sys.executable if near.startswith("..") else near
    return " ".join((shown, "-m", "transcribe_backend", *words))


def make_private(model_dir: Path) -> None:
    """Make the folder, or take a folder of ours from all other users.

    Raises SettingsError when it cannot be made or written to: else a request would be the first to find out.
    """
    try:
        model_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = model_dir.stat()
        shared = bool(found.st_mode & stat.S_ISVTX)  # such as /tmp
        if found.st_uid == os.getuid() and not shared:
            model_dir.chmod(0o700)
    except OSError as error:
        raise _unusable(model_dir, "made", error) from error
    try:
        with TemporaryFile(dir=model_dir):
            pass
    except OSError as error:
        raise _unusable(model_dir, "written to", error) from error


def _unusable(model_dir: Path, what: str, error: OSError) -> SettingsError:
    return SettingsError(
        f"MODEL_DIR {model_dir} cannot be {what}: {error.strerror}.",
        remedy="Name a folder that the backend's user may write to, on a disk that is not full.",
    )


def spare_bytes(folder: Path) -> int:
    """What audio may take of the folder's disk: a reserve of 512 MB (a tenth of a small disk) is the store's."""
    usage = shutil.disk_usage(folder)
    return usage.free - min(_RESERVE, usage.total // 10)
