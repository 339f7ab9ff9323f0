"""`python -m transcribe_backend`."""

import sys

from transcribe_backend.cli import main

sys.exit(main())
