"""Says in one sentence why this Python cannot run the project, or nothing. Runs on any Python, however old."""

import sys


def problem():
    found = "%d.%d" % sys.version_info[:2]  # noqa: UP031 (must parse on old Pythons)
    if not (3, 11) <= sys.version_info[:2] <= (3, 13):
        return "Python 3.11, 3.12 or 3.13 is needed, but %s is %s: use make PYTHON=python3.12" % (sys.executable, found)  # noqa: UP031
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        return "%s cannot make virtual environments: apt-get install python%s-venv" % (sys.executable, found)  # noqa: UP031
    return ""


if __name__ == "__main__":
    sys.exit(problem() or 0)
