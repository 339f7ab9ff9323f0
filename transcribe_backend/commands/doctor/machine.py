"""The machine, and what the backend keeps on it."""

import re
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from transcribe_backend.commands.doctor.check import Finding, check, fine, note, wrong
from transcribe_backend.commands.doctor.patient import Patient
from transcribe_backend.errors import DiskFull, RecognitionError
from transcribe_backend.home import make_private, spare_bytes
from transcribe_backend.speech.recognition import Recognition
from transcribe_backend.work.engine import engine

_LOCK = Path(__file__).parents[3] / "requirements.txt"
_PINNED = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)( ;)?", re.MULTILINE)
_PYTHONS = ((3, 11), (3, 14))


@check("python", "Python, and the packages of the lock file")
def python(patient: Patient) -> Finding:
    """Other versions of a package may work; they are not what was tested."""
    running = ".".join(map(str, sys.version_info[:3]))
    if not _PYTHONS[0] <= sys.version_info[:2] < _PYTHONS[1]:
        return wrong(f"This is Python {running}.", "Use Python 3.11, 3.12 or 3.13: make install PYTHON=python3.12")
    if not _LOCK.exists():
        return note(f"Python {running}; there is no requirements.txt beside the package to compare versions with.")
    pinned = _PINNED.findall(_LOCK.read_text(encoding="utf-8"))
    other = [told for name, wanted, conditional in pinned if (told := _difference(name, wanted, bool(conditional)))]
    if other:
        install = f"Install what was tested: {sys.executable} -m pip install --no-deps -r {_LOCK}"
        return wrong(
            f"Python {running}, but {len(other)} packages differ from the lock: {', '.join(other[:5])}.", install
        )
    return fine(f"Python {running}, {len(pinned)} packages as locked.")


def _difference(name: str, wanted: str, conditional: bool) -> str:
    try:
        found = version(name)
    except PackageNotFoundError:
        return "" if conditional else f"{name} is missing"
    return "" if found == wanted else f"{name} {found} instead of {wanted}"


@check("settings", "the environment variables of the README's table")
def settings(patient: Patient) -> Finding:
    """What can be known to be wrong without asking anybody."""
    try:
        Recognition(language=patient.settings.language).validate()
    except RecognitionError as error:
        return wrong(f"TRANSCRIBE_LANGUAGE: {error.problem}", error.remedy)
    return fine(patient.settings.access)


@check("folder", "MODEL_DIR: writable, private, with room on its disk", needs=("settings",))
def folder(patient: Patient) -> Finding:
    """As the server makes it at its start."""
    place = patient.settings.model_dir
    make_private(place)
    spare = spare_bytes(place)
    if spare <= 0:
        raise DiskFull(f"The disk of MODEL_DIR {place} is nearly full: no audio is copied.", remedy="Make room on it.")
    return fine(f"{place.resolve()}, with room for {spare / 1024**3:.1f} GB of audio.")


@check("store", "the database of owed work: at QUEUE_URL, or in MODEL_DIR", needs=("settings", "folder"))
def store(patient: Patient) -> Finding:
    """Asked for what is owed."""
    made = engine(patient.settings)
    try:
        told, owed = len(made.work.failures()), sum(group.count for group in made.work.waiting())
    finally:
        made.database.close()
    where = "The database at QUEUE_URL" if patient.settings.queue_url else "SQLite in MODEL_DIR"
    return fine(f"{where} answers; {owed} items are waiting, {told} failed recently (GET /status lists them).")


CHECKS = (python, settings, folder, store)
