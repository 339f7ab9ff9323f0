"""`python -m transcribe_backend`."""

import sys

from transcribe_backend.commands.parser import main

sys.exit(main())
