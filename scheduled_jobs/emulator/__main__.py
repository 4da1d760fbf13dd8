"""``python -m scheduled_jobs.emulator``"""

from __future__ import annotations

import sys

from scheduled_jobs.emulator.cli import main

if __name__ == "__main__":
    sys.exit(main())
