"""`python -m benchmarks.batch`: the transcribe command over 20 files whose jobs take 2 s, beside the usual script."""

import subprocess
import sys
import time

from benchmarks.bulk import report
from benchmarks.scripts import sequential
from harness import ROOT
from harness.processes import environment
from harness.scene import QUOTAS, scene

FILES, LATENCY, LIMIT = 20, 2, 6.0


def main() -> int:
    """1 when the command is slower than it may be."""
    with scene(*QUOTAS, "--latency", str(LATENCY)) as stage:
        uris = stage.put_audio(FILES)
        output = stage.folder / "tasks.json"
        command = [sys.executable, "-m", "transcribe_backend", "transcribe", *uris, "-o", str(output)]
        begun = time.monotonic()
        subprocess.run(command, env=environment(stage.settings), cwd=ROOT, check=True)
        seconds = time.monotonic() - begun
        begun = time.monotonic()
        sequential(stage.aws, stage.put_audio(2, "sequential"))
        per_file = (time.monotonic() - begun) / 2
    ratio = per_file * FILES / seconds
    good = report(f"{FILES} files: {seconds:.1f} s ({LIMIT:g}), {ratio:.0f} x the script's pace", seconds <= LIMIT)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
